-- `KnowledgeStore`: sources, and what is visible of their pages, chunks and code.

-- How many visible chunks of a source have a vector of the model.
create function gleanery.embedded_chunks(source text, model_name text) returns bigint
language plpgsql stable set search_path = gleanery, pg_temp as $$
begin
    if model_name is null then
        return 0;
    end if;
    return (select count(*) from visible_page as seen join chunk using (page_row)
        join vector on vector.text_row = chunk.text_row and vector.model = model_name
        where seen.source_id = source);
end $$;

-- A source with what is counted of it, and the newest task that is not about its vectors or a chat model's work.
create function gleanery.told_source(one gleanery.source, model_name text) returns jsonb
language sql stable as $$
    select to_jsonb(one) || to_jsonb(held) || jsonb_build_object(
        'embedded_count', gleanery.embedded_chunks(one.source_id, model_name),
        'last_crawl', (select row_to_json(last) from (
            select task_id, task_type, status, created_at, processing_completed_at, error::json ->> 'code' as error_code
            from gleanery.task where serial_key = one.source_id and task_type in ('crawl', 'upload', 'import')
            order by created_at desc limit 1
        ) as last))
    from (
        select count(*) as page_count, coalesce(sum(size_bytes), 0)::bigint as size_bytes,
            coalesce(sum(chunk_count), 0)::bigint as chunk_count, coalesce(sum(code_count), 0)::bigint as code_count
        from gleanery.page where source_id = one.source_id and born <= one.generation and died > one.generation
    ) as held
$$;

-- Fails for an unknown source.
create function gleanery.source_of(id text, model_name text) returns jsonb
language plpgsql stable set search_path = gleanery, pg_temp as $$
declare
    told jsonb;
begin
    select told_source(source, model_name) into told from source where source_id = id and deleted_at is null;
    if told is null then
        perform fail_not_found('source', id);
    end if;
    return told;
end $$;

-- Keep the source, or bring the one that this URL has up to date; gives its id.
create function gleanery.put_source(given jsonb, at double precision) returns text
language sql as $$
    insert into gleanery.source (source_id, url, url_key, title, tags, knowledge_type, options, created_at, updated_at)
    select source_id, url, url_key, title, tags, knowledge_type, options, at, at
    from jsonb_populate_record(null::gleanery.source, given)
    on conflict (url_key) where deleted_at is null do update set tags = excluded.tags,
        knowledge_type = excluded.knowledge_type, options = excluded.options, updated_at = excluded.updated_at
    returning source_id
$$;

