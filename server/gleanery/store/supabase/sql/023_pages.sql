-- `CrawlStore`: pages with their chunks and code, stored by a crawl.

-- The row of the newest version of a page, which a running build sees and search perhaps not yet.
create function gleanery.newest_row(source text, key text) returns bigint
language sql stable as $$
    select page_row from gleanery.page
    where source_id = source and url_key = key and died = gleanery.forever() and born < gleanery.forever()
$$;

-- Whether a stored version says all that the page says, in the same chunks and examples.
create function gleanery.says_same(which bigint, page jsonb, chunk_ids jsonb, code_ids jsonb) returns boolean
language sql stable as $$
    select exists (
        select from gleanery.page as stored, jsonb_populate_record(null::gleanery.page, $2 - 'markdown') as given
        where stored.page_row = which and (stored.content_hash, stored.title, stored.description, stored.outline)
            = (given.content_hash, given.title, given.description, given.outline)
            and stored.language is not distinct from given.language and stored.version is not distinct from given.version)
    and array(select chunk_id from gleanery.chunk where page_row = which order by ordinal) = gleanery.texts(chunk_ids)
    and array(select code_id from gleanery.code_example where page_row = which order by ordinal) = gleanery.texts(code_ids)
$$;

-- What a chat model has said of rows that the version before had, and this one has again; null: nothing.
create function gleanery.said_before(id text, chunk_ids jsonb, code_ids jsonb) returns json
language plpgsql stable set search_path = gleanery, pg_temp as $$
declare
    before bigint;
    contexts json;
    names json;
begin
    select page_row into before from page where page_id = id and born < forever() order by born desc limit 1;
    select json_object_agg(chunk_id, context) into contexts from chunk
    where page_row = before and context <> '' and chunk_id = any ((select texts(chunk_ids))::text[]);
    select json_object_agg(code_id, json_build_array(name, summary)) into names from code_example
    where page_row = before and name <> '' and code_id = any ((select texts(code_ids))::text[]);
    if contexts is null and names is null then
        return null;
    end if;
    return json_build_object('contexts', coalesce(contexts, '{}'), 'names', coalesce(names, '{}'));
end $$;

-- The row of a new version, without its chunks and code. Without a generation it is seen by nobody yet, and `born` is its own from
-- `forever` on: several may be on their way with one page.
create function gleanery.insert_page(page jsonb, first bigint) returns bigint
language plpgsql set search_path = gleanery, pg_temp as $$
declare
    made bigint := nextval(pg_get_serial_sequence('gleanery.page', 'page_row'));
begin
    insert into page select one.* from jsonb_populate_record(null::page, insert_page.page
        || jsonb_build_object('page_row', made, 'born', coalesce(first, forever() + made), 'died', forever())) as one;
    insert into page_size select one.* from jsonb_populate_record(null::page_size, insert_page.page
        || jsonb_build_object('page_row', made)) as one;
    return made;
end $$;

-- Chunks and code of a version: rows as the client makes them, each with its words.
create function gleanery.insert_rows(which bigint, page jsonb, chunks jsonb, code jsonb) returns void
language plpgsql set search_path = gleanery, pg_temp as $$
declare
    added jsonb;
begin
    if jsonb_array_length(chunks) > 0 then
        perform hold_texts(array(select value ->> 'text_hash' from jsonb_array_elements(chunks)));
        with given as (
            select * from jsonb_to_recordset(chunks) as one (chunk_id text, ordinal bigint, start bigint, "end" bigint,
                heading_path text, headings text, content text, context text, text_hash text, words jsonb)
        ), kept as (
            insert into chunk (chunk_id, page_row, page_id, source_id, ordinal, start, "end", heading_path, title, headings,
                content, context, text_row)
            select chunk_id, which, page ->> 'page_id', page ->> 'source_id', ordinal, start, "end", heading_path,
                page ->> 'title', headings, content, context, text.text_row
            from given join text on text.text_hash = decode(given.text_hash, 'hex') order by ordinal
            returning row_id, ordinal
        )
        select jsonb_agg(jsonb_build_object('row_id', row_id, 'words', words) order by row_id) into added
        from kept join given using (ordinal);
        perform index_chunks(added);
    end if;
    if jsonb_array_length(code) > 0 then
        with given as (
            select * from jsonb_to_recordset(insert_rows.code) as one (code_id text, ordinal bigint, language text,
                heading_path text, headings text, context text, code text, start bigint, "end" bigint, is_guessed boolean,
                name text, summary text, words jsonb)
        ), kept as (
            insert into code_example (code_id, page_row, page_id, source_id, ordinal, language, heading_path, title, headings,
                context, code, start, "end", is_guessed, name, summary)
            select code_id, which, page ->> 'page_id', page ->> 'source_id', ordinal, language, heading_path,
                page ->> 'title', headings, context, given.code, start, "end", is_guessed, name, summary
            from given order by ordinal
            returning row_id, ordinal
        )
        select jsonb_agg(jsonb_build_object('row_id', row_id, 'words', words) order by row_id) into added
        from kept join given using (ordinal);
        perform index_code(added);
    end if;
