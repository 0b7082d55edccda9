-- Which pages a filter of a search lets by, and what filters have to choose from.

-- Scheme and host of a page's URL are in lower case, and its host is followed by a slash where it has a path.
create function gleanery.after_scheme(url text) returns text
language sql immutable as $$ select substr(url, strpos(url, '://') + 3) $$;
create function gleanery.host_of(url text) returns text
language sql immutable as $$ select split_part(gleanery.after_scheme(url), '/', 1) $$;
create function gleanery.path_of(url text) returns text
language sql immutable as $$ select substr(gleanery.after_scheme(url), length(gleanery.host_of(url)) + 1) $$;

-- Whether a URL is at a site: a host (with what is below it), or a URL without a scheme.
create function gleanery.is_on_site(url text, site text) returns boolean
language sql immutable as $$
    select (gleanery.host_of(url) = host or right(gleanery.host_of(url), length(host) + 1) = '.' || host)
        and starts_with(gleanery.path_of(url), path)
    from (select lower(split_part(bare, '/', 1)) as host, substr(bare, length(split_part(bare, '/', 1)) + 1) as path
        from (select case when strpos(site, '://') > 0 then gleanery.after_scheme(site) else site end as bare) as named
    ) as parts
$$;

create function gleanery.is_below_path(url text, path text) returns boolean
language sql immutable as $$
    select starts_with(gleanery.path_of(url), case when starts_with(path, '/') then path else '/' || path end)
$$;

-- Of each group that isn't empty one value must fit; `groups` is an array of arrays.
create function gleanery.page_fits(url text, language text, version text, pages jsonb) returns boolean
language sql immutable as $$
    select not exists (select from jsonb_array_elements(pages -> 'languages') as groups (choice)
            where choice <> '[]' and not exists (select from jsonb_array_elements_text(choice) as one (tag)
                where starts_with(lower(page_fits.language) || '-', lower(tag) || '-')))
        and not exists (select from jsonb_array_elements(pages -> 'versions') as groups (choice)
            where choice <> '[]' and not exists (select from jsonb_array_elements_text(choice) as one (name)
                where starts_with(lower(page_fits.version) || '.', lower(name) || '.')))
        and not exists (select from jsonb_array_elements(pages -> 'paths') as groups (choice)
            where choice <> '[]' and not exists (select from jsonb_array_elements_text(choice) as one (path)
                where gleanery.is_below_path(page_fits.url, path)))
        and not exists (select from jsonb_array_elements(pages -> 'sites') as groups (choice)
            where choice <> '[]' and not exists (select from jsonb_array_elements_text(choice) as one (site)
                where gleanery.is_on_site(page_fits.url, site)))
$$;

-- The rows of the pages that a PageFilter lets by: {source_ids, generation, sites, paths, languages, versions}; the visible
-- ones, or those of one generation.
create function gleanery.chosen_pages(pages jsonb) returns setof bigint
language sql stable as $$
    select page.page_row from gleanery.page join gleanery.source using (source_id)
    where page.source_id = any (gleanery.texts(pages -> 'source_ids')) and source.deleted_at is null
        and page.born <= coalesce((pages ->> 'generation')::bigint, source.generation)
        and page.died > coalesce((pages ->> 'generation')::bigint, source.generation)
        and gleanery.page_fits(page.url, page.language, page.version, pages)
$$;

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
            where page.source_id = any (texts(args -> 'source_ids')) and code_example.language is not null
            group by code_example.language) as one))
$$;
