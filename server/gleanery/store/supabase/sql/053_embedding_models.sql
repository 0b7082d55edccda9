-- Embedding models: which one search goes by, which one's vectors are being built, and what is left of others.

create function gleanery.model_in(wanted text) returns gleanery.embedding_model
language sql stable as $$ select * from gleanery.embedding_model where state = wanted $$;

-- Add to the model's usage; of one that isn't kept nobody asks.
create function gleanery.count_usage(name text, more jsonb) returns void
language plpgsql set search_path = gleanery, pg_temp as $$
begin
    update embedding_model set options = jsonb_set(options, '{usage}', options -> 'usage' || coalesce((
        select jsonb_object_agg(key, coalesce((options -> 'usage' ->> key)::bigint, 0) + value::bigint)
        from jsonb_each_text(more) where value::bigint <> 0), '{}'))
    where model = name;
end $$;

create function gleanery.give_up_model() returns text
language plpgsql set search_path = gleanery, pg_temp as $$
declare
    building embedding_model := model_in('building');
begin
    if building.model is null then
        return null;
    end if;
    if building.activated_at is not null and not exists (select from embedding_model where state = 'previous') then
        update embedding_model set state = 'previous' where model = building.model;
    else
        delete from embedding_model where model = building.model;
    end if;
    return building.model;
end $$;

create function public.gleanery_vectors_models(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by state), '[]') from embedding_model as one
$$;

create function public.gleanery_vectors_propose(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    name text := args ->> 'model';
    active embedding_model;
    building embedding_model;
    next_state text := 'building';
begin
    perform lock_key('models', 'change');  -- one after the other
    active := model_in('active');
    building := model_in('building');
    if active.model is null or active.model = name then
        next_state := 'active';
        perform give_up_model();
    elsif building.model <> name then
        perform give_up_model();
    end if;
    insert into embedding_model (model, options, state, created_at, activated_at)
    values (name, jsonb_build_object('options', args -> 'options', 'environment', args -> 'environment', 'usage', '{}'::jsonb),
        next_state, now_of(args), case next_state when 'active' then now_of(args) end)
    on conflict (model) do update set state = next_state, options = embedding_model.options
        || jsonb_build_object('options', args -> 'options', 'environment', args -> 'environment');
    if next_state = 'building' then
        -- What it refused may be another matter now, with other options.
        delete from embed_failure where model = name;
    end if;
    return reply(args, to_json(next_state));
end $$;

-- Have search go by the model that is being built; false, with nothing written, where it may not.
create function public.gleanery_vectors_activate(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    name text := args ->> 'model';
begin
    if known is not null then
        return known;
    end if;
    perform lock_key('models', 'change');
    if not exists (select from embedding_model where model = name and state = 'building')
        or not (args ->> 'is_forced')::boolean and exists (select from sources_lacking(name, null, 1)) then
        return reply(args, to_json(false), true);
    end if;
    delete from embedding_model where state = 'previous';
    update embedding_model set state = 'previous' where state = 'active';
    update embedding_model set state = 'active', activated_at = now_of(args) where model = name;
    return reply(args, to_json(true), true);
end $$;

create function public.gleanery_vectors_give_up(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
begin
    if known is not null then
        return known;
    end if;
    perform lock_key('models', 'change');
    return reply(args, to_json(give_up_model()), true);
end $$;

-- Up to `limit` vectors, else failures, whose model isn't kept go; how many. A model that is kept again meanwhile keeps them.
create function public.gleanery_vectors_drop_orphans(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    gone bigint;
begin
    if known is not null then
        return known;
    end if;
    -- From one model to the next by the index: there are few of them, and very many vectors.
    with recursive name as (
        (select model from vector order by model limit 1)
        union all
        select (select model from vector where vector.model > name.model order by model limit 1) from name where name.model is not null
    ), chosen as (
        select text_row, vector.model from name join vector using (model)
        where name.model not in (select model from embedding_model) limit (args ->> 'limit')::bigint
    )
    delete from vector using chosen where vector.text_row = chosen.text_row and vector.model = chosen.model;
    get diagnostics gone = row_count;
    if gone = 0 then
        delete from embed_failure where (text_row, model) in (
            select text_row, model from embed_failure where model not in (select model from embedding_model)
            limit (args ->> 'limit')::bigint);
        get diagnostics gone = row_count;
    end if;
    return reply(args, to_json(gone), true);
end $$;
