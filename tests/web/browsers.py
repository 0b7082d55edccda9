"""A browser for tests: 127.0.0.1 stands for the public web, everything else private stays forbidden."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest

from gleanery.web.browser.binary import find_browser
from gleanery.web.browser.supervisor import Browser, BrowserLimits
from gleanery.web.egress import EgressProxy
from tests.web.conftest import AGENT, LOCAL

needs_browser = pytest.mark.skipif(find_browser(None, os.environ) is None, reason="there is no Chromium here")

QUICK = BrowserLimits(max_bytes=2 * 2**20, watch_seconds=0.2, silence_seconds=5.0)


@asynccontextmanager
async def a_browser(
    folder: Path, limits: BrowserLimits = QUICK, executable: Path | None = None
) -> AsyncIterator[Browser]:
    async with (
        EgressProxy(LOCAL) as egress,
        Browser(executable, egress=egress, user_agent=AGENT, data_dir=folder, limits=limits) as browser,
    ):
        yield browser


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
