-- How a task's events are appended, and how a call answers. Every function that writes follows one pattern:
--
--     known := gleanery.answered(args);                      -- this very call, whose answer was lost
--     if known is not null then return known; end if;
--     … write rows; gleanery.append(…) for each change of a task …
--     return gleanery.reply(args, value);                    -- numbers the events, keeps the answer

-- The answer of a call that was made before, null for a new one. A call that is made again while the first is still under way waits
-- for its end, and sees what it kept: a function has a new look at the tables with each statement.
create function gleanery.answered(args jsonb) returns json
language plpgsql as $$
begin
    perform gleanery.lock_key('call', args ->> 'call_id');
    return (select answer::json from gleanery.call where call_id = args ->> 'call_id');
end $$;

-- Note a change of a task: its row as it stands, with events ([{type, message, data}], data as JSON text) that its `last_seq`
-- counts already. They are drafts until the end of the transaction, where `reply` gives them their numbers.
create function gleanery.keep_events(changed gleanery.task, events jsonb, at double precision) returns void
language plpgsql as $$
declare
    kept json;
begin
    select coalesce(json_agg(json_build_object(
        'seq', changed.last_seq - jsonb_array_length(events) + ordinality, 'at', at,
        'type', value ->> 'type', 'message', value ->> 'message', 'data', value ->> 'data') order by ordinality), '[]')
    into kept from jsonb_array_elements(events) with ordinality;
    perform gleanery.add_draft(concat_ws(E'\t', changed.task_id, jsonb_array_length(events), kept, row_to_json(changed)));
    perform gleanery.ring_for(changed, events);
end $$;

-- Drafts are lines in settings of the transaction, a new one for each 64 KB: adding to one text would copy all of it each time.
-- A line is the task's id, how many events, the events and the task as JSON, which has no tab in it: nothing needs to be parsed
-- but the events.
create function gleanery.add_draft(line text) returns void
language plpgsql as $$
declare
    number int := coalesce(nullif(current_setting('gleanery.drafts', true), '')::int, 0);
    before text := coalesce(current_setting('gleanery.drafts_' || number, true), '');
    unused text;
begin
    if number = 0 or length(before) > 65536 then
        number := number + 1;
        before := '';
        unused := set_config('gleanery.drafts', number::text, true);
    end if;
    unused := set_config('gleanery.drafts_' || number, before || line || E'\n', true);
end $$;

-- All drafts as lines, in order, and none is left.
create function gleanery.take_drafts() returns text
language plpgsql as $$
declare
    taken text := '';
    unused text;
begin
    for number in 1 .. coalesce(nullif(current_setting('gleanery.drafts', true), '')::int, 0) loop
        taken := taken || current_setting('gleanery.drafts_' || number);
        unused := set_config('gleanery.drafts_' || number, '', true);
        unused := set_config('gleanery.drafts', '', true);
    end loop;
    return taken;
end $$;

-- The same for a task whose row is as it shall be but for `last_seq`: the last step of a change. Gives the row.
create function gleanery.append(id text, events jsonb, at double precision) returns gleanery.task
language plpgsql as $$
declare
    changed gleanery.task;
begin
    update gleanery.task set last_seq = last_seq + jsonb_array_length(events) where task_id = id returning * into changed;
    perform gleanery.keep_events(changed, events, at);
    return changed;
end $$;

-- One event, in the form that `append` takes.
create function gleanery.event_of(type text, message text, data json default '{}') returns jsonb
language sql immutable as $$
    select jsonb_build_array(jsonb_build_object('type', type, 'message', message, 'data', data::text))
$$;

-- The answer of a call that writes: {value, changes: [{task, events, number}], at}; `at` is the database's time. The events get their numbers here, under a
-- lock that the transaction keeps to its end. Answers that tell of changes (and those to keep) are kept, to be given again.
create function gleanery.reply(args jsonb, value json, is_kept boolean default false) returns json
language plpgsql as $$
declare
    drafts text := gleanery.take_drafts();
    changes text := '';
    newest bigint;
    answer text;
