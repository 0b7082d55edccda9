-- Which pages a filter of a search lets by, and what filters have to choose from.

-- Scheme and host of a page's URL are in lower case, and its host is followed by a slash where it has a path.
create function gleanery.after_scheme(url text) returns text
language sql immutable as $$ select substr(url, strpos(url, '://') + 3) $$;
create function gleanery.host_of(url text) returns text
language sql immutable as $$ select split_part(gleanery.after_scheme(url), '/', 1) $$;
create function gleanery.path_of(url text) returns text
language sql immutable as $$ select substr(gleanery.after_scheme(url), length(gleanery.host_of(url)) + 1) $$;

-- What a page must be for one value of a part of a filter, as SQL. A site is a host (with what is below it), or a URL without
-- a scheme. What can be told without taking the URL apart comes first.
create function gleanery.page_condition(part text, value text) returns text
language plpgsql immutable set search_path = gleanery, pg_temp as $$
declare
    bare text := case when strpos(value, '://') > 0 then after_scheme(value) else value end;
    host text := lower(split_part(bare, '/', 1) collate "C");
    path text := substr(bare, length(host) + 1);
    rooted text := case when starts_with(value, '/') then value else '/' || value end;
begin
    return case part
        when 'languages' then format('starts_with(lower(page.language) || ''-'', %L)', lower(value collate "C") || '-')
        when 'versions' then format('starts_with(lower(page.version) || ''.'', %L)', lower(value collate "C") || '.')
        when 'paths' then format('strpos(page.url, %1$L) > 0 and starts_with(path_of(page.url), %1$L)', rooted)
        when 'sites' then format('strpos(page.url, %L) > 0 and (host_of(page.url) = %L or right(host_of(page.url), %s) = %L)'
            ' and starts_with(path_of(page.url), %L)', host || path, host, length(host) + 1, '.' || host, path)
    end;
end $$;

-- What a page must be for a filter: of each group of values that isn't empty, one must fit.
create function gleanery.chosen_by(pages jsonb) returns text
language sql immutable set search_path = gleanery, pg_temp as $$
    select coalesce(string_agg(format('(%s)', one_fits), ' and '), 'true') from (
        select (select string_agg(page_condition(part, value), ' or ') from jsonb_array_elements_text(choice)) as one_fits
        from unnest(array['languages', 'versions', 'paths', 'sites']) as part, jsonb_array_elements(pages -> part) as choice
    ) as groups where one_fits is not null
$$;

-- The rows of the pages that a PageFilter lets by: {source_ids, generation, sites, paths, languages, versions}; the visible
-- ones, or those of one generation.
create function gleanery.chosen_pages(pages jsonb) returns setof bigint
language plpgsql stable set search_path = gleanery, pg_temp as $$
begin
    return query execute 'select page_row from page join source using (source_id) where source_id = any ($1) and deleted_at is null'
        ' and born <= coalesce($2, source.generation) and died > coalesce($2, source.generation) and '
        || chosen_by(pages) using texts(pages -> 'source_ids'), (pages ->> 'generation')::bigint;
end $$;

-- What is counted for the filters: {sources, pages by source, language and version, code of the sources by language}.
create function public.gleanery_search_facets(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select json_build_object(
        'sources', (select coalesce(json_agg(one), '[]') from (
            select source_id, title, url, tags, knowledge_type from source where deleted_at is null) as one),
        'pages', (select coalesce(json_agg(one), '[]') from (
            select source.source_id, page.language, page.version, count(page.page_row) as pages
            from source left join page on page.source_id = source.source_id and page.born <= source.generation
                and page.died > source.generation
            where deleted_at is null group by source.source_id, page.language, page.version) as one),
        'code', (select coalesce(json_agg(one), '[]') from (
            select code_example.language, count(*) as examples from visible_page as page join code_example using (page_row)
            where page.source_id = any ((select texts(args -> 'source_ids'))::text[]) and code_example.language is not null
            group by code_example.language) as one))
$$;
