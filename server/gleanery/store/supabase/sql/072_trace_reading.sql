-- What is told of traces and their groups.

create function public.gleanery_traces_places(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by project_id, path), '[]') from (
        select project_id, path, traces, last_at,
            (select count(*) from trace where project_id = place.project_id and path = place.path and group_id is null)
                as waiting,
            (select count(*) from trace_group where project_id = place.project_id and path = place.path
                and merged_into is null and trace_count > 0) as groups
        from trace_place as place
        where (project_id, path) > (args -> 'after' ->> 0, args -> 'after' ->> 1)
        order by project_id, path limit (args ->> 'limit')::bigint
    ) as one
$$;

create function gleanery.group_of(id text) returns gleanery.trace_group
language plpgsql stable as $$
declare
    found_group gleanery.trace_group;
begin
    select * into found_group from gleanery.trace_group where group_id = id;
    if found_group.group_id is null then
        perform gleanery.fail_not_found('trace group', id);
    end if;
    return found_group;
end $$;

create function public.gleanery_traces_group(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select row_to_json(group_of(args ->> 'group_id'))
$$;

-- Those with the most traces first, by the index of sizes, or within a place by its own. `after` is null or [count, id].
create function public.gleanery_traces_groups(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    said text := 'merged_into is null and trace_count > 0';
    name text;
    answer json;
begin
    foreach name in array array['project_id', 'path'] loop
        if args ->> name is not null then
            said := said || format(' and %I = %L', name, args ->> name);
        end if;
    end loop;
    if jsonb_typeof(args -> 'after') = 'array' then
        said := said || format(' and (trace_count, group_id) < (%L::bigint, %L)', args -> 'after' ->> 0, args -> 'after' ->> 1);
    end if;
    execute format('select coalesce(json_agg(one order by trace_count desc, group_id desc), ''[]'') from ('
        'select * from trace_group where %s order by trace_count desc, group_id desc limit %s) as one',
        said, (args ->> 'limit')::bigint) into answer;
    return answer;
end $$;

-- The traces of a group, those that came last first.
create function public.gleanery_traces_traces(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
begin
    perform group_of(args ->> 'group_id');
    return (
        select coalesce(json_agg(one order by row_id desc), '[]') from (
            select row_id, trace_id, project_id, path, instruction, started_at, model, settings, latency_ms, input_tokens,
                output_tokens, error, group_id
            from trace join trace_implementation using (implementation_id)
            where group_id = args ->> 'group_id' and row_id < coalesce((args ->> 'before')::bigint, 9223372036854775807)
            order by row_id desc limit (args ->> 'limit')::bigint
        ) as one
    );
end $$;

create function public.gleanery_traces_trace(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    answer json;
begin
    select row_to_json(one) into answer from (
        select row_id, trace_id, project_id, path, instruction, started_at, model, settings, latency_ms, input_tokens,
            output_tokens, error, group_id
        from trace join trace_implementation using (implementation_id)
        where project_id = args ->> 'project_id' and trace_id = args ->> 'trace_id'
    ) as one;
    if answer is null then
        perform fail_not_found('trace', args ->> 'trace_id');
    end if;
    return answer;
end $$;

create function public.gleanery_traces_events(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
begin
    perform group_of(args ->> 'group_id');
    return (
        select coalesce(json_agg(one order by number), '[]') from (
            select * from trace_group_event
            where group_id = args ->> 'group_id' and number > (args ->> 'after')::bigint
            order by number limit (args ->> 'limit')::bigint
        ) as one
    );
end $$;

-- Latencies are the least that so much of the traces don't exceed (nearest rank).
create function public.gleanery_traces_implementations(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(told order by traces desc, implementation_id), '[]') from (
        select implementation_id, model, settings, count(*) as traces, count(*) filter (where is_error) as errors,
            percentile_disc(0.5) within group (order by latency_ms) as latency_p50_ms,
            percentile_disc(0.95) within group (order by latency_ms) as latency_p95_ms,
            coalesce(sum(input_tokens), 0) as input_tokens, coalesce(sum(output_tokens), 0) as output_tokens,
            min(started_at) as first_at, max(started_at) as last_at
        from trace join trace_implementation using (implementation_id)
        where group_id = args ->> 'group_id'
        group by implementation_id, model, settings
    ) as told
$$;

-- {seconds, points}: the first of `spans` of which `buckets` reach from the first trace to the last, else whole ones of the
-- longest; and what the traces were in each.
create function public.gleanery_traces_drift(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    spans double precision[] := array(select value::double precision from jsonb_array_elements_text(args -> 'spans'));
    longest double precision := spans[cardinality(spans)];
    least_seconds double precision;
    chosen double precision;
begin
    select (max(started_at) - min(started_at)) / (args ->> 'buckets')::bigint into least_seconds
    from trace where group_id = args ->> 'group_id';
    if least_seconds is null then
        return json_build_object('seconds', spans[1], 'points', json_build_array());
    end if;
    chosen := coalesce((select min(span) from unnest(spans) as span where span >= least_seconds),
        ceil(least_seconds / longest) * longest);
    return json_build_object('seconds', chosen, 'points', (
        select json_agg(point order by bucket) from (
            select trunc(started_at / chosen)::bigint as bucket, count(*) as traces,
                count(*) filter (where is_error) as errors, avg(latency_ms) as latency_ms,
                avg(input_tokens)::double precision as input_tokens, avg(output_tokens)::double precision as output_tokens
            from trace where group_id = args ->> 'group_id' group by 1
        ) as point
    ));
end $$;
