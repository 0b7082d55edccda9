"""Which elements react by a script's listener: nothing in the document says so, the browser's debugger does."""

from __future__ import annotations

import asyncio

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from gleanery.web.browser.inspect.limits import InspectLimits
from gleanery.web.browser.inspect.world import World

_SECONDS = 3.0
# What a hand does to an element. Keys need the focus, and what can have that is found by it.
_OF_HANDS = frozenset(
    {"click", "dblclick", "mousedown", "mouseup", "pointerdown", "pointerup", "touchstart", "touchend"}
)


class Listeners:
    """Those in the documents that one session reaches. The first world that is told of is that of the outermost document."""

    def __init__(self, session: CDPSession, limits: InspectLimits) -> None:
        self._session = session
        self._limits = limits
        self._room = limits.listening
        self._elsewhere: list[int] | None = None

    async def tell(self, world: World) -> None:
        """Tells the script of `world` which of its elements listen, or a note why that is not known."""
        try:
            async with asyncio.timeout(_SECONDS):
                await self._tell(world)
        except TimeoutError:
            self._elsewhere = self._elsewhere or []
            await world.note("The browser did not say in time which elements have listeners of scripts.")

    async def _tell(self, world: World) -> None:
        if self._elsewhere is None:
            self._elsewhere = []  # also where something goes wrong: nobody asks again
            self._elsewhere = await self._ask(world)
        self._elsewhere = await self._show(world, self._elsewhere)

    async def _ask(self, world: World) -> list[int]:
        """The browser's numbers of the nodes that listen, in the order of the page, frames and shadow roots in place.

        The answer grows with every listener there is, so these are counted before: reading a long one would hold the loop.
        """
        counted, document = await asyncio.gather(self._session.send("Memory.getDOMCounters"), world.document())
        count = counted["jsEventListeners"]
        if count > self._limits.listeners:
            await world.note(
                f"The page has {count:,} listeners of scripts, more than are asked for: what reacts by them alone is left out."
            )
            return []
        asked = {"objectId": document, "depth": -1, "pierce": True}
        said = (await self._session.send("DOMDebugger.getEventListeners", asked))["listeners"] if count else []
        found = list(dict.fromkeys(one["backendNodeId"] for one in said if one["type"] in _OF_HANDS))
        if len(found) > self._room:
            await world.note(
                f"{len(found):,} elements have listeners of scripts; the first {self._room:,} were looked at, and the rest"
                " is told as far as it says so itself."
            )
        return found

    async def _show(self, world: World, numbers: list[int]) -> list[int]:
        """Those of other documents."""
        tried = numbers[: self._room]
        self._room -= len(tried)
        objects = await asyncio.gather(*(world.resolve(number) for number in tried), return_exceptions=True)
        there: dict[int, str] = {}
        for number, resolved in zip(tried, objects, strict=True):
            if isinstance(resolved, str):
                there[number] = resolved
            elif not isinstance(resolved, PlaywrightError):  # its node is gone
                raise resolved
        if not there:
            return []
        foreign = await world.hear(list(there.values()))
        numbered = list(there)
        return [numbered[place] for place in foreign]
