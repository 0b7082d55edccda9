-- Who runs what: claiming, leases and their beats, taking back what a lost worker held. Claims are made one after another, under
-- a lock: so limits over all workers hold, and two tasks of one serial key never run together.

create function gleanery.lock_claims() returns void
language sql volatile as $$
    select pg_advisory_xact_lock(7364251803)
$$;

-- Those whose time has come may run from now on, also if the clock is set back again.
create function gleanery.wake(at double precision) returns void
language sql volatile as $$
    update gleanery.task set wakes_at = null where task_id in (
        select task_id from gleanery.task where status = 'queued' and wakes_at is not null and wakes_at <= at
        order by wakes_at limit 500 for no key update skip locked
    )
$$;

create function gleanery.claim_one(id text, worker text, lease_seconds double precision, at double precision) returns gleanery.task
language plpgsql as $$
declare
    changed gleanery.task;
    data json;
begin
    update gleanery.task set
        status = 'running', attempt = attempt + 1, worker_id = worker, lease_until = at + lease_seconds,
        processing_started_at = coalesce(processing_started_at, at), processing_completed_at = null, attempt_started_at = at,
        waited_seconds = coalesce(waited_seconds, greatest(0, at - greatest(run_at, created_at))), last_seq = last_seq + 1
    where task_id = id and status = 'queued' and waits_for = 0 and wakes_at is null and (serial_key is null or not exists (
        select from gleanery.task as other where other.serial_key = task.serial_key and other.status = 'running'))
    returning * into changed;
    if changed.task_id is null then
        return null;
    end if;
    data := json_build_object('attempt', changed.attempt, 'worker_id', worker);
    perform gleanery.keep_events(changed, case when changed.attempt = 1 then gleanery.event_of('task_started', 'Started', data)
        else gleanery.event_of('task_resumed', 'Taken up again where it stopped', data) end, at);
    perform gleanery.note_call(changed, at);
    return changed;
end $$;

