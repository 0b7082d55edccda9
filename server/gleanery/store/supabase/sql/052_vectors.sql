-- Vectors by text and model, half floats as in the embedded store, and the models that they are of.

do $$ begin
    if not exists (select from pg_extension where extname = 'vector') then
        create schema if not exists extensions;
        grant usage on schema extensions to service_role;
        create extension vector schema extensions;
    end if;
end $$;
-- Where the extension is, its types are found from here on, in this file.
set local search_path = gleanery, extensions, public;

create table gleanery.vector (
    text_row bigint not null references gleanery.text (text_row) on delete cascade,
    model    text collate "C" not null,
    data     halfvec not null,
    primary key (text_row, model)
);
create index vector_model on gleanery.vector (model, text_row);
-- One graph for each length that models' vectors commonly have; vectors of other lengths are compared one by one.
create index vector_near_256 on gleanery.vector using hnsw ((data::halfvec(256)) halfvec_cosine_ops) where vector_dims(data) = 256;
create index vector_near_384 on gleanery.vector using hnsw ((data::halfvec(384)) halfvec_cosine_ops) where vector_dims(data) = 384;
create index vector_near_512 on gleanery.vector using hnsw ((data::halfvec(512)) halfvec_cosine_ops) where vector_dims(data) = 512;
create index vector_near_768 on gleanery.vector using hnsw ((data::halfvec(768)) halfvec_cosine_ops) where vector_dims(data) = 768;
create index vector_near_1024 on gleanery.vector using hnsw ((data::halfvec(1024)) halfvec_cosine_ops) where vector_dims(data) = 1024;
create index vector_near_1536 on gleanery.vector using hnsw ((data::halfvec(1536)) halfvec_cosine_ops) where vector_dims(data) = 1536;
create index vector_near_3072 on gleanery.vector using hnsw ((data::halfvec(3072)) halfvec_cosine_ops) where vector_dims(data) = 3072;

create table gleanery.embed_failure (
    text_row bigint not null references gleanery.text (text_row) on delete cascade,
    model    text collate "C" not null,
    code     text collate "C" not null,
    message  text collate "C" not null,
    attempts bigint not null,
    at       double precision not null,
    primary key (text_row, model)
);
create index embed_failure_model on gleanery.embed_failure (model, at);

-- `options` is {options, environment, usage}.
create table gleanery.embedding_model (
    model        text collate "C" primary key,
    options      jsonb not null,
    state        text collate "C" not null,
    created_at   double precision not null,
    activated_at double precision
);
create unique index embedding_model_state on gleanery.embedding_model (state);

create function gleanery.has_vector(row_of_text bigint, name text) returns boolean
language sql stable as $$
    select exists (select from gleanery.vector where vector.text_row = row_of_text and vector.model = name)
$$;
create function gleanery.was_refused(row_of_text bigint, name text) returns boolean
language sql stable as $$
    select exists (select from gleanery.embed_failure as f where f.text_row = row_of_text and f.model = name)
$$;

-- Chunks that are seen, or part of what is being built beside that, and whose text lacks a vector. Those that were refused
-- three times, or at `tried_before` or later, are left alone.
create function gleanery.chunks_to_embed(name text, tried_before double precision) returns setof gleanery.chunk
language sql stable as $$
    select chunk.* from gleanery.source join gleanery.chunk using (source_id) join gleanery.page using (page_row)
    where source.deleted_at is null and page.died > source.generation and page.born < gleanery.forever()
    and not exists (select from gleanery.vector where vector.text_row = chunk.text_row and vector.model = name)
    and not exists (
        select from gleanery.embed_failure as f where f.text_row = chunk.text_row and f.model = name
        and (f.attempts >= 3 or f.at >= tried_before))
$$;

-- Chunks that are seen, of one source or of all (null).
create function gleanery.seen_chunks(source text) returns setof gleanery.chunk
language sql stable as $$
    select chunk.* from gleanery.source join gleanery.chunk using (source_id) join gleanery.page using (page_row)
    where source.deleted_at is null and page.born <= source.generation and page.died > source.generation
    and (seen_chunks.source is null or source.source_id = seen_chunks.source)
$$;

