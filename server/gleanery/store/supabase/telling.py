"""In which order changes are told: by their events' numbers, though answers may come in another order."""

from __future__ import annotations

import asyncio
import bisect
import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from gleanery.store.values import Change, OnChange

LONGEST_WAIT_SECONDS = 0.25
"""A change is not held back longer for one that may have come before it. Who follows the log finds the gap and reads it."""


@dataclass
class _Held:
    """An answer with its first number, and the calls that were under way when it came: one of them may have written before."""

    first: int
    last: int
    changes: Sequence[Change]
    older: set[Turn]
    told: asyncio.Future[None]


class Teller:
    """Tells what this process has written, in the order of the numbers."""

    def __init__(self, on_change: OnChange, wait_seconds: float = LONGEST_WAIT_SECONDS) -> None:
        self._on_change = on_change
        self._wait_seconds = wait_seconds
        self._last = 0
        self._under_way: set[Turn] = set()
        self._held: list[_Held] = []

    def start(self, last: int) -> None:
        self._last = last

    @contextlib.contextmanager
    def turn(self) -> Iterator[Turn]:
        """Around a call that may write events."""
        turn = Turn(self)
        self._under_way.add(turn)
        try:
            yield turn
        finally:
            self._end(turn)

    def _end(self, turn: Turn) -> None:
        self._under_way.discard(turn)
        for held in self._held:
            held.older.discard(turn)
        self._flush()

    async def tell(self, turn: Turn, changes: Sequence[Change]) -> None:
        self._under_way.discard(turn)
        numbered = [change for change in changes if change.number]
        loop = asyncio.get_running_loop()
        first = numbered[0].number - len(numbered[0].events) + 1 if numbered else self._last + 1
        last = numbered[-1].number if numbered else self._last
        held = _Held(first, last, changes, set(self._under_way), loop.create_future())
        bisect.insort(self._held, held, key=lambda one: one.first)
        timer = loop.call_later(self._wait_seconds, self._give_up_waiting, held)
        self._end(turn)
        await held.told
        timer.cancel()

    def _give_up_waiting(self, held: _Held) -> None:
        held.older.clear()
        for earlier in self._held[: self._held.index(held)] if held in self._held else ():
            earlier.older.clear()
        self._flush()

    def _flush(self) -> None:
        while self._held and (self._held[0].first <= self._last + 1 or not self._held[0].older):
            held = self._held.pop(0)
            self._last = max(self._last, held.last)
            self._on_change(held.changes)
            held.told.set_result(None)


@dataclass(eq=False)
class Turn:
    """One call that may write events."""

    _teller: Teller = field(repr=False)

    async def tell(self, changes: Sequence[Change]) -> None:
        """Tell of these when it is their turn."""
        await self._teller.tell(self, changes)
