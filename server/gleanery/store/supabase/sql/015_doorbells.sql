-- Doorbells by Procrastinate, in a schema of its own (gleanery_procrastinate, see procrastinate_schema.py): one job for each,
-- kept in the transaction that makes a task runnable or asks something of a running one. They carry no truth: where that schema
-- or somebody who listens is missing none is kept, and one that can't be kept fails nothing.

-- The queue of a task type, or of what is asked of a worker. Its notices have a channel whose name may have 63 bytes.
create function gleanery.doorbell_queue(kind text, name text) returns text
language sql immutable as $$
    select kind || ':' || case when octet_length(name) <= 30 then name else md5(name) end
$$;

-- Keep a doorbell for a task, to be heard from `due` (seconds; null: now). With the rights of the schema's owner: nobody else
-- has any there. Who listens has beaten within the last half minute.
create function gleanery.ring(id text, queue text, first bigint, due double precision) returns void
language plpgsql security definer set search_path = gleanery_procrastinate, pg_temp as $$
begin
    if to_regclass('gleanery_procrastinate.procrastinate_workers') is null then
        return;
    end if;
    if exists (select from procrastinate_workers where last_heartbeat > now() - interval '30 seconds') then
        perform procrastinate_defer_jobs_v1(array[row(
            queue, 'doorbell', greatest(-1000000, least(1000000, first)), null, null,
            jsonb_build_object('task_id', id, 'rung_at', extract(epoch from now())), to_timestamp(due)
        )::procrastinate_job_to_defer_v1]);
    end if;
exception when others then
    raise warning 'doorbell of % not kept: %', id, sqlerrm;
end $$;

-- Ring for a change of a task, as `changed` stands after it.
create function gleanery.ring_for(changed gleanery.task, events jsonb) returns void
language plpgsql as $$
declare
    follower gleanery.task;
begin
    if changed.status = 'queued' then
        if changed.waits_for = 0 then
            perform gleanery.ring(changed.task_id, gleanery.doorbell_queue('type', changed.task_type), changed.priority,
                changed.wakes_at);
        end if;
    elsif changed.status = 'running' then
        if events -> -1 ->> 'type' in ('task_cancel_requested', 'task_pause_requested', 'task_changed') then
            perform gleanery.ring(changed.task_id, gleanery.doorbell_queue('worker', changed.worker_id), 0, null);
        end if;
    elsif changed.serial_key is not null then  -- its key is free for the next
        select * into follower from gleanery.task
        where serial_key = changed.serial_key and status = 'queued' and waits_for = 0 and wakes_at is null
        order by priority desc, run_at, created_at limit 1;
        if follower.task_id is not null then
            perform gleanery.ring(follower.task_id, gleanery.doorbell_queue('type', follower.task_type), follower.priority, null);
        end if;
    end if;
end $$;
