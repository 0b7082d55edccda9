"""The order in which a store that is asked over a network tells of its changes."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, cast

import pytest

from gleanery.model import Event, Task
from gleanery.store.supabase.telling import Teller
from gleanery.store.values import Change

TASK = cast("Task", None)  # whose it is makes no difference to the order


def change(*numbers: int) -> Change:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Change(TASK, tuple(Event(n, at, "t", "", {}) for n in numbers), numbers[-1] if numbers else 0)


class Heard:
    def __init__(self) -> None:
        self.numbers: list[int] = []

    def __call__(self, changes: Sequence[Change]) -> None:
        self.numbers += [change.number for change in changes]


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def teller(heard: Heard) -> Teller:
    teller = Teller(heard)
    teller.start(10)
    return teller


async def answered(teller: Teller, changes: Sequence[Change], *, when: asyncio.Event | None = None) -> None:
    """A call whose answer comes `when` that is set."""
    with teller.turn() as turn:
        if when is not None:
            await when.wait()
        if changes:
            await turn.tell(changes)


async def settled(*tasks: asyncio.Task[Any]) -> None:
    """Let everything happen that can happen now."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_an_answer_that_overtook_another_is_told_after_it(teller: Teller, heard: Heard) -> None:
    late = asyncio.Event()
    first = asyncio.create_task(answered(teller, [change(11, 12)], when=late))
    await settled()
    second = asyncio.create_task(answered(teller, [change(13)]))
    await settled()
    assert heard.numbers == []
    assert not second.done()
    late.set()
    await asyncio.gather(first, second)
    assert heard.numbers == [12, 13]


async def test_nobody_waits_for_a_call_that_began_later(teller: Teller, heard: Heard) -> None:
    async with asyncio.timeout(1):
        await answered(teller, [change(12)])  # 11 was written by another process
    late = asyncio.Event()
    later = asyncio.create_task(answered(teller, [], when=late))
    await settled()
    async with asyncio.timeout(1):
        await answered(teller, [change(13)])
    assert heard.numbers == [12, 13]
    late.set()
    await later


async def test_a_call_that_wrote_nothing_lets_the_others_go_on(teller: Teller, heard: Heard) -> None:
    late = asyncio.Event()
    nothing = asyncio.create_task(answered(teller, [], when=late))
    await settled()
    waiting = asyncio.create_task(answered(teller, [change(15)]))
    await settled()
    assert heard.numbers == []
    late.set()
    await asyncio.gather(nothing, waiting)
    assert heard.numbers == [15]


async def test_nobody_waits_forever_for_a_slow_call(teller: Teller, heard: Heard) -> None:
    never = asyncio.Event()
    slow = asyncio.create_task(answered(teller, [change(11)], when=never))
    await settled()
    async with asyncio.timeout(5):
        await asyncio.gather(answered(teller, [change(13)]), answered(teller, [change(12)]))
    assert heard.numbers == [12, 13]
    never.set()
    await slow
    assert heard.numbers == [12, 13, 11], "who follows the numbers sees the gap and reads the log"


async def test_changes_without_events_are_told_in_their_place(teller: Teller, heard: Heard) -> None:
    await answered(teller, [change()])
    await answered(teller, [change(11)])
    assert heard.numbers == [0, 11]
