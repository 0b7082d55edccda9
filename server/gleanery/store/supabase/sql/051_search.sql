-- `SearchStore`: what is found by words, of the pages that a filter lets by.
--
-- `pages` is a PageFilter by its field names; where it has `few`, these are all pages that it lets by.

-- As conditions on few rows `item` of pages: dynamic SQL in which $1 is the call's arguments. The `offset` has each row's page
-- looked up, rather than all pages that are seen.
create function gleanery.page_conditions(pages jsonb) returns text
language sql stable set search_path = gleanery, pg_temp as $$
    select case
        when jsonb_typeof(pages -> 'few') = 'array' then 'item.page_row = any (bigints($1 #> ''{pages,few}''))'
        when (pages ->> 'is_of_pages')::boolean then 'item.page_row in (select chosen_pages($1 -> ''pages''))'
        else 'exists (select from page join source using (source_id) where page.page_row = item.page_row'
            || ' and source_id = any (texts($1 #> ''{pages,source_ids}'')) and '
            || case when pages ->> 'generation' is null
                then 'deleted_at is null and born <= source.generation and died > source.generation'
                else 'born <= ($1 #>> ''{pages,generation}'')::bigint and died > ($1 #>> ''{pages,generation}'')::bigint' end
            || ' offset 0)'
    end
$$;

create function gleanery.reals(list jsonb) returns real[]
language sql immutable as $$
    select array_agg(value::real order by ordinality) from jsonb_array_elements_text(list) with ordinality
$$;

