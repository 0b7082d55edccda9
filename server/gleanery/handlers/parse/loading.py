"""One load: the page is opened in the browser, looked into, understood and photographed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from gleanery import errors
from gleanery.engine.handler import TaskContext
from gleanery.handlers.parse.guise import guise_of, request_of
from gleanery.handlers.parse.payload import ParsePayload
from gleanery.handlers.parse.steps import Step, Steps
from gleanery.handlers.parse.understanding import Understanding
from gleanery.model.parses import Incidents, Inspected, Meaning, Navigation, ParsedPage, Screenshot, Timing
from gleanery.web.browser.open_page import OpenPage, PageBrowser


@dataclass(frozen=True)
class Loaded:
    page: ParsedPage
    png: bytes | None
    memory_mb: float


class Clock:
    """Milliseconds of the steps, by their names in `Timing`."""

    def __init__(self) -> None:
        self.taken: dict[str, float] = {}

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.taken[f"{name}_ms"] = round((time.perf_counter() - began) * 1000, 1)

    def waited(self, seconds: Mapping[str, float]) -> None:
        for name in ("waiting", "browser", "navigation"):
            self.taken[f"{name}_ms"] = round(seconds.get(name, 0.0) * 1000, 1)

    def timing(self) -> Timing:
        return Timing(**self.taken)


class Loader:
    """Loads pages. `browser` is the one of parses."""

    def __init__(self, browser: PageBrowser, understanding: Understanding) -> None:
        self._browser = browser
        self._understanding = understanding

    async def load(self, ctx: TaskContext, payload: ParsePayload, steps: Steps) -> Loaded:
        """Raises a FetchError when there is no page, or it is lost on the way."""
        await steps.begin(Step.BROWSER)
        line = _Line(steps)
        looking = _Looking(ctx, payload, steps, self._understanding)
        request, guise = request_of(payload, ctx.task), guise_of(payload, ctx.task)

        async def note(session_id: str) -> None:
            await ctx.note(browser_session_id=session_id)

        try:
            async with self._browser.open(payload.url, request, guise, on_place=line.hear, on_context=note) as page:
                await line.close()
                seen = await looking.at(page)
            return await looking.understood(seen)
        finally:
            await line.close()
            await looking.close()


@dataclass(frozen=True)
class _Seen:
    """What was taken of a page while it was open."""

    inspected: Inspected
    navigation: Navigation
    incidents: Incidents
    png: bytes | None
    screenshot: Screenshot | None
    memory_mb: float


class _Looking:
    """One look at an open page."""

    def __init__(self, ctx: TaskContext, payload: ParsePayload, steps: Steps, understanding: Understanding) -> None:
        self._ctx = ctx
        self._payload = payload
        self._steps = steps
        self._understanding = understanding
        self._clock = Clock()
        self._meaning: asyncio.Task[Meaning] | None = None

    async def at(self, page: OpenPage) -> _Seen:
        memory = self._ctx.memory
        memory.measure = lambda: page.peak_memory_mb
        try:
            return await self._look(page)
        except errors.FetchError:
            await self._ctx.note(memory_usage_mb=round(page.peak_memory_mb, 1))
            raise
        finally:
            memory.measure = None

    async def _look(self, page: OpenPage) -> _Seen:
        self._clock.waited(page.waited_seconds)
        await self._steps.begin(Step.DOM)
        with self._clock.step("dom"):
            await page.dom(include_tree=self._payload.include_dom)
        await self._steps.begin(Step.ELEMENTS)
        with self._clock.step("elements"):
            inspected = await page.elements()
        await self._steps.begin(Step.MEANING)
        html = await _html(page)
        self._meaning = asyncio.create_task(self._understand(inspected, page.navigation, html))
        png, screenshot = await self._photograph(page)
        return _Seen(inspected, page.navigation, page.incidents(), png, screenshot, page.peak_memory_mb)

    async def _photograph(self, page: OpenPage) -> tuple[bytes | None, Screenshot | None]:
        if not self._payload.screenshot:
            return None, None
        await self._steps.begin(Step.SCREENSHOT)
        with self._clock.step("screenshot"):
            return await page.screenshot(is_full_page=self._payload.full_page)

    async def _understand(self, inspected: Inspected, navigation: Navigation, html: str | None) -> Meaning:
        """While the picture is taken, and after the page is closed: nothing of this needs the browser."""
        with self._clock.step("meaning"):
            return await self._understanding.of(inspected, navigation, html)

    async def understood(self, seen: _Seen) -> Loaded:
        assert self._meaning is not None
        page = ParsedPage(
            navigation=seen.navigation,
            **{name: getattr(seen.inspected, name) for name in _OF_INSPECTED},
            meaning=await self._meaning,
            screenshot=seen.screenshot,
            incidents=seen.incidents,
            timing=self._clock.timing(),
        )
        return Loaded(page, seen.png, seen.memory_mb)

    async def close(self) -> None:
        if self._meaning is not None:
            self._meaning.cancel()
            await asyncio.gather(self._meaning, return_exceptions=True)


_OF_INSPECTED = ("head", "viewport", "page_size", "dom", "elements", "element_count", "forms", "tables", "notes")


async def _html(page: OpenPage) -> str | None:
    """None for a document that is too large for the extractor: the rest of the page is told all the same."""
    with suppress(errors.TooLarge):
        return await page.html()
    return None


class _Line:
    """Tells the places in line as they change; the browser says them without waiting."""

    def __init__(self, steps: Steps) -> None:
        self._steps = steps
        self._place: int | None = None
        self._bell = asyncio.Event()
        self._telling: asyncio.Task[None] | None = None

    def hear(self, place: int) -> None:
        self._place = place
        self._bell.set()
        if self._telling is None:
            self._telling = asyncio.create_task(self._tell())

    async def _tell(self) -> None:
        while True:
            await self._bell.wait()
            self._bell.clear()
            if self._place == 0:
                await self._steps.begin(Step.NAVIGATION)
                return
            await self._steps.place(self._place or 0)

    async def close(self) -> None:
        """Waits until what was heard is told, and raises what that raised."""
        telling, self._telling = self._telling, None
        if telling is None:
            return
        if self._place != 0:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)
            return
        await telling
