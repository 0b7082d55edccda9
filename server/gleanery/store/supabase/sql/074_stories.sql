-- `StoryStore`: workspaces with their secrets, stories that were asked for with what came of them, and the webhooks that asked.

-- `secret` and `api_token` are read for checking a webhook and for calling Shortcut, by nothing else.
create table gleanery.story_workspace (
    name      text collate "C" primary key,
    settings  text collate "C" not null,
    secret    text collate "C",
    api_token text collate "C"
);

-- `state` is what the stages and the write-back make it; that a task failed or was cancelled is read from the task.
create table gleanery.story_run (
    story_id    text collate "C" primary key,
    created_at  double precision not null,
    workspace   text collate "C" not null,
    shortcut_id bigint not null,
    goal        text collate "C" not null,
    state       text collate "C" not null,
    name        text collate "C" not null,
    app_url     text collate "C" not null,
    settings    text collate "C" not null,
    ended_at    double precision,
    tokens      bigint not null default 0,
    cost_usd    double precision,
    note        text collate "C" not null default '',
    before      text collate "C",
    triage      text collate "C",
    analysis    text collate "C",
    enhancement text collate "C",
    proposal    text collate "C",
    theirs      text collate "C"
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
    body     text collate "C" not null,
    primary key (story_id, stage, ordinal)
);

-- One that came before is answered as it was then. Old ones go: whatever is older than a webhook may be is refused anyway.
create table gleanery.story_delivery (
    workspace   text collate "C" not null,
    delivery_id text collate "C" not null,
    received_at double precision not null,
    answer      text collate "C" not null,
    primary key (workspace, delivery_id)
);
create index story_delivery_oldest on gleanery.story_delivery (received_at);

-- The state as it is seen. One whose tasks were forgotten before its end has failed.
create function gleanery.story_seen(run gleanery.story_run) returns text
language sql stable as $$
    select case when run.state not in ('waiting', 'working') then run.state else (
        select case
            when bool_or(case when status = 'cancelled' then error::json ->> 'code' = 'superseded' end) then 'superseded'
            when bool_or(status = 'failed') then 'failed'
            when bool_or(status = 'cancelled') then 'cancelled'
            when count(*) = 0 then 'failed'
            else run.state end
        from gleanery.story_task join gleanery.task using (task_id) where story_task.story_id = run.story_id
    ) end
$$;

create function gleanery.is_open(state text) returns boolean
language sql immutable as $$ select state in ('waiting', 'working', 'needs_approval') $$;

create function gleanery.story_row(id text) returns gleanery.story_run
language plpgsql stable as $$
declare
    found_run gleanery.story_run;
begin
    select * into found_run from gleanery.story_run where story_id = id;
    if found_run.story_id is null then
        perform gleanery.fail_not_found('story', id);
    end if;
    return found_run;
end $$;

-- The same, its row locked until the end of the transaction: before rows of tasks, everywhere.
create function gleanery.story_to_change(id text) returns gleanery.story_run
language plpgsql as $$
declare
    found_run gleanery.story_run;
begin
    select * into found_run from gleanery.story_run where story_id = id for no key update;
    if found_run.story_id is null then
        perform gleanery.fail_not_found('story', id);
    end if;
    return found_run;
end $$;

-- {run, seen, tasks}, without what its stages made.
create function gleanery.story_told(run gleanery.story_run) returns json
language sql stable as $$
    select json_build_object(
        'run', json_build_object('story_id', run.story_id, 'workspace', run.workspace, 'shortcut_id', run.shortcut_id,
            'goal', run.goal, 'name', run.name, 'app_url', run.app_url, 'settings', run.settings,
            'created_at', run.created_at, 'ended_at', run.ended_at, 'tokens', run.tokens, 'cost_usd', run.cost_usd,
            'note', run.note, 'seen', gleanery.story_seen(run)),
        'tasks', (
            select coalesce(json_agg(task order by story_task.position), '[]')
            from gleanery.story_task join gleanery.task using (task_id) where story_task.story_id = run.story_id
        )
    )
