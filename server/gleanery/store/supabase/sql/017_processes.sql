-- Processes on several machines: which of them live, by leases and by this database's clock; and what they must have in common.

-- `life` tells two processes of one name apart. `place` is the folder in which the process shows by a locked file that it lives:
-- who sees that file knows sooner than any lease.
create table gleanery.presence (
    worker_id     text collate "C" primary key,
    life          text collate "C" not null,
    place         text collate "C" not null,
    lease_seconds double precision not null,
    lease_until   double precision not null
);

create table gleanery.common (
    name  text collate "C" primary key,
    value text collate "C" not null
);
comment on table gleanery.common is 'What all processes must have alike and nobody has set: the first one gives it.';

create function public.gleanery_now(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json(now_of(args))
$$;

-- The name is {worker_id, life, place, lease_seconds}'s from now on, for a lease. Another life that may still have it is
-- answered ({life, place, lease_until}), unless it is `gone`, the life that the caller knows to have ended.
create function public.gleanery_presence_hold(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    at double precision := now_of(args);
    asked presence := jsonb_populate_record(null::presence, args -> 'presence');
    other presence;
begin
    asked.lease_until := at + asked.lease_seconds;
    insert into presence select asked.* on conflict (worker_id) do update
        set life = asked.life, place = asked.place, lease_seconds = asked.lease_seconds, lease_until = asked.lease_until
        where presence.life in (asked.life, coalesce(args ->> 'gone', '')) or presence.lease_until <= at;
    if not found then
        select * into other from presence where worker_id = asked.worker_id;
    end if;
    return reply(args, case when other.worker_id is not null then json_build_object(
        'life', other.life, 'place', other.place, 'seconds', other.lease_until - at) end);
end $$;

-- Whoever has held a name goes on with it, and sees who else does: [{worker_id, place, is_over}]. A name that nobody asked for
-- in ten leases is forgotten.
create function public.gleanery_presence_look(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    at double precision := now_of(args);
    found_rows json;
begin
    update presence set lease_until = at + lease_seconds where worker_id = args ->> 'worker_id' and life = args ->> 'life';
    select coalesce(json_agg(json_build_object('worker_id', worker_id, 'place', place, 'is_over', lease_until <= at,
        'is_own', worker_id = args ->> 'worker_id' and life = args ->> 'life')), '[]')
    into found_rows from presence;
    delete from presence where worker_id in (
        select worker_id from presence where lease_until + 10 * lease_seconds < at for no key update skip locked);
    return reply(args, found_rows);
end $$;

create function public.gleanery_presence_release(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    delete from presence where worker_id = args ->> 'worker_id' and life = args ->> 'life';
    return reply(args, null);
end $$;

-- The value that all processes have under this name: the first one's that was given.
create function public.gleanery_common(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    insert into common values (args ->> 'name', args ->> 'value') on conflict do nothing;
    return reply(args, (select to_json(value) from common where name = args ->> 'name'));
end $$;
