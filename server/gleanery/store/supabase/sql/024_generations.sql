-- `GenerationStore`: generations of a source's pages, begun beside the one that is seen, swapped in at once, kept to go back to.

-- Fails for an unknown source, and where the generation is not kept.
create function gleanery.generation_of(source text, which bigint) returns gleanery.generation
language plpgsql stable set search_path = gleanery, pg_temp as $$
declare
    found_one generation;
begin
    perform visible_generation(source);
    select * into found_one from generation where source_id = generation_of.source and number = which;
    if found_one.number is null then
        perform fail_not_found('generation', which::text);
    end if;
    return found_one;
end $$;

-- The generation that the task builds: the one that it has begun already, or a new one. Beside a complete one it is seen by
-- nobody; where there is none, what is stored is seen at once.
create function gleanery.begin_generation(fence jsonb, id text, at double precision) returns gleanery.generation
language plpgsql set search_path = gleanery, pg_temp as $$
declare
    own generation;
    seen bigint;
    base_number bigint;
    made bigint;
begin
    perform check_fence(fence);
    select * into own from generation
    where source_id = id and task_id = fence ->> 'task_id' and state in ('building', 'rejected')
    order by number desc limit 1;
    if own.number is not null then
        update generation set state = 'building' where source_id = id and number = own.number;
        return own;
    end if;
    seen := visible_generation(id);
    select number into base_number from generation where source_id = id and number = seen and state = 'complete';
    update source set last_generation = last_generation + 1 where source_id = id returning last_generation into made;
    insert into generation (source_id, number, state, base, task_id, created_at)
    values (id, made, 'building', base_number, fence ->> 'task_id', at) returning * into own;
    if base_number is null then
        update source set generation = made where source_id = id;
    end if;
    return own;
end $$;

-- The number of the generation that the task builds; begun, where it has not. Helpers begin none.
create function gleanery.building(fence jsonb, id text, at double precision) returns bigint
language plpgsql set search_path = gleanery, pg_temp as $$
declare
    found_number bigint;
begin
    perform check_fence(fence);
    select number into found_number from generation
    where task_id = fence ->> 'task_id' and source_id = id and state = 'building';
    if found_number is null and fence ? 'helper' then
        perform fail_lost(fence);
    end if;
    return coalesce(found_number, (begin_generation(fence, id, at)).number);
end $$;

