"""How far a parse is: its steps in their order, each told as it begins, while the work goes on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from gleanery.engine.handler import TaskContext
from gleanery.handlers.parse.estimates import Estimates
from gleanery.model import EventType, NewEvent, Progress, StageCount


class Step(StrEnum):
    CACHE = "checking_cache"
    BROWSER = "acquiring_browser"
    NAVIGATION = "navigating_to_page"
    DOM = "extracting_dom"
    ELEMENTS = "identifying_elements"
    MEANING = "semantic_analysis"
    SCREENSHOT = "capturing_screenshot"


_PERCENTAGE = {
    Step.CACHE: 0.0,
    Step.BROWSER: 5.0,
    Step.NAVIGATION: 20.0,
    Step.DOM: 40.0,
    Step.ELEMENTS: 60.0,
    Step.MEANING: 80.0,
    Step.SCREENSHOT: 90.0,
}
_TIMED_AS = {
    Step.CACHE: "waiting",
    Step.BROWSER: "browser",
    Step.NAVIGATION: "navigation",
    Step.DOM: "dom",
    Step.ELEMENTS: "elements",
    Step.MEANING: "meaning",
    Step.SCREENSHOT: "screenshot",
}
_MESSAGE = {
    Step.CACHE: "Looking for a kept page",
    Step.BROWSER: "Waiting for a browser context",
    Step.NAVIGATION: "Loading the page",
    Step.DOM: "Reading the document",
    Step.ELEMENTS: "Finding what can be acted on",
    Step.MEANING: "Working out what the page is for",
    Step.SCREENSHOT: "Taking the screenshot",
}


class Steps:
    """Tells of one attempt. What is told is stored while the step goes on; `settle` waits for the last of it."""

    def __init__(self, ctx: TaskContext, url: str, estimates: Estimates) -> None:
        self._ctx = ctx
        self._url = url
        self._estimates = estimates
        self._telling: asyncio.Task[None] | None = None
        self._done: tuple[Step, ...] = ()

    async def begin(self, step: Step) -> None:
        """Raises LeaseLost and StorageError of what was told before."""
        await self._tell(step, _MESSAGE[step], EventType.STAGE_STARTED, {"stage": step})
        self._done = (*self._done, step)

    async def place(self, place: int) -> None:
        """The place in line for a context has changed."""
        message = f"{_MESSAGE[Step.BROWSER]}, place {place} in line"
        data = {"stage": Step.BROWSER, "done": 0, "total": 1, "place": place}
        await self._tell(Step.BROWSER, message, EventType.TASK_PROGRESSED, data)

    async def _tell(self, step: Step, message: str, kind: EventType, data: Mapping[str, Any]) -> None:
        await self.settle()
        progress = self._progress(step, message, await self._estimates.left_seconds(_TIMED_AS[step]))
        telling = self._ctx.report(progress, NewEvent(kind, message, data))
        self._telling = asyncio.create_task(telling, name=f"step {self._ctx.task.task_id}")

    async def settle(self) -> None:
        telling, self._telling = self._telling, None
        if telling is not None:
            await telling

    async def close(self) -> None:
        """Nothing is told any more: the attempt has failed or was stopped."""
        telling, self._telling = self._telling, None
        if telling is not None:
            telling.cancel()
            await asyncio.gather(telling, return_exceptions=True)

    def _progress(self, step: Step, message: str, eta_seconds: float) -> Progress:
        stages = {str(done): StageCount(1, 1) for done in self._done if done is not step} | {
            str(step): StageCount(0, 1)
        }
        before = self._ctx.progress.percentage
        return Progress(
            max(before, _PERCENTAGE[step]), step, stages, message, eta_seconds=eta_seconds, current_url=self._url
        )

    def finished(self, message: str) -> Progress:
        stages = {str(step): StageCount(1, 1) for step in self._done}
        return Progress(100.0, self._done[-1] if self._done else "", stages, message, current_url=self._url)
