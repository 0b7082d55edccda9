"""One load: the page is opened in the browser, looked into, understood and photographed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from gleanery import errors
from gleanery.engine.handler import TaskContext
from gleanery.handlers.parse.guise import guise_of, request_of
from gleanery.handlers.parse.payload import ParsePayload
from gleanery.handlers.parse.steps import Step, Steps
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.model.parses import Inspected, Meaning, Navigation, ParsedPage, Screenshot, Timing
from gleanery.web.browser.open_page import OpenPage, PageBrowser

MeaningOf = Callable[[Inspected, Navigation, ExtractedPage | None], Awaitable[Meaning]]
"""What the page means; its main content is None where it could not be taken apart."""

_SECRET_HEADERS = frozenset({"set-cookie", "set-cookie2", "authorization", "www-authenticate", "proxy-authenticate"})


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

    def __init__(self, browser: PageBrowser, extract_pool: ExtractPool, meaning_of: MeaningOf) -> None:
        self._browser = browser
        self._extract_pool = extract_pool
        self._meaning_of = meaning_of

    async def load(self, ctx: TaskContext, payload: ParsePayload, steps: Steps) -> Loaded:
        """Raises a FetchError when there is no page, or it is lost on the way."""
        await steps.begin(Step.BROWSER)
        line = _Line(steps)
        opening = self._browser.open(
            payload.url, request_of(payload, ctx.task), guise_of(payload, ctx.task), on_place=line.hear
        )
        understanding: asyncio.Task[Meaning] | None = None
        clock, memory_mb = Clock(), 0.0
        try:
            async with opening as page:
                ctx.memory.measure = lambda: page.peak_memory_mb
                try:
                    await line.close()
                    await ctx.note(browser_session_id=page.session_id)
                    clock.waited(page.waited_seconds)
                    inspected = await self._inspect(page, payload, steps, clock)
                    await steps.begin(Step.MEANING)
                    html = await _html(page)
                    understanding = asyncio.create_task(self._understand(page, inspected, html, clock))
                    png, picture = await self._photograph(page, payload, steps, clock)
                    incidents, navigation = page.incidents(), _without_secrets(page.navigation)
                finally:
                    memory_mb = page.peak_memory_mb
                    ctx.memory.measure = None
                    await ctx.note(memory_usage_mb=round(memory_mb, 1))
            meaning = await understanding
        finally:
            await line.close()
            if understanding is not None and not understanding.done():
                understanding.cancel()
                await asyncio.gather(understanding, return_exceptions=True)
        parsed = ParsedPage(
            navigation=navigation,
            **{name: getattr(inspected, name) for name in _OF_INSPECTED},
            meaning=meaning,
            screenshot=picture,
            incidents=incidents,
            timing=clock.timing(),
        )
        return Loaded(parsed, png, memory_mb)

    async def _inspect(self, page: OpenPage, payload: ParsePayload, steps: Steps, clock: Clock) -> Inspected:
        await steps.begin(Step.DOM)
        with clock.step("dom"):
            await page.dom(include_tree=payload.include_dom)
        await steps.begin(Step.ELEMENTS)
        with clock.step("elements"):
            return await page.elements()

    async def _photograph(
        self, page: OpenPage, payload: ParsePayload, steps: Steps, clock: Clock
    ) -> tuple[bytes | None, Screenshot | None]:
        if not payload.screenshot:
            return None, None
        await steps.begin(Step.SCREENSHOT)
        with clock.step("screenshot"):
            return await page.screenshot(is_full_page=payload.full_page)

    async def _understand(self, page: OpenPage, inspected: Inspected, html: str | None, clock: Clock) -> Meaning:
        """While the picture is taken, and after the page is closed: nothing of this needs the browser."""
        navigation = page.navigation
        with clock.step("meaning"):
            main = None if html is None else await self._extract(html, navigation.final_url)
            meaning = await self._meaning_of(inspected, navigation, main)
        if main is None:
            notes = (*meaning.notes, "The page's main content could not be taken apart: it has no Markdown.")
            return meaning.model_copy(update={"notes": notes})
        return meaning

    async def _extract(self, html: str, url: str) -> ExtractedPage | None:
        try:
            return (await self._extract_pool.extract(html.encode("utf-8", "replace"), url, "utf-8"))[0].page
        except (errors.ExtractFailed, errors.EmptyPage):
            return None


_OF_INSPECTED = ("head", "viewport", "page_size", "dom", "elements", "element_count", "forms", "tables", "notes")


async def _html(page: OpenPage) -> str | None:
    """None for a document that is too large for the extractor: the rest of the page is told all the same."""
    with suppress(errors.TooLarge):
        return await page.html()
    return None


def _without_secrets(navigation: Navigation) -> Navigation:
    headers = {name: value for name, value in navigation.headers.items() if name.lower() not in _SECRET_HEADERS}
    return navigation.model_copy(update={"headers": headers})


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
