-- Reading tasks and events. Lists page by key.

-- The condition of a filter {statuses, task_type, queue_name, parent_task_id, schedule_id, created_before, task_ids, error_code};
-- what is null or empty takes all.
create function gleanery.task_where(wanted jsonb) returns text
language plpgsql stable as $$
declare
    said text := 'true';
    name text;
begin
    if jsonb_array_length(wanted -> 'statuses') > 0 then
        said := said || format(' and status = any (%L::text[])', gleanery.texts(wanted -> 'statuses'));
    end if;
    foreach name in array array['task_type', 'queue_name', 'parent_task_id', 'schedule_id'] loop
        if wanted ->> name is not null then
            said := said || format(' and %I = %L', name, wanted ->> name);
        end if;
    end loop;
    if wanted ->> 'created_before' is not null then
        said := said || format(' and created_at < %L::double precision', wanted ->> 'created_before');
    end if;
    if jsonb_array_length(wanted -> 'task_ids') > 0 then
        said := said || format(' and task_id = any (%L::text[])', gleanery.texts(wanted -> 'task_ids'));
    end if;
    if wanted ->> 'error_code' is not null then
        said := said || format(' and error::json ->> ''code'' = %L', wanted ->> 'error_code');
    end if;
    return said;
end $$;

create function public.gleanery_tasks_get(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select row_to_json(task_of(args ->> 'task_id'))
$$;

-- Newest first. `after` is null or [created_at, task_id].
create function public.gleanery_tasks_list(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    said text := task_where(args -> 'wanted');
    answer json;
begin
    if jsonb_typeof(args -> 'after') = 'array' then
        said := said || format(' and (created_at, task_id) < (%L::double precision, %L)', args -> 'after' ->> 0, args -> 'after' ->> 1);
    end if;
    execute format('select coalesce(json_agg(one), ''[]'') from (select * from task where %s'
        ' order by created_at desc, task_id desc limit %s) as one', said, (args ->> 'limit')::bigint) into answer;
    return answer;
end $$;

-- As waiting tasks are chosen. `after` is null or [priority, run_at, created_at, task_id].
create function public.gleanery_tasks_in_order(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    said text := task_where(args -> 'wanted');
    answer json;
begin
    if jsonb_typeof(args -> 'after') = 'array' then
        said := said || format(' and (-priority, run_at, created_at, task_id) > (-%L::bigint, %L::double precision, %L::double precision, %L)',
            args -> 'after' ->> 0, args -> 'after' ->> 1, args -> 'after' ->> 2, args -> 'after' ->> 3);
    end if;
    execute format('select coalesce(json_agg(one), ''[]'') from (select * from task where %s'
        ' order by priority desc, run_at, created_at, task_id limit %s) as one', said, (args ->> 'limit')::bigint) into answer;
    return answer;
end $$;

create function public.gleanery_tasks_count_by_status(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_object_agg(status, count), '{}')
    from (select status, count(*) as count from task group by status) as counted
$$;

create function public.gleanery_tasks_asked_of(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(task_id), '[]') from task
    where status = 'running' and worker_id = args ->> 'worker_id' and (is_cancel_requested or is_pause_requested)
$$;

create function public.gleanery_tasks_owners(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(distinct worker_id), '[]') from task where status = 'running' and worker_id <> ''
$$;

create function public.gleanery_tasks_events(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
begin
    if args ->> 'before' is not null then
        return (select coalesce(json_agg(one order by seq), '[]') from (
            select seq, at, type, message, data from event
            where task_id = args ->> 'task_id' and seq < (args ->> 'before')::bigint
            order by event.seq desc limit (args ->> 'limit')::bigint) as one);
    end if;
    return (select coalesce(json_agg(one order by seq), '[]') from (
        select seq, at, type, message, data from event
        where task_id = args ->> 'task_id' and seq > coalesce((args ->> 'after')::bigint, 0)
        order by event.seq limit (args ->> 'limit')::bigint) as one);
end $$;

-- [{task, events: [one], number}], an entry for each event whose task is still there.
create function public.gleanery_tasks_changes_after(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    with told as (
        select * from event where number > (args ->> 'number')::bigint order by number limit (args ->> 'limit')::bigint
    )
    select json_build_object(
        'events', (select coalesce(json_agg(told order by number), '[]') from told),
        'tasks', (select coalesce(json_agg(task), '[]') from task where task_id in (select task_id from told))
    )
$$;

create function public.gleanery_tasks_step(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json(value) from step where task_id = args ->> 'task_id' and name = args ->> 'name'
$$;

-- What is worked out of the rows for figures: counts, and medians of the newest `sample` tasks that ended since `since`.
create function public.gleanery_tasks_stats(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    at double precision := now_of(args);
    since double precision := at - (args ->> 'window_seconds')::double precision;
    answer json;
begin
    with ran as (
        select task_type, waited_seconds, ran_seconds from (
            select task_type, waited_seconds, ran_seconds from task where processing_completed_at >= since
            order by processing_completed_at desc limit (args ->> 'sample')::bigint
        ) as newest where waited_seconds is not null
    )
    select json_build_object(
        'counts', (select coalesce(json_agg(one), '[]') from (
            select task_type, queue_name, status, count(*) as count from task group by 1, 2, 3) as one),
        'ends', (select coalesce(json_agg(one), '[]') from (
            select status, count(*) as count, sum(retry_attempts) as retries,
                count(*) filter (where status = 'cancelled' and error is not null and error::json ->> 'code' = 'superseded') as superseded
            from task where processing_completed_at >= since group by status) as one),
        'due', (select coalesce(json_agg(one), '[]') from (
            select task_type, count(*) as count, min(greatest(run_at, created_at)) as oldest from task
            where status = 'queued' and waits_for = 0 and (wakes_at is null or wakes_at <= at) group by task_type) as one),
        'now', at,
        'skipped_ticks', (select coalesce(sum(skipped_count), 0) from schedule),
        'spreads', (select coalesce(json_agg(one), '[]') from (
            select task_type, count(*) as count,
                percentile_disc(array[0.5, 0.95]) within group (order by waited_seconds) as waiting,
                percentile_disc(array[0.5, 0.95]) within group (order by ran_seconds) as running
            from ran group by grouping sets ((), (task_type))) as one)
    ) into answer;
    return answer;
end $$;

-- Edges of the states of tasks by buckets from `first` on: see store/timeline.py. `buckets` of `width` seconds.
create function public.gleanery_tasks_timeline(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    moment double precision := now_of(args);
    width double precision := (args ->> 'window_seconds')::double precision / (args ->> 'buckets')::double precision;
    last bigint := (args ->> 'buckets')::bigint - 1;
    first double precision := (floor(moment / width) - last) * width;
    answer json;
begin
    with shown as materialized (
        (select task_id, status, created_at, processing_started_at as started_at, processing_completed_at as ended_at,
            case when processing_started_at is not null then last_error_at end as let_go_at,
            case when last_error_at < attempt_started_at then attempt_started_at else processing_completed_at end as taken_up_at
        from task where processing_completed_at >= first
        order by processing_completed_at desc limit (args ->> 'most')::bigint)
        union all
        select task_id, status, created_at, processing_started_at, null,
            case
                when processing_started_at is null then null
                when status <> 'running' then coalesce(
                    (select event.at from event where event.task_id = task.task_id and event.seq = task.last_seq), moment)
                when last_error_at < attempt_started_at then last_error_at
            end,
            case when status = 'running' then attempt_started_at end
        from task where status in ('queued', 'running', 'paused')
    ),
    edge (at, kind, step) as (
        select created_at, 'queued', 1 from shown
        union all select coalesce(started_at, ended_at), 'queued', -1 from shown
        union all select started_at, 'running', 1 from shown
        union all select ended_at, 'running', -1 from shown where started_at is not null
        union all select let_go_at, 'running', -1 from shown
        union all select let_go_at, 'retrying', 1 from shown
        union all select taken_up_at, 'running', 1 from shown where let_go_at is not null
        union all select taken_up_at, 'retrying', -1 from shown where let_go_at is not null
        union all select ended_at, status, 1 from shown
    ),
    counted as (
        select greatest(0, least(last, trunc((at - first) / width)::bigint)) as bucket, kind, sum(step) as change
        from edge where at is not null group by 1, 2
        union all select -1, 'seen', count(*) from shown where ended_at is not null
    )
    select json_build_object('now', moment, 'changes', (select json_agg(counted) from counted)) into answer;
    return answer;
end $$;