-- The best rows of a shelf by BM25, as FTS5 counts it (https://www.sqlite.org/fts5.html#the_bm25_function): [[row, rank]], the
-- lowest first. `query` is what a row must have (null for all), `phrases` are [{words, parts: [{query, weights}]}] and `scale`
-- is what weights were divided by. ts_rank_cd of one phrase is the sum of the weights of its places.
create function public.gleanery_search_find_words(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    found json;
    words_table text := case args ->> 'shelf' when 'chunks' then 'chunk_words' else 'code_words' end;
    of_words text := case when args ->> 'query' is null then 'true' else 'words @@ ($1 ->> ''query'')::tsquery' end;
    of_pages text := page_conditions(args -> 'pages');
begin
    if jsonb_typeof(args #> '{pages,few}') = 'array' then  -- known without another table
        of_words := of_words || ' and ' || of_pages;
        of_pages := 'true';
    end if;
    if jsonb_array_length(args -> 'code_languages') > 0 then
        of_pages := of_pages || ' and exists (select from code_example as code where code.row_id = item.row_id'
            || ' and not exists (select from jsonb_array_elements($1 -> ''code_languages'') as allowed'
            || ' where coalesce(code.language, '''') <> all (texts(allowed))))';
    end if;
    -- First what has the words, then what of it may be seen, then how often it has each: one step after the other, since the
    -- planner can't estimate how many rows have the words of a query. A phrase that isn't there is found out sooner than counted.
    execute format($sql$
        with phrase as materialized (
            select ordinality as phrase,
                case jsonb_array_length(one -> 'words') when 1 then one #>> '{words,0}' end as word,
                (one #>> '{parts,0,query}')::tsquery as query_1, reals(one #> '{parts,0,weights}') as weights_1,
                (one #>> '{parts,1,query}')::tsquery as query_2, reals(one #> '{parts,1,weights}') as weights_2,
                (one #>> '{parts,2,query}')::tsquery as query_3, reals(one #> '{parts,2,weights}') as weights_3
            from jsonb_array_elements($1 -> 'phrases') with ordinality as list (one, ordinality)
        ), having_words as materialized (
            select row_id, page_row from %1$I as item where %2$s
        ), hit as materialized (
            select row_id from having_words as item where %3$s
        ), counted as materialized (
            select item.row_id, item.word_count, each.phrase, each.times * ($1 ->> 'scale')::double precision as times
            from hit cross join lateral (select * from %1$I as words where words.row_id = hit.row_id offset 0) as item
            cross join lateral (
                select phrase, case when item.words @@ query_1 then ts_rank_cd(weights_1, item.words, query_1) else 0 end
                    + case when item.words @@ query_2 then ts_rank_cd(weights_2, item.words, query_2) else 0 end
                    + case when item.words @@ query_3 then ts_rank_cd(weights_3, item.words, query_3) else 0 end as times
                from phrase offset 0
            ) as each
            where each.times > 0
        ), shelf_size as materialized (
            select greatest(shelf_rows($1 ->> 'shelf'), 1) as rows, coalesce(
                (select words::double precision / nullif(rows, 0) from shelf where shelf = $1 ->> 'shelf'),
                (select avg(word_count) from counted)) as words
        ), having_phrase as (
            -- Words that have not been counted yet, and phrases, are in as many rows as are found to have them.
            select phrase.phrase, greatest(coalesce(counts.rows, 0), coalesce(word.rows, 0)) as rows
            from phrase left join (select phrase, count(*) as rows from counted group by phrase) as counts using (phrase)
            left join word on word.shelf = $1 ->> 'shelf' and word.word = phrase.word
        ), weight as materialized (
            select phrase, greatest(ln((shelf_size.rows - least(having_phrase.rows, shelf_size.rows) + 0.5)::double precision
                / (having_phrase.rows + 0.5)::double precision), 1e-6) as weight
            from having_phrase cross join shelf_size
        )
        select coalesce(json_agg(json_build_array(row_id, rank) order by rank, row_id), '[]') from (
            select row_id, -sum(weight * times * 2.2 / (times + 1.2 * (0.25 + 0.75 * word_count / shelf_size.words))) as rank
            from counted join weight using (phrase) cross join shelf_size
            group by row_id order by rank, row_id limit ($1 ->> 'limit')::bigint
        ) as best
    $sql$, words_table, of_words, of_pages) using args into found;
    return found;
end $$;

-- The chunks that have these texts, of the pages that the filter lets by, and (`query`) with these words: [[text, row]].
create function public.gleanery_search_rows_of_texts(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    found json;
begin
    execute format($sql$
        select coalesce(json_agg(json_build_array(text_row, row_id) order by row_id), '[]') from chunk as item
        where text_row = any (bigints($1 -> 'text_rows')) and %s and ($1 ->> 'query' is null or exists (
            select from chunk_words where chunk_words.row_id = item.row_id and words @@ ($1 ->> 'query')::tsquery))
    $sql$, page_conditions(args -> 'pages')) using args into found;
    return found;
end $$;

create function public.gleanery_search_texts_of(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(text_row order by text_row), '[]') from (
        select distinct text_row from chunk where page_row in (
            select unnest(bigints(args #> '{pages,few}')) where jsonb_typeof(args #> '{pages,few}') = 'array'
            union all
            select chosen_pages(args -> 'pages') where jsonb_typeof(args #> '{pages,few}') is distinct from 'array')
    ) as texts
$$;

create function public.gleanery_search_texts_with(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(text_row order by text_row), '[]') from (
        select distinct text_row from chunk_words join chunk using (row_id)
        where args ->> 'query' is null or words @@ (args ->> 'query')::tsquery
    ) as texts
$$;

-- Of all sources what a filter of sources goes by. They are chosen by the client.
create function public.gleanery_search_sources(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one), '[]') from (
        select source_id, url, title, tags, knowledge_type from source where deleted_at is null order by source_id
    ) as one
$$;

-- The pages that a filter lets by, or `most` of them.
create function public.gleanery_search_few_pages(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(page_row), '[]') from (
        select page_row from chosen_pages(args -> 'pages') as page_row limit (args ->> 'most')::bigint
    ) as listed
$$;

create function public.gleanery_search_found_chunks(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    found json;
begin
    execute format($sql$
        select coalesce(json_agg(one), '[]') from (
            select item.*, page.url, page.title as page_title, page.outline from chunk as item join page using (page_row)
            where item.row_id = any (bigints($1 -> 'rows')) and %s
        ) as one
    $sql$, page_conditions(args -> 'pages')) using args into found;
    return found;
end $$;

create function public.gleanery_search_found_code(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    found json;
begin
    execute format($sql$
        select coalesce(json_agg(one), '[]') from (
            select item.*, page.url, page.title as page_title from code_example as item join page using (page_row)
            where item.row_id = any (bigints($1 -> 'rows')) and %s and not exists (
                select from jsonb_array_elements($1 -> 'code_languages') as allowed
                where coalesce(item.language, '') <> all (texts(allowed)))
        ) as one
    $sql$, page_conditions(args -> 'pages')) using args into found;
    return found;
end $$;

create function public.gleanery_search_neighbours(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one), '[]') from (
        select hit.row_id as hit_row, beside.*, '' as url, '' as page_title, '[]' as outline from chunk as hit
        join chunk as beside on beside.page_row = hit.page_row and beside.row_id <> hit.row_id
            and beside.ordinal between hit.ordinal - (args ->> 'distance')::bigint and hit.ordinal + (args ->> 'distance')::bigint
        where hit.row_id = any (bigints(args -> 'rows')) order by hit.row_id, beside.ordinal
    ) as one
$$;