-- Null while there is more to undo of what was built beside the visible generation and is not to be.
create function public.gleanery_generations_begin(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := args ->> 'source_id';
    seen bigint;
    newer bigint;
begin
    perform check_fence(args -> 'fence');
    perform 1 from source where source_id = id for no key update;  -- what is seen stays so meanwhile
    if not exists (select from generation where source_id = id and task_id = args -> 'fence' ->> 'task_id'
            and state in ('building', 'rejected')) then
        seen := visible_generation(id);
        select page_row into newer from page where source_id = id and born > seen limit 1;
        if newer is not null then
            perform delete_page_rows(newer, (args ->> 'rows_at_once')::bigint);
            return reply(args, null);
        end if;
        update page set died = forever() where source_id = id and died > seen and died < forever();
        update generation set state = 'discarded' where source_id = id and number > seen;
    end if;
    return reply(args, row_to_json(begin_generation(args -> 'fence', id, now_of(args))));
end $$;

-- What a generation has otherwise than its base.
create function gleanery.delta_rows(source text, base bigint, which bigint)
returns table (page_id text, url text, url_key text, title text, old_row bigint, new_row bigint, change text)
language sql stable as $$
    select new.page_id, new.url, new.url_key, new.title, old.page_row, new.page_row,
        case when old.page_row is null then 'added' else 'changed' end
    from gleanery.page as new left join gleanery.page as old
        on old.page_id = new.page_id and old.born <= base and old.died > base
    where new.source_id = source and new.born > base and new.born <= which and new.died > which
    union all
    select old.page_id, old.url, old.url_key, old.title, old.page_row, null, 'removed'
    from gleanery.page as old
    where old.source_id = source and old.died > base and old.died <= which and old.born <= base and not exists (
        select from gleanery.page as new where new.page_id = old.page_id and new.born <= which and new.died > which)
$$;

-- The number of its base, 0 where it had none. Fails where the generation, or the one it was built beside, is not kept any more.
create function gleanery.base_of(source text, which bigint) returns bigint
language plpgsql stable set search_path = gleanery, pg_temp as $$
declare
    base_number bigint := (generation_of(source, which)).base;
begin
    if base_number is null then
        return 0;
    end if;
    return (generation_of(source, base_number)).number;
end $$;

create function gleanery.count_delta(source text, base bigint, which bigint) returns json
language sql stable as $$
    select coalesce(json_object_agg(change, n), '{}') from (
        select change, count(*) as n from gleanery.delta_rows(source, base, which) group by change) as counted
$$;

create function public.gleanery_generations_delta(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    base bigint := base_of(args ->> 'source_id', (args ->> 'number')::bigint);
begin
    return (select coalesce(json_agg(one order by one.url_key collate "C"), '[]') from (
        select * from delta_rows(args ->> 'source_id', base, (args ->> 'number')::bigint) as delta
        where (args ->> 'change' is null or delta.change = args ->> 'change')
            and delta.url_key > coalesce(args ->> 'after', '') collate "C"
        order by delta.url_key collate "C" limit (args ->> 'limit')::bigint
    ) as one);
end $$;

create function public.gleanery_generations_delta_counts(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
begin
    return count_delta(args ->> 'source_id', base_of(args ->> 'source_id', (args ->> 'number')::bigint),
        (args ->> 'number')::bigint);
end $$;

-- Pages that the task has not met are missing from now on; those that have been since `before` go with generation `which`.
-- What the task could not look at is not missing: its URL failed for a reason that may pass, or its turn never came. And where
-- a limit ended the crawl only those are missing of which the site said something.
create function gleanery.mark_missing(task text, id text, which bigint, at double precision, before double precision) returns void
language plpgsql set search_path = gleanery, pg_temp as $$
declare
    is_limited boolean := exists (
        select from frontier where task_id = task and reason in ('time_limit', 'page_limit'));
begin
    update page set missing_since = at
    where source_id = id and died = forever() and born < forever() and seen_task_id <> task and missing_since is null
        and not exists (select from frontier where frontier.task_id = task and frontier.url_key = page.url_key
            and (state = 'queued' or reason in ('time_limit', 'page_limit')
                or state = 'failed' and reason not in ('http_404', 'http_410')))
        and (not is_limited or exists (
            select from frontier where frontier.task_id = task and frontier.url_key = page.url_key));
    update page set died = which
    where source_id = id and died = forever() and born < forever() and seen_task_id <> task and missing_since <= before;
end $$;

-- Keep the call that tells a task's webhook what a refresh changed, if it has one and hears of completion. `told` is the most
-- pages that are listed; the counts are of all.
create function gleanery.note_changed(task_row gleanery.task, id text, which bigint, base bigint, counts json,
    told bigint, at double precision) returns void
language plpgsql set search_path = gleanery, pg_temp as $$
declare
    total bigint := (select coalesce(sum(value::text::bigint), 0) from json_each(counts));
    changes json;
    body json;
begin
    if total = 0 or task_row.webhook_url is null or not task_row.webhook_states::jsonb ? 'completed' then
        return;
    end if;
    select json_agg(json_build_object('change', change, 'page_id', page_id, 'url', url, 'title', title) order by url_key collate "C")
    into changes from (
        select * from delta_rows(id, base, which) as delta order by delta.url_key collate "C" limit told) as first_ones;
    select json_build_object(
        'source_id', source_id, 'url', url, 'title', title, 'generation', which, 'base', base, 'task_id', task_row.task_id,
        'pages', json_build_object('added', coalesce(counts -> 'added', '0'), 'changed', coalesce(counts -> 'changed', '0'),
            'removed', coalesce(counts -> 'removed', '0')),
        'changes', changes, 'has_more', total > json_array_length(changes))
    into body from source where source_id = id;
    perform keep_call(task_row.task_id, task_row.webhook_url, 'source.changed', body, at);
end $$;

create function public.gleanery_generations_complete(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    id text := args ->> 'source_id';
    now double precision := now_of(args);
    which bigint;
    base_number bigint;
    counts json;
    told text := args ->> 'result';
    task_row task;
begin
    if known is not null then return known; end if;
    which := building(args -> 'fence', id, now);
    perform mark_missing(args -> 'fence' ->> 'task_id', id, which, now, now - (args ->> 'grace_seconds')::double precision);
    task_row := report(args -> 'fence', args -> 'events', args -> 'progress', now);
    base_number := (generation_of(id, which)).base;
    if base_number is not null then
        counts := count_delta(id, base_of(id, which), which);
        told := merged(told::json, json_build_object('pages_added', coalesce(counts -> 'added', '0'),
            'pages_changed', coalesce(counts -> 'changed', '0'), 'pages_removed', coalesce(counts -> 'removed', '0')));
        perform note_changed(task_row, id, which, base_number, counts,
            (args ->> 'told_pages')::bigint, now);
    end if;
    update generation set state = 'complete', completed_at = now, result = told where source_id = id and number = which;
    update source set generation = which, updated_at = now where source_id = id;
    return reply(args, row_to_json(generation_of(id, which)));
end $$;

create function public.gleanery_generations_reject(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := args ->> 'source_id';
    now double precision := now_of(args);
    which bigint := building(args -> 'fence', id, now);
begin
    update generation set state = 'rejected', completed_at = now, result = args ->> 'result'
    where source_id = id and number = which;
    return reply(args, row_to_json(generation_of(id, which)));
end $$;

create function public.gleanery_generations_activate(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := args ->> 'source_id';
    which bigint := (args ->> 'number')::bigint;
    wanted generation;
    busy text;
begin
    perform 1 from source where source_id = id for no key update;
    wanted := generation_of(id, which);
    if wanted.state = 'building' then
        perform fail('GL003', format('Generation %s is being built: wait for its task.', which),
            json_build_object('source_id', id, 'task_id', wanted.task_id));
    elsif wanted.state = 'discarded' then
        perform fail_not_found('generation', which::text);
    end if;
    select task_id into busy from generation join task using (task_id)
    where generation.source_id = id and state = 'building' and base is not null and status in ('queued', 'running', 'paused')
    limit 1;
    if busy is not null then
        perform fail('GL003', 'A refresh is under way beside the present generation: cancel it first, or wait for its end.',
            json_build_object('source_id', id, 'task_id', busy));
    end if;
    update generation set state = 'complete' where source_id = id and number = which returning * into wanted;
    update source set generation = which, updated_at = now_of(args) where source_id = id;
    return reply(args, row_to_json(wanted));
end $$;

create function public.gleanery_generations_get(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select row_to_json(generation_of(args ->> 'source_id', (args ->> 'number')::bigint))
$$;

create function public.gleanery_generations_of_task(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select row_to_json(generation) from generation
    where source_id = args ->> 'source_id' and task_id = args ->> 'task_id' order by number desc limit 1
$$;

create function public.gleanery_generations_list(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
begin
    perform visible_generation(args ->> 'source_id');
    return (select coalesce(json_agg(one order by number desc), '[]') from (
        select * from generation
        where source_id = args ->> 'source_id' and number < coalesce((args ->> 'before')::bigint, forever())
        order by number desc limit (args ->> 'limit')::bigint
    ) as one);
end $$;

create function public.gleanery_generations_figures(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := args ->> 'source_id';
    which bigint := coalesce((args ->> 'number')::bigint, visible_generation(id));
begin
    return (select row_to_json(one) from (
        select count(*) as pages, coalesce(sum(chunk_count), 0)::bigint as chunks,
            coalesce(sum(code_count), 0)::bigint as code_examples, count(distinct content_hash) as contents,
            coalesce(sum(chars), 0)::bigint as chars
        from page where source_id = id and born <= which and died > which
    ) as one);
end $$;

create function public.gleanery_generations_saved(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    id text := args ->> 'source_id';
    which bigint := (args ->> 'number')::bigint;
    task text := (generation_of(id, which)).task_id;
    met record;
    kept record;
begin
    select count(*) as pages, coalesce(sum(chars), 0)::bigint as chars, count(*) filter (where born < which) as unchanged
    into met from page where source_id = id and died = forever() and born < forever() and seen_task_id = task;
    select count(*) as chunks, coalesce(sum(coalesce(text.tokens, length(chunk.content) / 4)), 0)::bigint as tokens
    into kept from chunk join page using (page_row) join text using (text_row)
    where chunk.source_id = id and page.died = forever() and page.born < forever() and page.seen_task_id = task
        and (page.born < which or exists (
            select from chunk as old join page as was on was.page_row = old.page_row
            where old.text_row = chunk.text_row and was.source_id = id and was.born < which));
    return json_build_object('pages', met.pages, 'chars', met.chars, 'pages_unchanged', met.unchanged,
        'pages_not_fetched', (select count(*) from frontier
            where task_id = task and state = 'stored' and fetched_by = 'unchanged'),
        'chunks_kept', kept.chunks, 'tokens_kept', kept.tokens);
end $$;

create function public.gleanery_generations_page_version(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    which bigint := (args ->> 'page_row')::bigint;
    told json;
begin
    select row_to_json(page_whole) into told from page_whole where page_row = which;
    if told is null then
        perform fail_not_found('page version', which::text);
    end if;
    return json_build_object('page', told, 'code', (
        select coalesce(json_agg(one order by ordinal), '[]') from (
            select * from code_example where page_row = which) as one));
end $$;

-- What each generation did to a page, newest first, as far as they are kept.
create function public.gleanery_generations_page_versions(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by number desc), '[]') from (
        select new.born as number, new.title, new.chars, new.task_id, new.died > source.generation as is_visible,
            coalesce(made.completed_at, made.created_at) as at,
            case when made.number is null or (made.base is not null and base.number is null) then null
                when old.page_row is null then 'added' else 'changed' end as change
        from page as new join source using (source_id)
        left join generation as made on made.source_id = new.source_id and made.number = new.born
        left join generation as base on base.source_id = new.source_id and base.number = made.base
        left join page as old on old.page_id = new.page_id and old.born <= made.base and old.died > made.base
        where new.page_id = args ->> 'page_id' and source.deleted_at is null and new.born <= source.generation
            and new.born < coalesce((args ->> 'before')::bigint, forever())
        union all
        select old.died, old.title, null, made.task_id, false, coalesce(made.completed_at, made.created_at), 'removed'
        from page as old join source using (source_id)
        join generation as made on made.source_id = old.source_id and made.number = old.died
        join generation as base on base.source_id = old.source_id and base.number = made.base
        where old.page_id = args ->> 'page_id' and source.deleted_at is null and old.died <= source.generation
            and old.died < coalesce((args ->> 'before')::bigint, forever())
            and not exists (select from page as next where next.page_id = old.page_id and next.born = old.died)
        order by number desc limit (args ->> 'limit')::bigint
    ) as one
$$;

-- The oldest generation that is kept: the last `keep` complete ones up to the visible one, or that one alone.
create function gleanery.oldest_kept(id text, seen bigint, keep bigint) returns bigint
language sql stable as $$
    select coalesce(min(number), seen) from (
        select number from gleanery.generation where source_id = id and state = 'complete' and number <= seen
        order by number desc limit keep) as last_ones
$$;

-- Take away up to `rows_at_once` rows of what nobody can see or go back to any more; how many went. One at a time does this, so
-- that a source goes only when no row of it is left. From the sources to their pages: there may be very many pages.
create function public.gleanery_generations_prune(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    keep bigint := (args ->> 'keep')::bigint;
    unwanted bigint;
begin
    perform lock_key('generations', 'prune');
    select old.page_row into unwanted from source cross join lateral (
        select page_row from page where page.source_id = source.source_id limit 1) as old
    where source.deleted_at is not null limit 1;
    if unwanted is null then
        select old.page_row into unwanted from source cross join lateral (
            select page_row from page where page.source_id = source.source_id and page.born >= forever() limit 1) as old
        where not exists (select from task where task.serial_key = source.source_id
            and status in ('queued', 'running', 'paused')) limit 1;
    end if;
    if unwanted is null then
        select old.page_row into unwanted from source cross join lateral (
            select page_row from page where page.source_id = source.source_id
                and page.died <= oldest_kept(source.source_id, source.generation, keep) limit 1) as old
        limit 1;
    end if;
    if unwanted is not null then
        return reply(args, to_json(delete_page_rows(unwanted, (args ->> 'rows_at_once')::bigint)));
    end if;
    delete from saved_query where source_id in (select source_id from source where deleted_at is not null);
    delete from evaluation where source_id in (select source_id from source where deleted_at is not null);
    delete from generation where source_id in (select source_id from source where deleted_at is not null);
    delete from source where deleted_at is not null;
    delete from generation using source where generation.source_id = source.source_id
        and number < oldest_kept(source.source_id, source.generation, keep);
    return reply(args, to_json(0));
end $$;
