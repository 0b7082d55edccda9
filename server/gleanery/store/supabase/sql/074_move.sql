-- A move to this database: until it is complete, no server works with what is there.

create table gleanery.move (
    is_only   boolean primary key default true check (is_only),
    inventory text not null,
    indexes   text[] not null,
    begun_at  double precision not null,
    ended_at  double precision
);
comment on table gleanery.move is
    'The last move to this database: what its source had, and the indexes that are made again when all rows are there.';

create or replace function public.gleanery_schema(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select json_build_object(
        'migrations', coalesce((
            select json_agg(json_build_object('number', number, 'name', name, 'checksum', checksum) order by number)
            from migration
        ), '[]'),
        'is_moving', exists (select from move where ended_at is null)
    )
$$;
