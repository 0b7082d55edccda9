-- The words of chunks and code examples: tsvectors, and how many rows have each word.
--
-- A row's columns are told apart by labels and signs, see words.py. The client takes texts apart, as the embedded store's
-- index would; the database only keeps what comes.

create table gleanery.chunk_words (
    row_id     bigint primary key references gleanery.chunk (row_id) on delete cascade,
    page_row   bigint not null,
    words      tsvector not null,
    word_count bigint not null
) with (toast_tuple_target = 8160);
create table gleanery.code_words (
    row_id     bigint primary key references gleanery.code_example (row_id) on delete cascade,
    page_row   bigint not null,
    words      tsvector not null,
    word_count bigint not null
) with (toast_tuple_target = 8160);
-- To rank a row all of its words are read, for each phrase of the query: so they are neither packed nor moved away.
alter table gleanery.chunk_words alter words set storage external;
alter table gleanery.code_words alter words set storage external;
-- What has not been sorted in yet is read by every search: not much of it.
create index chunk_words_found on gleanery.chunk_words using gin (words) with (gin_pending_list_limit = 512);
create index code_words_found on gleanery.code_words using gin (words) with (gin_pending_list_limit = 512);
create index chunk_words_page on gleanery.chunk_words (page_row);
create index code_words_page on gleanery.code_words (page_row);

-- How many rows of a shelf have a word. Rows that came or went wait in `word_change` until they are counted: crawls that add
-- rows at the same time have most of their words in common, and would wait for each other.
create table gleanery.word (
    shelf text collate "C" not null,
    word  text collate "C" not null,
    rows  bigint not null,
    primary key (shelf, word)
);
create table gleanery.word_change (
    shelf      text collate "C" not null,
    row_id     bigint not null,
    is_new     boolean not null,
    words      text[],
    word_count bigint,
    primary key (shelf, row_id, is_new)
);
comment on table gleanery.word_change is 'Rows to count: new ones as they stand, old ones with the words that were counted.';
-- How many rows have been counted, with how many words in all.
create table gleanery.shelf (
    shelf text collate "C" primary key,
    rows  bigint not null,
    words bigint not null
);

-- The words of a row, each once. Those with a sign are there without it too.
create function gleanery.plain_words(words tsvector) returns text[]
language sql immutable as $$
    select array(select word from unnest(tsvector_to_array(words)) as word where not starts_with(word, '+') and not starts_with(word, '^'))
$$;

create function gleanery.note_added_words() returns trigger
language plpgsql set search_path = gleanery, pg_temp as $$
begin
    insert into word_change (shelf, row_id, is_new) select tg_argv[0], row_id, true from added;
    return null;
end $$;

create function gleanery.note_changed_words() returns trigger
language plpgsql set search_path = gleanery, pg_temp as $$
begin
    -- One that is being counted right now is waited for: then its old words are those to take off.
    perform 1 from word_change where shelf = tg_argv[0] and is_new and row_id in (select row_id from removed) for update;
    insert into word_change (shelf, row_id, is_new, words, word_count)
    select tg_argv[0], row_id, false, plain_words(removed.words), removed.word_count from removed
    where not exists (
        select from word_change as waiting
        where waiting.shelf = tg_argv[0] and waiting.row_id = removed.row_id and waiting.is_new
    );
    insert into word_change (shelf, row_id, is_new) select tg_argv[0], row_id, true from removed on conflict do nothing;
    return null;
end $$;

create function gleanery.note_removed_words() returns trigger
language plpgsql set search_path = gleanery, pg_temp as $$
begin
    with never_counted as (
        delete from word_change where shelf = tg_argv[0] and is_new and row_id in (select row_id from removed) returning row_id
    )
    insert into word_change (shelf, row_id, is_new, words, word_count)
    select tg_argv[0], row_id, false, plain_words(removed.words), removed.word_count from removed
    where row_id not in (select row_id from never_counted);
    return null;
end $$;

create trigger added after insert on gleanery.chunk_words referencing new table as added
    for each statement execute function gleanery.note_added_words('chunks');
create trigger changed after update on gleanery.chunk_words referencing old table as removed
    for each statement execute function gleanery.note_changed_words('chunks');
create trigger removed after delete on gleanery.chunk_words referencing old table as removed
    for each statement execute function gleanery.note_removed_words('chunks');
create trigger added after insert on gleanery.code_words referencing new table as added
    for each statement execute function gleanery.note_added_words('code');