create function public.gleanery_knowledge_ensure_source(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := put_source(args -> 'source', now_of(args));
begin
    return reply(args, source_of(id, null)::json);
end $$;

create function public.gleanery_knowledge_source(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select source_of(args ->> 'source_id', args ->> 'model')::json
$$;

create function public.gleanery_knowledge_sources(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(told_source(one, args ->> 'model') order by created_at desc, source_id), '[]') from (
        select * from source
        where deleted_at is null and (args ->> 'url_key' is null or url_key = args ->> 'url_key')
            and (args ->> 'at' is null or created_at < (args ->> 'at')::double precision
                or created_at = (args ->> 'at')::double precision and source_id > args ->> 'last')
        order by created_at desc, source_id limit (args ->> 'limit')::bigint
    ) as one
$$;

create function gleanery.name_source(id text, called text, task text, at double precision) returns void
language sql as $$
    update gleanery.source set title = case when called = '' or is_titled then title else called end,
        last_task_id = task, updated_at = at
    where source_id = id
$$;

create function public.gleanery_knowledge_name_source(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform check_fence(args -> 'fence');
    perform name_source(args ->> 'source_id', args ->> 'title', args -> 'fence' ->> 'task_id', now_of(args));
    return reply(args, null);
end $$;

create function public.gleanery_knowledge_change_source(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := args ->> 'source_id';
    changed source;
begin
    perform visible_generation(id);
    update source set
        title = coalesce(args ->> 'title', title),
        is_titled = case when args ->> 'title' is null then is_titled else args ->> 'title' <> '' end,
        description = coalesce(args ->> 'description', description),
        is_described = case when args ->> 'description' is null then is_described else args ->> 'description' <> '' end,
        tags = coalesce(args ->> 'tags', tags),
        knowledge_type = coalesce(nullif(args ->> 'knowledge_type', ''), knowledge_type),
        updated_at = now_of(args)
    where source_id = id returning * into changed;
    update schedule set payload = merged(payload::json,
        json_build_object('tags', changed.tags::json, 'knowledge_type', changed.knowledge_type))
    where source_id = id;
    return reply(args, source_of(id, null)::json);
end $$;

create function public.gleanery_knowledge_delete_source(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    id text := args ->> 'source_id';
    busy text;
begin
    if known is not null then return known; end if;
    perform 1 from source where source_id = id for no key update;  -- a crawl that starts right now is waited for
    perform visible_generation(id);
    select task_id into busy from task where serial_key = id and status in ('queued', 'running', 'paused') limit 1;
    if busy is not null then
        perform fail('GL003', 'A task works on this source: cancel it first, then delete.',
            json_build_object('source_id', id, 'task_id', busy));
    end if;
    delete from schedule where source_id = id;
    update source set deleted_at = now_of(args) where source_id = id;
    return reply(args, null, true);
end $$;

-- Pages

-- A text that stands for itself in LIKE.
create function gleanery.literal(given text) returns text
language sql immutable as $$
    select replace(replace(replace(given, '\', '\\'), '%', '\%'), '_', '\_')
$$;

create function public.gleanery_knowledge_pages(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := args ->> 'source_id';
    wanted text := '%' || literal(nullif(args ->> 'text', '')) || '%';
    seen bigint := visible_generation(id);
begin
    return (select coalesce(json_agg(one order by url_key), '[]') from (
        select * from page_facts
        where source_id = id and born <= seen and died > seen and url_key > coalesce(args ->> 'after', '')
            and (wanted is null or title ilike wanted or url ilike wanted)
            and (not (args ->> 'is_missing')::boolean or missing_since is not null)
        order by url_key limit (args ->> 'limit')::bigint
    ) as one);
end $$;

create function public.gleanery_knowledge_page(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    told json;
begin
    select row_to_json(page_whole) into told from page_whole join source using (source_id)
    where page_id = args ->> 'page_id' and deleted_at is null
        and born <= coalesce((args ->> 'generation')::bigint, source.generation)
        and died > coalesce((args ->> 'generation')::bigint, source.generation);
    if told is null then
        perform fail_not_found('page', args ->> 'page_id');
    end if;
    return told;
end $$;

create function public.gleanery_knowledge_page_ids(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    seen bigint := visible_generation(args ->> 'source_id');
begin
    return (select coalesce(json_object_agg(url_key, page_id), '{}') from page
        where source_id = args ->> 'source_id' and url_key = any ((select texts(args -> 'url_keys'))::text[]) and born <= seen and died > seen);
end $$;

-- Chunks and code, with what is shown of their pages

create view gleanery.found_chunk with (security_invoker = true) as
    select chunk.*, page.url, page.title as page_title, page.outline, page.language as page_language, page.version, page.born, page.died
    from gleanery.chunk join gleanery.page using (page_row);
create view gleanery.found_code with (security_invoker = true) as
    select code_example.*, page.url, page.title as page_title, page.born, page.died
    from gleanery.code_example join gleanery.page using (page_row);
grant select on gleanery.found_chunk, gleanery.found_code to service_role;

-- The rows of one page by its own index, those of a source by the source's: a source may have very many.
create function public.gleanery_knowledge_chunks(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := args ->> 'source_id';
    seen bigint := visible_generation(id);
    after_row bigint := (args ->> 'after')::bigint;
    most bigint := (args ->> 'limit')::bigint;
begin
    if args ->> 'page_id' is not null then
        return (select coalesce(json_agg(one order by row_id), '[]') from (
            select * from found_chunk where source_id = id and row_id > after_row and page_row in (
                select page_row from page where page.page_id = args ->> 'page_id' and born <= seen and died > seen)
            order by row_id limit most
        ) as one);
    end if;
    return (select coalesce(json_agg(one order by row_id), '[]') from (
        select * from found_chunk where source_id = id and row_id > after_row and born <= seen and died > seen
        order by row_id limit most
    ) as one);
end $$;

create function public.gleanery_knowledge_code_examples(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := args ->> 'source_id';
    seen bigint := visible_generation(id);
    after_row bigint := (args ->> 'after')::bigint;
    most bigint := (args ->> 'limit')::bigint;
    wanted text := args ->> 'language';
begin
    if args ->> 'page_id' is not null then
        return (select coalesce(json_agg(one order by row_id), '[]') from (
            select * from found_code where source_id = id and row_id > after_row and (wanted is null or language = wanted)
                and page_row in (
                    select page_row from page where page.page_id = args ->> 'page_id' and born <= seen and died > seen)
            order by row_id limit most
        ) as one);
    end if;
    return (select coalesce(json_agg(one order by row_id), '[]') from (
        select * from found_code where source_id = id and row_id > after_row and (wanted is null or language = wanted)
            and born <= seen and died > seen
        order by row_id limit most
    ) as one);
end $$;
