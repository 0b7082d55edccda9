-- `EnrichStore`: what a chat model adds to stored pages.

create table gleanery.answer (
    key               bytea primary key,
    kind              text collate "C" not null,
    model             text collate "C" not null,
    value             text collate "C" not null,
    prompt_tokens     bigint not null,
    completion_tokens bigint not null,
    at                double precision not null
);

-- How far a text goes at its two ends, and the setting of a page, are those of the embedded store.
create function gleanery.page_settings(pages bigint[]) returns table (
    page_row bigint, url text, title text, description text, outline text, lead text
)
language sql stable as $$
    select page.page_row, page.url, page.title, page.description, page.outline, (
        select left(content, 2000) from gleanery.chunk where chunk.page_row = page.page_row and ordinal = 0)
    from gleanery.page where page.page_row = any (pages)
$$;

create function gleanery.source_row(id text) returns gleanery.source
language plpgsql stable set search_path = gleanery, pg_temp as $$
declare
    found_source source;
begin
    select * into found_source from source where source_id = id and deleted_at is null;
    if found_source.source_id is null then
        perform fail_not_found('source', id);
    end if;
    return found_source;
end $$;

-- Visible rows without a context, page by page, as [[rows, characters]], code likewise.
create function public.gleanery_enrich_lacking(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    asked source := source_row(args ->> 'source_id');
    chunks json;
    code json;
begin
    select coalesce(json_agg(json_build_array(rows, characters) order by page_row), '[]') into chunks from (
        select page_row, count(*) as rows, sum(length(content)) as characters
        from chunk join page using (page_row)
        where chunk.source_id = asked.source_id and context = '' and born <= asked.generation and died > asked.generation
        group by page_row) as by_page;
    select coalesce(json_agg(json_build_array(rows, characters) order by page_row), '[]') into code from (
        select page_row, count(*) as rows, sum(length(item.code)) as characters
        from code_example as item join page using (page_row)
        where item.source_id = asked.source_id and item.name = '' and born <= asked.generation and died > asked.generation
        group by page_row) as by_page;
    return json_build_object('chunks', chunks, 'code', code, 'has_description', asked.description <> '');
end $$;

create function public.gleanery_enrich_chunks_to_place(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by row_id), '[]') from (
        select item.row_id, item.chunk_id, item.page_row, item.ordinal, item.title, item.heading_path, item.content,
            (select right(content, 300) from chunk where page_row = item.page_row and ordinal = item.ordinal - 1) as before,
            (select left(content, 300) from chunk where page_row = item.page_row and ordinal = item.ordinal + 1) as behind
        from source join chunk as item using (source_id) join page using (page_row)
        where item.source_id = args ->> 'source_id' and source.deleted_at is null
        and page.born <= source.generation and page.died > source.generation
        and item.context = '' and item.row_id > (args ->> 'after')::bigint
        order by item.row_id limit (args ->> 'limit')::bigint
    ) as one
$$;

create function public.gleanery_enrich_code_to_name(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by row_id), '[]') from (
        select item.row_id, item.code_id, item.page_row, item.ordinal, item.title, item.heading_path, item.language,
            item.context, item.code
        from source join code_example as item using (source_id) join page using (page_row)
        where item.source_id = args ->> 'source_id' and source.deleted_at is null
        and page.born <= source.generation and page.died > source.generation
        and item.name = '' and item.row_id > (args ->> 'after')::bigint
        order by item.row_id limit (args ->> 'limit')::bigint
    ) as one
$$;

create function public.gleanery_enrich_settings(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one), '[]') from page_settings(bigints(args -> 'page_rows')) as one
$$;

-- The top of a site first: few steps in the path, then short ones.
create function public.gleanery_enrich_source_setting(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    asked source := source_row(args ->> 'source_id');
    count bigint;
    pages json;
begin
    select count(*) into count from visible_page where source_id = asked.source_id;
    select coalesce(json_agg(one order by place), '[]') into pages from (
        select place, page_settings.* from (
            select page_row, row_number() over (
                order by length(url_key) - length(replace(url_key, '/', '')), length(url_key), url_key) as place
            from visible_page where source_id = asked.source_id order by place limit 60
        ) as top join page_settings(array[top.page_row]) using (page_row)
    ) as one;
    return json_build_object('url', asked.url, 'title', asked.title, 'description', asked.description, 'count', count, 'pages', pages);
end $$;

-- [[key, value]], keys in base64.
create function public.gleanery_enrich_answers(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(json_build_array(encode(key, 'base64'), value)), '[]') from answer
    where key = any (array(select decode(one, 'base64') from unnest(texts(args -> 'keys')) as one))
$$;

create function public.gleanery_enrich_keep_answers(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform check_fence(args -> 'fence');
    insert into answer (key, kind, model, value, prompt_tokens, completion_tokens, at)
    select distinct on (1) decode(new.key, 'base64'), kind, model, value, prompt_tokens, completion_tokens, now_of(args)
    from rows from (jsonb_to_recordset(args -> 'answers') as (
        key text, kind text, model text, value text, prompt_tokens bigint, completion_tokens bigint
    )) with ordinality as new (key, kind, model, value, prompt_tokens, completion_tokens, place)
    order by 1, place desc
    on conflict (key) do update set kind = excluded.kind, model = excluded.model, value = excluded.value,
        prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens, at = excluded.at;
    return reply(args, null);
end $$;

-- Those of the chunks ([{row_id, chunk_id}]) that are there, whole: what becomes of their text is worked out by the client.
create function public.gleanery_enrich_chunks(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by row_id), '[]') from (
        select chunk.* from jsonb_to_recordset(args -> 'rows') as new (row_id bigint, chunk_id text)
        join chunk on chunk.row_id = new.row_id and chunk.chunk_id = new.chunk_id
    ) as one
$$;

create function public.gleanery_enrich_code(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by row_id), '[]') from (
        select item.* from jsonb_to_recordset(args -> 'rows') as new (row_id bigint, code_id text)
        join code_example as item on item.row_id = new.row_id and item.code_id = new.code_id
    ) as one
