"""What only the Supabase store promises of parses, traces, reports and stories: answers that were lost, two at once, indexes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from gleanery.model import TaskStatus
from gleanery.model.stories import StoryState
from gleanery.model.traces import Arrival, GroupChange
from gleanery.store.base import Store
from gleanery.store.supabase import SupabaseStore
from gleanery.store.traces import GroupEventWrite, Regrouping
from gleanery.store.values import Removed
from tests.clock import SetClock
from tests.ground.supabase import Gateway, Project
from tests.store import test_compliance, test_parses, test_prune, test_stories, test_traces
from tests.store.samples import Changes, fence_of, started


@pytest.fixture
async def store(gateway: Gateway, supabase_project: Project, clock: SetClock) -> AsyncIterator[Any]:
    key = supabase_project.service_key
    async with SupabaseStore(gateway.url, key, Changes(), clock, patience_seconds=60) as store:
        yield store


def lose(gateway: Gateway, *names: str) -> None:
    gateway.loses |= {f"gleanery_{name}": 1 for name in names}


async def test_a_page_whose_answers_were_lost_is_kept_once(store: Store, gateway: Gateway, clock: SetClock) -> None:
    lose(gateway, "parses_start", "parses_keep_part", "parses_keep")
    page = await test_parses.kept(store, clock())
    assert gateway.asked.count("gleanery_parses_keep") == 2
    assert await store.parses.body(page.web_page_id) == b'{"x":1}'
    events = await store.tasks.events(page.task_id, after=0, before=None, limit=10)
    assert [event.type for event in events].count("web_page_stored") == 1


async def test_pages_that_went_are_told_though_the_answer_was_lost(
    store: Store, gateway: Gateway, clock: SetClock
) -> None:
    for number in range(3):
        clock.jump(1)
        await test_parses.kept(store, clock(), key=f"k{number}")
    lose(gateway, "parses_evict")
    assert await store.parses.evict(100, 10) == 2


async def test_traces_and_groups_whose_answers_were_lost_are_there_once(store: Store, gateway: Gateway) -> None:
    fence = fence_of(await started(store))
    lose(gateway, "traces_add", "traces_keep_groups", "traces_assign")
    assert await store.traces.add([test_traces.trace(1), test_traces.trace(2)]) == [Arrival.STORED] * 2
    event = GroupEventWrite("grp_1", GroupChange.CREATED, ("Greet ", "."))
    await store.traces.keep_groups(fence, test_traces.PLACE, Regrouping((test_traces.group("grp_1"),), (event,)))
    await store.traces.assign(fence, {1: "grp_1", 2: "grp_1"})
    assert gateway.asked.count("gleanery_traces_assign") == 2
    assert (await store.traces.group("grp_1")).trace_count == 2
    assert len(await store.traces.events("grp_1", after=0, limit=10)) == 1
    (place,) = await store.traces.places(after=None, limit=10)
    assert place.traces == 2


async def test_traces_that_two_send_at_once_are_stored_by_one(store: Store) -> None:
    sent = [test_traces.trace(number) for number in range(50)]
    found = await asyncio.gather(store.traces.add(sent), store.traces.add(sent[::-1]))
    one, other = found[0], found[1][::-1]
    assert [{a, b} for a, b in zip(one, other, strict=True)] == [{Arrival.STORED, Arrival.KNOWN}] * 50
    (place,) = await store.traces.places(after=None, limit=10)
    assert (place.traces, place.waiting) == (50, 50)


async def test_a_report_whose_answers_were_lost_is_there_once_and_goes(store: Store, gateway: Gateway) -> None:
    lose(gateway, "compliance_start", "compliance_cancel", "compliance_retry", "compliance_delete")
    await test_compliance.started(store)
    assert test_compliance.states(await store.compliance.cancel("cmp_1")) == ["cancelled"] * 3
    assert test_compliance.states(await store.compliance.retry("cmp_1")) == ["queued"] * 3
    await store.compliance.cancel("cmp_1")
    await store.compliance.delete("cmp_1")
    assert await store.compliance.reports(framework_id=None, after=None, limit=9) == []
    assert await store.tasks.count_by_status() == {TaskStatus.CANCELLED: 3}


async def test_a_report_is_cancelled_though_one_of_its_tasks_ends_at_that_moment(
    store: Store, supabase_project: Project
) -> None:
    task_id = (await test_compliance.started(store)).task_ids["evidence"]
    with supabase_project.connect() as db:
        with db.transaction():  # an end that is not committed yet
            db.execute("update gleanery.task set status = 'completed' where task_id = %s", [task_id])
            cancelling = asyncio.ensure_future(store.compliance.cancel("cmp_1"))
            await supabase_project.until_waiting(1)
        assert test_compliance.states(await cancelling) == ["completed", "cancelled", "cancelled"]


async def test_tasks_that_are_retried_at_that_moment_are_not_removed(
    store: Store, supabase_project: Project, clock: SetClock
) -> None:
    """Expected: of two that may go one is waited for, which is retried; the other one, being retried too, is left alone."""
    ids = {(await test_prune.ended(store, TaskStatus.FAILED)).task_id for _ in range(2)}
    clock.jump(2 * test_prune.DAY)
    to_go = "select gleanery.tasks_to_go(jsonb_build_object('statuses', array['failed'], 'tasks_before', %s::float), 1)"
    retry = "update gleanery.task set status = 'queued', processing_completed_at = null where task_id = %s"
    with supabase_project.connect() as one, supabase_project.connect() as two, two.transaction():
        with one.transaction():
            [(first,)] = one.execute(to_go, [clock().timestamp()]).fetchall()
            one.execute(retry, [first])
            pruning = asyncio.ensure_future(store.tasks.prune(test_prune.of_tasks(clock), 1))
            await supabase_project.until_waiting(1)
            two.execute(retry, [*ids - {first}])
        assert await pruning == Removed()
    assert await test_prune.left(store) == ids


async def test_a_webhook_whose_answer_was_lost_is_new_once(store: Store, gateway: Gateway) -> None:
    lose(gateway, "stories_receive", "stories_keep_stage")
    new = test_stories.new_story()
    assert (await test_stories.receive(store, new)).is_new
    assert await test_stories.to_the_end(store, new) is StoryState.WORKING
    assert len((await store.stories.story(new.story_id)).tasks) == 4


async def test_of_webhooks_that_come_at_once_one_is_new_and_one_story_stays(store: Store) -> None:
    first, second, third = (test_stories.new_story() for _ in range(3))
    found = await asyncio.gather(
        test_stories.receive(store, first, id="d1"),
        test_stories.receive(store, second, id="d1"),
        test_stories.receive(store, third, id="d2"),
    )
    assert [one.is_new for one in found].count(False) == 1
    counts = await store.stories.counts()
    assert {state: count for state, count in counts.items() if count} == {"superseded": 1, "waiting": 1}


async def test_a_write_back_that_is_claimed_at_that_moment_goes_on_beside_the_newer_story(
    store: Store, supabase_project: Project
) -> None:
    first, second = test_stories.new_story(), test_stories.new_story()
    await test_stories.receive(store, first)
    assert await test_stories.to_the_end(store, first) is StoryState.WORKING
    write_back = (await store.stories.story(first.story_id)).tasks[-1]
    with supabase_project.connect() as db:
        with db.transaction():  # a claim that is not committed yet
            db.execute(
                "update gleanery.task set status = 'running', attempt = 1, worker_id = 'w', lease_until = 4e9"
                " where task_id = %s",
                [write_back.task_id],
            )
            receiving = asyncio.ensure_future(test_stories.receive(store, second))
            await supabase_project.until_waiting(1)
        assert (await receiving).is_new
    assert (await store.tasks.get(write_back.task_id)).status is TaskStatus.RUNNING
    assert await test_stories.state_of(store.stories, first) is StoryState.WORKING
    assert await test_stories.state_of(store.stories, second) is StoryState.WAITING


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        ("select task_id from parse where url_key = '' order by created_at desc, task_id desc limit 9", "parse_url"),
        ("select * from web_page where cache_key = '' order by loaded_at desc limit 1", "web_page_key"),
        ("select row_id from trace where project_id = '' and path = '' and group_id is null order by row_id", "trace_waiting"),
        ("select row_id from trace where group_id = '' and row_id < 9 order by row_id desc", "trace_group_rows"),
        ("select * from trace_group where merged_into is null order by trace_count desc, group_id desc limit 9", "trace_group_size"),
        ("select assessment from compliance_control where question = '' limit 1", "compliance_question"),
        ("select 1 from compliance_report where framework_id = '' order by created_at desc, report_id desc", "compliance_report_framework"),
        ("select * from story_run where workspace = '' order by created_at desc, story_id desc limit 9", "story_by_workspace"),
    ],
)  # fmt: skip
def test_lists_go_by_their_indexes(supabase_project: Project, sql: str, index: str) -> None:
    with supabase_project.connect() as database:
        database.execute("set search_path = gleanery")
        database.execute("set enable_seqscan = off")
        database.execute("set enable_bitmapscan = off")
        database.execute("set enable_sort = off")
        plan = "\n".join(row[0] for row in database.execute(f"explain {sql}"))
    assert f"using {index} " in plan, plan
    assert "Sort" not in plan, plan
