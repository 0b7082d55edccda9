-- What every part stands on: times, errors, calls that may be repeated, and who may do what.

create table gleanery.call (
    call_id text primary key,
    at      double precision not null,
    answer  text not null
);
comment on table gleanery.call is 'Answers of the last minutes: a call whose answer was lost is given the same one again.';
create index call_age on gleanery.call (at);

-- Seconds since 1970, by the database's clock. Tests say what time it is with `now`.
create function gleanery.now_of(args jsonb) returns double precision
language sql stable as $$
    select coalesce((args ->> 'now')::double precision, extract(epoch from clock_timestamp())::double precision)
$$;

-- Raise an error of ours. The codes are those of CODES in client.py.
create function gleanery.fail(code text, message text, details json default '{}') returns void
language plpgsql as $$
begin
    raise exception using errcode = code, message = message, detail = details::text;
end $$;

create function gleanery.fail_not_found(kind text, id text) returns void
language plpgsql as $$
begin
    perform gleanery.fail('GL002', kind, json_build_object('kind', kind, 'id', id));
end $$;

-- A JSON array of strings as an array of text; null gives an empty one.
create function gleanery.texts(list jsonb) returns text[]
language sql immutable as $$
    select coalesce(array_agg(value order by ordinality), '{}')
    from jsonb_array_elements_text(case when jsonb_typeof(list) = 'array' then list else '[]' end) with ordinality
$$;

create function gleanery.bigints(list jsonb) returns bigint[]
language sql immutable as $$
    select coalesce(array_agg(value::bigint order by ordinality), '{}')
    from jsonb_array_elements_text(case when jsonb_typeof(list) = 'array' then list else '[]' end) with ordinality
$$;

-- Row-level security on every table, rights for the service's role alone; nobody but their owner has any in Procrastinate's. Called
-- at the end of each migration: a table that is secured already is left alone, since the change would wait for whoever reads it.
create function gleanery.secure() returns void
language plpgsql as $$
declare
    one record;
begin
    revoke all on schema gleanery from public;
    grant usage on schema gleanery to service_role;
    for one in select c.oid::regclass as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname in ('gleanery', 'gleanery_procrastinate') and c.relkind in ('r', 'p') and not c.relrowsecurity
    loop
        execute format('alter table %s enable row level security', one.name);
    end loop;
    for one in select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
        where n.nspname = 'gleanery' and c.relkind in ('r', 'p')
    loop
        if not exists (select from pg_policies where schemaname = 'gleanery' and tablename = one.name) then
            execute format('create policy service on gleanery.%I to service_role using (true) with check (true)', one.name);
        end if;
        execute format('revoke all on gleanery.%I from public, anon, authenticated', one.name);
        execute format('grant select, insert, update, delete on gleanery.%I to service_role', one.name);
    end loop;
    revoke all on all sequences in schema gleanery from public, anon, authenticated;
    grant usage, select, update on all sequences in schema gleanery to service_role;
    for one in select p.oid::regprocedure as name from pg_proc p join pg_namespace n on n.oid = p.pronamespace
        where n.nspname = 'gleanery' or (n.nspname = 'public' and p.proname like 'gleanery\_%')
    loop
        execute format('revoke all on function %s from public, anon, authenticated', one.name);
        execute format('grant execute on function %s to service_role', one.name);
    end loop;
end $$;

-- What the schema is, and how much there is. A server asks this first.
create function public.gleanery_schema(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select json_build_object('migrations', coalesce((
        select json_agg(json_build_object('number', number, 'name', name, 'checksum', checksum) order by number)
        from migration
    ), '[]'))
$$;

create function public.gleanery_health(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select json_build_object(
        'version', current_setting('server_version'),
        'size_bytes', (
            select coalesce(sum(pg_total_relation_size(c.oid)), 0)
            from pg_class c join pg_namespace n on n.oid = c.relnamespace
            where n.nspname = 'gleanery' and c.relkind = 'r'
        )
    )
$$;
