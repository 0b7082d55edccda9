"""Frameworks and reports as they are kept: versions that never change, controls that are written once, reads by index."""

from __future__ import annotations

import sqlite3
from datetime import timedelta
from pathlib import Path

import pytest

from gleanery import errors
from gleanery.model import NewTask, Task, TaskStatus
from gleanery.model.compliance import Assessment, Control, Framework, Passage, Verdict
from gleanery.store.base import Store
from gleanery.store.compliance import Judged, NewReport, Report
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.values import Idempotency
from tests.clock import SetClock
from tests.store.samples import LEASE_SECONDS, fence_of

HOUSE = Framework(
    id="house",
    version="1",
    title="House",
    controls=[Control(id=f"H-{number}", title="T", text="X") for number in range(3)],
)
QUESTION = b"q" * 16


async def started(store: Store, name: str = "cmp_1", *, key: str | None = None, limit: int = 100) -> Report:
    tasks: list[NewTask] = []
    for task_type in ("fetch_evidence", "analyze_compliance", "generate_report"):
        before = tuple(task.task_id for task in tasks[-1:])
        tasks.append(NewTask(task_type, {"report_id": name}, depends_on=before))
    new = NewReport(name, "Audit", HOUSE, ("src_1",), None)
    idempotency = None if key is None else Idempotency(key, "hash")
    return await store.compliance.start(new, tasks, idempotency=idempotency, queue_limit=limit)


async def running(store: Store, report: Report) -> Task:
    """The first task of the report, claimed."""
    task = await store.tasks.claim(report.task_ids["evidence"], "worker-1", LEASE_SECONDS)
    assert task is not None
    return task


def judged(position: int, verdict: Verdict = Verdict.MET, tokens: int = 5) -> Judged:
    return Judged(position, Assessment(verdict=verdict), QUESTION, tokens)


def passage(clock: SetClock) -> Passage:
    return Passage(
        page_id="pg_1",
        chunk_id="ch_1",
        source_id="src_1",
        url="https://a.test/",
        title="A",
        heading_path=["B"],
        start=0,
        end=5,
        content="Words",
        seen_at=clock(),
        is_missing=False,
        why=[],
    )


async def test_a_version_is_kept_once_and_never_changes(store: Store, clock: SetClock) -> None:
    first = await store.compliance.add_framework(HOUSE)
    clock.jump(86_400)
    assert await store.compliance.add_framework(HOUSE) == first
    other = HOUSE.model_copy(update={"title": "Other"})
    with pytest.raises(errors.WrongState):
        await store.compliance.add_framework(other)
    assert (await store.compliance.add_framework(other, is_bundled=True)).title == "House", "what is there stays"
    await store.compliance.add_framework(other.model_copy(update={"version": "2"}))
    assert [each.version for each in await store.compliance.frameworks()] == ["2", "1"]
    assert (await store.compliance.framework("house"))[0].version == "2"
    assert (await store.compliance.framework("house", "1"))[0] == HOUSE
    with pytest.raises(errors.NotFound):
        await store.compliance.framework("house", "3")


async def test_a_report_is_there_with_its_tasks_or_not_at_all(store: Store) -> None:
    report = await started(store)
    assert set(report.tasks) == {"fetch_evidence", "analyze_compliance", "generate_report"}
    assert report.counts.waiting == 3
    with pytest.raises(errors.QueueFull):
        await started(store, "cmp_2", limit=2)
    with pytest.raises(errors.NotFound):
        await store.compliance.report("cmp_2")
    assert len(await store.compliance.reports(framework_id=None, after=None, limit=9)) == 1


async def test_a_key_gives_the_report_that_it_made(store: Store) -> None:
    first = await started(store, "cmp_1", key="k")
    assert (await started(store, "cmp_2", key="k")).report_id == first.report_id


async def test_what_is_kept_for_a_control_stays(store: Store, clock: SetClock) -> None:
    report = await started(store)
    fence = fence_of(await running(store, report))
    found = passage(clock)
    await store.compliance.keep_evidence(fence, "cmp_1", 1, [found])
    await store.compliance.keep_evidence(fence, "cmp_1", 1, [])
    assert await store.compliance.without_evidence("cmp_1") == [0, 2]
    assert await store.compliance.evidence("cmp_1", 1) == [found]
    await store.compliance.keep_assessments(fence, "cmp_1", [judged(1)])
    await store.compliance.keep_assessments(fence, "cmp_1", [judged(1, Verdict.NOT_MET), judged(2, Verdict.PARTLY)])
    assert await store.compliance.unjudged("cmp_1") == [0]
    assert [each.assessment and each.assessment.verdict for each in await store.compliance.controls("cmp_1")] == [
        None,
        Verdict.MET,
        Verdict.PARTLY,
    ]
    assert await store.compliance.tokens("cmp_1") == 10
    known = await store.compliance.known(QUESTION)
    assert known is not None
    assert await store.compliance.known(b"other") is None
    counts = (await store.compliance.report("cmp_1")).counts
    assert (counts.met, counts.partly, counts.waiting) == (1, 1, 1)


