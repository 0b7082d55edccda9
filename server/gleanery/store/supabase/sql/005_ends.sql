-- How attempts and tasks end, and what follows from it.

create function gleanery.iso(at double precision) returns text
language sql stable as $$
    select to_char(to_timestamp(at) at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US') || '+00:00'
$$;

create function gleanery.error_of(code text, message text, details json) returns json
language sql immutable as $$
    select json_build_object('code', code, 'message', message, 'details', details)
$$;

-- Keep a call of a task's webhook, to go out after those kept before (https://www.standardwebhooks.com). The calls of a task
-- go out in the order of their times, also when the clock stands still or is set back.
create function gleanery.keep_call(id text, url text, kind text, data json, at double precision) returns void
language plpgsql as $$
declare
    last double precision := (select max(created_at) from gleanery.delivery where task_id = id);
begin
    insert into gleanery.delivery (delivery_id, task_id, url, type, body, state, created_at, next_at)
    values ('msg_' || substr(replace(gen_random_uuid()::text, '-', ''), 1, 24), id, url, kind,
        json_build_object('type', kind, 'timestamp', gleanery.iso(at), 'data', data)::text,
        'pending', case when last is null then at else greatest(at, last + 0.000001) end, at);
end $$;

-- Keep the call that tells the task's webhook of its state, if it wants to know of this one.
create function gleanery.note_call(changed gleanery.task, at double precision) returns void
language plpgsql as $$
begin
    if changed.webhook_url is null or not changed.status = any (gleanery.texts(changed.webhook_states::jsonb)) then
        return;
    end if;
    perform gleanery.keep_call(changed.task_id, changed.webhook_url, 'task.' || changed.status, json_build_object(
        'task_id', changed.task_id,
        'task_type', changed.task_type,
        'title', changed.title,
        'status', changed.status,
        'result', changed.result::json,
        'error', changed.error::json,
        'retry_attempts', changed.retry_attempts,
        'created_at', gleanery.iso(changed.created_at),
        'processing_started_at', gleanery.iso(changed.processing_started_at),
        'processing_completed_at', gleanery.iso(changed.processing_completed_at),
        'parent_task_id', changed.parent_task_id,
        'last_seq', changed.last_seq
    ), at);
end $$;

-- What a new status has for consequences: webhook, those that waited for this task, those of its coalesce key. Tasks that have
-- ended wait in a list for their turn: so a chain of any length needs no recursion.
create function gleanery.follow(changed gleanery.task, at double precision) returns gleanery.task
language plpgsql as $$
declare
    ended text := coalesce(current_setting('gleanery.ended', true), '');
    first text;
begin
    perform gleanery.note_call(changed, at);
    if changed.status in ('completed', 'failed', 'cancelled') then
        perform set_config('gleanery.ended', ended || changed.task_id || E'\n', true);
        if ended <> '' then
            return changed;  -- it is a consequence itself, of one whose turn it is
        end if;
        loop
            ended := current_setting('gleanery.ended', true);
            exit when ended = '';
            first := split_part(ended, E'\n', 1);
            perform gleanery.tell_dependents(first, at);
            perform set_config('gleanery.ended', substr(current_setting('gleanery.ended', true), length(first) + 2), true);
        end loop;
    elsif changed.status = 'queued' and changed.coalesce_key is not null then
        return gleanery.coalesce_task(changed, at);
    end if;
    return changed;
end $$;

-- Append the events of a new status, with what follows from it.
create function gleanery.told(id text, events jsonb, at double precision) returns gleanery.task
language plpgsql as $$
begin
    return gleanery.follow(gleanery.append(id, events, at), at);
end $$;

create function gleanery.tell_dependents(id text, at double precision) returns void
language plpgsql as $$
declare
    is_complete boolean := (select status = 'completed' from gleanery.task where task_id = id);
    other text;
begin
    foreach other in array array(select gleanery.waiting_for(id)) loop
        if not is_complete then
            perform gleanery.fail_if_orphaned(task, at) from gleanery.task where task_id = other;
        elsif gleanery.count_links(other) = 0 then
            perform gleanery.due_from_now(other, at);
            perform gleanery.append(other, gleanery.event_of('task_released', 'Everything it waited for is complete'), at);
        end if;
    end loop;
end $$;

-- What it waited for, or that it was paused, is no time that it has waited for a worker. A start time to come stays.
create function gleanery.due_from_now(id text, at double precision) returns void
language sql volatile as $$
    update gleanery.task set run_at = greatest(run_at, at) where task_id = id
$$;

-- Fail a waiting task whose dependency has failed or was cancelled, if that is what it declares.
create function gleanery.fail_if_orphaned(waiting gleanery.task, at double precision) returns gleanery.task
language plpgsql as $$
declare
    failed gleanery.task;
    error_json json;
begin
    if waiting.on_dependency_failure <> 'fail' or waiting.status in ('completed', 'failed', 'cancelled') then
        return waiting;
    end if;
    failed := gleanery.failed_dependency(waiting.task_id);
    if failed.task_id is null then
        return waiting;
    end if;
    error_json := gleanery.error_of('dependency_failed',
        format('The task %s, which this one waits for, is %s.', failed.task_id, failed.status),
        json_build_object('task_id', failed.task_id, 'status', failed.status));
    update gleanery.task set status = 'failed', error = error_json::text, last_error = error_json::text, last_error_at = at,
        processing_completed_at = at where task_id = waiting.task_id;
    return gleanery.told(waiting.task_id,
        gleanery.event_of('task_failed', error_json ->> 'message', json_build_object('error', error_json)), at);
end $$;

-- The other queued tasks of a coalesce key, their rows locked.
create function gleanery.queued_like(id text, key text) returns setof gleanery.task
language plpgsql as $$
begin
    perform gleanery.lock_key('coalesce', key);
    return query select * from gleanery.task where status = 'queued' and coalesce_key = key and task_id <> id
        order by created_at desc, task_id for no key update;
end $$;

-- End the other queued tasks of its coalesce key; what waited for them waits for the newest, if that can be.
create function gleanery.supersede(newest gleanery.task, is_new boolean, at double precision) returns void
language plpgsql as $$
declare
    other gleanery.task;
begin
    for other in select * from gleanery.queued_like(newest.task_id, newest.coalesce_key) loop
        if is_new then
            perform gleanery.check_not_waited_for(gleanery.names_of(newest.depends_on), other.task_id);
        end if;
        perform gleanery.stand_for(newest, other.task_id, at);
    end loop;
end $$;

-- A task is back in the queue: of those of its coalesce key the newest stays.
create function gleanery.coalesce_task(back gleanery.task, at double precision) returns gleanery.task
language plpgsql as $$
declare
    newer gleanery.task;
begin
    select * into newer from gleanery.queued_like(back.task_id, back.coalesce_key) as other
    where other.created_at > back.created_at limit 1;
    if newer.task_id is not null then
        return gleanery.stand_for(newer, back.task_id, at);
    end if;
    perform gleanery.supersede(back, false, at);
    return back;
end $$;

create function gleanery.stand_for(newest gleanery.task, id text, at double precision) returns gleanery.task
language plpgsql as $$
declare
    other text;
    names text[];
    error_json json := gleanery.error_of('superseded', format('The newer task %s stands for this one.', newest.task_id),
        json_build_object('by', newest.task_id));
begin
    if cardinality(gleanery.names_of(newest.depends_on)) = 0 then
        -- It waits for nothing itself: no circle can come of it.
        foreach other in array array(select gleanery.waiting_for(id)) loop
            select array_agg(case when name = id then newest.task_id else name end order by ordinality) into names
            from gleanery.task, unnest(gleanery.names_of(depends_on)) with ordinality as names_now (name, ordinality)
            where task_id = other;
            update gleanery.task set depends_on = to_json(names)::text where task_id = other;
            perform gleanery.link(other, names);
            perform gleanery.append(other, gleanery.event_of('task_rebound',
                format('Waits for %s, which stands for %s', newest.task_id, id), json_build_object('depends_on', names)), at);
        end loop;
    end if;
    update gleanery.task set status = 'cancelled', error = error_json::text, processing_completed_at = at where task_id = id;
    return gleanery.told(id, gleanery.event_of('task_superseded', error_json ->> 'message',
        json_build_object('by', newest.task_id)), at);
end $$;

-- End an attempt. `ended` is {status, events, progress?, result?, error?, run_at?, recovery}, JSON in it as text.
create function gleanery.finish(fence jsonb, ended jsonb, at double precision) returns gleanery.task
language plpgsql as $$
declare
    before gleanery.task := gleanery.check_fence(fence);
    changed gleanery.task;
    new_status text := ended ->> 'status';
    events jsonb := ended -> 'events';
    is_final boolean;
begin
    -- A cancel or pause that was answered must not get lost.
    if new_status in ('queued', 'paused') and before.is_cancel_requested then
        new_status := 'cancelled';
        events := gleanery.event_of('task_cancelled', 'Cancelled; what was stored stays');
    elsif new_status = 'queued' and before.is_pause_requested then
        new_status := 'paused';
        events := gleanery.event_of('task_paused', 'Paused');
    end if;
    is_final := new_status in ('completed', 'failed', 'cancelled');
    update gleanery.task set
        status = new_status, result = ended ->> 'result',
        error = case when new_status = 'failed' then ended ->> 'error' end,
        progress = coalesce(ended ->> 'progress', progress),
        worker_id = null, lease_until = null,
        run_at = coalesce((ended ->> 'run_at')::double precision, run_at),
        wakes_at = (ended ->> 'run_at')::double precision,
        last_seq = last_seq + jsonb_array_length(events),
        processing_completed_at = case when is_final then at end,
        is_cancel_requested = false, is_pause_requested = false, lost_count = 0,
        last_error = coalesce(ended ->> 'error', last_error),
        recoveries = case when ended ->> 'recovery' = '' then recoveries
            else (recoveries::jsonb || jsonb_build_array(ended ->> 'recovery'))::text end,
        last_error_at = case when ended ->> 'error' is null then last_error_at else at end,
        retry_attempts = retry_attempts + (new_status = 'queued' and ended ->> 'error' is not null)::int,
        ran_seconds = ran_seconds + greatest(0, at - coalesce(attempt_started_at, at))
    where task_id = before.task_id returning * into changed;
    perform gleanery.keep_events(changed, events, at);
    return gleanery.follow(changed, at);
end $$;

create function public.gleanery_tasks_finish(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    return reply(args, row_to_json(finish(args -> 'fence', args -> 'ended', now_of(args))));
end $$;
