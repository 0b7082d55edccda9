-- `ComplianceStore`: frameworks, reports against them with what was found and judged for each control, the files that came of them.

create table gleanery.framework (
    framework_id text collate "C" not null,
    version      text collate "C" not null,
    summary      text collate "C" not null,
    content_hash bytea not null,
    body         text collate "C" not null,
    primary key (framework_id, version)
);

-- `scope` is equal for reports that can be compared: those of one framework, in any version, over the same sources.
create table gleanery.compliance_report (
    report_id        text collate "C" primary key,
    created_at       double precision not null,
    title            text collate "C" not null,
    framework_id     text collate "C" not null,
    version          text collate "C" not null,
    scope            text collate "C" not null,
    options          text collate "C" not null,
    evidence_task_id text collate "C" not null,
    analysis_task_id text collate "C" not null,
    report_task_id   text collate "C" not null,
    completed_at     double precision,
    left_out         text collate "C" not null default '[]'
);
create index compliance_report_newest on gleanery.compliance_report (created_at, report_id);
create index compliance_report_framework on gleanery.compliance_report (framework_id, created_at, report_id);
create index compliance_report_scope on gleanery.compliance_report (md5(scope), created_at, report_id)
    where completed_at is not null;

-- `question` is the hash of what a model was asked: an equal one is not asked again.
create table gleanery.compliance_control (
    report_id  text collate "C" not null,
    position   bigint not null,
    control_id text collate "C" not null,
    verdict    text collate "C",
    tokens     bigint not null default 0,
    question   bytea,
    evidence   text collate "C",
    assessment text collate "C",
    primary key (report_id, position)
);
create index compliance_question on gleanery.compliance_control (question) where question is not null;

create table gleanery.compliance_file (
    report_id text collate "C" not null,
    format    text collate "C" not null,
    data      bytea not null,
    primary key (report_id, format)
);