async def test_a_worker_that_lost_its_task_writes_nothing(store: Store, clock: SetClock) -> None:
    report = await started(store)
    fence = fence_of(await running(store, report))
    await store.tasks.finish(fence, TaskStatus.COMPLETED, [], result={})
    for write in (
        store.compliance.keep_evidence(fence, "cmp_1", 0, [passage(clock)]),
        store.compliance.keep_assessments(fence, "cmp_1", [judged(0)]),
        store.compliance.complete(fence, "cmp_1", {"html": b"x"}, []),
    ):
        with pytest.raises(errors.LeaseLost):
            await write
    assert await store.compliance.without_evidence("cmp_1") == [0, 1, 2]
    assert await store.compliance.formats("cmp_1") == []


async def test_the_one_before_is_of_the_same_framework_and_sources(store: Store, clock: SetClock) -> None:
    for number in (1, 2, 3):
        report = await started(store, f"cmp_{number}")
        clock.jump(60)
        if number != 2:
            fence = fence_of(await running(store, report))
            await store.compliance.complete(fence, report.report_id, {"html": b"x"}, ["No PDF"])
    assert await store.compliance.previous("cmp_1") is None
    before = await store.compliance.previous("cmp_3")
    assert before is not None
    assert (before.report_id, before.left_out) == ("cmp_1", ("No PDF",)), "cmp_2 never came to its end"
    rows = await store.compliance.reports(framework_id="house", after=None, limit=2)
    assert [row.report_id for row in rows] == ["cmp_3", "cmp_2"]
    after = (rows[-1].created_at.timestamp(), rows[-1].report_id)
    assert [row.report_id for row in await store.compliance.reports(framework_id=None, after=after, limit=2)] == [
        "cmp_1"
    ]


async def test_a_report_goes_when_nothing_works_on_it(store: Store) -> None:
    report = await started(store)
    with pytest.raises(errors.WrongState):
        await store.compliance.delete("cmp_1")
    for task_id in reversed(list(report.task_ids.values())):
        await store.tasks.request_cancel(task_id)
    await store.compliance.delete("cmp_1")
    with pytest.raises(errors.NotFound):
        await store.compliance.controls("cmp_1")


async def test_old_reports_go_and_none_that_is_being_made(store: Store, clock: SetClock) -> None:
    await started(store, "cmp_1")
    ended = await started(store, "cmp_2")
    for task_id in reversed(list(ended.task_ids.values())):
        await store.tasks.request_cancel(task_id)
    assert await store.compliance.prune(clock() - timedelta(days=1), 9) == 0
    assert await store.compliance.prune(clock() + timedelta(seconds=1), 9) == 1
    reports = await store.compliance.reports(framework_id=None, after=None, limit=9)
    assert [report.report_id for report in reports] == ["cmp_1"]


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        ("SELECT assessment FROM compliance_control WHERE question = ? LIMIT 1", "compliance_question"),
        (
            "SELECT * FROM compliance_report WHERE framework_id = 'x' AND (created_at, report_id) < (1, 'x')"
            " ORDER BY created_at DESC, report_id DESC LIMIT 5",
            "compliance_report_framework",
        ),
        (
            "SELECT * FROM compliance_report WHERE 1 ORDER BY created_at DESC, report_id DESC LIMIT 5",
            "compliance_report_newest",
        ),
        (
            "SELECT * FROM compliance_report WHERE scope = 'x' AND completed_at IS NOT NULL"
            " AND (created_at, report_id) < (1, 'x') ORDER BY created_at DESC, report_id DESC LIMIT 1",
            "compliance_report_scope",
        ),
    ],
)
async def test_reads_go_by_index(tmp_path: Path, sql: str, index: str) -> None:
    async with EmbeddedStore(tmp_path / "plan.db", lambda _: None):
        connection = sqlite3.connect(tmp_path / "plan.db")
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", ("x",) if "?" in sql else ())]
        connection.close()
    assert any(index in step for step in plan), plan
    assert not any("TEMP B-TREE" in step for step in plan), plan


def states(report: Report) -> list[str]:
    return [report.tasks[name].status.value for name in ("fetch_evidence", "analyze_compliance", "generate_report")]


async def test_a_report_that_waits_is_cancelled_whole_and_goes_on_whole(store: Store) -> None:
    await started(store)
    assert states(await store.compliance.cancel("cmp_1")) == ["cancelled"] * 3
    with pytest.raises(errors.WrongState):
        await store.compliance.cancel("cmp_1")
    assert states(await store.compliance.retry("cmp_1")) == ["queued"] * 3
    with pytest.raises(errors.WrongState):
        await store.compliance.retry("cmp_1")
    with pytest.raises(errors.NotFound):
        await store.compliance.cancel("cmp_2")


async def test_a_task_that_runs_is_asked_to_stop_before_it_goes_on(store: Store) -> None:
    report = await started(store)
    task = await running(store, report)
    cancelled = await store.compliance.cancel("cmp_1")
    assert states(cancelled) == ["running", "cancelled", "cancelled"]
    assert cancelled.tasks["fetch_evidence"].is_cancel_requested
    with pytest.raises(errors.WrongState, match="being cancelled"):
        await store.compliance.retry("cmp_1")
    await store.tasks.finish(fence_of(task), TaskStatus.CANCELLED, [])
    assert states(await store.compliance.retry("cmp_1")) == ["queued"] * 3
