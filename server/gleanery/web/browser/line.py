"""A line for a fixed number of places: first come, first served, and each one knows how many are before it."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass

from gleanery.web.browser.open_page import OnPlace


@dataclass(frozen=True, slots=True, eq=False)
class _Waiting:
    is_next: asyncio.Future[None]
    on_place: OnPlace


class Line:
    """`taken` of `places` are in use; who leaves hands the place to the first of the line at once."""

    def __init__(self, places: int) -> None:
        self.places = places
        self.taken = 0
        self._waiting: deque[_Waiting] = deque()

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    async def enter(self, on_place: OnPlace = lambda _place: None) -> None:
        """Returns with a place, which has to be left again. `on_place` hears 1 when it is next, 0 once it is there."""
        if self.taken < self.places:
            self.taken += 1
        else:
            await self._wait(on_place)
        on_place(0)

    def leave(self) -> None:
        """Gives a place back."""
        while self._waiting:
            first = self._waiting.popleft()
            if not first.is_next.done():
                first.is_next.set_result(None)
                self._tell()
                return
        self.taken -= 1

    async def _wait(self, on_place: OnPlace) -> None:
        mine = _Waiting(asyncio.get_running_loop().create_future(), on_place)
        self._waiting.append(mine)
        on_place(len(self._waiting))
        try:
            await mine.is_next
        except asyncio.CancelledError:
            if mine.is_next.done() and not mine.is_next.cancelled():
                self.leave()  # it was given a place just before
            else:
                self._waiting.remove(mine)
                self._tell()
            raise

    def _tell(self) -> None:
        for place, waiting in enumerate(self._waiting, 1):
            waiting.on_place(place)
