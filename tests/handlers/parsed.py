"""What tests of `parse_page` stand on: a store, a worker with the handler, and a browser that does what a test says."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from gleanery import errors
from gleanery.engine.submit import Submitter
from gleanery.handlers.parse.estimates import Estimates
from gleanery.handlers.parse.handler import ParseHandler, ParseParts
from gleanery.handlers.parse.loading import Loader
from gleanery.handlers.parse.start import ParseStarter
from gleanery.handlers.parse.understanding import Sharpen, Understanding
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.model import NewTask, Task
from gleanery.model.parses import (
    ConsoleMessage,
    Dom,
    Head,
    Incidents,
    Inspected,
    InteractiveElement,
    Locator,
    Navigation,
    Screenshot,
    Size,
)
from gleanery.store.parses import TASK_TYPE
from gleanery.web.browser.open_page import Guise, OnContext, OnPlace
from gleanery.web.browser.request import RenderRequest
from tests.clock import SetClock
from tests.engine.stage import Stage

PAGE = (
    "<html><head><title>A page</title></head><body><main><h1>A page</h1><p>Words to read here.</p></main></body></html>"
)
BUTTON = InteractiveElement(
    element_id="e1",
    role="button",
    name="Go",
    tag="button",
    hints="",
    is_visible=True,
    is_enabled=True,
    is_in_viewport=True,
    locator=Locator(selector="button"),
)
KEY = b"key of the tests"


@dataclass(frozen=True)
class Asked:
    """A page that was asked for, and how."""

    url: str
    request: RenderRequest
    guise: Guise


@dataclass
class ShownPage:
    """`OpenPage` without a browser."""

    url: str
    html_text: str = PAGE
    status: int = 200
    session_id: str = "ctx_1"
    waited_seconds: Mapping[str, float] = field(
        default_factory=lambda: {"waiting": 0.001, "browser": 0.01, "navigation": 0.1}
    )
    peak_memory_mb: float = 42.25
    includes_tree: bool | None = None
    fails_at: str = ""
    error: errors.FetchError | None = None

    @property
    def navigation(self) -> Navigation:
        return Navigation(url=self.url, final_url=f"{self.url}#end", status=self.status, user_agent="tests")

    async def dom(self, *, include_tree: bool) -> None:
        self.includes_tree = include_tree
        self._may_fail("dom")

    async def elements(self) -> Inspected:
        self._may_fail("elements")
        size = Size(width=1280, height=720)
        return Inspected(
            head=Head(title="A page"),
            dom=Dom(element_count=7),
            elements=(BUTTON,),
            element_count=1,
            viewport=size,
            page_size=size,
            notes=(),
        )

    async def html(self) -> str:
        self._may_fail("html")
        return self.html_text

    async def screenshot(self, *, is_full_page: bool) -> tuple[bytes, Screenshot]:
        self._may_fail("screenshot")
        return b"\x89PNG", Screenshot(width=1280, height=720, size_bytes=4, is_full_page=is_full_page)

    def incidents(self) -> Incidents:
        return Incidents(console=(ConsoleMessage(level="error", text="oops"),), console_count=1)

    def _may_fail(self, at: str) -> None:
        if self.fails_at == at and self.error is not None:
            raise self.error


Show = Callable[[Asked, int], Awaitable[ShownPage]]


async def shown(asked: Asked, _: int) -> ShownPage:
    return ShownPage(asked.url)


class ScriptedBrowser:
    """`PageBrowser`: `show` gives the page, or raises; it is told how many were asked for before."""

    def __init__(self, show: Show = shown) -> None:
        self.show = show
        self.asked: list[Asked] = []
        self.open_now = 0
        self.places: tuple[int, ...] = (0,)

    @asynccontextmanager
    async def open(
        self, url: str, request: RenderRequest, guise: Guise, *, on_place: OnPlace, on_context: OnContext
    ) -> AsyncIterator[ShownPage]:
        for place in self.places:
            on_place(place)
            await asyncio.sleep(0)
        asked = Asked(url, request, guise)
        self.asked.append(asked)
        self.open_now += 1
        try:
            await on_context("ctx_1")
            yield await self.show(asked, len(self.asked) - 1)
        finally:
            self.open_now -= 1


@dataclass
class Parsing:
    """Parses on a stage of the engine's tests."""

    stage: Stage
    browser: ScriptedBrowser
    handler: ParseHandler
    submitter: Submitter
    clock: SetClock

    async def ask(self, url: str = "https://a.test/", *, max_retries: int | None = None, **options: Any) -> Task:
        return await self.submitter.submit(NewTask(TASK_TYPE, {"url": url, **options}, max_retries=max_retries))

    async def parse(self, url: str = "https://a.test/", **options: Any) -> Task:
        """Start one and see it to its end."""
        return await self.stage.ended(await self.ask(url, **options))

    async def page(self, task: Task) -> dict[str, Any]:
        import json

        parse = await self.stage.store.parses.get(task.task_id)
        assert parse.page is not None
        body: dict[str, Any] = json.loads(await self.stage.store.parses.body(parse.page.web_page_id))
        return body

    def worker(self, **options: Any) -> Any:
        return self.stage.worker(self.handler, **options)  # type: ignore[arg-type]


@asynccontextmanager
async def parsing(
    stage: Stage,
    pool: ExtractPool,
    *,
    show: Show = shown,
    cache_seconds: float = 3600.0,
    cache_bytes: int = 2**30,
    sharpen: Sharpen | None = None,
) -> AsyncIterator[Parsing]:
    browser, clock, parses = ScriptedBrowser(show), SetClock(), stage.store.parses
    with ThreadPoolExecutor(1) as executor:
        estimates = Estimates(parses, 2)
        parts = ParseParts(
            parses=parses,
            loader=Loader(browser, Understanding(pool, executor, sharpen)),
            estimates=estimates,
            executor=executor,
            key=KEY,
            cache_seconds=cache_seconds,
            cache_bytes=cache_bytes,
            pool_size=2,
            clock=clock,
        )
        handler = ParseHandler(parts)
        starter = ParseStarter(parses, lambda _: None, lambda: True, KEY)
        submitter = Submitter(
            stage.store.tasks,
            {TASK_TYPE: handler},
            queue_limit=1000,
            creators={TASK_TYPE: starter},
            checks={TASK_TYPE: starter.check},
        )
        yield Parsing(stage, browser, handler, submitter, clock)
