-- What of traces is forgotten: the oldest first, some in each call, then groups that nothing is left of.

create index trace_age on gleanery.trace (project_id, path, started_at);
create index trace_group_merged on gleanery.trace_group (merged_into) where merged_into is not null;

create function public.gleanery_traces_extents(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by path), '[]') from (
        select project_id, path, traces, last_at from trace_place
        where project_id = args ->> 'project_id' and (args ->> 'path' is null or path = args ->> 'path')
    ) as one
$$;

create function public.gleanery_traces_aged(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one), '[]') from (
        select project_id, path from trace_place as place where exists (
            select from trace where project_id = place.project_id and path = place.path
                and started_at < (args ->> 'before')::double precision)
        limit (args ->> 'limit')::bigint
    ) as one
$$;

-- Groups of a place without traces that none wait for either, with all that went into them; whether none is left. A place
-- without traces goes last.
create function gleanery.forget_empty_groups(project text, place text, most bigint) returns boolean
language plpgsql as $$
declare
    gone text[];
begin
    with recursive empty as (
        select group_id from (
            select group_id from gleanery.trace_group as one
            where project_id = project and path = place and merged_into is null and trace_count <= 0 and not is_unsettled
                and not exists (
                    select from gleanery.trace_group as other
                    where other.merged_into = one.group_id and other.trace_count > 0)
            limit most
        ) as first_ones
        union select other.group_id from gleanery.trace_group as other join empty on other.merged_into = empty.group_id
    )
    select coalesce(array_agg(group_id), '{}') into gone from empty;
    delete from gleanery.trace_group_event where group_id = any (gone);
    delete from gleanery.trace_group where group_id = any (gone);
    delete from gleanery.trace_place where project_id = project and path = place and traces <= 0;
    return cardinality(gone) = 0;
end $$;

-- {traces, is_done}. No value that was read from a trace that is gone stays with its group.
create function public.gleanery_traces_forget(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    gone bigint[];
begin
    if known is not null then
        return known;
    end if;
    perform check_fence(args -> 'fence');
    select coalesce(array_agg(row_id), '{}') into gone from (
        select row_id from trace
        where project_id = args ->> 'project_id' and path = args ->> 'path'
            and started_at < (args ->> 'before')::double precision
        order by started_at limit (args ->> 'limit')::bigint
    ) as oldest;
    if cardinality(gone) = 0 then
        return reply(args, json_build_object('traces', 0, 'is_done', forget_empty_groups(
            args ->> 'project_id', args ->> 'path', (args ->> 'limit')::bigint)), true);
    end if;
    with deleted as (
        delete from trace where row_id = any (gone) returning group_id
    ), counted as (
        select group_id, count(*) as count from deleted where group_id is not null group by group_id order by group_id
    )
    update trace_group set trace_count = trace_count - counted.count,
        sample_rows = (
            select coalesce(json_agg(value::bigint order by ordinality), '[]')::text
            from json_array_elements_text(sample_rows::json) with ordinality where not value::bigint = any (gone)),
        variables = case
            when exists (
                select from json_array_elements_text(sample_rows::json) as sample where sample.value::bigint = any (gone))
            then (
                select coalesce(json_agg(json_build_object('name', value -> 'name', 'type', value -> 'type',
                    'is_optional', value -> 'is_optional', 'samples', '[]'::json, 'choices', '[]'::json)
                    order by ordinality), '[]')::text
                from json_array_elements(variables::json) with ordinality)
            else variables end
    from counted where trace_group.group_id = counted.group_id;
    update trace_place set traces = traces - cardinality(gone)
    where project_id = args ->> 'project_id' and path = args ->> 'path';
    return reply(args, json_build_object('traces', cardinality(gone), 'is_done', false), true);
end $$;
