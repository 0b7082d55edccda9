-- `PortableStore`: what goes out of a source as a file, and what comes in with one beside its pages.
--
-- A file is written over several calls. All of them go by the generation that was seen at the first: versions never change,
-- and they stay as long as their generation is kept.

create function public.gleanery_portable_known(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json((select source_id from source where url_key = args ->> 'url_key' and deleted_at is null))
$$;

create function public.gleanery_portable_site(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(json_build_array(page.page_id, page.url, page.title, page.description)
        order by frontier.ordinal nulls last, page.url_key), '[]')
    from visible_page as page left join frontier on frontier.task_id = page.seen_task_id and frontier.url_key = page.url_key
    where page.source_id = args ->> 'source_id'
$$;

create function gleanery.pages_in(source text, generation bigint) returns setof bigint
language sql stable as $$
    select page_row from gleanery.page
    where page.source_id = source and page.born <= pages_in.generation and page.died > pages_in.generation
$$;

create function public.gleanery_portable_begin(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    asked source := source_row(args ->> 'source_id');
begin
    return json_build_object('url_key', asked.url_key, 'generation', asked.generation, 'pages', coalesce((
        select json_agg(row order by row) from pages_in(asked.source_id, asked.generation) as row), '[]'));
end $$;

-- Pages with their chunks and code: [{page, links (base64), chunks, code}], in the order of the rows asked for.
create function public.gleanery_portable_pages(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(json_build_object(
        'page', (select row_to_json(one) from (
            select page.page_row, page.page_id, page.source_id, page.url, page.url_key, page.title, page.description, page.language,
                page.version, page.outline, page.content_hash, page.status_code, page.content_type, page.etag, page.last_modified,
                page.size_bytes, page.fetched_at, page.task_id, page.fetched_by, page.born, page.missing_since, page.markdown
        ) as one),
        'links', translate(encode(links, 'base64'), E'\n', ''),
        'chunks', (select coalesce(json_agg(chunk order by ordinal), '[]') from chunk where chunk.page_row = page.page_row),
        'code', (select coalesce(json_agg(item order by ordinal), '[]') from code_example as item where item.page_row = page.page_row)
    ) order by page_row), '[]')
    from page where page_row = any (bigints(args -> 'rows'))
$$;

-- [[model, numbers a vector, vectors]]: the active model's, then that which is being built; without any, those that are there.
create function public.gleanery_portable_models(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    with here as materialized (
        select distinct text_row from pages_in(args ->> 'source_id', (args ->> 'generation')::bigint) as page join chunk on page_row = page
    ), found as (
        select model, max(vector_dims(data)) as length, count(*) as vectors from vector join here using (text_row) group by model
    ), kept as (
        select model, state from embedding_model where state <> 'previous'
    )
    select coalesce(json_agg(json_build_array(model, length, vectors) order by state, model), '[]') from (
        select model, length, vectors, state from found join kept using (model)
        union all
        (select model, length, vectors, '' from found where not exists (select from kept) order by model limit 2)
    ) as told
$$;

-- [[hash (hex), vector]] by the hash, after one.
create function public.gleanery_portable_vectors(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    with here as (
        select distinct text_row from pages_in(args ->> 'source_id', (args ->> 'generation')::bigint) as page join chunk on page_row = page
    ), listed as (
        select text_hash, data from here join text using (text_row) join vector using (text_row)
        where model = args ->> 'model' and text_hash > decode(args ->> 'after', 'hex')
        order by text_hash limit (args ->> 'limit')::bigint
    )
    select coalesce(json_agg(json_build_array(encode(text_hash, 'hex'), as_bytes(data)) order by text_hash), '[]') from listed
$$;

create function public.gleanery_portable_queries(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(json_build_array(query, expected, filters) order by created_at, query_id), '[]')
    from saved_query where source_id = args ->> 'source_id'
$$;

-- Keep vectors ([{hash, data}]) of texts that the source has and that have none of this model yet; how many.
create function public.gleanery_portable_add_vectors(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, extensions, public, pg_temp as $$
declare
    known json := answered(args);
    added bigint;
begin
    if known is not null then
        return known;
    end if;
    perform check_fence(args -> 'fence');
    insert into vector (text_row, model, data)
    select text_row, args ->> 'model', new.data::halfvec
    from jsonb_to_recordset(args -> 'rows') as new (hash text, data text) join text on text_hash = decode(new.hash, 'hex')
    where exists (select from chunk where chunk.text_row = text.text_row and chunk.source_id = args ->> 'source_id')
    order by text_row
    on conflict do nothing;
    get diagnostics added = row_count;
    return reply(args, to_json(added), true);
end $$;

create function public.gleanery_portable_describe(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform check_fence(args -> 'fence');
    perform source_row(args ->> 'source_id');
    update source set description = args ->> 'description' where source_id = args ->> 'source_id';
    return reply(args, null);
end $$;