$$;

create function gleanery.set_story_state(id text, new_state text, at double precision) returns void
language sql volatile as $$
    update gleanery.story_run set state = new_state, ended_at = case when gleanery.is_open(new_state) then null else at end
    where story_id = id
$$;

create function gleanery.add_story_task(id text, made_id text) returns void
language sql volatile as $$
    insert into gleanery.story_task (story_id, position, task_id)
    values (id, (select count(*) from gleanery.story_task where story_id = id), made_id)
$$;

create function public.gleanery_stories_workspaces(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(json_build_object('settings', settings, 'secret', case when secret is not null then '' end,
        'api_token', case when api_token is not null then '' end) order by name), '[]')
    from story_workspace
$$;

create function gleanery.workspace_of(wanted_name text) returns gleanery.story_workspace
language plpgsql stable as $$
declare
    kept gleanery.story_workspace;
begin
    select * into kept from gleanery.story_workspace where name = wanted_name;
    if kept.name is null then
        perform gleanery.fail_not_found('workspace', wanted_name);
    end if;
    return kept;
end $$;

create function public.gleanery_stories_workspace(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select row_to_json(workspace_of(args ->> 'name'))
$$;

-- A secret of null stays as it is, an empty one is taken away. The times in the settings are the database's.
create function public.gleanery_stories_put_workspace(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    was story_workspace;
    now text := iso(now_of(args));
begin
    perform lock_key('workspace', args ->> 'name');
    select * into was from story_workspace where name = args ->> 'name';
    insert into story_workspace (name, settings, secret, api_token)
    values (args ->> 'name',
        merged((args ->> 'settings')::json, json_build_object(
            'created_at', coalesce(was.settings::json ->> 'created_at', now), 'changed_at', now)),
        nullif(coalesce(args ->> 'secret', was.secret), ''), nullif(coalesce(args ->> 'api_token', was.api_token), ''))
    on conflict (name) do update
    set settings = excluded.settings, secret = excluded.secret, api_token = excluded.api_token;
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
    select story_id into busy from story_run
    where workspace = args ->> 'name' and is_open(state) and is_open(story_seen(story_run)) limit 1;
    if busy is not null then
        perform fail('GL003',
            'A story of this workspace is still open: let it end, reject it or cancel its tasks first.',
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
create function gleanery.supersede_stories(new_story jsonb, newest gleanery.task, write_back text, at double precision) returns void
language plpgsql as $$
declare
    older text;
    tasks gleanery.task[];
    one gleanery.task;
begin
    perform gleanery.lock_key('story', concat_ws(':', new_story ->> 'workspace', new_story ->> 'shortcut_id', new_story ->> 'goal'));
    for older in
        select story_id from gleanery.story_run
        where shortcut_id = (new_story ->> 'shortcut_id')::bigint and workspace = new_story ->> 'workspace'
            and goal = new_story ->> 'goal' and gleanery.is_open(state)
        order by story_id for no key update
    loop
        tasks := array(select task from gleanery.story_task join gleanery.task using (task_id)
            where story_task.story_id = older order by story_task.position for no key update of task);
        one := tasks[cardinality(tasks)];
        continue when one.task_type = write_back and one.status = 'running';
        foreach one in array tasks loop
            if one.status = 'queued' then
                perform gleanery.stand_for(newest, one.task_id, at);
            end if;
        end loop;
        perform gleanery.set_story_state(older, 'superseded', at);
    end loop;
end $$;

-- `story` is {row, tasks}.
create function gleanery.start_story(story jsonb, write_back text, queue_limit bigint, at double precision) returns void
language plpgsql as $$
declare
    id text := story -> 'row' ->> 'story_id';
    made jsonb;
begin
    for made in select value from jsonb_array_elements(story -> 'tasks') with ordinality order by ordinality loop
        perform gleanery.create_task(made, null, queue_limit, at);
    end loop;
    perform gleanery.supersede_stories(story -> 'row', gleanery.task_of(story -> 'tasks' -> 0 ->> 'task_id'), write_back, at);
    insert into gleanery.story_run (story_id, created_at, workspace, shortcut_id, goal, state, name, app_url, settings)
    select story_id, at, workspace, shortcut_id, goal, 'waiting', name, app_url, settings
    from jsonb_populate_record(null::gleanery.story_run, story -> 'row');
    for made in select value from jsonb_array_elements(story -> 'tasks') with ordinality order by ordinality loop
        perform gleanery.add_story_task(id, made ->> 'task_id');
    end loop;
end $$;

-- A webhook with the stories that it asks for. Whoever brings the same at the same time waits for this one. The answer is null
-- for a new one, else the one of then. A few old ones go with each that comes: the table doesn't grow for ever.
create function public.gleanery_stories_receive(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    now double precision := now_of(args);
    added bigint;
    story jsonb;
begin
    if known is not null then
        return known;
    end if;
    insert into story_delivery (workspace, delivery_id, received_at, answer)
    values (args ->> 'workspace', args ->> 'delivery_id', now, args ->> 'answer')
    on conflict (workspace, delivery_id) do nothing;
    get diagnostics added = row_count;
    if added = 0 then
        return reply(args, public.gleanery_stories_delivery(args));
    end if;
    delete from story_delivery where (workspace, delivery_id) in (
        select workspace, delivery_id from story_delivery where received_at < now - (args ->> 'keep_seconds')::double precision
        order by received_at limit (args ->> 'forget')::bigint for update skip locked);
    for story in select value from jsonb_array_elements(args -> 'stories') with ordinality order by ordinality loop
        perform start_story(story, args ->> 'write_back', (args ->> 'queue_limit')::bigint, now);
    end loop;
    return reply(args, null, true);
end $$;

create function public.gleanery_stories_story(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select story_told(story_row(args ->> 'story_id'))
$$;

-- Newest first. `kept` are the states that rows may have so that they are seen in one of `states`; `after` is null or
-- [created_at, story_id].
create function public.gleanery_stories_list(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    said text := 'true';
    answer json;
begin
    if jsonb_array_length(args -> 'states') > 0 then
        said := said || format(' and state = any (%L::text[]) and story_seen(story_run) = any (%L::text[])',
            texts(args -> 'kept'), texts(args -> 'states'));
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
    execute format('select coalesce(json_agg(story_told(one) order by created_at desc, story_id desc), ''[]'') from ('
        'select * from story_run where %s order by created_at desc, story_id desc limit %s) as one',
        said, (args ->> 'limit')::bigint) into answer;
    return answer;
end $$;

-- What is final is counted by the index; of the others, which are few, each is looked at.
create function public.gleanery_stories_counts(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_object_agg(seen, count), '{}') from (
        select seen, sum(count)::bigint as count from (
            select state as seen, count(*) as count from story_run where state not in ('waiting', 'working') group by state
            union all
            select story_seen(story_run), 1 from story_run where state in ('waiting', 'working')
        ) as each_one group by seen
    ) as counted
$$;

create function public.gleanery_stories_results(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select json_build_object('before', run.before, 'triage', run.triage, 'analysis', run.analysis,
        'enhancement', run.enhancement, 'proposal', run.proposal, 'theirs', run.theirs)
    from story_row(args ->> 'story_id') as run
$$;

create function public.gleanery_stories_steps(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(body order by stage, ordinal), '[]') from story_step where story_id = args ->> 'story_id'
$$;

create function public.gleanery_stories_keep_before(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform story_to_change(args ->> 'story_id');
    perform check_fence(args -> 'fence');
    update story_run set before = args ->> 'before', name = args ->> 'name', app_url = args ->> 'app_url',
        state = case state when 'waiting' then 'working' else state end
    where story_id = args ->> 'story_id' and before is null;
    return reply(args, to_json((story_row(args ->> 'story_id')).before));
end $$;

-- `proposed` is null, or {proposal, write_back: a task's row or null}. Of a story that is final nothing follows.
create function public.gleanery_stories_keep_stage(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    now double precision := now_of(args);
    id text := args ->> 'story_id';
    run story_run;
    write_back jsonb := args -> 'proposed' -> 'write_back';
begin
    if known is not null then
        return known;
    end if;
    run := story_to_change(id);
    perform check_fence(args -> 'fence');
    update story_run set
        triage = case when args ->> 'stage' = 'triage' then coalesce(triage, args ->> 'value') else triage end,
        analysis = case when args ->> 'stage' = 'analysis' then coalesce(analysis, args ->> 'value') else analysis end,
        enhancement = case when args ->> 'stage' = 'enhancement' then coalesce(enhancement, args ->> 'value') else enhancement end
    where story_id = id;
    if jsonb_typeof(args -> 'proposed') <> 'object' or run.proposal is not null or run.state not in ('waiting', 'working') then
        return reply(args, to_json(run.state));
    end if;
    update story_run set proposal = args -> 'proposed' ->> 'proposal' where story_id = id;
    if jsonb_typeof(write_back) = 'object' then
        perform create_task(write_back, null, null, now);
        perform add_story_task(id, write_back ->> 'task_id');
        perform set_story_state(id, 'working', now);
    else
        perform set_story_state(id, 'needs_approval', now);
    end if;
    return reply(args, to_json((story_row(id)).state), true);
end $$;

create function public.gleanery_stories_note(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    added bigint;
    spent bigint := (args -> 'step' ->> 'tokens')::bigint;
    cost double precision := (args ->> 'cost_usd')::double precision;
begin
    perform story_to_change(args -> 'step' ->> 'story_id');
    perform check_fence(args -> 'fence');
    insert into story_step select * from jsonb_populate_record(null::story_step, args -> 'step') on conflict do nothing;
    get diagnostics added = row_count;
    if added > 0 then
        update story_run set tokens = tokens + spent,
            cost_usd = case when cost is null then cost_usd else coalesce(cost_usd, 0) + cost end
        where story_id = args -> 'step' ->> 'story_id';
    end if;
    return reply(args, null);
end $$;

create function gleanery.check_needs_approval(run gleanery.story_run) returns void
language plpgsql as $$
declare
    seen text := gleanery.story_seen(run);
begin
    if seen <> 'needs_approval' then
        perform gleanery.fail('GL003', format('The story is %s: it does not wait for an approval.', seen),
            json_build_object('story_id', run.story_id, 'state', seen));
    end if;
end $$;

create function public.gleanery_stories_approve(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    now double precision := now_of(args);
    id text := args ->> 'story_id';
begin
    if known is not null then
        return known;
    end if;
    if args -> 'idempotency' ? 'key' then
        perform lock_idempotency(args -> 'idempotency');
        if made_before(args -> 'idempotency') is not null then
            return reply(args, story_told(story_row(id)));
        end if;
    end if;
    perform check_needs_approval(story_to_change(id));
    perform create_task(args -> 'task', args -> 'idempotency', (args ->> 'queue_limit')::bigint, now);
    perform add_story_task(id, args -> 'task' ->> 'task_id');
    perform set_story_state(id, 'working', now);
    return reply(args, story_told(story_row(id)));
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
    perform check_needs_approval(story_to_change(id));
    update story_run set note = args ->> 'note' where story_id = id;
    perform set_story_state(id, 'rejected', now_of(args));
    return reply(args, story_told(story_row(id)), true);
end $$;

create function public.gleanery_stories_end(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform story_to_change(args ->> 'story_id');
    perform check_fence(args -> 'fence');
    update story_run set theirs = coalesce(args ->> 'theirs', theirs) where story_id = args ->> 'story_id';
    perform set_story_state(args ->> 'story_id', args ->> 'state', now_of(args));
    return reply(args, null);
end $$;