create function public.gleanery_tasks_claim(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    at double precision;
    changed task;
begin
    if known is not null then
        return known;
    end if;
    perform lock_claims();
    at := now_of(args);
    perform wake(at);
    changed := claim_one(args ->> 'task_id', args ->> 'worker_id', (args ->> 'lease_seconds')::double precision, at);
    return reply(args, case when changed.task_id is null then null else row_to_json(changed) end);
end $$;

-- `wanted` is {worker_id, lease_seconds, task_types, type_limits, queue_limits, apart_types, suspect_losses, suspect_seconds}: of those that
-- lost their workers so often in a row one is begun at a time, and watched for so long.
create function public.gleanery_tasks_claim_due(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    at double precision;
    wanted jsonb := args -> 'wanted';
    types text[] := texts(args #> '{wanted,task_types}');  -- not in the query: each row that waits would read the list anew
    apart text[] := texts(args #> '{wanted,apart_types}');
    most bigint := (args ->> 'limit')::bigint;
    suspect_losses bigint := (wanted ->> 'suspect_losses')::bigint;
    type_room jsonb;
    queue_room jsonb;
    one record;
    changed task;
    claimed json[] := '{}';
    taken bigint;
    is_one_suspect boolean;
begin
    if known is not null then
        return known;
    end if;
    perform lock_claims();
    at := now_of(args);
    perform wake(at);
    type_room := gleanery.room(wanted -> 'type_limits', 'task_type');
    queue_room := gleanery.room(wanted -> 'queue_limits', 'queue_name');
    while cardinality(claimed) < most loop
        taken := 0;
        is_one_suspect := false;
        for one in
            select task_id, task_type, queue_name, lost_count from task
            where status = 'queued' and waits_for = 0 and wakes_at is null
                and task_type = any (types) and not coalesce((type_room ->> task_type)::bigint <= 0, false)
                and not coalesce((queue_room ->> queue_name)::bigint <= 0, false)
                and (serial_key is null or not exists (
                    select from task as other where other.serial_key = task.serial_key and other.status = 'running'))
                and (task_type <> all (apart) or not exists (
                    select from task as parent where parent.task_id = task.parent_task_id
                        and parent.status = 'running' and parent.worker_id = wanted ->> 'worker_id'))
                and (lost_count < suspect_losses or not exists (
                    select from task as other where other.status = 'running' and other.lost_count >= suspect_losses
                        and other.attempt_started_at > at - (wanted ->> 'suspect_seconds')::double precision))
            order by priority desc, run_at, created_at limit most - cardinality(claimed)
        loop
            continue when one.lost_count >= suspect_losses and is_one_suspect;
            continue when (type_room ->> one.task_type)::bigint <= 0 or (queue_room ->> one.queue_name)::bigint <= 0;
            changed := claim_one(one.task_id, wanted ->> 'worker_id', (wanted ->> 'lease_seconds')::double precision, at);
            continue when changed.task_id is null;
            is_one_suspect := is_one_suspect or one.lost_count >= suspect_losses;
            type_room := gleanery.one_less(type_room, one.task_type);
            queue_room := gleanery.one_less(queue_room, one.queue_name);
            claimed := claimed || row_to_json(changed);
            taken := taken + 1;
        end loop;
        exit when taken = 0;
    end loop;
    return reply(args, array_to_json(claimed));
end $$;

-- How many more of each type (or queue) may run, where that is limited: {name: limit - running}.
create function gleanery.room(limits jsonb, kind text) returns jsonb
language plpgsql as $$
begin
    if limits is null or limits = '{}' then
        return '{}';
    end if;
    return (
        select jsonb_object_agg(name, most::bigint - (
            select count(*) from gleanery.task where status = 'running'
            and case when kind = 'task_type' then task_type else queue_name end = name))
        from jsonb_each_text(limits) as limited (name, most)
    );
end $$;

create function gleanery.one_less(room jsonb, name text) returns jsonb
language sql immutable as $$
    select case when room ? name then jsonb_set(room, array[name], to_jsonb((room ->> name)::bigint - 1)) else room end
$$;

create function public.gleanery_tasks_next_due_at(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json(wakes_at) from task
    where status = 'queued' and wakes_at is not null and wakes_at > now_of(args) and waits_for = 0
        and task_type = any ((select texts(args -> 'task_types'))::text[])
    order by wakes_at limit 1
$$;

create function public.gleanery_tasks_beat(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    answer json;
begin
    -- In one order everywhere, so that two who write many rows don't wait for each other.
    perform from task where task_id in (select f ->> 'task_id' from jsonb_array_elements(args -> 'fences') as f)
        order by task_id for no key update;
    with asked as (
        update task set lease_until = now_of(args) + (args ->> 'lease_seconds')::double precision,
            memory_usage_mb = coalesce(f.memory_usage_mb, task.memory_usage_mb)
        from jsonb_to_recordset(args -> 'fences') as f (task_id text, attempt bigint, memory_usage_mb double precision)
        where task.task_id = f.task_id and task.attempt = f.attempt and status = 'running'
        returning task.task_id, is_cancel_requested, is_pause_requested, payload
    )
    select coalesce(json_agg(asked), '[]') into answer from asked;
    return reply(args, answer);
end $$;

create function gleanery.take_back(lost gleanery.task, at double precision) returns gleanery.task
language plpgsql as $$
declare
    losses bigint := lost.lost_count + 1;
    new_status text;
    event jsonb;
    error_json json;
begin
    if lost.is_cancel_requested then
        new_status := 'cancelled';
        event := gleanery.event_of('task_cancelled', 'Cancelled');
    elsif losses > lost.max_retries then
        new_status := 'failed';
        error_json := gleanery.error_of('worker_lost',
            format('The worker was lost %s times in a row without progress.', losses), json_build_object('losses', losses));
        event := gleanery.event_of('task_failed', error_json ->> 'message', json_build_object('error', error_json));
    elsif lost.is_pause_requested then
        new_status := 'paused';
        event := gleanery.event_of('task_paused', 'Paused');
    else
        new_status := 'queued';
        event := gleanery.event_of('task_queued', 'The worker was lost: queued again', json_build_object('losses', losses));
    end if;
    update gleanery.task set status = new_status, worker_id = null, lease_until = null, lost_count = losses, wakes_at = null,
        is_cancel_requested = false, is_pause_requested = false,
        processing_completed_at = case when new_status in ('cancelled', 'failed') then at end,
        error = coalesce(error_json::text, error),
        ran_seconds = ran_seconds + greatest(0, at - coalesce(attempt_started_at, at))
    where task_id = lost.task_id;
    return gleanery.told(lost.task_id, event, at);
end $$;

create function public.gleanery_tasks_reap(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    at double precision := now_of(args);
    lost task;
    taken json[] := '{}';
begin
    if known is not null then
        return known;
    end if;
    if abs(at - (args ->> 'about')::double precision) > 5 then
        return reply(args, '[]');
    end if;
    -- One that is locked is being written by the worker that holds it.
    for lost in select * from task where status = 'running'
        and (lease_until < at or worker_id = any (texts(args -> 'gone'))) and task_id <> all (texts(args -> 'spare'))
        order by task_id for no key update skip locked
    loop
        taken := taken || row_to_json(take_back(lost, at));
    end loop;
    return reply(args, array_to_json(taken));
end $$;
