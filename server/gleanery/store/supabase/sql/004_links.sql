-- Which task waits for which. Whoever changes links holds one lock, so that no two make a circle together.

create function gleanery.lock_key(kind text, key text) returns void
language sql volatile as $$
    select pg_advisory_xact_lock(hashtextextended(kind || ':' || key, 0))
$$;

create function gleanery.lock_links() returns void
language sql volatile as $$
    select pg_advisory_xact_lock(7364251802)
$$;

-- Every task that waits, by whatever way, for this one.
create function gleanery.all_below(id text) returns setof text
language sql stable as $$
    with recursive below (task_id) as (
        select task_id from gleanery.dependency where depends_on = id
        union select dependency.task_id from gleanery.dependency join below on dependency.depends_on = below.task_id
    )
    select task_id from below
$$;

create function gleanery.fail_dependency(place bigint, reason text) returns void
language plpgsql as $$
begin
    perform gleanery.fail('GL004', reason, json_build_object('field', 'depends_on.' || place, 'reason', reason));
end $$;

-- Fails for an unknown task, or for one that (by whatever way) waits for `id` itself. The rows of those that it will wait for
-- are locked: one that is ending now is seen as ended, or sees the new link.
create function gleanery.check_dependencies(id text, depends text[]) returns void
language plpgsql as $$
declare
    below text[];
    other text;
    place bigint;
begin
    perform gleanery.lock_links();
    perform from gleanery.task where task_id = any (depends) order by task_id for share;
    below := array(select gleanery.all_below(id));
    for other, place in select name, ordinality - 1 from unnest(depends) with ordinality as names (name, ordinality) loop
        if other = id then
            perform gleanery.fail_dependency(place, 'a task can''t wait for itself');
        elsif not exists (select from gleanery.task where task_id = other) then
            perform gleanery.fail_dependency(place, format('there is no task ''%s''', other));
        elsif other = any (below) then
            perform gleanery.fail_dependency(place, other || ' waits for this task already: that is a circle');
        end if;
    end loop;
end $$;

-- Fails for a new task that waits (by whatever way) for one whose place it takes.
create function gleanery.check_not_waited_for(depends text[], superseded text) returns void
language plpgsql as $$
declare
    below text[];
    other text;
    place bigint;
begin
    if cardinality(depends) = 0 then
        return;
    end if;
    below := array(select gleanery.all_below(superseded)) || superseded;
    for other, place in select name, ordinality - 1 from unnest(depends) with ordinality as names (name, ordinality) loop
        if other = any (below) then
            perform gleanery.fail_dependency(place, format(
                'the new task takes the place of %s, which it would wait for: they have one coalesce key', superseded));
        end if;
    end loop;
end $$;

-- Set and give how many of its dependencies are not complete.
create function gleanery.count_links(id text) returns bigint
language sql volatile as $$
    update gleanery.task set waits_for = (
        select count(*) from gleanery.dependency join gleanery.task as other on other.task_id = dependency.depends_on
        where dependency.task_id = id and other.status <> 'completed'
    ) where task_id = id returning waits_for
$$;

-- Let the task wait for these and no others.
create function gleanery.link(id text, depends text[]) returns void
language plpgsql as $$
begin
    delete from gleanery.dependency where task_id = id;
    insert into gleanery.dependency select id, name from unnest(depends) as names (name) on conflict do nothing;
    perform gleanery.count_links(id);
end $$;

-- One that failed or was cancelled, if there is one.
create function gleanery.failed_dependency(id text) returns gleanery.task
language sql stable as $$
    select other.* from gleanery.dependency join gleanery.task as other on other.task_id = dependency.depends_on
    where dependency.task_id = id and other.status in ('failed', 'cancelled') limit 1
$$;

-- Tasks that are queued or paused and wait for this one, their rows locked.
create function gleanery.waiting_for(id text) returns setof text
language sql volatile as $$
    select task.task_id from gleanery.dependency join gleanery.task on task.task_id = dependency.task_id
    where dependency.depends_on = id and task.status in ('queued', 'paused')
    order by task.created_at, task.task_id for no key update of task
$$;

create function gleanery.names_of(depends_on text) returns text[]
language sql immutable as $$
    select gleanery.texts(depends_on::jsonb)
$$;