-- `summary` is JSON without the time, which is the last thing in it. What is there stays; the answer is the summary that is kept.
create function public.gleanery_compliance_add_framework(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    wanted_id text := args ->> 'framework_id';
    wanted_version text := args ->> 'version';
    kept framework;
begin
    insert into framework values (wanted_id, wanted_version,
        left(args ->> 'summary', -1) || ',"added_at":' || to_json(iso(now_of(args))) || '}',
        decode(args ->> 'content_hash', 'hex'), args ->> 'body')
    on conflict (framework_id, version) do nothing;
    select * into kept from framework where framework_id = wanted_id and version = wanted_version;
    if kept.content_hash <> decode(args ->> 'content_hash', 'hex') and not (args ->> 'is_bundled')::boolean then
        perform fail('GL003', format('%s %s is there with another content, and versions never change: give it a new version.',
            wanted_id, wanted_version), json_build_object('framework_id', wanted_id, 'version', wanted_version));
    end if;
    return reply(args, to_json(kept.summary));
end $$;

create function public.gleanery_compliance_frameworks(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(summary order by framework_id, version), '[]') from framework
$$;

-- A version, or the one that was added last.
create function public.gleanery_compliance_framework(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    kept framework;
begin
    select * into kept from framework
    where framework_id = args ->> 'framework_id' and (args ->> 'version' is null or version = args ->> 'version')
    order by (summary::json ->> 'added_at')::timestamptz desc, version limit 1;
    if kept.framework_id is null then
        perform fail_not_found('framework', concat_ws(' ', args ->> 'framework_id', args ->> 'version'));
    end if;
    return json_build_object('summary', kept.summary, 'body', kept.body);
end $$;

create function gleanery.report_row(id text) returns gleanery.compliance_report
language plpgsql stable as $$
declare
    found_report gleanery.compliance_report;
begin
    select * into found_report from gleanery.compliance_report where report_id = id;
    if found_report.report_id is null then
        perform gleanery.fail_not_found('report', id);
    end if;
    return found_report;
end $$;

-- The tasks of a report that are still kept, in the order in which they run.
create function gleanery.report_tasks(report gleanery.compliance_report) returns setof gleanery.task
language sql stable as $$
    select task.* from unnest(array[report.evidence_task_id, report.analysis_task_id, report.report_task_id])
        with ordinality as named (task_id, place) join gleanery.task using (task_id) order by place
$$;

-- {report, counts by verdict ('' for none yet), tasks}.
create function gleanery.report_told(report gleanery.compliance_report) returns json
language sql stable as $$
    select json_build_object(
        'report', row_to_json(report),
        'counts', (
            select coalesce(json_object_agg(verdict, count), '{}') from (
                select coalesce(verdict, '') as verdict, count(*) as count from gleanery.compliance_control
                where report_id = report.report_id group by 1
            ) as counted
        ),
        'tasks', (select coalesce(json_agg(task), '[]') from gleanery.report_tasks(report) as task)
    )
$$;

-- `tasks` in the order in which they run, `control_ids` in the framework's. A known key gives the report that it has made.
create function public.gleanery_compliance_start(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    now double precision := now_of(args);
    id text := args -> 'report' ->> 'report_id';
    first_task task;
    place bigint;
begin
    if known is not null then
        return known;
    end if;
    first_task := create_task(args -> 'tasks' -> 0, args -> 'idempotency', (args ->> 'queue_limit')::bigint, now);
    if first_task.task_id <> (args -> 'tasks' -> 0 ->> 'task_id') then
        return reply(args, report_told(report_row(first_task.payload::json ->> 'report_id')));
    end if;
    for place in 1 .. jsonb_array_length(args -> 'tasks') - 1 loop
        perform create_task(args -> 'tasks' -> place::int, null, (args ->> 'queue_limit')::bigint, now);
    end loop;
    insert into compliance_report select (jsonb_populate_record(null::compliance_report,
        args -> 'report' || jsonb_build_object('created_at', now, 'left_out', '[]'))).*;
    insert into compliance_control (report_id, position, control_id)
    select id, ordinality - 1, value from jsonb_array_elements_text(args -> 'control_ids') with ordinality;
    return reply(args, report_told(report_row(id)));
end $$;

create function public.gleanery_compliance_report(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select report_told(report_row(args ->> 'report_id'))
$$;

-- Newest first. `after` is null or [created_at, report_id].
create function public.gleanery_compliance_reports(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    said text := 'true';
    answer json;
begin
    if args ->> 'framework_id' is not null then
        said := said || format(' and framework_id = %L', args ->> 'framework_id');
    end if;
    if jsonb_typeof(args -> 'after') = 'array' then
        said := said || format(' and (created_at, report_id) < (%L::double precision, %L)', args -> 'after' ->> 0, args -> 'after' ->> 1);
    end if;
    execute format('select coalesce(json_agg(report_told(one) order by created_at desc, report_id desc), ''[]'') from ('
        'select * from compliance_report where %s order by created_at desc, report_id desc limit %s) as one',
        said, (args ->> 'limit')::bigint) into answer;
    return answer;
end $$;

-- The last completed one before it of the same scope.
create function public.gleanery_compliance_previous(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
declare
    later compliance_report := report_row(args ->> 'report_id');
    before compliance_report;
begin
    select * into before from compliance_report as other
    where md5(other.scope) = md5(later.scope) and other.scope = later.scope and other.completed_at is not null
        and (other.created_at, other.report_id) < (later.created_at, later.report_id)
    order by other.created_at desc, other.report_id desc limit 1;
    return case when before.report_id is null then null else report_told(before) end;
end $$;

-- The last first: none of them begins meanwhile.
create function public.gleanery_compliance_cancel(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    asked compliance_report;
    busy text[];
    place bigint;
begin
    if known is not null then
        return known;
    end if;
    asked := report_row(args ->> 'report_id');
    -- One that is about to end is waited for. In one order everywhere, see gleanery_tasks_beat.
    perform from task where task_id in (select task_id from report_tasks(asked)) order by task_id for no key update;
    busy := array(select task_id from report_tasks(asked) where status not in ('completed', 'failed', 'cancelled'));
    if cardinality(busy) = 0 then
        perform fail('GL003', 'The report has ended: there is nothing to cancel.', json_build_object('report_id', asked.report_id));
    end if;
    for place in reverse cardinality(busy) .. 1 loop
        perform request_cancel(busy[place], now_of(args));
    end loop;
    return reply(args, report_told(asked));
end $$;

create function public.gleanery_compliance_retry(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    asked compliance_report;
    ended text[];
    kept bigint;
    stopping bigint;
    id text;
    why text;
begin
    if known is not null then
        return known;
    end if;
    asked := report_row(args ->> 'report_id');
    select count(*), count(*) filter (where is_cancel_requested and status not in ('completed', 'failed', 'cancelled')),
        coalesce(array_agg(task_id) filter (where status in ('failed', 'cancelled')), '{}')
    into kept, stopping, ended from report_tasks(asked);
    why := case
        when kept < 3 then 'Its tasks are not kept any more: make a new report.'
        when stopping > 0 then 'The report is being cancelled: try again in a moment.'
        when cardinality(ended) = 0 then 'None of its tasks failed or was cancelled.'
    end;
    if why is not null then
        perform fail('GL003', why, json_build_object('report_id', asked.report_id));
    end if;
    foreach id in array ended loop
        perform retry(id, false, null, now_of(args));
    end loop;
    return reply(args, report_told(asked));
end $$;

create function public.gleanery_compliance_delete(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    asked compliance_report;
    busy text;
begin
    if known is not null then
        return known;
    end if;
    asked := report_row(args ->> 'report_id');
    select task_id into busy from report_tasks(asked) where status not in ('completed', 'failed', 'cancelled') limit 1;
    if busy is not null then
        perform fail('GL003', 'The report is being made: cancel it first.', json_build_object('task_id', busy));
    end if;
    delete from compliance_file where report_id = asked.report_id;
    delete from compliance_control where report_id = asked.report_id;
    delete from compliance_report where report_id = asked.report_id;
    return reply(args, null, true);
end $$;

create function public.gleanery_compliance_controls(args jsonb) returns json
language plpgsql stable security invoker set search_path = gleanery, pg_temp as $$
begin
    perform report_row(args ->> 'report_id');
    return (
        select coalesce(json_agg(json_build_object('control_id', control_id, 'evidence', evidence, 'assessment', assessment)
            order by position), '[]')
        from compliance_control where report_id = args ->> 'report_id'
    );
end $$;

create function public.gleanery_compliance_without_evidence(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(position order by position), '[]') from compliance_control
    where report_id = args ->> 'report_id' and evidence is null
$$;

create function public.gleanery_compliance_unjudged(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(position order by position), '[]') from compliance_control
    where report_id = args ->> 'report_id' and assessment is null
$$;

create function public.gleanery_compliance_evidence(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json(evidence) from compliance_control
    where report_id = args ->> 'report_id' and position = (args ->> 'position')::bigint
$$;

create function public.gleanery_compliance_tokens(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json(coalesce(sum(tokens), 0)) from compliance_control where report_id = args ->> 'report_id'
$$;

create function public.gleanery_compliance_known(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json(assessment) from compliance_control
    where question = decode(args ->> 'question', 'hex') and assessment is not null limit 1
$$;

create function public.gleanery_compliance_keep_evidence(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform check_fence(args -> 'fence');
    update compliance_control set evidence = args ->> 'evidence'
    where report_id = args ->> 'report_id' and position = (args ->> 'position')::bigint and evidence is null;
    return reply(args, null);
end $$;

create function public.gleanery_compliance_keep_assessments(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform check_fence(args -> 'fence');
    update compliance_control as control set verdict = one.verdict, assessment = one.assessment,
        question = decode(one.question, 'hex'), tokens = one.tokens
    from jsonb_to_recordset(args -> 'judged') as one (position bigint, verdict text, assessment text, question text, tokens bigint)
    where control.report_id = args ->> 'report_id' and control.position = one.position and control.assessment is null;
    return reply(args, null);
end $$;

-- `files` are {format: base64}.
create function public.gleanery_compliance_complete(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
begin
    perform check_fence(args -> 'fence');
    delete from compliance_file where report_id = args ->> 'report_id';
    insert into compliance_file (report_id, format, data)
    select args ->> 'report_id', key, decode(value, 'base64') from jsonb_each_text(args -> 'files');
    update compliance_report set completed_at = now_of(args), left_out = args ->> 'left_out'
    where report_id = args ->> 'report_id';
    return reply(args, null);
end $$;

create function public.gleanery_compliance_formats(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select coalesce(json_agg(format order by format), '[]') from compliance_file where report_id = args ->> 'report_id'
$$;

create function public.gleanery_compliance_file(args jsonb) returns json
language sql stable security invoker set search_path = gleanery, pg_temp as $$
    select to_json(translate(encode(data, 'base64'), E'\n', '')) from compliance_file
    where report_id = args ->> 'report_id' and format = args ->> 'format'
$$;
