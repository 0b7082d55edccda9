"""The life of the browser's process: started when it is needed, watched, replaced when it has grown or died, ended."""

from __future__ import annotations

import asyncio
import gc
import importlib
import os
import sys
import time
from collections.abc import Coroutine
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from gleanery import errors, log
from gleanery.web.browser.binary import find_browser
from gleanery.web.browser.launch import LaunchFailed, LaunchGate
from gleanery.web.browser.request import BrowserLimits
from gleanery.web.browser.tree import TreeSample, Verdict, judge
from gleanery.web.egress import EgressProxy

if TYPE_CHECKING:
    from gleanery.web.browser.process import Chromium

_LOG = log.get(__name__)


@dataclass(frozen=True, slots=True)
class Make:
    """What a browser is made of: `named` is the program, None looks for one; `home` the folder that is its own."""

    named: Path | None
    egress: EgressProxy
    user_agent: str
    home: Path
    loads_media: bool
    tells_roles: bool


class BrowserLife:
    """One Chromium at a time, and those before it that still finish their pages."""

    def __init__(self, make: Make, limits: BrowserLimits) -> None:
        self._make = make
        self._limits = limits
        self._gate = LaunchGate()
        self._current: Chromium | None = None
        self._launching: asyncio.Task[None] | None = None
        self._background: set[asyncio.Task[None]] = set()
        self._watchers: set[asyncio.Task[None]] = set()
        self._used_at = 0.0
        self._cpu: tuple[float, float] | None = None
        self._is_closing = False
        self.launches = 0
        self.crashes = 0
        self.memory_mb = 0.0
        self.cpu_percent = 0.0

    @property
    def is_running(self) -> bool:
        return self._current is not None and self._current.is_connected

    @property
    def last_failure(self) -> str:
        """Why the browser could last not be started; empty if that never happened."""
        return self._gate.reason

    def find(self) -> Path | None:
        """The program that is or would be started, None when there is none. Looks at the disk."""
        return find_browser(self._make.named, os.environ)

    def start(self, work: Coroutine[Any, Any, None]) -> None:
        """Does it behind the caller's back; `close` waits for it."""
        self._keep(work, self._background)

    async def ready(self, url: str) -> Chromium:
        """A browser for the page `url`. Raises errors.BrowserUnavailable."""
        while (current := self._current) is None or not current.is_connected:
            if self._is_closing:
                raise errors.BrowserUnavailable(url, "The browser is being closed.", reason="closing")
            if self._launching is None:
                self._launching = asyncio.create_task(self._launch())
                self._launching.add_done_callback(self._launched)
            try:
                # Shielded: a start that is broken off would leave processes behind, and others wait for it too.
                await asyncio.shield(self._launching)
            except LaunchFailed as error:
                message = f"The page needs a browser, and the browser can't be started: {error.reason}."
                raise _unavailable(url, message, error) from error
        return current

    def worked(self) -> None:
        """A page was shown."""
        self._gate.worked()

    def used(self, chromium: Chromium | None) -> None:
        """A page was put away, of this browser if it got that far."""
        self._used_at = time.monotonic()
        if chromium is not None and (chromium.is_worn or chromium.is_retired):
            self._retire(chromium)

    async def is_alive(self, chromium: Chromium) -> bool:
        """Whether the browser answers; one that doesn't is ended."""
        if not chromium.is_lost and await chromium.answers(self._limits.silence_seconds):
            return True
        if chromium.is_connected:
            await chromium.kill()
        self._lost(chromium)
        return False

    async def close(self) -> None:
        """Ends everything, and returns when nothing is left."""
        self._is_closing = True
        if self._launching is not None:
            await asyncio.wait([self._launching])
        if self._current is not None:
            self._retire(self._current, at_once=True)
        for watcher in self._watchers:
            watcher.cancel()
        while tasks := self._background | self._watchers:
            await asyncio.wait(tasks)

    # Start

    def _launched(self, task: asyncio.Task[None]) -> None:
        self._launching = None
        if not task.cancelled():
            task.exception()  # told to those who wait; nobody may be left

    async def _launch(self) -> None:
        executable = await asyncio.to_thread(self.find)
        if executable is None:
            named = self._make.named
            raise LaunchFailed(f"{named} is no program" if named else "there is no Chromium on this machine")
        while True:
            if self._gate.is_shut(time.monotonic()):
                raise LaunchFailed(self._gate.reason, self._gate.shut_seconds(time.monotonic()))
            await asyncio.sleep(self._gate.pause_seconds())
            try:
                self._current = await self._start_chromium(executable)
            except LaunchFailed as error:
                _LOG.warning("The browser could not be started", extra={"reason": error.reason})
                self._gate.failed(error.reason, time.monotonic())
            else:
                return

    async def _start_chromium(self, executable: Path) -> Chromium:
        process = await asyncio.to_thread(_import_process)
        make = self._make
        options = process.LaunchOptions(
            executable=executable,
            proxy_port=make.egress.port,
            user_agent=make.user_agent,
            home=make.home,
            loads_media=make.loads_media,
            tells_roles=make.tells_roles,
            limits=self._limits,
        )
        chromium: Chromium = await process.Chromium.launch(options, make.egress.reason, self._lost)
        self.launches += 1
        self._used_at = time.monotonic()
        self._keep(self._watch(chromium), self._watchers)
        _LOG.info("Browser started", extra={"executable": str(executable), "launches": self.launches})
        return chromium

    # End

    def _lost(self, chromium: Chromium) -> None:
        """The browser is dead, and not by our closing it. Told by its own event, or found out by its silence."""
        if chromium.is_lost or chromium.is_closing:
            return
        chromium.is_lost = True
        self.crashes += 1
        for tab in chromium.watched:
            tab.lost()
        if chromium.pages == 0:
            self._gate.failed("it dies at once", time.monotonic())
        _LOG.warning("The browser died", extra={"pages": chromium.pages, "crashes": self.crashes})
        self._retire(chromium, at_once=True)

    def _retire(self, chromium: Chromium, *, at_once: bool = False) -> None:
        """Gives it no more pages, and closes it once it has none, or is dead."""
        chromium.is_retired = True
        if self._current is chromium:
            self._current = None
            self._cpu = None
            self.memory_mb = self.cpu_percent = 0.0
        if (at_once or not chromium.active) and not chromium.is_closing:
            chromium.is_closing = True
            self.start(chromium.close())

    # Watch

    async def _watch(self, chromium: Chromium) -> None:
        checked_at = time.monotonic()
        while chromium.is_connected and not chromium.is_retired and not self._is_closing:
            await asyncio.sleep(min(self._limits.watch_seconds, self._limits.sample_seconds))
            await chromium.sample()
            if time.monotonic() - checked_at >= self._limits.watch_seconds:
                await self._check(chromium)
                await chromium.rest()
                checked_at = time.monotonic()

    async def _check(self, chromium: Chromium) -> None:
        sample = await chromium.look()
        self._note(chromium, sample)
        verdict = judge(sample, self._limits)
        if verdict is Verdict.END_PAGE and sample.largest_pid is not None:
            _LOG.warning("A page took too much memory", extra={"memory_mb": round(sample.largest_mb)})
            await chromium.end_page(sample.largest_pid)
        elif verdict is Verdict.REPLACE:
            _LOG.info("The browser is replaced", extra={"memory_mb": round(sample.memory_mb)})
            self._retire(chromium)
        elif not chromium.active and time.monotonic() - self._used_at > self._limits.idle_seconds:
            self._retire(chromium)
        else:
            await self.is_alive(chromium)

    def _note(self, chromium: Chromium, sample: TreeSample) -> None:
        if chromium is not self._current:
            return
        now = time.monotonic()
        if self._cpu is not None:
            seconds, at = self._cpu
            self.cpu_percent = max(0.0, 100 * (sample.cpu_seconds - seconds) / (now - at))
        self._cpu = sample.cpu_seconds, now
        self.memory_mb = sample.memory_mb

    def _keep(self, work: Coroutine[Any, Any, None], tasks: set[asyncio.Task[None]]) -> None:
        task = asyncio.create_task(work)
        tasks.add(task)
        task.add_done_callback(tasks.discard)


def _unavailable(url: str, message: str, error: LaunchFailed) -> errors.BrowserUnavailable:
    if error.retry_after is None:
        return errors.BrowserUnavailable(url, message, reason=error.reason)
    return errors.BrowserUnavailable(url, message, reason=error.reason, retry_after=round(error.retry_after, 1))


def _import_process() -> ModuleType:
    """For a thread: it takes a tenth of a second, and reads the disk. What it brings stays for good, and the garbage
    collector need not look through it again, which would stop the loop for 50 ms each time."""
    name = "gleanery.web.browser.process"
    is_new = name not in sys.modules
    module = importlib.import_module(name)
    if is_new:
        gc.freeze()
    return module
