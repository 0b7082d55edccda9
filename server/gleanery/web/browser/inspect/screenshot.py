"""The picture of a page, on the same grid of pixels as the boxes of what was read of it."""

from __future__ import annotations

import asyncio
import base64
import struct
from typing import Any

from playwright.async_api import CDPSession, Page

from gleanery import errors
from gleanery.model.parses import Screenshot
from gleanery.web.browser.failures import quoted
from gleanery.web.browser.inspect.limits import MAX_HEIGHT
from gleanery.web.browser.inspect.world import ScriptFailed, World

MAX_WIDTH = 4096


async def screenshot(page: Page, *, is_full_page: bool, seconds: float = 20.0) -> tuple[bytes, Screenshot]:
    """A PNG, a pixel for each CSS pixel: all of the page up to MAX_WIDTH × MAX_HEIGHT, or what is in the viewport.

    Animations are stopped before, and no caret blinks. A page that takes longer than `seconds` to be painted as a whole is shown by
    its viewport, which is there in no time, and `is_cut`. Raises Playwright's Error when the page is lost, and errors.RenderFailed
    when it can't be measured.
    """
    session = await page.context.new_cdp_session(page)
    try:
        tree = await session.send("Page.getFrameTree")
        view = await World(session, tree["frameTree"]["frame"]["id"]).view()
        return await _taken(session, view, is_full_page=is_full_page, seconds=seconds)
    except ScriptFailed as error:
        message = f"No picture of the page could be taken: {quoted(str(error))}."
        raise errors.RenderFailed(page.url, message, reason="not_taken") from error
    finally:
        await session.detach()


async def _taken(
    session: CDPSession, view: dict[str, int], *, is_full_page: bool, seconds: float
) -> tuple[bytes, Screenshot]:
    is_cut = False
    if is_full_page and (view["width"] > view["viewWidth"] or view["height"] > view["viewHeight"]):
        width, height = min(view["width"], MAX_WIDTH), min(view["height"], MAX_HEIGHT)
        clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
        try:
            async with asyncio.timeout(seconds):
                png = await _capture(session, {"captureBeyondViewport": True, "clip": clip})
        except TimeoutError:
            is_cut = True
        else:
            is_larger = width < view["width"] or height < view["height"]
            return png, _described(png, 0, 0, is_full_page=True, is_cut=is_larger)
    png = await _capture(session, {})
    return png, _described(png, view["left"], view["top"], is_full_page=is_full_page and not is_cut, is_cut=is_cut)


async def _capture(session: CDPSession, options: dict[str, Any]) -> bytes:
    taken = await session.send("Page.captureScreenshot", {"format": "png", "optimizeForSpeed": True, **options})
    return await asyncio.to_thread(base64.b64decode, taken["data"])


def _described(png: bytes, x: int, y: int, *, is_full_page: bool, is_cut: bool) -> Screenshot:
    width, height = struct.unpack(">II", png[16:24])
    return Screenshot(
        width=width, height=height, x=x, y=y, size_bytes=len(png), is_full_page=is_full_page, is_cut=is_cut
    )
