"""How the browser shows itself to a page: as it was asked to, by its honest name unless somebody wants another."""

from __future__ import annotations

import random

from gleanery.handlers.parse.payload import ParsePayload
from gleanery.handlers.parse.recovery import limit_seconds, rotations
from gleanery.model import Task
from gleanery.model.parses import Size
from gleanery.web.browser.open_page import Cookie, Guise
from gleanery.web.browser.request import RenderRequest, WaitUntil

_COMMON_SIZES = (
    Size(width=1280, height=720),
    Size(width=1366, height=768),
    Size(width=1440, height=900),
    Size(width=1536, height=864),
    Size(width=1920, height=1080),
)
_USUAL_SIZE = _COMMON_SIZES[0]
_COMMON_AGENTS = (
    "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36",
    "Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/{version}.0.0.0 Safari/537.36",
)
CHROME_VERSION = 140
"""Of the common names: they freeze the rest of it (User-Agent reduction)."""


def request_of(payload: ParsePayload, task: Task) -> RenderRequest:
    return RenderRequest(
        wait_until=WaitUntil(payload.wait_until),
        wait_for=payload.wait_for,
        timeout_seconds=limit_seconds(payload.timeout_seconds, task.recoveries),
    )


def guise_of(payload: ParsePayload, task: Task) -> Guise:
    cookies = tuple(
        Cookie(cookie.name, cookie.value, cookie.domain, cookie.path, cookie.secure, cookie.http_only)
        for cookie in payload.cookies
    )
    return Guise(
        user_agent=user_agent_of(payload.user_agent, rotations(task.recoveries), task.task_id),
        viewport=viewport_of(payload.viewport, task.task_id),
        headers=tuple(payload.headers.items()),
        cookies=cookies,
    )


def user_agent_of(asked: str | None, rotation: int, seed: str) -> str | None:
    """The one that was asked for; after each time that the site turned it away another. None: the honest one."""
    if rotation == 0 and asked != "vary":
        return asked
    names = [agent.format(version=CHROME_VERSION) for agent in _COMMON_AGENTS]
    random.Random(seed).shuffle(names)
    others = [name for name in names if name != asked]
    return others[(rotation if asked == "vary" else rotation - 1) % len(others)]


def viewport_of(asked: Size | str | None, seed: str) -> Size:
    if isinstance(asked, Size):
        return asked
    return _USUAL_SIZE if asked is None else random.Random(f"{seed}:size").choice(_COMMON_SIZES)
