-- Stories and compliance reports that are removed: one by one, or as old ones.

create function gleanery.has_open_task(story text) returns boolean
language sql stable as $$
    select exists (
        select from gleanery.story_task join gleanery.task using (task_id)
        where story_task.story_id = story and task.status in ('queued', 'running', 'paused'))
$$;

create function gleanery.remove_stories(ids text[]) returns void
language plpgsql as $$
begin
    delete from gleanery.story_step where story_id = any (ids);
    delete from gleanery.story_task where story_id = any (ids);
    delete from gleanery.story_run where story_id = any (ids);
end $$;

create function public.gleanery_stories_delete(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    run story_run;
begin
    if known is not null then
        return known;
    end if;
    run := story_run_of(args ->> 'story_id');
    if story_seen(run) in ('waiting', 'working', 'needs_approval') or has_open_task(run.story_id) then
        perform fail('GL003', 'The story is still open: let it end, reject it or cancel its tasks first.',
            json_build_object('story_id', run.story_id));
    end if;
    perform remove_stories(array[run.story_id]);
    return reply(args, null, true);
end $$;

create function public.gleanery_stories_prune(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    gone text[];
begin
    if known is not null then
        return known;
    end if;
    select coalesce(array_agg(story_id), '{}') into gone from (
        select story_id from story_run as run
        where created_at < (args ->> 'before')::double precision
            and story_seen(run) not in ('waiting', 'working', 'needs_approval') and not has_open_task(story_id)
        order by created_at limit (args ->> 'limit')::bigint
    ) as oldest;
    perform remove_stories(gone);
    return reply(args, to_json(cardinality(gone)), true);
end $$;

create function public.gleanery_compliance_prune(args jsonb) returns json
language plpgsql security invoker set search_path = gleanery, pg_temp as $$
declare
    known json := answered(args);
    gone text[];
begin
    if known is not null then
        return known;
    end if;
    select coalesce(array_agg(report_id), '{}') into gone from (
        select report_id from compliance_report as report
        where created_at < (args ->> 'before')::double precision
            and not exists (select from report_tasks(report) where status in ('queued', 'running', 'paused'))
        order by created_at, report_id limit (args ->> 'limit')::bigint
    ) as oldest;
    delete from compliance_file where report_id = any (gone);
    delete from compliance_control where report_id = any (gone);
    delete from compliance_report where report_id = any (gone);
    return reply(args, to_json(cardinality(gone)), true);
end $$;
