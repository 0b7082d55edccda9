-- `CrawlStore`: the start of a crawl, and its frontier.

-- The source and the task in one, and the schedule that repeats it: `task` and `schedule` get the id of the source that the URL has.
create function public.gleanery_crawls_start(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    now double precision := now_of(args);
    made_id text;
    of_source text;
    made jsonb := args -> 'task';
begin
    if known is not null then return known; end if;
    if args -> 'idempotency' ? 'key' then
        perform lock_idempotency(args -> 'idempotency');
        made_id := made_before(args -> 'idempotency');
        if made_id is not null then
            return reply(args, row_to_json(task_of(made_id)));
        end if;
    end if;
    of_source := put_source(args -> 'source', now);
    if args -> 'schedule' ? 'schedule_id' then
        perform put_schedule(args -> 'schedule' || jsonb_build_object('source_id', of_source));
    end if;
    made := made || jsonb_build_object('serial_key', of_source,
        'payload', merged((made ->> 'payload')::json, json_build_object('source_id', of_source)));
    return reply(args, row_to_json(create_task(made, args -> 'idempotency', (args ->> 'queue_limit')::bigint, now)));
end $$;

-- How the URL ended: {url_key, state, reason, message, …}.
create function gleanery.settle_url(id text, settled jsonb, at double precision) returns void
language sql as $$
    update gleanery.frontier set
        state = one.state, reason = one.reason, message = one.message, status_code = one.status_code,
        attempts = one.attempts, page_id = one.page_id, chunk_count = one.chunk_count,
        code_example_count = one.code_example_count, elapsed_seconds = one.elapsed_seconds, fetched_by = one.fetched_by,
        same_as = one.same_as, settled_at = at, is_refused = false
    from jsonb_populate_record(null::gleanery.frontier, settled) as one
    where frontier.task_id = id and frontier.url_key = one.url_key
$$;

-- URLs that the crawl knows already, found again: [{url, url_key, depth, …}] in their order; how many were queued by that.
create function gleanery.find_again(id text, urls jsonb, at double precision) returns bigint
language plpgsql set search_path = gleanery, pg_temp as $$
declare
    one record;
    known record;
    queued bigint := 0;
begin
    for one in
        select found.* from jsonb_to_recordset(urls) as found (
            place bigint, url_key text, depth bigint, state text, reason text, same_as text, lastmod double precision)
        order by place
    loop
        select state, depth, reason into known from frontier where task_id = id and url_key = one.url_key;
        if one.reason = 'markdown_twin' then
            update frontier set state = 'skipped', reason = 'markdown_twin', same_as = one.same_as, settled_at = at,
                is_refused = true
            where task_id = id and url_key = one.url_key and (state = 'queued' or reason = 'markdown_twin');
        elsif one.depth < known.depth and known.state = 'queued' then
            update frontier set depth = one.depth, reason = one.reason where task_id = id and url_key = one.url_key;
        elsif one.depth < known.depth and known.reason = 'too_deep' then
            update frontier set depth = one.depth, state = one.state, reason = one.reason,
                settled_at = case when one.state = 'queued' then null else at end, is_refused = one.state <> 'queued'
            where task_id = id and url_key = one.url_key;
            queued := queued + (one.state = 'queued')::int;
        end if;
        if one.lastmod is not null then
            update frontier set lastmod = one.lastmod where task_id = id and url_key = one.url_key and lastmod is null;
        end if;
    end loop;
    return queued;
end $$;

create function public.gleanery_crawls_add_urls(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    id text := args -> 'fence' ->> 'task_id';
    now double precision := now_of(args);
    last bigint;
    queued bigint;
    again jsonb;
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    select coalesce(max(ordinal), 0) into last from frontier where task_id = id;
    with first_of_each as materialized (
        select distinct on (item ->> 'url_key') item, place
        from jsonb_array_elements(args -> 'urls') with ordinality as given (item, place)
        order by item ->> 'url_key', place
    ), added as (
        insert into frontier (task_id, url_key, url, depth, ordinal, state, found_on, reason, settled_at, origin, lastmod,
            same_as, is_refused)
        select id, one.url_key, one.url, one.depth, last + row_number() over (order by place), one.state, one.found_on,
            one.reason, case when one.state = 'queued' then null else now end, one.origin, one.lastmod, one.same_as,
            one.state <> 'queued'
        from first_of_each, jsonb_populate_record(null::frontier, item) as one
        where not exists (select from frontier as known where known.task_id = id and known.url_key = item ->> 'url_key')
        returning state
    )
    select count(*) filter (where state = 'queued') into queued from added;
    -- Of all that are known now only those that may say something new: most are links that every page has.
    select jsonb_agg(item || jsonb_build_object('place', place)) into again
    from jsonb_array_elements(args -> 'urls') with ordinality as given (item, place)
    join frontier on frontier.task_id = id and frontier.url_key = item ->> 'url_key'
    where item ->> 'reason' = 'markdown_twin'
        or (item ->> 'depth')::bigint < frontier.depth and (frontier.state = 'queued' or frontier.reason = 'too_deep')
        or item ->> 'lastmod' is not null and frontier.lastmod is null;
    if again is not null then
        queued := queued + find_again(id, again, now);
    end if;
    return reply(args, to_json(queued), true);
end $$;

create function public.gleanery_crawls_next_urls(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by depth, ordinal), '[]') from (
        select * from frontier where task_id = args ->> 'task_id' and state = 'queued'
            and ordinal <> all ((select bigints(args -> 'exclude'))::bigint[])
        order by depth, ordinal limit (args ->> 'limit')::bigint
    ) as one
$$;

create function public.gleanery_crawls_note_attempt(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    if not is_held(args -> 'fence', args ->> 'url_key') then return reply(args, null); end if;
    perform report(args -> 'fence', args -> 'events', args -> 'progress', now_of(args));
    update frontier set attempts = attempts + 1
    where task_id = args -> 'fence' ->> 'task_id' and url_key = args ->> 'url_key';
    return reply(args, null);
end $$;

-- URLs that ended without a page: `ended` is [{url, events}] in their order, `progress` as it was with the last.
create function public.gleanery_crawls_settle(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    id text := args -> 'fence' ->> 'task_id';
    now double precision := now_of(args);
    held jsonb;
    events jsonb;
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    select jsonb_agg(one order by place) into held
    from jsonb_array_elements(args -> 'ended') with ordinality as given (one, place)
    where is_held(args -> 'fence', one -> 'url' ->> 'url_key');
    if held is null then return reply(args, null); end if;
    select coalesce(jsonb_agg(event order by place, nth), '[]') into events
    from jsonb_array_elements(held) with ordinality as given (one, place),
        jsonb_array_elements(one -> 'events') with ordinality as told (event, nth);
    perform report(args -> 'fence', events, args -> 'progress', now);
    perform settle_url(id, one -> 'url', now) from jsonb_array_elements(held) as one;
    return reply(args, null);
end $$;

create function public.gleanery_crawls_skip_queued(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    changed bigint;
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    update frontier set state = 'skipped', reason = args ->> 'reason', is_refused = true, settled_at = now_of(args)
    where task_id = args -> 'fence' ->> 'task_id' and state = 'queued';
    get diagnostics changed = row_count;
    return reply(args, to_json(changed), true);
end $$;

-- Queue again, for themselves, the URLs that were passed over for another that gave no page, nor one that stands for that in turn.
create function public.gleanery_crawls_take_up_orphans(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    id text := args -> 'fence' ->> 'task_id';
    changed bigint;
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    update frontier set state = 'queued', reason = null, message = null, same_as = null, settled_at = null, is_own = true,
        is_refused = false
    where task_id = id and reason in ('canonical', 'markdown_twin') and page_id is null and not exists (
        with recursive chain (url_key) as (
            select frontier.same_as
            union
            select link.same_as from chain join frontier as link on link.task_id = id and link.url_key = chain.url_key
            where link.same_as is not null
        )
        select from chain join frontier as other on other.task_id = id and other.url_key = chain.url_key
        where other.page_id is not null or other.reason = 'noindex'
    );
    get diagnostics changed = row_count;
    return reply(args, to_json(changed), true);
end $$;

-- How many pages that the task has met have all of their vectors.
create function gleanery.embedded_pages(task text, source text, model_name text) returns bigint
language plpgsql stable set search_path = gleanery, pg_temp as $$
begin
    if model_name is null then
        return 0;
    end if;
    return (select count(*) from page
        where source_id = source and died = forever() and born < forever() and seen_task_id = task and not exists (
            select from chunk where chunk.page_row = page.page_row and not exists (
                select from vector where vector.model = model_name and vector.text_row = chunk.text_row)));
end $$;

create function public.gleanery_crawls_counts(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select json_build_object(
        'embedded', embedded_pages(args ->> 'task_id', args ->> 'source_id', args ->> 'model'),
        'groups', (select coalesce(json_agg(one), '[]') from (
            select state, reason, count(*) as n, count(*) filter (where is_refused) as refused,
                coalesce(sum(chunk_count), 0) as chunks, coalesce(sum(code_example_count), 0) as code
            from frontier where task_id = args ->> 'task_id' group by state, reason
        ) as one))
$$;

create function public.gleanery_crawls_urls(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by ordinal), '[]') from (
        select * from frontier where task_id = args ->> 'task_id' and ordinal > (args ->> 'after')::bigint
            and (args ->> 'state' is null or state = args ->> 'state')
            and (args ->> 'reason' is null or reason = args ->> 'reason')
            and (args ->> 'text' is null or strpos(lower(url), lower((args ->> 'text') collate "C")) > 0)
        order by ordinal limit (args ->> 'limit')::bigint
    ) as one
$$;

create function public.gleanery_crawls_url_counts(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by n desc, reason nulls first), '[]') from (
        select state, reason, count(*) as n from frontier where task_id = args ->> 'task_id' group by state, reason
    ) as one
$$;
