-- `HoldingStore`: what a source holds.

-- Of a page's key what comes below the folder, and its first part where that is a folder: no slash of a query or a route.
create function gleanery.folder_below(key text, folder text) returns text
language sql immutable as $$ select substring(substr(key, length(folder) + 1) from '^[^/?#]*/') $$;

-- First and last key of all pages that are seen: the innermost folder of all follows from them.
create function public.gleanery_holdings_ends(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    seen bigint := visible_generation(args ->> 'source_id');
begin
    return (select json_build_object('first', min(url_key), 'last', max(url_key)) from page
        where source_id = args ->> 'source_id' and born <= seen and died > seen);
end $$;

-- Folders and pages right below `under`, whose keys all come before `end`.
create function public.gleanery_holdings_branch(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := args ->> 'source_id';
    seen bigint := visible_generation(id);
    under text collate "C" := args ->> 'under';
    beyond text collate "C" := args ->> 'end';
    folders json := '[]';
begin
    if args ->> 'after' is null then
        select coalesce(json_agg(one order by first), '[]') into folders from (
            select count(*) as pages, count(missing_since) as missing, min(url_key) as first, max(url_key) as last
            from (
                select url_key, missing_since, folder_below(url_key, under) as folder from page
                where source_id = id and url_key >= under and url_key < beyond and born <= seen and died > seen
            ) as below
            where folder is not null group by folder
        ) as one;
    end if;
    return json_build_object('folders', folders, 'pages', (
        select coalesce(json_agg(one order by url_key), '[]') from (
            select * from page_facts
            where source_id = id and url_key >= under and url_key < beyond and born <= seen and died > seen
                and folder_below(url_key, under) is null and url_key > coalesce(args ->> 'after', '')
            order by url_key limit (args ->> 'limit')::bigint
        ) as one));
end $$;

create function public.gleanery_holdings_storage(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := args ->> 'source_id';
    seen bigint := visible_generation(id);
begin
    return json_build_object(
        'sizes', (select coalesce(json_agg(one), '[]') from (
            select born <= seen and died > seen as is_seen, count(*) as pages, sum(chunk_count)::bigint as chunks,
                sum(code_count)::bigint as code, sum(markdown_bytes)::bigint as markdown_bytes,
                sum(chunk_bytes)::bigint as chunk_bytes, sum(code_bytes)::bigint as code_bytes
            from page join page_size using (page_row) where source_id = id and born < forever() group by is_seen) as one),
        'languages', (select coalesce(json_agg(one), '[]') from (
            select code_example.language, count(*) as count from code_example join page using (page_row)
            where code_example.source_id = id and born <= seen and died > seen group by code_example.language) as one),
        'vectors', vectors_held(id));
end $$;

-- Tasks that make vectors of a model beside those in use have the model's name after that of the source in their key.
create function public.gleanery_holdings_embeddings(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    id text collate "C" := args ->> 'source_id';
begin
    perform visible_generation(id);
    return (select coalesce(json_agg(one order by created_at desc, task_id), '[]') from (
        select task_id, task_type, status, created_at, told ->> 'embedding_model' as model,
            told -> 'embedding_tokens' as tokens, told -> 'generation' as generation,
            coalesce(told -> 'saved' -> 'tokens', '0') as saved_tokens,
            coalesce(told -> 'saved' -> 'chunks', '0') as saved_chunks,
            coalesce(told -> 'saved' -> 'pages_not_fetched', '0') as not_fetched
        from task cross join lateral (select result::json as told) as ended
        where (serial_key = id or serial_key > id || ':' and serial_key < id || ';')
            and told ->> 'embedding_tokens' is not null
    ) as one);
end $$;