begin
    if drafts <> '' then
        perform pg_advisory_xact_lock(gleanery.event_lock());
        with draft as materialized (
            select place, split_part(line, E'\t', 1) as task_id, split_part(line, E'\t', 2)::bigint as size,
                split_part(line, E'\t', 3) as events, split_part(line, E'\t', 4) as task
            from string_to_table(rtrim(drafts, E'\n'), E'\n') with ordinality as lines (line, place)
        ), added as (
            insert into gleanery.event (task_id, seq, at, type, message, data)
            select task_id, e.seq, e.at, e.type, e.message, e.data
            from draft, json_to_recordset(events::json)
                as e (seq bigint, at double precision, type text, message text, data text)
            order by place, e.seq
            returning number
        ), numbered as (
            select min(number) as first, max(number) as last from added
        ), counted as (
            select place, task, events, size, sum(size) over (order by place) as total from draft
        )
        select string_agg('{"task":' || task || ',"events":' || events || ',"number":'
            || case when size = 0 then 0 else first - 1 + total end || '}', ',' order by place), min(last)
        into changes, newest from counted, numbered;
        if newest is not null then
            perform pg_notify('gleanery_events', newest::text);  -- wakes those who follow the log
        end if;
    end if;
    answer := '{"value":' || coalesce(value::text, 'null') || ',"changes":[' || changes || '],"at":'
        || extract(epoch from clock_timestamp()) || '}';
    if (drafts <> '' or is_kept) and args ? 'call_id' then
        insert into gleanery.call (call_id, at, answer)
        values (args ->> 'call_id', extract(epoch from clock_timestamp()), answer);
    end if;
    return answer::json;
end $$;

create function gleanery.event_lock() returns bigint language sql immutable as $$ select 7364251801 $$;

create function gleanery.fail_lost(fence jsonb) returns void
language plpgsql as $$
begin
    perform gleanery.fail('GL001', 'Another worker owns this task now.',
        json_build_object('task_id', fence ->> 'task_id', 'attempt', (fence ->> 'attempt')::bigint));
end $$;

-- The task of a fence {task_id, attempt, helper?}, its row locked. Fails unless this attempt is the running one; for a helper also
-- once the crawl's own worker is through. That is looked up after the lock is had, so it is as it stands now.
create function gleanery.check_fence(fence jsonb) returns gleanery.task
language plpgsql as $$
declare
    found_task gleanery.task;
begin
    select * into found_task from gleanery.task
    where task_id = fence ->> 'task_id' and attempt = (fence ->> 'attempt')::bigint and status = 'running'
    for no key update;
    if found_task.task_id is null
        or fence ? 'helper' and exists (select from gleanery.frontier_closed where task_id = found_task.task_id) then
        perform gleanery.fail_lost(fence);
    end if;
    return found_task;
end $$;

-- Fenced: append events and set the progress that they tell of. `progress` is {text, mark, gets_on}: the row's text, a number
-- that grows when the work gets on, and whether one of the events says so; null leaves it as it is.
create function gleanery.report(fence jsonb, events jsonb, progress jsonb, at double precision) returns gleanery.task
language plpgsql as $$
declare
    before gleanery.task := gleanery.check_fence(fence);
    changed gleanery.task;
    mark double precision := (progress ->> 'mark')::double precision;
begin
    update gleanery.task set
        progress = coalesce(report.progress ->> 'text', task.progress),
        lost_count = case when (report.progress ->> 'gets_on')::boolean or mark > progress_mark then 0 else lost_count end,
        progress_mark = greatest(progress_mark, mark),
        last_seq = last_seq + jsonb_array_length(events)
    where task_id = before.task_id
    returning * into changed;
    perform gleanery.keep_events(changed, events, at);
    return changed;
end $$;

-- The newest number that is visible, also when its event has been removed. The lock waits for those who are giving numbers now.
create function public.gleanery_tasks_last_number(args jsonb) returns json
language plpgsql volatile security invoker set search_path = gleanery, pg_temp as $$
begin
    perform pg_advisory_xact_lock_shared(event_lock());
    return (select to_json(case when is_called then last_value else 0 end) from gleanery.event_number_seq);
end $$;