create function public.gleanery_vectors_without_vectors(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select coalesce(json_agg(one order by row_id), '[]') from (
        select row_id, text_row, page_id, source_id, title, heading_path, context, content
        from chunks_to_embed(args ->> 'model', (args ->> 'tried_before')::double precision)
        where source_id = args ->> 'source_id' and row_id > (args ->> 'after')::bigint
        order by row_id limit (args ->> 'limit')::bigint
    ) as one
$$;

create function public.gleanery_vectors_sources_without_vectors(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select coalesce(json_agg(source_id order by source_id), '[]') from source
    where deleted_at is null
    and not exists (select from task where serial_key = source.source_id and status in ('queued', 'running', 'paused'))
    and exists (select from chunks_to_embed(args ->> 'model', null) as chunk where chunk.source_id = source.source_id)
$$;

create function gleanery.sources_lacking(name text, source text, most bigint) returns setof text
language sql stable as $$
    select each.source_id from gleanery.source as each
    where each.deleted_at is null and (sources_lacking.source is null or each.source_id = sources_lacking.source) and exists (
        select from gleanery.chunk join gleanery.page using (page_row) where chunk.source_id = each.source_id
        and page.born <= each.generation and page.died > each.generation
        and not exists (select from gleanery.vector where vector.text_row = chunk.text_row and vector.model = name)
        and not exists (select from gleanery.embed_failure as f where f.text_row = chunk.text_row and f.model = name))
    order by each.source_id limit most
$$;

create function public.gleanery_vectors_sources_lacking(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select coalesce(json_agg(id order by id), '[]') from sources_lacking(args ->> 'model', args ->> 'source_id', null) as id
$$;

create function public.gleanery_vectors_tasks_at_work(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select coalesce(json_agg(task_id order by created_at, task_id), '[]') from task
    where status in ('queued', 'running', 'paused') and task_type = 'embed_source'
    and payload::json ->> 'model' = args ->> 'model'
    and (args ->> 'source_id' is null or payload::json ->> 'source_id' = args ->> 'source_id')
$$;

create function public.gleanery_vectors_coverage(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select json_build_object(
        'texts', count(*), 'embedded', count(*) filter (where has_one), 'failed', count(*) filter (where not has_one and is_refused))
    from (
        select has_vector(text_row, args ->> 'model') as has_one, was_refused(text_row, args ->> 'model') as is_refused
        from (select distinct text_row from seen_chunks(args ->> 'source_id')) as texts
    ) as told
$$;

create function public.gleanery_vectors_texts_lacking(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    with every as (
        select min(row_id) as row_id, row_number() over (order by text_row) - 1 as number, count(*) over () as total
        from seen_chunks(args ->> 'source_id') as chunk where not has_vector(text_row, args ->> 'model') group by text_row
    )
    select coalesce(json_agg(one order by row_id), '[]') from (
        select chunk.row_id, text_row, page_id, source_id, title, heading_path, context, content from every join chunk using (row_id)
        where number % greatest(1, ceil(total::double precision / (args ->> 'limit')::bigint)::bigint) = 0
    ) as one
$$;

-- Keep vectors: `rows` are [{text_row, data, tokens}], `usage` {tokens, requests}. How many pages have a vector of each of
-- their texts by that.
create function public.gleanery_vectors_add(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, extensions, public, pg_temp as $$
declare
    known json := answered(args);
    name text := args ->> 'model';
    texts bigint[];
    completed bigint;
begin
    if known is not null then
        return known;
    end if;
    perform check_fence(args -> 'fence');
    select array_agg(text_row order by text_row) into texts
    from jsonb_to_recordset(args -> 'rows') as new (text_row bigint) join text using (text_row);
    perform 1 from text where text_row = any (texts) order by text_row for no key update;
    insert into vector (text_row, model, data)
    select text.text_row, name, new.data::halfvec
    from jsonb_to_recordset(args -> 'rows') as new (text_row bigint, data text) join text using (text_row) order by text.text_row
    on conflict (text_row, model) do update set data = excluded.data;
    update text set tokens = new.tokens from jsonb_to_recordset(args -> 'rows') as new (text_row bigint, tokens bigint)
    where text.text_row = new.text_row and new.tokens is not null;
    delete from embed_failure where text_row = any (texts) and model = name;
    perform count_usage(name, jsonb_build_object('texts', jsonb_array_length(args -> 'rows')) || (args -> 'usage'));
    select count(*) into completed from (
        select distinct page_row from chunk join page using (page_row)
        where text_row = any (texts) and chunk.source_id = any ((select texts(args -> 'source_ids'))::text[]) and died = forever() and born < forever()
    ) as page
    where not exists (select from chunk where chunk.page_row = page.page_row and not has_vector(chunk.text_row, name));
    return reply(args, to_json(completed), true);
end $$;

create function public.gleanery_vectors_add_failures(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, extensions, public, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    perform check_fence(args -> 'fence');
    insert into embed_failure (text_row, model, code, message, attempts, at)
    select text_row, args ->> 'model', new.code, new.message, 1, now_of(args)
    from jsonb_to_recordset(args -> 'rows') as new (text_row bigint, code text, message text) join text using (text_row)
    order by text_row
    on conflict (text_row, model) do update set code = excluded.code, message = excluded.message, at = excluded.at,
        attempts = embed_failure.attempts + 1;
    perform count_usage(args ->> 'model', jsonb_build_object('failed', jsonb_array_length(args -> 'rows')));
    return reply(args, null, true);
end $$;

create function public.gleanery_vectors_failures(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select coalesce(json_agg(one order by at desc, text_row), '[]') from (
        select * from (
            select distinct on (f.text_row) f.text_row, f.code, f.message, f.attempts, f.at, chunk.source_id, chunk.heading_path, page.url
            from embed_failure as f join chunk on chunk.text_row = f.text_row join visible_page as page using (page_row)
            where f.model = args ->> 'model' order by f.text_row, chunk.row_id
        ) as seen order by at desc, text_row limit (args ->> 'limit')::bigint
    ) as one
$$;

-- A vector as bytes (base64): what pgvector sends, two numbers of 16 bits and then its own.
create function gleanery.as_bytes(data halfvec) returns text
language sql immutable set search_path = extensions, public, pg_temp as $$
    select translate(encode(halfvec_send(data), 'base64'), E'\n', '')
$$;

-- [[text, source, data]], one for each source that has the text.
create function public.gleanery_vectors_list(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    with listed as (
        select text_row, data from vector where model = args ->> 'model' and text_row > (args ->> 'after')::bigint
        order by text_row limit (args ->> 'limit')::bigint
    )
    select coalesce(json_agg(json_build_array(text_row, source_id, as_bytes(data)) order by text_row, source_id), '[]')
    from listed join (select distinct text_row, source_id from chunk where text_row in (select text_row from listed)) as owner using (text_row)
$$;

create function public.gleanery_vectors_newer_texts(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select coalesce(json_agg(json_build_array(row_id, text_row) order by row_id), '[]') from (
        select row_id, text_row from chunk
        where source_id = args ->> 'source_id' and row_id > (args ->> 'after')::bigint and has_vector(text_row, args ->> 'model')
        order by row_id limit (args ->> 'limit')::bigint
    ) as listed
$$;

create function public.gleanery_vectors_newest_row(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select to_json(coalesce(max(row_id), 0)) from chunk where source_id = args ->> 'source_id'
$$;

create function public.gleanery_vectors_embedded_texts(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select coalesce(json_agg(text_row order by text_row), '[]') from (
        select distinct text_row from chunk where source_id = args ->> 'source_id' and has_vector(text_row, args ->> 'model')
    ) as texts
$$;

create function public.gleanery_vectors_of(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select coalesce(json_agg(json_build_array(text_row, as_bytes(data)) order by text_row), '[]') from vector
    where model = args ->> 'model' and text_row = any (bigints(args -> 'text_rows'))
$$;

create function public.gleanery_vectors_dimensions(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select to_json((select vector_dims(data) from vector where model = args ->> 'model' limit 1))
$$;

-- What the vectors of a source take: two bytes a number.
create or replace function gleanery.vectors_held(source text) returns json
language sql stable set search_path = gleanery, extensions, public, pg_temp as $$
    select json_build_object('count', count(*), 'size', coalesce(sum(2 * vector_dims(data)), 0)) from vector
    where text_row in (select text_row from chunk where source_id = vectors_held.source)
$$;

set local search_path to default;
