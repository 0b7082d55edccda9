-- `WorkerStore` and `HostStore`.

create function public.gleanery_workers_put(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    insert into worker select * from jsonb_populate_record(null::worker, args -> 'worker')
    on conflict (worker_id) do update set
        host = excluded.host, pid = excluded.pid, version = excluded.version, task_types = excluded.task_types,
        concurrency = excluded.concurrency, running = excluded.running, memory_mb = excluded.memory_mb,
        state = excluded.state, started_at = excluded.started_at, beat_at = excluded.beat_at;
    return reply(args, null);
end $$;

create function public.gleanery_workers_list(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one), '[]') from (select * from worker order by started_at, worker_id) as one
$$;

create function public.gleanery_workers_remove(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    delete from worker where worker_id = any (texts(args -> 'worker_ids'));
    return reply(args, null);
end $$;

create function public.gleanery_hosts_use(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    at double precision := now_of(args);  -- not when the call was made: it may have waited for long
begin
    insert into host_use (host, worker_id, users, pause_until, delay_seconds, beat_at)
    select host, worker_id, users, pause_until, delay_seconds, at
    from jsonb_populate_recordset(null::host_use, args -> 'rows') order by 1, 2
    on conflict (host, worker_id) do update set users = excluded.users, pause_until = excluded.pause_until,
        delay_seconds = excluded.delay_seconds, beat_at = excluded.beat_at;
    return reply(args, null);
end $$;

create function public.gleanery_hosts_used(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one), '[]') from (
        select * from host_use where host = any ((select texts(args -> 'hosts'))::text[])
        and (beat_at >= (args ->> 'since')::double precision or pause_until > (args ->> 'since')::double precision)
        order by host, worker_id
    ) as one
$$;

create function public.gleanery_hosts_forget(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    now double precision := now_of(args);
begin
    delete from host_use where worker_id = args ->> 'worker_id' and (pause_until is null or pause_until <= now);
    update host_use set users = 0 where worker_id = args ->> 'worker_id';
    return reply(args, null);
end $$;

create function public.gleanery_hosts_prune(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    removed bigint;
begin
    delete from host_use where beat_at < (args ->> 'before')::double precision
        and (pause_until is null or pause_until <= now_of(args));
    get diagnostics removed = row_count;
    return reply(args, to_json(removed), true);
end $$;
