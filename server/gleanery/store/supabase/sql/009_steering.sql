-- What attempts report, and how waiting tasks are steered. Each by compare-and-set, told with its event.

create function public.gleanery_tasks_report(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    return reply(args, row_to_json(report(args -> 'fence', args -> 'events', args -> 'progress', now_of(args))));
end $$;

create function public.gleanery_tasks_note(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform check_fence(args -> 'fence');
    update task set browser_session_id = coalesce(args ->> 'browser_session_id', browser_session_id),
        memory_usage_mb = coalesce((args ->> 'memory_usage_mb')::double precision, memory_usage_mb)
    where task_id = args -> 'fence' ->> 'task_id';
    return reply(args, null);
end $$;

create function public.gleanery_tasks_keep_step(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    at double precision := now_of(args);
    id text := args -> 'fence' ->> 'task_id';
    added bigint;
begin
    if known is not null then
        return known;
    end if;
    perform check_fence(args -> 'fence');
    insert into step (task_id, name, value, at) values (id, args ->> 'name', args ->> 'value', at) on conflict do nothing;
    get diagnostics added = row_count;
    if added > 0 then
        update task set lost_count = 0 where task_id = id;
        perform append(id, event_of('task_step_completed', format('Step %s is done', args ->> 'name'),
            json_build_object('step', args ->> 'name')), at);
    end if;
    return reply(args, null);
end $$;

create function gleanery.fail_state(message text, task gleanery.task, more json default '{}') returns void
language plpgsql as $$
begin
    perform gleanery.fail('GL003', message,
        (jsonb_build_object('task_id', task.task_id, 'status', task.status) || more::jsonb)::json);
end $$;

create function gleanery.request_cancel(id text, at double precision) returns gleanery.task
language plpgsql as $$
declare
    task gleanery.task := gleanery.task_to_change(id);
begin
    if task.status in ('completed', 'failed', 'cancelled') then
        perform gleanery.fail_state(format('The task is %s already: there is nothing to cancel.', task.status), task);
    end if;
    if task.status = 'running' then
        if task.is_cancel_requested then
            return task;
        end if;
        update gleanery.task set is_cancel_requested = true where task_id = id;
        return gleanery.append(id, gleanery.event_of('task_cancel_requested', 'Cancel asked for'), at);
    end if;
    update gleanery.task set status = 'cancelled', processing_completed_at = at where task_id = id;
    return gleanery.told(id, gleanery.event_of('task_cancelled', format('Cancelled while %s', task.status)), at);
end $$;

create function gleanery.request_pause(id text, at double precision) returns gleanery.task
language plpgsql as $$
declare
    task gleanery.task := gleanery.task_to_change(id);
begin
    if task.status in ('completed', 'failed', 'cancelled') then
        perform gleanery.fail_state(format('The task is %s already: there is nothing to pause.', task.status), task);
    end if;
    if task.status = 'paused' or task.is_pause_requested or task.is_cancel_requested then
        return task;
    end if;
    if task.status = 'running' then
        update gleanery.task set is_pause_requested = true where task_id = id;
        return gleanery.append(id, gleanery.event_of('task_pause_requested', 'Pause asked for'), at);
    end if;
    update gleanery.task set status = 'paused' where task_id = id;
    return gleanery.told(id, gleanery.event_of('task_paused', 'Paused while it waited'), at);
end $$;

create function gleanery.resume(id text, at double precision) returns gleanery.task
language plpgsql as $$
declare
    task gleanery.task := gleanery.task_to_change(id);
    event jsonb := gleanery.event_of('task_queued', 'Resumed by request', json_build_object('reason', 'resume'));
begin
    if task.status = 'running' and task.is_pause_requested then
        update gleanery.task set is_pause_requested = false where task_id = id;
        return gleanery.append(id, event, at);
    end if;
    if task.status <> 'paused' then
        perform gleanery.fail_state(format('The task is %s: only a paused one can be resumed.', task.status), task);
    end if;
    update gleanery.task set status = 'queued' where task_id = id;
    perform gleanery.due_from_now(id, at);
    return gleanery.told(id, event, at);
end $$;

-- The progress of a task that begins again: {percentage, stage, eta_seconds} as at first, the rest as it was.
create function gleanery.fresh_progress(progress text) returns text
language sql immutable as $$
    select json_object_agg(key, case key when 'percentage' then '0.0'::json when 'stage' then '""'::json
        when 'eta_seconds' then 'null'::json else value end)::text
    from json_each(progress::json)
$$;

create function gleanery.retry(id text, only_failed boolean, why text, at double precision) returns gleanery.task
language plpgsql as $$
declare
    task gleanery.task := gleanery.task_to_change(id);
    failed gleanery.task;
    again bigint;
begin
    if task.status not in ('completed', 'failed', 'cancelled') then
        perform gleanery.fail_state(format('The task is %s: only an ended one can be retried.', task.status), task);
    end if;
    failed := gleanery.failed_dependency(id);
    if failed.task_id is not null and task.on_dependency_failure = 'fail' then
        perform gleanery.fail_state(
            format('The task %s, which this one waits for, is %s: retry that one first.', failed.task_id, failed.status),
            task, json_build_object('depends_on', failed.task_id));
    end if;
    update gleanery.frontier set state = 'queued', reason = null, message = null, status_code = null, attempts = 0, settled_at = null
    where task_id = id and ((state = 'failed' and (why is null or reason = why))
        or (why is null and ordinal = 1 and state = 'skipped'));
    get diagnostics again = row_count;
    if again = 0 and (only_failed or task.status = 'completed') then
        perform gleanery.fail_state('No page of this task failed: there is nothing to retry.', task);
    end if;
    update gleanery.task as one set status = 'queued', run_at = at, wakes_at = null,
        progress = gleanery.fresh_progress(one.progress), progress_mark = 0, retry_attempts = 0,
        error = null, result = null, last_error = null, processing_completed_at = null, is_cancel_requested = false,
        is_pause_requested = false, lost_count = 0, recoveries = '[]', browser_session_id = null
    where one.task_id = id;
    perform gleanery.count_links(id);
    return gleanery.told(id, gleanery.event_of('task_queued',
        case when again > 0 then format('Queued again by request: %s failed pages', again) else 'Queued again by request' end,
        json_build_object('reason', 'retry', 'failed_pages', again)), at);
end $$;

create function gleanery.change_task(id text, new_priority bigint, depends jsonb, at double precision) returns gleanery.task
language plpgsql as $$
declare
    task gleanery.task;
    names text[] := gleanery.texts(depends);
begin
    if jsonb_typeof(depends) = 'array' then
        perform gleanery.lock_links();  -- before any row
    end if;
    task := gleanery.task_to_change(id);
    if task.status not in ('queued', 'paused') then
        perform gleanery.fail_state(format('The task is %s: only a waiting one can be changed.', task.status), task);
    end if;
    if new_priority <> task.priority then
        update gleanery.task set priority = new_priority where task_id = id;
        task := gleanery.append(id, gleanery.event_of('task_reprioritised', format('Priority is now %s', new_priority),
            json_build_object('priority', new_priority, 'was', task.priority)), at);
    end if;
    if jsonb_typeof(depends) = 'array' and names <> gleanery.names_of(task.depends_on) then
        perform gleanery.check_dependencies(id, names);
        update gleanery.task set depends_on = to_json(names)::text where task_id = id;
        perform gleanery.link(id, names);
        task := gleanery.append(id, gleanery.event_of('task_rebound', format('Waits for %s tasks', cardinality(names)),
            json_build_object('depends_on', names)), at);
        return gleanery.fail_if_orphaned(task, at);
    end if;
    return task;
end $$;

create function public.gleanery_tasks_request_cancel(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    return reply(args, row_to_json(request_cancel(args ->> 'task_id', now_of(args))));
end $$;

create function public.gleanery_tasks_request_pause(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    return reply(args, row_to_json(request_pause(args ->> 'task_id', now_of(args))));
end $$;

create function public.gleanery_tasks_resume(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    return reply(args, row_to_json(resume(args ->> 'task_id', now_of(args))));
end $$;

create function public.gleanery_tasks_retry(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    return reply(args, row_to_json(
        retry(args ->> 'task_id', (args ->> 'only_failed')::boolean, args ->> 'reason', now_of(args))));
end $$;

create function public.gleanery_tasks_change(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    return reply(args, row_to_json(
        change_task(args ->> 'task_id', (args ->> 'priority')::bigint, args -> 'depends_on', now_of(args))));
end $$;
