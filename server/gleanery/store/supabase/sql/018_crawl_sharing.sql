-- Several workers on one crawl. A URL that waits is had by the crawl's own worker (helper '') or by a helper; nobody else takes it
-- meanwhile. The crawl's own worker has its URLs as long as its attempt runs, a helper (`task_id:attempt` of its task) for a
-- lease, and no longer than its attempt runs.

create table gleanery.frontier_hold (
    task_id text collate "C" not null,
    ordinal bigint not null,
    helper  text collate "C" not null,
    until   double precision,
    primary key (task_id, ordinal)
);

-- Crawls whose own worker is through: until it claims again helpers have no right to write (`check_fence`), so that nothing comes
-- after what it decides, embeds and publishes then.
create table gleanery.frontier_closed (
    task_id text collate "C" primary key
);

-- Whether whoever writes still has the URL: a helper that stood still for longer than its lease has not. What is in no hold of
-- anybody's (parts of documents, what the crawl's own worker looks at beside its turn) is had by whoever comes with it. Nobody has
-- one whose page is stored: nothing is said of it any more.
create function gleanery.is_held(fence jsonb, key text) returns boolean
language sql stable as $$
    select not exists (
        select from gleanery.frontier where task_id = fence ->> 'task_id' and url_key = key and state = 'stored')
    and (not fence ? 'helper' or exists (
        select from gleanery.frontier join gleanery.frontier_hold using (task_id, ordinal)
        where task_id = fence ->> 'task_id' and url_key = key and helper = fence ->> 'helper')
    or exists (
        select from gleanery.frontier where task_id = fence ->> 'task_id' and url_key = key and origin = 'part'))
$$;

-- Whether anybody has URLs of a crawl besides its own worker.
create function gleanery.has_helpers(task text) returns boolean
language sql stable as $$
    select exists (select from gleanery.frontier_hold where task_id = task and helper <> '')
$$;

-- Have up to `limit` more URLs that wait, shallow first, and of those that one had only `keep` (ordinals): {urls, others,
-- shallowest, limits, ran_seconds, counts}. `others` is how many others have, `shallowest` the least depth of these, `limits` what of
-- the payload may be changed, `ran_seconds` how long the crawl has run in all its attempts. Once somebody was asked
-- for help the number of pages that the crawl may take counts for all together, and `counts` say what all have done.
create function public.gleanery_crawls_claim_urls(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    crawl task;
    me text := coalesce(args -> 'fence' ->> 'helper', '');
    at double precision;
    most bigint := (args ->> 'limit')::bigint;
    max_pages bigint;
    others record;
    counts record;
    claimed json;
begin
    if known is not null then return known; end if;
    crawl := check_fence(args -> 'fence');
    at := now_of(args);
    max_pages := (crawl.payload::json ->> 'max_pages')::bigint;
    delete from frontier_hold where task_id = crawl.task_id
        and (until < at or helper = me and ordinal <> all ((select bigints(args -> 'keep'))::bigint[])
            or helper <> '' and not exists (select from task as helping where helping.task_id = split_part(helper, ':', 1)
                and helping.attempt::text = split_part(helper, ':', 2) and helping.status = 'running'));
    if me = '' then
        delete from frontier_closed where task_id = crawl.task_id;
    else
        update frontier_hold set until = at + (args ->> 'lease_seconds')::double precision
        where task_id = crawl.task_id and helper = me;
    end if;
    select count(*) as number, min(depth) as shallowest into others
    from frontier_hold join frontier using (task_id, ordinal)
    where task_id = crawl.task_id and helper <> me and state = 'queued';
    if me <> '' or others.number > 0 or exists (select from task as helping where parent_task_id = crawl.task_id) then
        select count(*) filter (where not is_refused) as discovered, count(*) filter (where state = 'stored') as stored,
            count(*) filter (where state = 'failed') as failed,
            count(*) filter (where state = 'skipped' and not is_refused) as skipped into counts
        from frontier where task_id = crawl.task_id;
        most := least(most, max_pages - counts.stored - others.number
            - (select count(*) from frontier_hold where task_id = crawl.task_id and helper = me));
    end if;
    with taken as (
        insert into frontier_hold (task_id, ordinal, helper, until)
        select task_id, ordinal, me, case when me <> '' then at + (args ->> 'lease_seconds')::double precision end
        from frontier where task_id = crawl.task_id and state = 'queued' and not exists (
            select from frontier_hold as held where held.task_id = crawl.task_id and held.ordinal = frontier.ordinal)
        order by depth, ordinal limit greatest(0, most)
        returning task_id, ordinal
    )
    select coalesce(json_agg(frontier order by depth, ordinal), '[]') into claimed from taken join frontier using (task_id, ordinal);
    return reply(args, json_build_object('urls', claimed, 'others', others.number, 'shallowest', others.shallowest,
        'limits', (select coalesce(json_object_agg(key, value), '{}') from json_each(crawl.payload::json)
            where key in ('max_pages', 'max_depth', 'max_minutes', 'concurrency')),
        'ran_seconds', crawl.ran_seconds + greatest(0, at - coalesce(crawl.attempt_started_at, at)),
        'counts', case when counts is not null then row_to_json(counts) end), true);
end $$;

-- Nobody has anything of this crawl: an attempt begins. Or a helper has nothing any more, whether or not that attempt still runs.
create function public.gleanery_crawls_let_go(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    fence jsonb := args -> 'fence';
begin
    if known is not null then return known; end if;
    if not fence ? 'helper' then
        perform check_fence(fence);
    end if;
    delete from frontier_hold where task_id = fence ->> 'task_id' and helper = coalesce(fence ->> 'helper', helper);
    return reply(args, null, true);
end $$;

-- The crawl's own worker is through with what waits: nobody has anything any more, and helpers write nothing until it claims again.
create function public.gleanery_crawls_close(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    id text := args -> 'fence' ->> 'task_id';
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    delete from frontier_hold where task_id = id;
    insert into frontier_closed values (id) on conflict do nothing;
    return reply(args, null, true);
end $$;
