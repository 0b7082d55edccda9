-- Creating tasks.

create function gleanery.task_of(id text) returns gleanery.task
language plpgsql stable as $$
declare
    found_task gleanery.task;
begin
    select * into found_task from gleanery.task where task_id = id;
    if found_task.task_id is null then
        perform gleanery.fail_not_found('task', id);
    end if;
    return found_task;
end $$;

-- The same, its row locked until the end of the transaction.
create function gleanery.task_to_change(id text) returns gleanery.task
language plpgsql as $$
declare
    found_task gleanery.task;
begin
    select * into found_task from gleanery.task where task_id = id for no key update;
    if found_task.task_id is null then
        perform gleanery.fail_not_found('task', id);
    end if;
    return found_task;
end $$;

-- The id of what this key {key, request_hash} has made, null for a new key. Fails for another request. Whoever asks in order to
-- make something holds the key's lock first.
create function gleanery.made_before(idempotency jsonb) returns text
language plpgsql stable as $$
declare
    made record;
begin
    select request_hash, task_id into made from gleanery.idempotency as kept where kept.key = made_before.idempotency ->> 'key';
    if made.request_hash <> (idempotency ->> 'request_hash') then
        perform gleanery.fail('GL006', 'This Idempotency-Key was used for another request: take a new key for a new request.',
            json_build_object('key', idempotency ->> 'key'));
    end if;
    return made.task_id;
end $$;

create function gleanery.lock_idempotency(idempotency jsonb) returns void
language sql volatile as $$
    select gleanery.lock_key('idempotency', idempotency ->> 'key')
$$;

create function gleanery.keep_key(idempotency jsonb, made_id text, at double precision) returns void
language sql volatile as $$
    insert into gleanery.idempotency values (idempotency ->> 'key', idempotency ->> 'request_hash', made_id, at)
$$;

-- Fails when `queue_limit` tasks wait already. The new one is among those that wait, and has taken the place of those that it
-- supersedes.
create function gleanery.check_room(queue_limit bigint) returns void
language plpgsql as $$
declare
    waiting bigint;
begin
    select count(*) - 1 into waiting from (select from gleanery.task where status = 'queued' limit queue_limit + 1) as counted;
    if waiting >= queue_limit then
        select count(*) - 1 into waiting from gleanery.task where status = 'queued';
        perform gleanery.fail('GL005', format('%s tasks wait already, the limit is %s: try again later.', waiting, queue_limit),
            json_build_object('waiting', waiting));
    end if;
end $$;

-- Keep a task as queued with its first event. `made` has the columns that a new task sets (run_at null: now), `idempotency` is
-- null or {key, request_hash}.
create function gleanery.create_task(made jsonb, idempotency jsonb, queue_limit bigint, at double precision) returns gleanery.task
language plpgsql as $$
declare
    changed gleanery.task;
    made_id text;
    due double precision := coalesce((made ->> 'run_at')::double precision, at);
    depends text[] := gleanery.names_of(made ->> 'depends_on');
begin
    if idempotency ? 'key' then
        perform gleanery.lock_idempotency(idempotency);
        made_id := gleanery.made_before(idempotency);
        if made_id is not null then
            return gleanery.task_of(made_id);
        end if;
    end if;
    if cardinality(depends) > 0 then
        perform gleanery.check_dependencies(made ->> 'task_id', depends);
    end if;
    if queue_limit is not null then  -- two that don't see each other's task would both find room for one
        perform pg_advisory_xact_lock(hashtext('gleanery.queue'));
    end if;
    insert into gleanery.task (task_id, task_type, title, description, status, priority, queue_name, payload, progress,
        max_retries, run_at, wakes_at, created_at, depends_on, on_dependency_failure, coalesce_key, serial_key, parent_task_id,
        webhook_url, webhook_states, schedule_id, last_seq)
    select task_id, task_type, title, description, 'queued', priority, queue_name, payload, progress,
        max_retries, due, case when due > at then due end, at, depends_on, on_dependency_failure, coalesce_key, serial_key,
        parent_task_id, webhook_url, webhook_states, schedule_id, 1
    from jsonb_populate_record(null::gleanery.task, made)
    returning * into changed;
    if changed.coalesce_key is not null then
        perform gleanery.supersede(changed, true, at);
    end if;
    if queue_limit is not null then
        perform gleanery.check_room(queue_limit);
    end if;
    if idempotency ? 'key' then
        perform gleanery.keep_key(idempotency, changed.task_id, at);
    end if;
    if cardinality(depends) > 0 then
        perform gleanery.link(changed.task_id, depends);
        changed := gleanery.task_of(changed.task_id);
    end if;
    perform gleanery.keep_events(changed, gleanery.event_of('task_queued', 'Queued'), at);
    changed := gleanery.follow(changed, at);
    return case when cardinality(depends) > 0 then gleanery.fail_if_orphaned(changed, at) else changed end;
end $$;

create function public.gleanery_tasks_create(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    if args -> 'task' ->> 'coalesce_key' is not null then
        -- Before the time is taken: of equal tasks the one that is kept last is the newest.
        perform lock_key('coalesce', args -> 'task' ->> 'coalesce_key');
    end if;
    return reply(args, row_to_json(
        create_task(args -> 'task', args -> 'idempotency', (args ->> 'queue_limit')::bigint, now_of(args))));
end $$;

create function public.gleanery_tasks_known_start(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    made_id text := made_before(args -> 'idempotency');
begin
    return case when made_id is null then null else row_to_json(task_of(made_id)) end;
end $$;
