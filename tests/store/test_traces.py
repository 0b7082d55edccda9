"""The contract of `TraceStore`: traces kept once, their groups, and what is counted of them."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gleanery.errors import LeaseLost, NotFound
from gleanery.model import Fence
from gleanery.model.traces import Arrival, GroupChange, GroupState, Trace, TraceVariable
from gleanery.store.base import Store
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.traces import GroupEventWrite, GroupStand, GroupWrite, Place, Regrouping
from tests.store.samples import fence_of, started

AT = datetime(2026, 5, 1, tzinfo=UTC)
PLACE = Place("shop", "/reply")
VARIABLE = TraceVariable("name", "enum", True, ("Ada", "Ken"), ("Ken", "Ada"))


def trace(number: int, **fields: object) -> Trace:
    usual = Trace(f"t{number}", "shop", "/reply", f"Greet {number}.", AT + timedelta(minutes=number))
    return replace(usual, **fields)  # type: ignore[arg-type]


def group(group_id: str, *constants: str, **fields: object) -> GroupWrite:
    usual = GroupWrite(group_id, constants or ("Greet ", "."), (VARIABLE,), 0.5, (1,), 0)
    return replace(usual, **fields)  # type: ignore[arg-type]


async def grouped(store: Store, fence: Fence, *traces: Trace, group_id: str = "grp_1") -> None:
    """Traces, all in one group."""
    await store.traces.add(traces)
    rows = [row for row, _ in await store.traces.waiting_texts(PLACE, limit=1000, most_characters=10**7)]
    await store.traces.keep_groups(fence, PLACE, Regrouping((group(group_id),), ()))
    await store.traces.assign(fence, dict.fromkeys(rows, group_id))


@pytest.fixture
async def fence(store: Store) -> Fence:
    return fence_of(await started(store))


async def test_a_trace_is_kept_as_it_was_sent(store: Store) -> None:
    sent = trace(
        1, model="m", settings={"é": [1, None]}, latency_ms=12.5, input_tokens=3, output_tokens=0, error="timed out"
    )
    assert await store.traces.add([sent]) == [Arrival.STORED]
    assert await store.traces.trace("shop", "t1") == replace(sent, row_id=1)
    with pytest.raises(NotFound):
        await store.traces.trace("other", "t1")


async def test_one_that_comes_again_is_known_and_one_with_its_id_is_refused(store: Store) -> None:
    first, later = trace(1), trace(1, started_at=AT + timedelta(days=1))
    other, elsewhere = trace(1, instruction="Forged"), trace(1, project_id="lab", instruction="Forged")
    assert await store.traces.add([first, first]) == [Arrival.STORED, Arrival.KNOWN]
    assert await store.traces.add([later, other, trace(2), elsewhere]) == [
        Arrival.KNOWN, Arrival.CONFLICT, Arrival.STORED, Arrival.STORED,
    ]  # fmt: skip
    assert (await store.traces.trace("shop", "t1")).instruction == "Greet 1."
    assert await store.traces.waiting(PLACE) == 2


async def test_what_waits_is_read_in_order_and_within_bounds(store: Store) -> None:
    await store.traces.add([trace(number) for number in range(5)])

    async def read(limit: int, most_characters: int) -> list[str]:
        found = await store.traces.waiting_texts(PLACE, limit=limit, most_characters=most_characters)
        return [text for _, text in found]

    assert await read(3, 1000) == ["Greet 0.", "Greet 1.", "Greet 2."]
    assert await read(3, 17) == ["Greet 0.", "Greet 1."]
    assert await read(3, 1) == ["Greet 0."]
    assert await store.traces.waiting_texts(Place("shop", "/other"), limit=3, most_characters=1000) == []


async def test_members_and_what_speaks_for_a_group_are_read_in_parts(store: Store, fence: Fence) -> None:
    long = "é" * 700_000
    await grouped(store, fence, *(trace(n, instruction=f"{n}{long}") for n in range(3)), trace(3))
    (stand,) = await store.traces.stands(PLACE)
    assert stand == GroupStand("grp_1", ("Greet ", "."), (1,), 4, 0)
    texts = await store.traces.texts([4, 99, 1, 3])
    assert {row: text[:2] for row, text in texts.items()} == {1: "0é", 3: "2é", 4: "Gr"}
    read = [
        [row for row, _ in await store.traces.members("grp_1", after=after, limit=limit, most_characters=most)]
        for after, limit, most in ((0, 10, 10**7), (1, 2, 10**7), (0, 10, 1_400_002), (0, 10, 1), (4, 10, 10))
    ]
    assert read == [[1, 2, 3, 4], [2, 3], [1, 2], [1], []]


async def test_groups_are_kept_with_their_counts_and_listed_by_them(store: Store, fence: Fence) -> None:
    await grouped(store, fence, trace(1), trace(2))
    await grouped(store, fence, trace(3), group_id="grp_2")
    small, large = await store.traces.group("grp_2"), await store.traces.group("grp_1")
    assert (large.trace_count, large.last_at, large.variables) == (2, AT + timedelta(minutes=2), (VARIABLE,))
    assert (large.constants, large.confidence, large.state) == (("Greet ", "."), 0.5, GroupState.ACTIVE)
    assert await store.traces.groups("shop", "/reply", after=None, limit=10) == [large, small]
    assert await store.traces.groups(None, None, after=(2, "grp_1"), limit=10) == [small]
    assert await store.traces.groups("lab", None, after=None, limit=10) == []
    assert [one.trace_id for one in await store.traces.traces("grp_1", before=None, limit=10)] == ["t2", "t1"]
    assert [one.trace_id for one in await store.traces.traces("grp_1", before=2, limit=10)] == ["t1"]
    (place,) = await store.traces.places(after=None, limit=10)
    assert (place.traces, place.waiting, place.groups) == (3, 0, 2)
    assert await store.traces.places(after=("shop", "/reply"), limit=10) == []
    for call in (store.traces.group, store.traces.implementations):
        if call is store.traces.group:
            with pytest.raises(NotFound):
                await call("grp_none")


async def test_a_group_keeps_its_past_when_it_changes(store: Store, fence: Fence) -> None:
    await grouped(store, fence, trace(1))
    created = (await store.traces.group("grp_1")).created_at
    event = GroupEventWrite("grp_1", GroupChange.CHANGED, ("Hi ", ""))
    await store.traces.keep_groups(fence, PLACE, Regrouping((group("grp_1", "Hi ", "", checked_at=8),), (event,)))
    changed = await store.traces.group("grp_1")
    assert (changed.created_at, changed.constants, changed.checked_at) == (created, ("Hi ", ""), 8)
    assert changed.trace_count == 1
    (told,) = await store.traces.events("grp_1", after=0, limit=10)
    assert (told.type, told.constants, told.trace_count) == (GroupChange.CHANGED, ("Hi ", ""), 1)
    assert told.task_id == fence.task_id
    assert await store.traces.events("grp_1", after=told.number, limit=10) == []


async def test_a_merged_group_leads_to_where_its_traces_go(store: Store, fence: Fence) -> None:
    await grouped(store, fence, trace(1))
    await grouped(store, fence, trace(2), group_id="grp_2")
    event = GroupEventWrite("grp_1", GroupChange.MERGED, ("Greet ", "."), ("grp_2",))
    await store.traces.keep_groups(fence, PLACE, Regrouping((), (event,), {"grp_2": "grp_1"}, frozenset(["grp_1"])))
    assert await store.traces.unsettled(PLACE) == ["grp_1", "grp_2"]
    assert await store.traces.places_waiting(10) == [PLACE]
    assert [one.group_id for one in await store.traces.stands(PLACE)] == ["grp_1"]
    ((row, _),) = await store.traces.members("grp_2", after=0, limit=10, most_characters=1000)
    await store.traces.assign(fence, {row: "grp_1"})
    await store.traces.settle(fence, ["grp_1", "grp_2"])
    gone, kept = await store.traces.group("grp_2"), await store.traces.group("grp_1")
    assert (gone.state, gone.merged_into, gone.trace_count) == (GroupState.MERGED, "grp_1", 0)
    assert kept.trace_count == 2
    assert await store.traces.places_waiting(10) == []
    assert await store.traces.groups(None, None, after=None, limit=10) == [kept]


async def test_a_trace_may_wait_again(store: Store, fence: Fence) -> None:
    await grouped(store, fence, trace(1), trace(2))
    await store.traces.assign(fence, {1: None, 99: "grp_1"})
    assert await store.traces.waiting(PLACE) == 1
    assert (await store.traces.group("grp_1")).trace_count == 1
    await store.traces.assign(fence, {2: None})
    assert await store.traces.groups(None, None, after=None, limit=10) == []
    assert (await store.traces.group("grp_1")).trace_count == 0


async def test_a_lost_lease_writes_nothing(store: Store, fence: Fence) -> None:
    await store.traces.add([trace(1)])
    lost = replace(fence, attempt=fence.attempt + 1)
    with pytest.raises(LeaseLost):
        await store.traces.keep_groups(lost, PLACE, Regrouping((group("grp_1"),), ()))
    with pytest.raises(LeaseLost):
        await store.traces.assign(lost, {1: "grp_1"})
    with pytest.raises(LeaseLost):
        await store.traces.settle(lost, ["grp_1"])
    assert await store.traces.groups(None, None, after=None, limit=10) == []
    assert await store.traces.waiting(PLACE) == 1


async def test_implementations_are_counted_by_model_and_settings(store: Store, fence: Fence) -> None:
    fast = [
        trace(n, model="fast", settings={"t": 0, "k": 1}, latency_ms=float(n + 1), input_tokens=2, output_tokens=1)
        for n in range(100)
    ]
    same = trace(100, model="fast", settings={"k": 1, "t": 0}, error="no")
    other = trace(101, model="fast", settings={"t": 1})
    await grouped(store, fence, *fast, same, other)
    one, two = await store.traces.implementations("grp_1")
    assert (one.model, one.settings, one.traces, one.errors) == ("fast", {"k": 1, "t": 0}, 101, 1)
    assert (one.latency_p50_ms, one.latency_p95_ms) == (50.0, 95.0)
    assert (one.input_tokens, one.output_tokens, round(one.share, 3)) == (200, 100, 0.990)
    assert (one.first_at, one.last_at) == (AT, AT + timedelta(minutes=100))
    assert (two.traces, two.latency_p50_ms, two.latency_p95_ms, two.input_tokens) == (1, None, None, 0)
    assert await store.traces.implementations("grp_none") == []


async def test_drift_tells_what_the_traces_were_in_each_span(store: Store, fence: Fence) -> None:
    early = [trace(n, latency_ms=10.0, input_tokens=4) for n in range(3)]
    late = [trace(n, latency_ms=30.0, error="no") for n in range(1000, 1002)]
    await grouped(store, fence, *early, *late)
    seconds, points = await store.traces.drift("grp_1", 10)
    assert seconds == 3 * 3600
    assert [(p.traces, p.errors, p.latency_ms, p.input_tokens) for p in points] == [
        (3, 0, 10.0, 4.0), (2, 2, 30.0, None),
    ]  # fmt: skip
    assert points[0].at == AT
    assert await store.traces.drift("grp_none", 10) == (60.0, [])


@pytest.mark.parametrize(
    ("sql", "index"),
    [
        ("SELECT row_id, instruction FROM trace WHERE project_id = '' AND path = '' AND group_id IS NULL ORDER BY row_id", "trace_waiting"),
        ("SELECT implementation_id, count(*), sum(is_error), max(started_at) FROM trace WHERE group_id = '' GROUP BY 1", "trace_figures"),
        ("SELECT row_id FROM trace WHERE group_id = '' AND row_id < 9 ORDER BY row_id DESC", "trace_group_rows"),
        ("SELECT group_id FROM trace_group WHERE project_id = '' AND path = '' AND is_unsettled", "trace_group_unsettled"),
        ("SELECT group_id FROM trace_group WHERE merged_into IS NULL ORDER BY trace_count DESC, group_id DESC", "trace_group_size"),
        ("SELECT 1 FROM trace WHERE project_id = '' AND trace_id = ''", "trace_id"),
    ],
)  # fmt: skip
async def test_every_question_has_its_index(tmp_path: Path, sql: str, index: str) -> None:
    async with EmbeddedStore(tmp_path / "plan.db", lambda _: None):
        db = sqlite3.connect(tmp_path / "plan.db")
        plan = " ".join(str(row[3]) for row in db.execute(f"EXPLAIN QUERY PLAN {sql}"))
        db.close()
    assert f"INDEX {index}" in plan
    assert "TEMP B-TREE" not in plan


# What is forgotten


async def forget(store: Store, fence: Fence, before: datetime = AT + timedelta(days=9)) -> int:
    """To the end; how many traces went."""
    gone = 0
    while not (step := await store.traces.forget(fence, PLACE, before)).is_done:
        gone += step.traces
    return gone


async def test_a_place_is_forgotten_with_its_groups_but_for_what_came_later(store: Store, fence: Fence) -> None:
    await grouped(store, fence, *(trace(number) for number in range(60)))
    event = GroupEventWrite("grp_1", GroupChange.CREATED, ("Greet ", "."))
    await store.traces.keep_groups(fence, PLACE, Regrouping((), (event,)))
    await store.traces.add([trace(1, project_id="lab"), trace(70, path="/other")])
    (extent,) = await store.traces.extents("shop", "/reply")
    assert (extent.place, extent.traces, extent.last_at) == (PLACE, 60, AT + timedelta(minutes=59))
    assert [each.place.path for each in await store.traces.extents("shop", None)] == ["/other", "/reply"]
    await store.traces.add([trace(99)])
    assert await forget(store, fence, extent.last_at + timedelta(seconds=1)) == 60
    told = {(place.project_id, place.path): place.traces for place in await store.traces.places(after=None, limit=9)}
    assert told == {("lab", "/reply"): 1, ("shop", "/other"): 1, ("shop", "/reply"): 1}
    with pytest.raises(NotFound):
        await store.traces.group("grp_1")
    assert await store.traces.waiting(PLACE) == 1
    assert (await store.traces.trace("lab", "t1")).instruction == "Greet 1."
    assert await forget(store, fence) == 1
    assert await store.traces.extents("shop", "/reply") == []


async def test_with_old_traces_goes_what_their_group_shows_of_them(store: Store, fence: Fence) -> None:
    await grouped(store, fence, *(trace(number) for number in range(3)))
    await store.traces.keep_groups(fence, PLACE, Regrouping((group("grp_1", sample_rows=(2, 3)),), ()))
    assert await forget(store, fence, AT + timedelta(minutes=1)) == 1
    assert (await store.traces.group("grp_1")).variables == (VARIABLE,)
    assert await forget(store, fence, AT + timedelta(minutes=2)) == 1
    found = await store.traces.group("grp_1")
    assert (found.trace_count, found.variables) == (1, (replace(VARIABLE, samples=(), choices=()),))
    assert (await store.traces.stands(PLACE))[0].sample_rows == (3,)


async def test_a_group_stays_while_traces_of_one_that_went_into_it_are_read_anew(store: Store, fence: Fence) -> None:
    await grouped(store, fence, trace(1), trace(2))
    await store.traces.keep_groups(fence, PLACE, Regrouping((group("grp_2"),), (), merged={"grp_1": "grp_2"}))
    assert await forget(store, fence, AT) == 0
    assert (await store.traces.group("grp_1")).merged_into == "grp_2"
    assert await forget(store, fence) == 2
    for group_id in ("grp_1", "grp_2"):
        with pytest.raises(NotFound):
            await store.traces.group(group_id)


async def test_places_with_traces_of_before_are_found(store: Store) -> None:
    await store.traces.add([trace(1), trace(9, path="/new")])
    assert await store.traces.aged(AT + timedelta(minutes=1), 9) == []
    assert await store.traces.aged(AT + timedelta(minutes=2), 9) == [PLACE]


async def test_a_worker_that_lost_its_task_forgets_nothing(store: Store, fence: Fence) -> None:
    await store.traces.add([trace(1)])
    with pytest.raises(LeaseLost):
        await store.traces.forget(Fence(fence.task_id, 99), PLACE, AT)
    assert await store.traces.waiting(PLACE) == 1
