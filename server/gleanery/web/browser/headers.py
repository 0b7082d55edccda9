"""Request headers that go to one host and to no other: not to another origin's pictures, not after a redirect."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Sequence
from typing import Any

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from gleanery.web.urls import origin_of

Headers = Sequence[tuple[str, str]]

_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_MAX_VALUE = 8192
_OURS = """
accept-charset accept-encoding connection content-length content-type cookie cookie2 date dnt expect host keep-alive
origin te trailer transfer-encoding upgrade user-agent via
"""


def header_fault(name: str, value: str) -> str | None:
    """Why this header may not be asked for, None if it may: those that the browser sets by itself are its own.

    The list is that of https://fetch.spec.whatwg.org/#forbidden-request-header, with what has a field of its own.
    """
    lower = name.lower()
    if not _NAME.fullmatch(name):
        return "is no name of a header"
    if lower in _OURS.split() or lower.startswith(("proxy-", "sec-")):
        return "is set by the browser itself"
    if len(value) > _MAX_VALUE or value != value.strip():
        return f"has a value that is longer than {_MAX_VALUE} characters, or has space around it"
    if not all(" " <= char <= "~" or char == "\t" for char in value):
        return "has a value with characters that a header can't carry"
    return None


class HostHeaders:
    """Adds `headers` to what one page asks of the origin of `url`, or of its https form.

    Chromium stops the requests that match the patterns, each hop of a redirect anew, and no others; a hop starts again
    without what was added to the one before.
    """

    def __init__(self, session: CDPSession, url: str, headers: Headers) -> None:
        self._session = session
        self._headers = dict(headers)
        self._patterns = [{"urlPattern": f"{_escaped(start)}/*"} for start in _origins(url)]
        self._sending: set[asyncio.Task[None]] = set()

    async def begin(self) -> None:
        """From now on. Raises Playwright's Error."""
        self._session.on("Fetch.requestPaused", self._on_paused)
        await self._session.send("Fetch.enable", {"patterns": self._patterns})

    def end(self) -> None:
        for task in self._sending:
            task.cancel()

    def _on_paused(self, event: dict[str, Any]) -> None:
        task = asyncio.get_running_loop().create_task(self._go_on(event))
        self._sending.add(task)
        task.add_done_callback(self._sending.discard)

    async def _go_on(self, event: dict[str, Any]) -> None:
        added = {name.lower() for name in self._headers}
        kept = {name: value for name, value in event["request"]["headers"].items() if name.lower() not in added}
        headers = [{"name": name, "value": value} for name, value in {**kept, **self._headers}.items()]
        try:
            await self._session.send("Fetch.continueRequest", {"requestId": event["requestId"], "headers": headers})
        except PlaywrightError:
            pass  # the request was given up meanwhile, or the page is gone


def _origins(url: str) -> list[str]:
    own = origin_of(url)
    is_plain = own.startswith("http://") and ":" not in own.removeprefix("http://").rpartition("]")[2]
    return [own, own.replace("http://", "https://", 1)] if is_plain else [own]


def _escaped(start: str) -> str:
    return re.sub(r"([*?\\])", r"\\\1", start)
