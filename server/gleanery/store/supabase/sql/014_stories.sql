-- Workspaces with their secrets, stories that were asked for with what came of them, and the webhooks that asked.

create table gleanery.story_workspace (
    name      text collate "C" primary key,
    settings  text not null,
    secret    text,
    api_token text
);

-- `state` is what the stages and the write-back make it; that a task failed or was cancelled is read from the task.
create table gleanery.story_run (
    story_id    text collate "C" primary key,
    created_at  double precision not null,
    workspace   text collate "C" not null,
    shortcut_id bigint not null,
    goal        text collate "C" not null,
    state       text collate "C" not null,
    name        text not null,
    app_url     text not null,
    settings    text not null,
    ended_at    double precision,
    tokens      bigint not null default 0,
    cost_usd    double precision,
    note        text not null default '',
    before      text,
    triage      text,
    analysis    text,
    enhancement text,
    proposal    text,
    theirs      text
);
create index story_newest on gleanery.story_run (created_at, story_id);
create index story_by_state on gleanery.story_run (state, created_at, story_id);
create index story_by_workspace on gleanery.story_run (workspace, created_at, story_id);
create index story_by_shortcut on gleanery.story_run (shortcut_id, workspace, goal, created_at, story_id);

create table gleanery.story_task (
    story_id text collate "C" not null,
    position bigint not null,
    task_id  text collate "C" not null,
    primary key (story_id, position)
);

create table gleanery.story_step (
    story_id text collate "C" not null,
    stage    text collate "C" not null,
    ordinal  bigint not null,
    tokens   bigint not null,
    body     text not null,
    primary key (story_id, stage, ordinal)
);

create table gleanery.story_delivery (
    workspace   text collate "C" not null,
    delivery_id text collate "C" not null,
    received_at double precision not null,
    answer      text not null,
    primary key (workspace, delivery_id)
);
create index story_delivery_oldest on gleanery.story_delivery (received_at);

-- The state as it is seen. One whose tasks were forgotten before its end has failed.
create function gleanery.story_seen(run gleanery.story_run) returns text
language plpgsql stable as $$
declare
    found record;
begin
    if run.state not in ('waiting', 'working') then
        return run.state;
    end if;
    select count(*) as count,
        bool_or(task.status = 'cancelled' and task.error is not null and task.error::json ->> 'code' = 'superseded') as superseded,
        bool_or(task.status = 'failed') as failed, bool_or(task.status = 'cancelled') as cancelled
    into found from gleanery.story_task join gleanery.task using (task_id) where story_task.story_id = run.story_id;
    return case when found.superseded then 'superseded' when found.failed then 'failed'
        when found.cancelled then 'cancelled' when found.count = 0 then 'failed' else run.state end;
end $$;

create function gleanery.story_run_of(id text) returns gleanery.story_run
language plpgsql stable as $$
declare
    run gleanery.story_run;
begin
    select * into run from gleanery.story_run where story_id = id;
    if run.story_id is null then
        perform gleanery.fail_not_found('story', id);
    end if;
    return run;
end $$;

create function gleanery.workspace_of(wanted text) returns gleanery.story_workspace
language plpgsql stable as $$
declare
    kept gleanery.story_workspace;
begin
    select * into kept from gleanery.story_workspace where name = wanted;
    if kept.name is null then
        perform gleanery.fail_not_found('workspace', wanted);
    end if;
    return kept;
end $$;

-- {run, seen, tasks}: a story as it is shown.
create function gleanery.story_json(run gleanery.story_run) returns json
language sql stable as $$
    select json_build_object('run', row_to_json(run), 'seen', gleanery.story_seen(run), 'tasks', (
        select coalesce(json_agg(task order by story_task.position), '[]')
        from gleanery.story_task join gleanery.task using (task_id) where story_task.story_id = run.story_id))
$$;

create function gleanery.set_story_state(id text, new_state text, at double precision) returns void
language sql volatile as $$
    update gleanery.story_run set state = new_state,
        ended_at = case when new_state in ('waiting', 'working', 'needs_approval') then null else at end
    where story_id = id
$$;

create function gleanery.add_story_task(id text, task text) returns void
language sql volatile as $$
    insert into gleanery.story_task (story_id, position, task_id)
    values (id, (select count(*) from gleanery.story_task where story_id = id), task)
$$;

create function public.gleanery_stories_workspaces(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(one order by name), '[]') from story_workspace as one
$$;