end $$;

-- Before a large page's rows go ahead of it: whether it is there already as it is, or by this task; and what was said of its rows.
create function public.gleanery_crawls_look_before(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    given jsonb := args -> 'page';
    head bigint := newest_row(given ->> 'source_id', given ->> 'url_key');
begin
    perform check_fence(args -> 'fence');
    return reply(args, json_build_object(
        'is_there', head is not null and (says_same(head, given, args -> 'chunk_ids', args -> 'code_ids') or exists (
            select from page where page_row = head and seen_task_id = args -> 'fence' ->> 'task_id')),
        'said', said_before(given ->> 'page_id', args -> 'chunk_ids', args -> 'code_ids')));
end $$;

-- The row of a page whose rows go ahead of it, seen by nobody. Null while there is more to take away of what an earlier attempt has
-- begun: as long as helpers have URLs what was begun may be one's who is at it, and is left to `generations_prune`.
create function public.gleanery_crawls_begin_page(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    begun bigint;
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    select page_row into begun from page where page_id = args -> 'page' ->> 'page_id' and born >= forever()
        and not args -> 'fence' ? 'helper' and not has_helpers(args -> 'fence' ->> 'task_id') limit 1;
    if begun is not null then
        perform delete_page_rows(begun, (args ->> 'rows_at_once')::bigint);
        return reply(args, null);
    end if;
    return reply(args, to_json(insert_page(args -> 'page', null)), true);
end $$;

-- Whether the row is still there: else nothing is written.
create function public.gleanery_crawls_put_ahead(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    which bigint := (args ->> 'page_row')::bigint;
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    if not exists (select from page where page_row = which) then
        return reply(args, 'false');
    end if;
    perform insert_rows(which, args -> 'page', args -> 'chunks', args -> 'code');
    return reply(args, 'true', true);
end $$;

-- The version from generation `number` on, in place of the one before; with all of its rows, or the last of them.
create function gleanery.put_version(args jsonb, number bigint, head bigint) returns void
language plpgsql set search_path = gleanery, pg_temp as $$
declare
    which bigint := (args ->> 'page_row')::bigint;
begin
    update page set died = number where page_row = head;
    if which is null then
        which := insert_page(args -> 'page', number);
    else
        update page set born = number where page_row = which;
    end if;
    perform insert_rows(which, args -> 'page', args -> 'chunks', args -> 'code');
end $$;

-- The task has met the page as this version of it.
create function gleanery.see(which bigint, task text, at double precision) returns void
language sql as $$
    update gleanery.page set seen_task_id = task, fetched_at = at, missing_since = null where page_row = which
$$;

-- The task has got the page again, as this version of it: what the site said of it besides is kept.
create function gleanery.see_again(which bigint, page jsonb, at double precision) returns void
language sql as $$
    update gleanery.page set
        seen_task_id = one.task_id, fetched_at = see_again.at, missing_since = null, etag = one.etag,
        last_modified = one.last_modified, links = one.links, status_code = one.status_code, content_type = one.content_type,
        fetched_by = one.fetched_by, size_bytes = one.size_bytes
    from jsonb_populate_record(null::gleanery.page, $2 - 'markdown') as one where page.page_row = which
$$;

-- Whether the task has met another page with this content: one worker can't know what another one stores at the same time.
create function gleanery.stands_for(page jsonb, task text) returns boolean
language plpgsql stable as $$
begin
    return gleanery.has_helpers(task)
    and exists (select from gleanery.page as other where source_id = $1 ->> 'source_id' and died = gleanery.forever()
        and born < gleanery.forever() and seen_task_id = task and content_hash = $1 ->> 'content_hash'
        and url_key <> $1 ->> 'url_key');
end $$;

-- {stored}. Two answers say that nothing is written, and the call is to be made again: {said}, what was said of rows that the
-- version before had, to be in these rows too; {stored: null} where no rows came, and the page is not there as it is, or where the
-- row is gone that they went ahead to.
create function public.gleanery_crawls_store_page(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    task text := args -> 'fence' ->> 'task_id';
    given jsonb := args -> 'page';
    now double precision := now_of(args);
    head bigint;
    stored text := 'new';
    said json;
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    head := newest_row(given ->> 'source_id', given ->> 'url_key');
    if exists (select from page where page_row = head and seen_task_id = task)
        or not is_held(args -> 'fence', args -> 'url' ->> 'url_key') or stands_for(given, task) then
        return reply(args, json_build_object('stored', 'before'));
    end if;
    if says_same(head, given, args -> 'chunk_ids', args -> 'code_ids') then
        perform building(args -> 'fence', given ->> 'source_id', now);
        perform see_again(head, given, now);
        stored := 'same';
    else
        if jsonb_typeof(args -> 'chunks') = 'null' or jsonb_typeof(args -> 'page_row') <> 'null'
            and not exists (select from page where page_row = (args ->> 'page_row')::bigint) then
            return reply(args, json_build_object('stored', null));
        elsif not (args ->> 'is_said_known')::boolean then
            said := said_before(given ->> 'page_id', args -> 'chunk_ids', args -> 'code_ids');
            if said is not null then
                return reply(args, json_build_object('said', said));
            end if;
        end if;
        perform put_version(args, building(args -> 'fence', given ->> 'source_id', now), head);
        if head is not null then
            stored := 'changed';
        end if;
    end if;
    if (args ->> 'names_source')::boolean then
        perform name_source(given ->> 'source_id', given ->> 'title', task, now);
    end if;
    perform settle_url(task, args -> 'url', now);
    -- The URL that it redirected to needs no visit of its own any more.
    update frontier set state = 'skipped', reason = 'duplicate', page_id = given ->> 'page_id', settled_at = now
    where task_id = task and url_key = given ->> 'url_key' and url_key <> args -> 'url' ->> 'url_key' and state = 'queued';
    perform report(args -> 'fence', args -> 'events', args -> 'progress', now);
    return reply(args, json_build_object('stored', stored));
end $$;

create function public.gleanery_crawls_keep_page(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    task text := args -> 'fence' ->> 'task_id';
    now double precision := now_of(args);
    kept record;
begin
    if known is not null then return known; end if;
    perform check_fence(args -> 'fence');
    if not is_held(args -> 'fence', args -> 'url' ->> 'url_key') then return reply(args, null); end if;
    perform report(args -> 'fence', args -> 'events', args -> 'progress', now);
    select page_row, page_id, source_id, chunk_count, code_count into kept from page
    where page_id = args ->> 'page_id' and died = forever() and born < forever();
    if kept.page_row is null then
        perform fail_not_found('page', args ->> 'page_id');
    end if;
    perform building(args -> 'fence', kept.source_id, now);
    perform see(kept.page_row, task, now);
    perform settle_url(task, args -> 'url' || jsonb_build_object('page_id', kept.page_id, 'chunk_count', kept.chunk_count,
        'code_example_count', kept.code_count), now);
    return reply(args, null);
end $$;

create function public.gleanery_crawls_page(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    told json;
begin
    select row_to_json(page_whole) into told from page_whole
    where page_id = args ->> 'page_id' and died = forever() and born < forever();
    if told is null then
        perform fail_not_found('page', args ->> 'page_id');
    end if;
    return told;
end $$;

-- By its key, else by its content: one after the other, each by its index.
create function public.gleanery_crawls_twin(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(
        (select row_to_json(page_facts) from page_facts
            where source_id = args ->> 'source_id' and died = forever() and born < forever()
                and seen_task_id = args ->> 'task_id' and url_key = args ->> 'url_key' limit 1),
        (select row_to_json(page_facts) from page_facts
            where source_id = args ->> 'source_id' and died = forever() and born < forever()
                and seen_task_id = args ->> 'task_id' and content_hash = args ->> 'content_hash'
            order by fetched_at limit 1))
$$;

create function public.gleanery_crawls_known_page(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select row_to_json(one) from (
        select page_id, url, etag, last_modified, encode(links, 'hex') as links, fetched_by, language, seen_task_id
        from page where page_row = newest_row(args ->> 'source_id', args ->> 'url_key')
    ) as one
$$;
