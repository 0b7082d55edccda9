-- `SavedQueryStore`: saved queries and what they gave over time.

-- Fails where the source has no such query.
create function gleanery.saved_query_of(source text, id text) returns gleanery.saved_query
language plpgsql stable set search_path = gleanery, pg_temp as $$
declare
    found_one saved_query;
begin
    select * into found_one from saved_query where query_id = id and source_id = source;
    if found_one.query_id is null then
        perform fail_not_found('saved query', id);
    end if;
    return found_one;
end $$;

create function public.gleanery_saved_visible_generation(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json(visible_generation(args ->> 'source_id'))
$$;

create function public.gleanery_saved_queries(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
begin
    perform visible_generation(args ->> 'source_id');
    return (select coalesce(json_agg(one order by created_at, query_id), '[]') from (
        select * from saved_query where source_id = args ->> 'source_id'
            and (created_at, query_id) > ((args ->> 'at')::double precision, args ->> 'last')
        order by created_at, query_id limit (args ->> 'limit')::bigint
    ) as one);
end $$;

create function public.gleanery_saved_put(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    source text := args ->> 'source_id';
    now double precision := now_of(args);
    one record;
    id text;
    kept text[] := '{}';
    total bigint;
begin
    perform visible_generation(source);
    perform 1 from source as held where source_id = args ->> 'source_id' for no key update;
    for one in
        select given.*, place from jsonb_array_elements(args -> 'queries') with ordinality as list (item, place),
            jsonb_populate_record(null::saved_query, item) as given order by place
    loop
        -- Those of one request are in the order in which they came.
        insert into saved_query (query_id, source_id, query, expected, filters, created_at, updated_at)
        values (one.query_id, args ->> 'source_id', one.query, one.expected, one.filters, now + (one.place - 1) * 0.000001,
            now + (one.place - 1) * 0.000001)
        on conflict (source_id, md5(query)) do update set expected = excluded.expected, filters = excluded.filters,
            updated_at = excluded.updated_at
        returning query_id into id;
        if id <> all (kept) then
            kept := kept || id;
        end if;
    end loop;
    select count(*) into total from saved_query where source_id = args ->> 'source_id';
    if total > (args ->> 'most')::bigint then
        perform fail('GL003', format('A source may have %s saved queries; these would make %s.', args ->> 'most', total),
            json_build_object('limit', (args ->> 'most')::bigint));
    end if;
    return reply(args, (select coalesce(json_agg(saved_query order by place), '[]')
        from unnest(kept) with ordinality as list (name, place) join saved_query on query_id = name));
end $$;

create function public.gleanery_saved_change(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    given jsonb := args -> 'query';
    other text;
begin
    perform visible_generation(args ->> 'source_id');
    select query_id into other from saved_query
    where source_id = args ->> 'source_id' and md5(query) = md5(given ->> 'query') and query_id <> args ->> 'query_id';
    if other is not null then
        perform fail('GL003', format('%s has that query already.', other), json_build_object('query_id', other));
    end if;
    update saved_query set query = given ->> 'query', expected = given ->> 'expected', filters = given ->> 'filters',
        updated_at = now_of(args)
    where query_id = args ->> 'query_id' and source_id = args ->> 'source_id';
    return reply(args, row_to_json(saved_query_of(args ->> 'source_id', args ->> 'query_id')));
end $$;

create function public.gleanery_saved_delete(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then return known; end if;
    perform visible_generation(args ->> 'source_id');
    perform saved_query_of(args ->> 'source_id', args ->> 'query_id');
    delete from saved_query where query_id = args ->> 'query_id';
    return reply(args, null, true);
end $$;

-- The URLs of a generation's pages, by their rows: [{page_row, url}].
create function public.gleanery_saved_page_urls(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by url_key), '[]') from (
        select url_key, url from page
        where source_id = args ->> 'source_id' and born <= (args ->> 'generation')::bigint
            and died > (args ->> 'generation')::bigint and url_key > args ->> 'after'
        order by url_key limit (args ->> 'limit')::bigint
    ) as one
$$;

-- Evaluations

create function public.gleanery_saved_keep(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    source text := args -> 'evaluation' ->> 'source_id';
begin
    perform visible_generation(source);
    insert into evaluation select one.* from jsonb_populate_record(null::evaluation, args -> 'evaluation') as one
    on conflict (evaluation_id) do nothing;
    delete from evaluation where source_id = source and at < (
        select at from evaluation where source_id = source order by at desc limit 1 offset (args ->> 'most')::bigint);
    return reply(args, null);
end $$;

create function public.gleanery_saved_evaluations(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
begin
    perform visible_generation(args ->> 'source_id');
    return (select coalesce(json_agg(one order by at desc, evaluation_id desc), '[]') from (
        select evaluation_id, source_id, generation, task_id, at, queries, recall_at_5, recall_at_10, mrr
        from evaluation where source_id = args ->> 'source_id' and (args ->> 'at' is null
            or (at, evaluation_id) < ((args ->> 'at')::double precision, args ->> 'last'))
        order by at desc, evaluation_id desc limit (args ->> 'limit')::bigint
    ) as one);
end $$;

create function public.gleanery_saved_evaluation(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    told json;
begin
    select row_to_json(evaluation) into told from evaluation
    where evaluation_id = args ->> 'evaluation_id' and source_id = args ->> 'source_id';
    if told is null then
        perform fail_not_found('evaluation', args ->> 'evaluation_id');
    end if;
    return told;
end $$;
