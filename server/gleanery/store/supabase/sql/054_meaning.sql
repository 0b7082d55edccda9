-- Search by meaning where the vectors are: for processes that hold none in memory.

-- The nearest chunks by cosine that a filter lets by and that have the words of `query` (null for any): [[row, cosine]], the
-- nearest first. Among `few` chunks, or up to a fifth of all where pages or words are asked for, each vector is looked at, else
-- the graph is gone through until enough of them pass: the fewer do, the longer that takes. The planner would begin with all
-- vectors, so chunks are listed first, and each `offset 0` keeps a lookup where it stands.
create function gleanery.nearest(args jsonb) returns table (row_id bigint, score double precision)
language plpgsql stable set search_path = gleanery, extensions, public, pg_temp set enable_seqscan = off set jit = off as $$
declare
    pages constant jsonb := args -> 'pages';
    query constant tsquery := (args ->> 'query')::tsquery;
    wanted constant halfvec := (args ->> 'vector')::halfvec;
    length constant text := vector_dims(wanted)::text;
    most bigint := (args ->> 'few')::bigint;
    chosen constant bigint[] := case when jsonb_typeof(pages -> 'few') = 'array' then bigints(pages -> 'few')
        when (pages ->> 'is_of_pages')::boolean then array(select chosen_pages(pages)) end;
    of_pages constant text := case when chosen is null then page_conditions(pages) else 'item.page_row = any ($3)' end;
    of_words constant text := case when query is null then 'true'
        else 'exists (select from chunk_words where chunk_words.row_id = item.row_id and words @@ $4 offset 0)' end;
    listing text := 'chunk as item where source_id = any (texts($1 #> ''{pages,source_ids}''))';
    not_listed_by text := of_pages || ' and ' || of_words;
    listed bigint[];
begin
    if querytree(query) not in ('', 'T') then  -- that much of it an index can find: nothing, where words only must not be there
        listing := 'chunk_words as item where words @@ $4 and ' || of_pages;
        not_listed_by := 'true';
    elsif chosen is not null then
        listing := 'chunk as item where ' || of_pages;
        not_listed_by := of_words;
    end if;
    if query is not null or chosen is not null then
        most := greatest(most, (select least(reltuples / 5, 40000) from pg_class where oid = 'gleanery.chunk'::regclass));
    end if;
    execute format('select array(select row_id from %s limit $2 + 1)', listing) into listed using args, most, chosen, query;
    if cardinality(listed) <= most then
        return query execute format($sql$
            select item.row_id, 1 - (near.data <=> $2) from unnest($5) as one
            cross join lateral (select * from chunk where row_id = one offset 0) as item
            cross join lateral (
                select data from vector where text_row = item.text_row and model = $1 ->> 'model' and vector_dims(data) = %s offset 0
            ) as near
            where %s order by 2 desc, 1 limit ($1 ->> 'limit')::bigint
        $sql$, length, not_listed_by) using args, wanted, chosen, query, listed;
        return;
    end if;
    perform set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.ef_search', '200', true),
        set_config('hnsw.max_scan_tuples', '40000', true), set_config('hnsw.scan_mem_multiplier', '8', true);
    return query execute format($sql$
        with near as materialized (
            select text_row, 1 - (data::halfvec(%1$s) <=> $2::halfvec(%1$s)) as score from vector
            where model = $1 ->> 'model' and vector_dims(data) = %1$s
            and exists (select from chunk as item where item.text_row = vector.text_row and %2$s and %3$s offset 0)
            order by data::halfvec(%1$s) <=> $2::halfvec(%1$s) limit ($1 ->> 'limit')::bigint
        )
        select item.row_id, near.score from near join chunk as item using (text_row) where %2$s and %3$s
        order by 2 desc, 1 limit ($1 ->> 'limit')::bigint
    $sql$, length, replace(of_pages, 'item.page_row =', 'item.page_row + 0 ='), of_words) using args, wanted, chosen, query;
end $$;

create function public.gleanery_search_nearest(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select coalesce(json_agg(json_build_array(row_id, score) order by score desc, row_id), '[]') from nearest(args)
$$;