create trigger changed after update on gleanery.code_words referencing old table as removed
    for each statement execute function gleanery.note_changed_words('code');
create trigger removed after delete on gleanery.code_words referencing old table as removed
    for each statement execute function gleanery.note_removed_words('code');

create function gleanery.word_count(words tsvector) returns bigint
language sql immutable as $$
    select coalesce(sum(cardinality(positions)), 0) from unnest(words)
    where not starts_with(lexeme, '+') and not starts_with(lexeme, '^')
$$;

-- Keep the words of new rows: [{row_id, words}].
create or replace function gleanery.index_chunks(rows jsonb) returns void
language sql as $$
    insert into gleanery.chunk_words (row_id, page_row, words, word_count)
    select row_id, chunk.page_row, new.words, gleanery.word_count(new.words)
    from jsonb_to_recordset(rows) as new (row_id bigint, words tsvector) join gleanery.chunk using (row_id)
$$;
create or replace function gleanery.index_code(rows jsonb) returns void
language sql as $$
    insert into gleanery.code_words (row_id, page_row, words, word_count)
    select row_id, code_example.page_row, new.words, gleanery.word_count(new.words)
    from jsonb_to_recordset(rows) as new (row_id bigint, words tsvector) join gleanery.code_example using (row_id)
$$;

-- Count up to `most` of the rows that came to a shelf or went from it; how many.
create function public.gleanery_search_count_words(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    taken bigint;
    unused text[];
begin
    perform lock_key('words', 'count');  -- one at a time: others would count words in another order
    with chosen as (
        select shelf, row_id, is_new from word_change where shelf = args ->> 'shelf'
        order by row_id limit (args ->> 'most')::bigint for update skip locked
    ), gone as (
        delete from word_change using chosen
        where word_change.shelf = chosen.shelf and word_change.row_id = chosen.row_id and word_change.is_new = chosen.is_new
        returning word_change.*
    ), counted as (
        select 1 as sign, plain_words(stored.words) as words, stored.word_count
        from gone join chunk_words as stored using (row_id) where is_new and shelf = 'chunks'
        union all
        select 1, plain_words(stored.words), stored.word_count
        from gone join code_words as stored using (row_id) where is_new and shelf = 'code'
        union all
        select -1, words, word_count from gone where not is_new
    ), added as (
        insert into shelf (shelf, rows, words)
        select args ->> 'shelf', coalesce(sum(sign), 0), coalesce(sum(sign * word_count), 0) from counted
        on conflict (shelf) do update set rows = shelf.rows + excluded.rows, words = shelf.words + excluded.words
    ), by_word as (
        insert into word (shelf, word, rows)
        select args ->> 'shelf', word, sum(sign) from counted, unnest(words) as word
        group by word having sum(sign) <> 0 order by word
        on conflict (shelf, word) do update set rows = word.rows + excluded.rows
        returning word.word, word.rows
    )
    select (select count(*) from gone), array_agg(word) filter (where rows = 0) into taken, unused from by_word;
    delete from word where shelf = args ->> 'shelf' and word = any (unused);
    return reply(args, to_json(taken));
end $$;

create function gleanery.shelf_rows(name text) returns bigint
language sql stable set search_path = gleanery, pg_temp as $$
    select coalesce((select rows from shelf where shelf = name), 0)
        + (select count(*) filter (where is_new) - count(*) filter (where not is_new) from word_change where shelf = name)
$$;

create function public.gleanery_search_shelf_size(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select json_build_object('rows', shelf_rows(args ->> 'shelf'), 'last', coalesce(
        case args ->> 'shelf' when 'chunks' then (select max(row_id) from chunk_words) else (select max(row_id) from code_words) end, 0))
$$;

create function public.gleanery_search_vocabulary(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(json_build_array(word, rows) order by word), '[]') from (
        select word, rows from word where shelf = args ->> 'shelf' and word > args ->> 'after' and rows > 0
        order by word limit (args ->> 'limit')::bigint
    ) as listed
$$;

-- Of some words ([{word, query}]) those that rows have, with how many rows: looked up, whatever has been counted.
create function public.gleanery_search_known_words(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_object_agg(word, rows), '{}') from (
        select one.word, case args ->> 'shelf'
            when 'chunks' then (select count(*) from chunk_words where words @@ one.query::tsquery)
            else (select count(*) from code_words where words @@ one.query::tsquery) end as rows
        from jsonb_to_recordset(args -> 'words') as one (word text, query text)
    ) as counted where rows > 0
$$;
