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

-- How often a phrase is in `row.words`, each place by its weight, as SQL: `parts` are [{query, weights, factor}]. ts_rank_cd of one
-- phrase is the sum of the weights of its places; that it isn't there is found out sooner than counted.
create function gleanery.times_of(parts jsonb) returns text
language sql immutable set search_path = gleanery, pg_temp as $$
    select string_agg(format('%s * case when row.words @@ %L::tsquery then ts_rank_cd(%L, row.words, %2$L::tsquery) else 0 end',
        part ->> 'factor', part ->> 'query', translate(part ->> 'weights', '[]', '{}')), ' + ')
    from jsonb_array_elements(parts) as part
$$;

-- What a phrase weighs that so many of all rows have.
create function gleanery.weight_of(having_it bigint, of_rows bigint) returns double precision
language sql immutable as $$
    select greatest(ln((of_rows - least(having_it, of_rows) + 0.5)::double precision / (having_it + 0.5)::double precision), 1e-6)
$$;

-- The best rows of a shelf by BM25, as FTS5 counts it (https://www.sqlite.org/fts5.html#the_bm25_function): [[row, rank]], the
-- lowest first. `query` is what a row must have (null for all), `phrases` are [{words, parts}] and `scale` is what weights were
-- divided by.
--
-- A phrase is a column, not a row: so each costs little more than its lookup in the row's words. What may be seen is looked at
-- last, from the best row on until there are enough. A plan without the index of words would look each up in every row.
create function public.gleanery_search_find_words(args jsonb) returns json
language plpgsql stable security invoker
set search_path = gleanery, pg_temp set enable_seqscan = off set jit = off as $$
declare
    found json;
    words_table text := case args ->> 'shelf' when 'chunks' then 'chunk_words' else 'code_words' end;
    of_words text := case when args ->> 'query' is null then 'true' else format('item.words @@ %L::tsquery', args ->> 'query') end;
    of_pages text := page_conditions(args -> 'pages');
    times text;
    weights text;
    rank text;
begin
    if jsonb_typeof(args #> '{pages,few}') = 'array' then  -- known without another table; if not so few, not by their index
        of_words := of_words || ' and ' || case when jsonb_array_length(args #> '{pages,few}') < 200 then of_pages
            else replace(of_pages, 'item.page_row', 'item.page_row + 0') end;
        of_pages := 'true';
    end if;
    if jsonb_array_length(args -> 'code_languages') > 0 then
        of_pages := of_pages || ' and exists (select from code_example as code where code.row_id = item.row_id'
            || ' and not exists (select from jsonb_array_elements($1 -> ''code_languages'') as allowed'
            || ' where coalesce(code.language, '''') <> all (texts(allowed))))';
    end if;
    -- Words that have not been counted yet, and phrases, are in as many rows as are found to have them.
    select string_agg(format('(%s) * %s::double precision as times_%s', times_of(one -> 'parts'), args ->> 'scale', number), ', '),
        string_agg(format('weight_of(greatest(count(*) filter (where times_%s > 0), %s), shelf_size.rows) as weight_%1$s', number,
            coalesce(word.rows, 0)), ', '),
        string_agg(format('weight_%s * times_%1$s * 2.2 / (times_%1$s + by_length)', number), ' + ')
    into times, weights, rank
    from jsonb_array_elements(args -> 'phrases') with ordinality as list (one, number)
    left join word on word.shelf = args ->> 'shelf' and word.word = one #>> '{words,0}' and jsonb_array_length(one -> 'words') = 1;
    if times is null then
        return '[]';
    end if;
    execute format($sql$
        with counted as materialized (
            select item.row_id, item.page_row, item.word_count::double precision, %s
            from %I as item cross join lateral (
                -- What is kept apart from its row would be read again for each phrase.
                select case when pg_column_size(item.words) > 8000 then item.words || '' else item.words end as words offset 0
            ) as row
            where %s
        ), shelf_size as materialized (
            select greatest(shelf_rows($1 ->> 'shelf'), 1) as rows, coalesce(
                (select words::double precision / nullif(rows, 0) from shelf where shelf = $1 ->> 'shelf'),
                (select avg(word_count) from counted)) as words
        ), weight as materialized (
            select %s from shelf_size left join counted on true group by shelf_size.rows
        ), measured as (
            select counted.*, 0.3::double precision + 0.9::double precision * word_count / shelf_size.words as by_length
            from counted cross join shelf_size offset 0
        )
        select coalesce(json_agg(json_build_array(row_id, rank) order by rank, row_id), '[]') from (
            select row_id, rank
            from (select row_id, page_row, -(%s) as rank from measured cross join weight order by 3, 1 offset 0) as item
            where rank < 0 and %s limit ($1 ->> 'limit')::bigint
        ) as best
    $sql$, times, words_table, of_words, weights, rank, of_pages) using args into found;
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

-- {chunks, pages}: what a page has for all of its chunks comes once, its outline is most of it.
create function public.gleanery_search_found_chunks(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    found json;
begin
    execute format($sql$
        with found as materialized (
            select row_id, chunk_id, page_row, page_id, source_id, ordinal, start, "end", heading_path, content, context, text_row
            from chunk as item where row_id = any (bigints($1 -> 'rows')) and %s
        )
        select json_build_object(
            'chunks', (select coalesce(json_agg(found), '[]') from found),
            'pages', (select coalesce(json_object_agg(page_row, json_build_object(
                'url', url, 'page_title', title, 'outline', outline)), '{}')
                from page where page_row in (select page_row from found)))
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
