"""The contract of stories over the real store: what is kept together, what supersedes what, and who may write."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gleanery import errors
from gleanery.handlers.stories.payload import StoryPayload, stage_tasks, write_back_task
from gleanery.model import Fence, Task, TaskStatus, new_id
from gleanery.model.stories import (
    AgentStep,
    Analysis,
    Enhancement,
    Goal,
    Proposal,
    Stage,
    StepKind,
    Story,
    StoryState,
    Triage,
    Workspace,
)
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.stories import NewStory, Proposed, Received, StoryStore, WorkspaceSecrets
from gleanery.store.values import Idempotency, Wanted

NOW = datetime(2026, 1, 1, tzinfo=UTC)
WORKSPACE = Workspace(name="acme", created_at=NOW, changed_at=NOW)
STORY = Story(
    shortcut_id=7,
    name="Export slow",
    description="",
    story_type="bug",
    labels=[],
    app_url="",
    external_links=[],
    updated_at=NOW,
)
TRIAGE = Triage(kind="bug", summary="", needs_enhancement=True)
WANTED = Wanted("w1", 60.0, ("triage_story", "analyze_story", "enhance_story", "write_back_story"))


def new_story(shortcut_id: int = 7, goal: Goal = Goal.ENHANCE, workspace: Workspace = WORKSPACE) -> NewStory:
    story_id = new_id("sty")
    payload = StoryPayload(story_id=story_id, workspace=workspace.name, shortcut_id=shortcut_id, goal=goal)
    return NewStory(
        story_id, workspace, shortcut_id, goal, "Export slow", "", stage_tasks(payload, workspace, "Export slow")
    )


async def receive(store: Store, *stories: NewStory, id: str | None = None, limit: int = 100) -> Received:
    answer: Mapping[str, Any] = {"stories": [story.story_id for story in stories]}
    return await store.stories.receive("acme", id or new_id("dlv"), stories, answer, queue_limit=limit)


async def state_of(store: StoryStore, new: NewStory) -> StoryState:
    return (await store.story(new.story_id)).state


async def claim(store: Store) -> tuple[Task, Fence]:
    [task] = await store.tasks.claim_due(WANTED, 1)
    return task, Fence(task.task_id, task.attempt)


async def to_the_end(store: Store, new: NewStory, *, needs_approval: bool = False) -> StoryState:
    """All stages of a story that nothing else runs beside."""
    state = StoryState.WAITING
    for stage, value in (
        (Stage.TRIAGE, TRIAGE),
        (Stage.ANALYSIS, Analysis(summary="")),
        (Stage.ENHANCEMENT, Enhancement()),
    ):
        task, fence = await claim(store)
        await store.stories.keep_before(fence, new.story_id, STORY)
        proposed = None
        if stage is Stage.ENHANCEMENT:
            back = write_back_task(await store.stories.story(new.story_id), task.task_id)
            proposed = Proposed(Proposal(comment="Done"), None if needs_approval else back)
        state = await store.stories.keep_stage(fence, new.story_id, stage, value, proposed)
        await store.tasks.finish(fence, TaskStatus.COMPLETED, [], result={})
    return state


async def test_a_webhook_is_kept_once_with_all_that_it_asks_for(store: Store) -> None:
    first, second = new_story(), new_story()
    assert (await receive(store, first, id="d1")).is_new
    again = await receive(store, second, id="d1")
    assert (again.is_new, again.answer) == (False, {"stories": [first.story_id]})
    assert await store.stories.delivery("acme", "d1") == {"stories": [first.story_id]}
    assert await store.stories.delivery("other", "d1") is None
    with pytest.raises(errors.NotFound):
        await store.stories.story(second.story_id)
    run = await store.stories.story(first.story_id)
    assert [task.task_type for task in run.tasks] == ["triage_story", "analyze_story", "enhance_story"]
    assert [task.waits_for for task in run.tasks] == [0, 1, 1]


async def test_without_room_nothing_of_it_is_kept(store: Store) -> None:
    new = new_story()
    with pytest.raises(errors.QueueFull):
        await receive(store, new, id="d1", limit=2)
    assert await store.stories.delivery("acme", "d1") is None
    assert await store.tasks.count_by_status() == {}
    assert (await receive(store, new, id="d1")).is_new


async def test_a_newer_request_stands_for_one_that_waits(store: Store) -> None:
    old, new, other, analysis = new_story(), new_story(), new_story(8), new_story(goal=Goal.ANALYZE)
    for story in (old, other, analysis, new):
        await receive(store, story)
    assert [await state_of(store.stories, story) for story in (old, new, other, analysis)] == [
        "superseded",
        "waiting",
        "waiting",
        "waiting",
    ]
    assert {task.status for task in (await store.stories.story(old.story_id)).tasks} == {TaskStatus.CANCELLED}
    task, _ = await claim(store)
    assert task.payload["story_id"] in (other.story_id, analysis.story_id, new.story_id)


async def test_of_one_under_way_nothing_more_is_begun(store: Store) -> None:
    old, new = new_story(), new_story()
    await receive(store, old)
    task, fence = await claim(store)
    await receive(store, new)
    assert await state_of(store.stories, old) == "superseded"
    await store.stories.keep_before(fence, old.story_id, STORY)
    assert await state_of(store.stories, old) == "superseded"
    await store.tasks.finish(fence, TaskStatus.COMPLETED, [], result={})
    task, _ = await claim(store)
    assert task.payload["story_id"] == new.story_id
    assert not await store.tasks.claim_due(WANTED, 5), "one task of a story at a time"


async def test_the_last_stage_of_a_superseded_one_writes_nothing_back(store: Store) -> None:
    old, new = new_story(goal=Goal.ANALYZE), new_story(goal=Goal.ANALYZE)
    await receive(store, old)
    task, fence = await claim(store)
    await store.tasks.finish(fence, TaskStatus.COMPLETED, [], result={})
    task, fence = await claim(store)
    assert task.task_type == "analyze_story"
    await receive(store, new)
    back = write_back_task(await store.stories.story(old.story_id), task.task_id)
    proposed = Proposed(Proposal(), back)
    state = await store.stories.keep_stage(fence, old.story_id, Stage.ANALYSIS, Analysis(summary=""), proposed)
    assert state == "superseded"
    with pytest.raises(errors.NotFound):
        await store.tasks.get(back.task_id)


async def test_a_write_back_that_waits_is_superseded_and_one_that_runs_ends_by_itself(store: Store) -> None:
    first, second, third = new_story(), new_story(), new_story()
    await receive(store, first)
    assert await to_the_end(store, first) == "working"
    await receive(store, second)
    run = await store.stories.story(first.story_id)
    assert (run.state, run.tasks[-1].task_type, run.tasks[-1].status) == ("superseded", "write_back_story", "cancelled")
    await to_the_end(store, second)
    task, fence = await claim(store)
    assert task.task_type == "write_back_story"
    await receive(store, third)
    assert await state_of(store.stories, second) == "working"
    await store.stories.end(fence, second.story_id, StoryState.WRITTEN)
    assert await state_of(store.stories, second) == "written"


async def test_what_is_kept_stays_and_a_lost_worker_writes_nothing(store: Store) -> None:
    new = new_story()
    await receive(store, new)
    _, fence = await claim(store)
    assert await store.stories.keep_before(fence, new.story_id, STORY) == STORY
    changed = STORY.model_copy(update={"name": "Other"})
    assert await store.stories.keep_before(fence, new.story_id, changed) == STORY
    await store.stories.keep_stage(fence, new.story_id, Stage.TRIAGE, TRIAGE, None)
    await store.stories.keep_stage(fence, new.story_id, Stage.TRIAGE, TRIAGE.model_copy(update={"kind": "x"}), None)
    assert (await store.stories.results(new.story_id)).triage == TRIAGE
    lost = Fence(fence.task_id, fence.attempt + 1)
    for write in (
        store.stories.keep_before(lost, new.story_id, changed),
        store.stories.keep_stage(lost, new.story_id, Stage.ANALYSIS, Analysis(summary=""), None),
        store.stories.end(lost, new.story_id, StoryState.WRITTEN),
        store.stories.note(lost, new.story_id, _step(1)),
    ):
        with pytest.raises(errors.LeaseLost):
            await write


def _step(ordinal: int, stage: Stage = Stage.TRIAGE, cost: float | None = None) -> AgentStep:
    return AgentStep(
        task_id="t",
        stage=stage,
        ordinal=ordinal,
        kind=StepKind.MODEL,
        agent="a",
        prompt_tokens=10,
        cost_usd=cost,
        at=NOW,
    )


async def test_steps_are_counted_once_and_told_in_order(store: Store) -> None:
    new = new_story()
    await receive(store, new)
    _, fence = await claim(store)
    for step in (_step(2), _step(1, cost=0.5), _step(2, cost=0.5), _step(1, Stage.ANALYSIS, cost=0.25)):
        await store.stories.note(fence, new.story_id, step)
    steps = await store.stories.steps(new.story_id)
    assert [(step.stage, step.ordinal) for step in steps] == [("triage", 1), ("triage", 2), ("analysis", 1)]
    run = await store.stories.story(new.story_id)
    assert (run.tokens, run.cost_usd) == (30, 0.75)


async def test_states_follow_the_tasks(store: Store) -> None:
    failed, cancelled = new_story(1), new_story(2)
    await receive(store, failed)
    _, fence = await claim(store)
    await store.tasks.finish(fence, TaskStatus.FAILED, [])
    await receive(store, cancelled)
    await store.tasks.request_cancel(cancelled.tasks[0].task_id)
    assert [await state_of(store.stories, each) for each in (failed, cancelled)] == ["failed", "cancelled"]
    run = await store.stories.story(failed.story_id)
    assert run.ended_at is not None
    listed = await store.stories.stories(
        states=[StoryState.FAILED], workspace="acme", shortcut_id=None, after=None, limit=10
    )
    assert [each.story_id for each in listed] == [failed.story_id]
    counts = await store.stories.counts()
    assert {state: count for state, count in counts.items() if count} == {"failed": 1, "cancelled": 1}
    await store.tasks.retry(failed.tasks[0].task_id, only_failed=False)
    assert await state_of(store.stories, failed) == "waiting"


async def test_only_what_waits_for_it_is_approved_or_rejected_once(store: Store) -> None:
    new = new_story()
    await receive(store, new)
    run = await store.stories.story(new.story_id)
    back = write_back_task(run, None)
    key = Idempotency("k", "hash")
    with pytest.raises(errors.WrongState):
        await store.stories.approve(new.story_id, back, idempotency=key, queue_limit=10)
    assert await to_the_end(store, new, needs_approval=True) == "needs_approval"
    approved = await store.stories.approve(new.story_id, back, idempotency=key, queue_limit=10)
    assert (approved.state, approved.tasks[-1].task_id) == ("working", back.task_id)
    again = await store.stories.approve(new.story_id, write_back_task(run, None), idempotency=key, queue_limit=10)
    assert len(again.tasks) == 4
    with pytest.raises(errors.WrongState):
        await store.stories.reject(new.story_id, "No")
    with pytest.raises(errors.NotFound):
        await store.stories.reject("sty_x", "No")


async def test_a_workspace_goes_only_when_nothing_of_it_is_open(store: Store) -> None:
    kept = await store.stories.put_workspace(WORKSPACE, WorkspaceSecrets("s", "t"))
    assert (kept.is_secret_set, kept.is_token_set) == (True, True)
    assert "'s'" not in repr((await store.stories.secrets("acme"))[1])
    await receive(store, new := new_story())
    with pytest.raises(errors.WrongState):
        await store.stories.delete_workspace("acme")
    for task in new.tasks:
        await store.tasks.request_cancel(task.task_id)
    await store.stories.delete_workspace("acme")
    with pytest.raises(errors.NotFound):
        await store.stories.secrets("acme")


async def test_a_story_goes_when_nothing_works_on_it(store: Store) -> None:
    new = new_story()
    await receive(store, new)
    with pytest.raises(errors.WrongState):
        await store.stories.delete(new.story_id)
    assert await to_the_end(store, new, needs_approval=True) is StoryState.NEEDS_APPROVAL
    with pytest.raises(errors.WrongState):
        await store.stories.delete(new.story_id)
    await store.stories.reject(new.story_id, "")
    await store.stories.delete(new.story_id)
    with pytest.raises(errors.NotFound):
        await store.stories.results(new.story_id)
    assert await store.stories.steps(new.story_id) == []
    with pytest.raises(errors.NotFound):
        await store.stories.delete(new.story_id)


async def test_old_stories_go_and_none_that_is_open(store: Store) -> None:
    rejected, waiting = new_story(), new_story(8)
    await receive(store, rejected)
    await to_the_end(store, rejected, needs_approval=True)
    await store.stories.reject(rejected.story_id, "")
    await receive(store, waiting)
    assert await store.stories.prune(NOW, 9) == 0
    later = (await store.stories.story(waiting.story_id)).created_at + timedelta(days=1)
    assert await store.stories.prune(later, 9) == 1
    found = await store.stories.stories(states=(), workspace=None, shortcut_id=None, after=None, limit=9)
    assert [run.story_id for run in found] == [waiting.story_id]


async def test_lists_go_by_an_index(tmp_path: Path) -> None:
    async with EmbeddedStore(tmp_path / "plans.db", lambda _: None) as store:
        await receive(store, new_story())
        database = store.stories._db
        for where in ("state = 'written'", "workspace = 'acme'", "shortcut_id = 7 AND workspace = 'acme'", "1"):
            sql = (
                f"EXPLAIN QUERY PLAN SELECT * FROM story_run WHERE {where}"
                " ORDER BY created_at DESC, story_id DESC LIMIT 9"
            )
            plan = await database.read(lambda db, sql=sql: [row["detail"] for row in db.execute(sql)])  # type: ignore[misc]
            assert any("USING INDEX" in step for step in plan), (where, plan)
