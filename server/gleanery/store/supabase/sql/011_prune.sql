-- What may be forgotten: ended tasks with all that hangs on them, old events, settled webhook calls. `retention` is
-- {tasks_before, statuses, events_before, events_per_task, deliveries_before, idempotency_before}; null keeps.

-- Ended tasks that nobody looks back to: no unfinished task waits for them, no source was last filled by them. Of these ids only, or
-- with null of all.
create function gleanery.tasks_to_go(retention jsonb, most bigint, among text[] default null) returns setof text
language plpgsql stable as $$
declare
    statuses text[] := gleanery.texts(retention -> 'statuses');
    before double precision := (retention ->> 'tasks_before')::double precision;
begin
    if before is null or cardinality(statuses) = 0 then
        return;
    end if;
    return query select task.task_id from gleanery.task
        where processing_completed_at is not null and processing_completed_at < before and status = any (statuses)
        and not exists (
            select from gleanery.dependency join gleanery.task as other on other.task_id = dependency.task_id
            where dependency.depends_on = task.task_id and other.status in ('queued', 'running', 'paused'))
        and not exists (select from gleanery.source where source.last_task_id = task.task_id and source.deleted_at is null)
        and not exists (select from gleanery.delivery where delivery.task_id = task.task_id and delivery.state = 'pending')
        and (among is null or task.task_id = any (among))
        limit most;
end $$;

-- The newest event of this task that goes.
create function gleanery.last_to_go(task gleanery.task, retention jsonb) returns bigint
language sql immutable as $$
    select case
        when task.processing_completed_at < (retention ->> 'events_before')::double precision then task.last_seq
        when retention ->> 'events_per_task' is null then 0
        else task.last_seq - (retention ->> 'events_per_task')::bigint
    end
$$;

-- Tasks that keep more events than they may.
create function gleanery.with_old_events(retention jsonb, most bigint) returns setof gleanery.task
language sql stable as $$
    select * from gleanery.task
    where last_seq - first_seq + 1 > (retention ->> 'events_per_task')::bigint
        or (processing_completed_at < (retention ->> 'events_before')::double precision and first_seq <= last_seq)
    limit most
$$;

-- Tasks, events and URLs removed: no more than 2000 events and URLs at once. A task with more goes over several calls, its own
-- row last.
create function gleanery.prune_tasks(ids text[]) returns jsonb
language plpgsql as $$
declare
    emptied text[] := '{}';
    id text;
    events bigint := 0;
    urls bigint := 0;
    room bigint := 2000;
    gone bigint;
    gone_urls bigint;
begin
    foreach id in array ids loop
        delete from gleanery.event where number in (
            select number from gleanery.event where task_id = id order by seq limit room);
        get diagnostics gone = row_count;
        events := events + gone;
        room := room - gone;
        -- By their numbers: a plan that joins them would look each up among all where nobody has counted them yet.
        delete from gleanery.frontier where task_id = id and ordinal <= (select max(ordinal) from (
            select ordinal from gleanery.frontier where task_id = id order by ordinal limit room) as first);
        get diagnostics gone_urls = row_count;
        urls := urls + gone_urls;
        room := room - gone_urls;
        if room <= 0 then
            update gleanery.task set first_seq = first_seq + gone where task_id = id;
            exit;
        end if;
        emptied := emptied || id;
    end loop;
    delete from gleanery.frontier_hold where task_id = any (emptied);
    delete from gleanery.frontier_closed where task_id = any (emptied);
    delete from gleanery.step where task_id = any (emptied);
    delete from gleanery.dependency where task_id = any (emptied);
    delete from gleanery.idempotency where task_id = any (emptied);
    delete from gleanery.delivery where task_id = any (emptied);
    delete from gleanery.task where task_id = any (emptied);
    return jsonb_build_object('tasks', cardinality(emptied), 'events', events, 'urls', urls);
end $$;

create function gleanery.prune_events(retention jsonb, most bigint) returns bigint
language plpgsql as $$
declare
    one gleanery.task;
    last bigint;
    gone bigint;
    removed bigint := 0;
begin
    for one in select * from gleanery.with_old_events(retention, most) loop
        select * into one from gleanery.task where task_id = one.task_id for no key update;
        last := least(gleanery.last_to_go(one, retention), one.first_seq + most - 1);
        continue when last is null or last < one.first_seq;  -- it has been taken up again meanwhile
        delete from gleanery.event where task_id = one.task_id and seq <= last;
        get diagnostics gone = row_count;
        removed := removed + gone;
        update gleanery.task set first_seq = last + 1 where task_id = one.task_id;
        exit when removed >= most;
    end loop;
    return removed;
end $$;

create function public.gleanery_tasks_prune(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    retention jsonb := args -> 'retention';
    most bigint := (args ->> 'limit')::bigint;
    locked text[];
    removed jsonb;
    old_events bigint;
    deliveries bigint;
    keys bigint;
begin
    if known is not null then
        return known;
    end if;
    locked := array(select task_id from task where task_id in (select tasks_to_go(retention, most)) order by task_id for update);
    removed := prune_tasks(array(select tasks_to_go(retention, most, locked)));  -- but those that were retried until then
    old_events := prune_events(retention, most);
    delete from delivery where delivery_id in (
        select delivery_id from delivery where state <> 'pending'
        and settled_at < (retention ->> 'deliveries_before')::double precision limit most);
    get diagnostics deliveries = row_count;
    delete from idempotency where key in (
        select key from idempotency where created_at < (retention ->> 'idempotency_before')::double precision limit most);
    get diagnostics keys = row_count;
    delete from call where call_id in (
        select call_id from call where at < extract(epoch from clock_timestamp()) - 900 order by at limit 5000);
    return reply(args, (removed || jsonb_build_object('events', (removed ->> 'events')::bigint + old_events,
        'deliveries', deliveries, 'idempotency_keys', keys))::json, true);
end $$;

create function public.gleanery_tasks_prunable(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    retention jsonb := args -> 'retention';
    going text[] := array(select tasks_to_go(args -> 'retention', null));
begin
    return json_build_object(
        'tasks', cardinality(going),
        'events', (select coalesce(sum(last_seq - first_seq + 1), 0) from task where task_id = any (going))
            + (select coalesce(sum(last_to_go(old, retention) - old.first_seq + 1), 0) from with_old_events(retention, null) as old
                where old.task_id <> all (going)),
        'urls', (select count(*) from frontier where task_id = any (going)),
        -- Without those that go with their tasks, as `prune` counts.
        'deliveries', (select count(*) from delivery where state <> 'pending'
            and settled_at < (retention ->> 'deliveries_before')::double precision and task_id <> all (going)),
        'idempotency_keys', (select count(*) from idempotency
            where created_at < (retention ->> 'idempotency_before')::double precision and task_id <> all (going))
    );
end $$;
