-- Webhook calls: kept by the transactions that they tell of, claimed, settled.

create function gleanery.delivery_of(id text) returns gleanery.delivery
language plpgsql stable as $$
declare
    found_delivery gleanery.delivery;
begin
    select * into found_delivery from gleanery.delivery where delivery_id = id;
    if found_delivery.delivery_id is null then
        perform gleanery.fail_not_found('webhook delivery', id);
    end if;
    return found_delivery;
end $$;

-- Pending calls that no earlier one of their task holds back (it does for so many attempts), to sites that have room.
create function gleanery.ready_deliveries(passing_over text[], holding_attempts bigint) returns setof gleanery.delivery
language sql stable as $$
    select * from gleanery.delivery where state = 'pending' and not exists (
        select from gleanery.delivery as earlier where earlier.task_id = delivery.task_id and earlier.state = 'pending'
        and earlier.attempts <= holding_attempts and earlier.created_at < delivery.created_at)
    and not exists (select from unnest(passing_over) as start where starts_with(delivery.url, start))
$$;

-- One claim at a time: two would give the same calls, or a later one of a task beside an earlier one.
create function public.gleanery_outbox_claim(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    at double precision;
    ids text[];
    answer json;
begin
    if known is not null then
        return known;
    end if;
    perform lock_key('outbox', 'claim');
    at := now_of(args);
    select array_agg(delivery_id order by next_at) into ids from (
        select delivery_id, next_at from ready_deliveries(texts(args -> 'passing_over'), (args ->> 'holding_attempts')::bigint)
        where next_at <= at order by next_at limit (args ->> 'limit')::bigint) as ready;
    update delivery set attempts = attempts + 1, next_at = at + (args ->> 'hold_seconds')::double precision
    where delivery_id = any (ids) and state = 'pending';
    select coalesce(json_agg(delivery order by place), '[]') into answer
    from unnest(ids) with ordinality as ready (delivery_id, place) join delivery using (delivery_id);
    return reply(args, answer, ids is not null);
end $$;

create function public.gleanery_outbox_next_at(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json(next_at) from ready_deliveries(texts(args -> 'passing_over'), (args ->> 'holding_attempts')::bigint)
    order by next_at limit 1
$$;

create function public.gleanery_outbox_settle(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    at double precision := now_of(args);
begin
    if known is not null then
        return known;
    end if;
    update delivery set state = args ->> 'state', last_status_code = (args ->> 'status_code')::bigint,
        last_error = args ->> 'error', next_at = (args ->> 'next_at')::double precision,
        settled_at = case when args ->> 'state' <> 'pending' then at end
    where delivery_id = args ->> 'delivery_id' and state = 'pending' and attempts = (args ->> 'attempts')::bigint;
    return reply(args, to_json(found), true);
end $$;

create function public.gleanery_outbox_get(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select row_to_json(delivery_of(args ->> 'delivery_id'))
$$;

-- Newest first. `after` is null or [created_at, delivery_id].
create function public.gleanery_outbox_list(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    said text := 'true';
    answer json;
begin
    if args ->> 'state' is not null then
        said := said || format(' and state = %L', args ->> 'state');
    end if;
    if args ->> 'task_id' is not null then
        said := said || format(' and task_id = %L', args ->> 'task_id');
    end if;
    if jsonb_typeof(args -> 'after') = 'array' then
        said := said || format(' and (created_at < %1$L::double precision or (created_at = %1$L::double precision and delivery_id > %2$L))',
            args -> 'after' ->> 0, args -> 'after' ->> 1);
    end if;
    execute format('select coalesce(json_agg(one), ''[]'') from (select * from delivery where %s'
        ' order by created_at desc, delivery_id limit %s) as one', said, (args ->> 'limit')::bigint) into answer;
    return answer;
end $$;

create function public.gleanery_outbox_retry(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    call_again delivery;
begin
    if known is not null then
        return known;
    end if;
    select * into call_again from delivery where delivery_id = args ->> 'delivery_id' for no key update;
    if call_again.delivery_id is null then
        perform fail_not_found('webhook delivery', args ->> 'delivery_id');
    elsif call_again.state <> 'dead' then
        perform fail('GL003', format('The call is %s: only a dead one can be sent again.', call_again.state),
            json_build_object('delivery_id', call_again.delivery_id, 'state', call_again.state));
    end if;
    update delivery set state = 'pending', attempts = 0, next_at = now_of(args), settled_at = null
    where delivery_id = call_again.delivery_id;
    return reply(args, row_to_json(delivery_of(call_again.delivery_id)), true);
end $$;

create function public.gleanery_outbox_count_by_state(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_object_agg(state, count), '{}')
    from (select state, count(*) as count from delivery group by state) as counted
$$;