create function public.gleanery_stories_workspace(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select row_to_json(workspace_of(args ->> 'name'))
$$;

-- A secret of null stays as it is, an empty one is taken away. What is in the row is not kept with the call.
create function public.gleanery_stories_put_workspace(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    insert into story_workspace (name, settings, secret, api_token)
    values (args ->> 'name', args ->> 'settings', nullif(args ->> 'secret', ''), nullif(args ->> 'api_token', ''))
    on conflict (name) do update set settings = excluded.settings,
        secret = nullif(coalesce(args ->> 'secret', story_workspace.secret), ''),
        api_token = nullif(coalesce(args ->> 'api_token', story_workspace.api_token), '');
    return reply(args, row_to_json(workspace_of(args ->> 'name')));
end $$;

create function public.gleanery_stories_delete_workspace(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    busy text;
begin
    if known is not null then
        return known;
    end if;
    perform workspace_of(args ->> 'name');
    select story_id into busy from story_run as run
    where workspace = args ->> 'name' and state in ('waiting', 'working', 'needs_approval')
        and story_seen(run) in ('waiting', 'working', 'needs_approval') limit 1;
    if busy is not null then
        perform fail('GL003', 'A story of this workspace is still open: let it end, reject it or cancel its tasks first.',
            json_build_object('story_id', busy));
    end if;
    delete from story_workspace where name = args ->> 'name';
    return reply(args, null, true);
end $$;

create function public.gleanery_stories_delivery(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json(answer) from story_delivery
    where workspace = args ->> 'workspace' and delivery_id = args ->> 'delivery_id'
$$;

-- Older ones of the same story and goal end, with what they left queued. One that is being written ends by itself.
create function gleanery.supersede_stories(new jsonb, first_task gleanery.task, at double precision) returns void
language plpgsql as $$
declare
    old text;
    one gleanery.task;
    last gleanery.task;
begin
    for old in select story_id from gleanery.story_run
        where shortcut_id = (new ->> 'shortcut_id')::bigint and workspace = new ->> 'workspace' and goal = new ->> 'goal'
            and state in ('waiting', 'working', 'needs_approval') and story_id <> new ->> 'story_id'
        for update
    loop
        -- One that is being claimed right now is waited for, and runs then.
        perform from gleanery.story_task join gleanery.task using (task_id)
            where story_task.story_id = old and task.status = 'queued' order by task_id for no key update of task;
        select task.* into last from gleanery.story_task join gleanery.task using (task_id)
        where story_task.story_id = old order by position desc limit 1;
        continue when last.task_type = new ->> 'write_back' and last.status = 'running';
        for one in select task.* from gleanery.story_task join gleanery.task using (task_id)
            where story_task.story_id = old order by position
        loop
            if one.status = 'queued' then
                perform gleanery.stand_for(first_task, one.task_id, at);
            end if;
        end loop;
        perform gleanery.set_story_state(old, 'superseded', at);
    end loop;
end $$;

-- A webhook with the stories [{story_id, workspace, shortcut_id, goal, name, app_url, settings, write_back, tasks}] that it asks for.
create function public.gleanery_stories_receive(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    at double precision;
    before text;
    new jsonb;
    made jsonb;
    first_task task;
begin
    if known is not null then
        return known;
    end if;
    perform lock_key('stories', args ->> 'workspace');
    at := now_of(args);
    select answer into before from story_delivery
    where workspace = args ->> 'workspace' and delivery_id = args ->> 'delivery_id';
    if before is not null then
        return reply(args, json_build_object('answer', before, 'is_new', false));
    end if;
    delete from story_delivery where (workspace, delivery_id) in (
        select workspace, delivery_id from story_delivery
        where received_at < at - (args ->> 'keep_seconds')::double precision order by received_at limit 20);
    insert into story_delivery (workspace, delivery_id, received_at, answer)
    values (args ->> 'workspace', args ->> 'delivery_id', at, args ->> 'answer');
    for new in select value from jsonb_array_elements(args -> 'stories') loop
        for made in select value from jsonb_array_elements(new -> 'tasks') loop
            perform create_task(made, null, (args ->> 'queue_limit')::bigint, at);
        end loop;
        first_task := task_of(new -> 'tasks' -> 0 ->> 'task_id');
        perform supersede_stories(new, first_task, at);
        insert into story_run (story_id, created_at, workspace, shortcut_id, goal, state, name, app_url, settings)
        values (new ->> 'story_id', at, new ->> 'workspace', (new ->> 'shortcut_id')::bigint, new ->> 'goal', 'waiting',
            new ->> 'name', new ->> 'app_url', new ->> 'settings');
        for made in select value from jsonb_array_elements(new -> 'tasks') loop
            perform add_story_task(new ->> 'story_id', made ->> 'task_id');
        end loop;
    end loop;
    return reply(args, json_build_object('answer', args ->> 'answer', 'is_new', true), true);
end $$;

create function public.gleanery_stories_story(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select story_json(story_run_of(args ->> 'story_id'))
$$;

-- Newest first. `after` is null or [created_at, story_id].
create function public.gleanery_stories_list(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    said text := 'true';
    states text[] := texts(args -> 'states');
    kept text[] := states || case when states && array['superseded', 'failed', 'cancelled'] then array['waiting', 'working'] end;
    answer json;
begin
    if cardinality(states) > 0 then
        said := said || format(' and state = any (%L::text[]) and story_seen(run) = any (%L::text[])', kept, states);
    end if;
    if args ->> 'workspace' is not null then
        said := said || format(' and workspace = %L', args ->> 'workspace');
    end if;
    if args ->> 'shortcut_id' is not null then
        said := said || format(' and shortcut_id = %L::bigint', args ->> 'shortcut_id');
    end if;
    if jsonb_typeof(args -> 'after') = 'array' then
        said := said || format(' and (created_at, story_id) < (%L::double precision, %L)', args -> 'after' ->> 0, args -> 'after' ->> 1);
    end if;
    execute format('select coalesce(json_agg(story_json(one) order by created_at desc, story_id desc), ''[]'') from ('
        'select * from story_run as run where %s order by created_at desc, story_id desc limit %s) as one',
        said, (args ->> 'limit')::bigint) into answer;
    return answer;
end $$;

create function public.gleanery_stories_counts(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_object_agg(state, count), '{}') from (
        select state, sum(count) as count from (
            select state, count(*) as count from story_run where state not in ('waiting', 'working') group by state
            union all select story_seen(run), count(*) from story_run as run where state in ('waiting', 'working') group by 1
        ) as parts group by state) as counted
$$;

create function public.gleanery_stories_steps(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(body), '[]') from story_step where story_id = args ->> 'story_id'
$$;

create function public.gleanery_stories_keep_before(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform check_fence(args -> 'fence');
    update story_run set before = args ->> 'story', name = args ->> 'name', app_url = args ->> 'app_url',
        state = case state when 'waiting' then 'working' else state end
    where story_id = args ->> 'story_id' and before is null;
    return reply(args, to_json((story_run_of(args ->> 'story_id')).before));
end $$;

create function public.gleanery_stories_keep_stage(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    at double precision := now_of(args);
    id text := args ->> 'story_id';
    run story_run;
begin
    if known is not null then
        return known;
    end if;
    perform check_fence(args -> 'fence');
    execute format('update story_run set %1$I = $1 where story_id = $2 and %1$I is null', args ->> 'stage')
        using args ->> 'value', id;
    select * into run from story_run where story_id = id for update;
    if jsonb_typeof(args -> 'proposed') <> 'object' or run.proposal is not null or run.state not in ('waiting', 'working') then
        return reply(args, to_json(run.state));
    end if;
    update story_run set proposal = args -> 'proposed' ->> 'proposal' where story_id = id;
    if jsonb_typeof(args -> 'proposed' -> 'write_back') <> 'object' then
        perform set_story_state(id, 'needs_approval', at);
    else
        perform create_task(args -> 'proposed' -> 'write_back', null, null, at);
        perform add_story_task(id, args -> 'proposed' -> 'write_back' ->> 'task_id');
        perform set_story_state(id, 'working', at);
    end if;
    return reply(args, to_json((story_run_of(id)).state), true);
end $$;

create function public.gleanery_stories_note(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    cost double precision := (args ->> 'cost_usd')::double precision;
begin
    perform check_fence(args -> 'fence');
    insert into story_step (story_id, stage, ordinal, tokens, body)
    values (args ->> 'story_id', args ->> 'stage', (args ->> 'ordinal')::bigint, (args ->> 'tokens')::bigint, args ->> 'body')
    on conflict do nothing;
    if found then
        update story_run set tokens = tokens + (args ->> 'tokens')::bigint,
            cost_usd = case when cost is null then cost_usd else coalesce(cost_usd, 0) + cost end
        where story_id = args ->> 'story_id';
    end if;
    return reply(args, null);
end $$;

create function gleanery.check_story_waits(id text) returns void
language plpgsql as $$
declare
    run gleanery.story_run := gleanery.story_run_of(id);
    seen text;
begin
    perform from gleanery.story_run where story_id = id for update;
    seen := gleanery.story_seen(gleanery.story_run_of(id));
    if seen <> 'needs_approval' then
        perform gleanery.fail('GL003', format('The story is %s: it does not wait for an approval.', seen),
            json_build_object('story_id', id, 'state', seen));
    end if;
end $$;

create function public.gleanery_stories_approve(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    at double precision := now_of(args);
    id text := args ->> 'story_id';
begin
    if known is not null then
        return known;
    end if;
    if args -> 'idempotency' ? 'key' then
        perform lock_idempotency(args -> 'idempotency');
        if made_before(args -> 'idempotency') is not null then
            return reply(args, story_json(story_run_of(id)));
        end if;
    end if;
    perform check_story_waits(id);
    perform create_task(args -> 'write_back', args -> 'idempotency', (args ->> 'queue_limit')::bigint, at);
    perform add_story_task(id, args -> 'write_back' ->> 'task_id');
    perform set_story_state(id, 'working', at);
    return reply(args, story_json(story_run_of(id)), true);
end $$;

create function public.gleanery_stories_reject(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    id text := args ->> 'story_id';
begin
    if known is not null then
        return known;
    end if;
    perform check_story_waits(id);
    update story_run set note = args ->> 'note' where story_id = id;
    perform set_story_state(id, 'rejected', now_of(args));
    return reply(args, story_json(story_run_of(id)), true);
end $$;

create function public.gleanery_stories_end(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform check_fence(args -> 'fence');
    update story_run set theirs = coalesce(args ->> 'theirs', theirs) where story_id = args ->> 'story_id';
    perform set_story_state(args ->> 'story_id', args ->> 'state', now_of(args));
    return reply(args, null);
end $$;
