"""A browser for tests: 127.0.0.1 stands for the public web, everything else private stays forbidden."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from gleanery.web.browser.binary import find_browser
from gleanery.web.browser.supervisor import Browser, BrowserLimits
from gleanery.web.egress import EgressProxy
from tests.web.conftest import AGENT, LOCAL
from tests.web.test_egress import Names

needs_browser = pytest.mark.skipif(find_browser(None, os.environ) is None, reason="there is no Chromium here")

# It looks often, and is patient: a browser that is slow to answer on a busy machine is not a dead one.
QUICK = BrowserLimits(
    max_bytes=2 * 2**20, watch_seconds=0.2, silence_seconds=30.0, close_seconds=30.0, answer_seconds=10.0
)


@asynccontextmanager
async def a_browser(
    folder: Path, limits: BrowserLimits = QUICK, executable: Path | None = None
) -> AsyncIterator[Browser]:
    async with (
        EgressProxy(LOCAL, resolver=Names()) as egress,
        Browser(executable, egress=egress, user_agent=AGENT, data_dir=folder, limits=limits) as browser,
    ):
        yield browser


async def until(is_so: Callable[[], bool], seconds: float = 60) -> None:
    """Returns once `is_so`. Looks now and then: to look all the time would take a core from the browser."""
    async with asyncio.timeout(seconds):
        while not is_so():  # noqa: ASYNC110 - processes and counts have no event
            await asyncio.sleep(0.02)


def kind_of(process: psutil.Process) -> str:
    """`driver`, `browser`, `renderer`…, empty for what is no part of a browser."""
    try:
        words = process.cmdline()
    except psutil.Error:
        return ""
    if "run-driver" in words:
        return "driver"
    types = [word.removeprefix("--type=") for word in words if word.startswith("--type=")]
    if types:
        return types[0]
    return "browser" if "--remote-debugging-pipe" in words else ""


def browser_processes(pid: int | None = None) -> dict[psutil.Process, str]:
    """What runs below the process `pid`, this one if None, for its browsers."""
    below = psutil.Process(pid).children(recursive=True)
    return {process: kind for process in below if (kind := kind_of(process))}
