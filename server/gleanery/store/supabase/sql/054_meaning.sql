-- Search by meaning where the vectors are: for processes that hold none in memory.

-- The nearest chunks by cosine that a filter lets by and that have the words of `query` (null for any): [[row, cosine]], the
-- nearest first. Among `few` chunks each vector is looked at, else the graph is gone through until enough of them pass.
create function gleanery.nearest(args jsonb) returns table (row_id bigint, score double precision)
language plpgsql stable set search_path = gleanery, extensions, public, pg_temp as $$
declare
    wanted halfvec := (args ->> 'vector')::halfvec;
    length text := vector_dims(wanted)::text;
    conditions text := page_conditions(args -> 'pages') || case when args ->> 'query' is not null then
        ' and exists (select from chunk_words where chunk_words.row_id = item.row_id and words @@ ($1 ->> ''query'')::tsquery)'
        else '' end;
    is_of_few boolean := jsonb_typeof(args #> '{pages,few}') = 'array' or (args #>> '{pages,is_of_pages}')::boolean
        or args ->> 'query' is not null;
    few constant bigint := (args ->> 'few')::bigint;
    number bigint;
begin
    if not is_of_few then
        select count(*) into number from (
            select from chunk where source_id = any ((select texts(args #> '{pages,source_ids}'))::text[]) limit few + 1) as listed;
    end if;
    if is_of_few or number <= few then
        return query execute format($sql$
            select item.row_id, 1 - (vector.data <=> $2) from chunk as item join vector using (text_row)
            where vector.model = $1 ->> 'model' and vector_dims(vector.data) = %s
            and item.source_id = any (texts($1 #> '{pages,source_ids}')) and %s
            order by 2 desc, 1 limit ($1 ->> 'limit')::bigint
        $sql$, length, conditions) using args, wanted;
        return;
    end if;
    perform set_config('hnsw.iterative_scan', 'strict_order', true), set_config('hnsw.ef_search', '200', true),
        set_config('hnsw.max_scan_tuples', '40000', true);
    return query execute format($sql$
        with near as materialized (
            select text_row, 1 - (data::halfvec(%1$s) <=> $2::halfvec(%1$s)) as score from vector
            where model = $1 ->> 'model' and vector_dims(data) = %1$s
            and exists (select from chunk as item where item.text_row = vector.text_row and %2$s)
            order by data::halfvec(%1$s) <=> $2::halfvec(%1$s) limit ($1 ->> 'limit')::bigint
        )
        select item.row_id, near.score from near join chunk as item using (text_row) where %2$s
        order by 2 desc, 1 limit ($1 ->> 'limit')::bigint
    $sql$, length, conditions) using args, wanted;
end $$;

create function public.gleanery_search_nearest(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, extensions, public, pg_temp as $$
    select coalesce(json_agg(json_build_array(row_id, score) order by score desc, row_id), '[]') from nearest(args)
$$;