$$;

-- The rows of the texts that these chunks ([{row_id, chunk_id, hash}]) will have: [[row, text]].
create function public.gleanery_enrich_new_texts(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    found json;
begin
    perform check_fence(args -> 'fence');
    insert into text (text_hash)
    select distinct decode(new.hash, 'hex') from jsonb_to_recordset(args -> 'rows') as new (row_id bigint, chunk_id text, hash text)
    join chunk on chunk.row_id = new.row_id and chunk.chunk_id = new.chunk_id order by 1
    on conflict do nothing;
    select coalesce(json_agg(json_build_array(chunk.row_id, text.text_row) order by chunk.row_id), '[]') into found
    from jsonb_to_recordset(args -> 'rows') as new (row_id bigint, chunk_id text, hash text)
    join chunk on chunk.row_id = new.row_id and chunk.chunk_id = new.chunk_id
    join text on text.text_hash = decode(new.hash, 'hex');
    return reply(args, found);
end $$;

-- Give chunks ([{row_id, chunk_id, context, hash, words}]) their contexts; how many. One whose old text has a vector of `model`
-- and whose new one has none stays as it is: search would find it by meaning no more.
create function public.gleanery_enrich_add_contexts(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    new record;
    old chunk;
    next_text bigint;
    given bigint := 0;
    loose bigint[] := '{}';
begin
    if known is not null then
        return known;
    end if;
    perform check_fence(args -> 'fence');
    perform hold_texts(array(select value ->> 'hash' from jsonb_array_elements(args -> 'rows')));
    for new in
        select * from jsonb_to_recordset(args -> 'rows')
            as new (row_id bigint, chunk_id text, context text, hash text, words text) order by row_id
    loop
        select * into old from chunk where row_id = new.row_id and chunk_id = new.chunk_id for update;
        select text_row into next_text from text where text_hash = decode(new.hash, 'hex');
        continue when old.context = new.context;
        if old.row_id is null or (args ->> 'model' is not null and has_vector(old.text_row, args ->> 'model')
            and not has_vector(next_text, args ->> 'model')) then
            loose := loose || next_text;  -- not one that a chunk gets: two that hold it would wait for each other to drop it
            continue;
        end if;
        update chunk set context = new.context, text_row = next_text where row_id = new.row_id;
        update chunk_words set words = new.words::tsvector, word_count = word_count(new.words::tsvector) where row_id = new.row_id;
        loose := loose || old.text_row;
        given := given + 1;
    end loop;
    perform drop_texts(loose);
    return reply(args, to_json(given), true);
end $$;

-- Name and describe code examples ([{row_id, code_id, name, summary, words}]); how many.
create function public.gleanery_enrich_add_summaries(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    given bigint;
begin
    perform check_fence(args -> 'fence');
    perform 1 from code_example where row_id in (
        select row_id from jsonb_to_recordset(args -> 'rows') as new (row_id bigint)) order by row_id for update;
    update code_example as code set name = new.name, summary = new.summary
    from jsonb_to_recordset(args -> 'rows') as new (row_id bigint, code_id text, name text, summary text)
    where code.row_id = new.row_id and code.code_id = new.code_id;
    get diagnostics given = row_count;
    update code_words set words = new.words::tsvector, word_count = word_count(new.words::tsvector)
    from jsonb_to_recordset(args -> 'rows') as new (row_id bigint, code_id text, words text) join code_example as code using (row_id)
    where code_words.row_id = new.row_id and code.code_id = new.code_id;
    return reply(args, to_json(given));
end $$;

create function public.gleanery_enrich_describe_source(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform check_fence(args -> 'fence');
    update source set description = args ->> 'description' where source_id = args ->> 'source_id' and not is_described;
    return reply(args, null);
end $$;
