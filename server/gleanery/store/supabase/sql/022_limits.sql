-- `CrawlStore`: the limits of a crawl, and what they do to URLs that are known.

-- The payload with the changed parts, unless it is not any more what the change was made from: then null, and nothing is written.
create function public.gleanery_crawls_change_limits(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    id text := args ->> 'task_id';
    changed json := (args ->> 'changed')::json;
    of_source text := args ->> 'source_id';
    now double precision := now_of(args);
    was text;
begin
    if known is not null then return known; end if;
    select payload into was from task where task_id = id and status = args ->> 'status' for no key update;
    if was is distinct from args ->> 'payload' then
        return reply(args, null);
    end if;
    update task set payload = merged(was::json, changed) where task_id = id;
    update source set options = merged(options::json, changed) where source_id = of_source;
    update schedule set payload = merged(payload::json, changed) where source_id = of_source and task_type = 'crawl';
    return reply(args, row_to_json(append(id, args -> 'events', now)));
end $$;

create function public.gleanery_crawls_take_up_limited(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    changed bigint;
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    update frontier set state = 'queued', reason = null, message = null, settled_at = null, is_refused = false
    where task_id = args -> 'fence' ->> 'task_id' and state = 'skipped' and reason in ('page_limit', 'time_limit')
        and origin <> 'part';
    get diagnostics changed = row_count;
    return reply(args, to_json(changed), true);
end $$;

create function public.gleanery_crawls_leave_out_deeper(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    changed bigint;
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    update frontier set state = 'skipped', reason = 'too_deep', is_refused = true, settled_at = now_of(args)
    where task_id = args -> 'fence' ->> 'task_id' and state = 'queued' and depth > (args ->> 'max_depth')::bigint
        and not is_own and ordinal <> all ((select bigints(args -> 'busy'))::bigint[])
        and not exists (select from frontier_hold as held where held.task_id = frontier.task_id
            and held.ordinal = frontier.ordinal and held.helper <> '');  -- whoever has it decides when its turn comes
    get diagnostics changed = row_count;
    return reply(args, to_json(changed), true);
end $$;

create function public.gleanery_crawls_too_deep(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by depth, ordinal), '[]') from (
        select * from frontier where task_id = args ->> 'task_id' and state = 'skipped' and reason = 'too_deep'
            and depth <= (args ->> 'max_depth')::bigint
        order by depth, ordinal limit (args ->> 'limit')::bigint
    ) as one
$$;

create function public.gleanery_crawls_decide_anew(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform check_fence(args -> 'fence');
    update frontier set state = one.state, reason = one.reason, is_refused = one.state <> 'queued',
        settled_at = case when one.state = 'queued' then null else now_of(args) end
    from jsonb_to_recordset(args -> 'urls') as one (url_key text, state text, reason text)
    where frontier.task_id = args -> 'fence' ->> 'task_id' and frontier.url_key = one.url_key
        and frontier.reason = 'too_deep';
    return reply(args, null);
end $$;
