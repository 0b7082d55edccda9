-- Recurring tasks, advanced by compare-and-set of their next tick.

create function gleanery.schedule_of(id text) returns gleanery.schedule
language plpgsql stable as $$
declare
    found_schedule gleanery.schedule;
begin
    select * into found_schedule from gleanery.schedule where schedule_id = id;
    if found_schedule.schedule_id is null then
        perform gleanery.fail_not_found('schedule', id);
    end if;
    return found_schedule;
end $$;

-- Keep a new schedule, or the changed one of that id; one of the same `source_id` is replaced. What has run stays as it is.
create function gleanery.put_schedule(made jsonb) returns gleanery.schedule
language plpgsql as $$
begin
    if made ->> 'source_id' is not null then
        perform gleanery.lock_key('schedule', made ->> 'source_id');
        delete from gleanery.schedule where source_id = made ->> 'source_id' and schedule_id <> made ->> 'schedule_id';
    end if;
    insert into gleanery.schedule (schedule_id, name, task_type, payload, cron, interval_seconds, time_zone, jitter_seconds,
        missed_ticks, priority, queue_name, max_retries, webhook_url, source_id, is_paused, created_at, next_at)
    select schedule_id, name, task_type, payload, cron, interval_seconds, time_zone, jitter_seconds,
        missed_ticks, priority, queue_name, max_retries, webhook_url, source_id, is_paused, created_at, next_at
    from jsonb_populate_record(null::gleanery.schedule, made)
    on conflict (schedule_id) do update set name = excluded.name, task_type = excluded.task_type, payload = excluded.payload,
        cron = excluded.cron, interval_seconds = excluded.interval_seconds, time_zone = excluded.time_zone,
        jitter_seconds = excluded.jitter_seconds, missed_ticks = excluded.missed_ticks, priority = excluded.priority,
        queue_name = excluded.queue_name, max_retries = excluded.max_retries, webhook_url = excluded.webhook_url,
        source_id = excluded.source_id, is_paused = excluded.is_paused, next_at = excluded.next_at;
    return gleanery.schedule_of(made ->> 'schedule_id');
end $$;

create function public.gleanery_schedules_put(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    return reply(args, row_to_json(put_schedule(args -> 'schedule')), true);
end $$;

create function public.gleanery_schedules_create(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    idempotency jsonb := args -> 'idempotency';
    made_id text;
begin
    if known is not null then
        return known;
    end if;
    if idempotency ? 'key' then
        perform lock_idempotency(idempotency);
        made_id := made_before(idempotency);
        if made_id is not null then
            return reply(args, row_to_json(schedule_of(made_id)));
        end if;
        perform keep_key(idempotency, args -> 'schedule' ->> 'schedule_id', now_of(args));
    end if;
    return reply(args, row_to_json(put_schedule(args -> 'schedule')), true);
end $$;

create function public.gleanery_schedules_get(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select row_to_json(schedule_of(args ->> 'schedule_id'))
$$;

create function public.gleanery_schedules_list(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one), '[]') from (
        select * from schedule where schedule_id > coalesce(args ->> 'after', '')
        order by schedule_id limit (args ->> 'limit')::bigint) as one
$$;

create function public.gleanery_schedules_delete(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    delete from schedule where schedule_id = args ->> 'schedule_id';
    if not found then
        perform fail_not_found('schedule', args ->> 'schedule_id');
    end if;
    delete from idempotency where task_id = args ->> 'schedule_id';  -- the same request makes a new one
    return reply(args, null, true);
end $$;

create function public.gleanery_schedules_due(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one), '[]') from (
        select * from schedule where next_at is not null and next_at <= now_of(args) and not is_paused
        order by next_at limit (args ->> 'limit')::bigint) as one
$$;

create function public.gleanery_schedules_next_at(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json(min(next_at)) from schedule where next_at is not null and not is_paused
$$;

-- `task_id` is that of the tick that has run, or null. What went wrong last is known until a tick has run.
create function public.gleanery_schedules_advance(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    ran_as text := args ->> 'task_id';
begin
    if known is not null then
        return known;
    end if;
    update schedule set next_at = (args ->> 'next_at')::double precision,
        last_at = case when ran_as is null then last_at else now_of(args) end,
        last_task_id = coalesce(ran_as, last_task_id),
        skipped_count = skipped_count + (args ->> 'skipped')::bigint,
        last_error = case when ran_as is null then coalesce(args ->> 'error', last_error) end
    where schedule_id = args ->> 'schedule_id' and next_at = (args ->> 'expected')::double precision;
    return reply(args, to_json(found), true);
end $$;
