"""The picture of a page, on the same grid of pixels as the boxes of what was read of it."""

from __future__ import annotations

import struct

from playwright.async_api import FloatRect, Page

from gleanery.model.parses import Screenshot
from gleanery.web.browser.inspect.world import World

MAX_WIDTH = 4096
MAX_HEIGHT = 16_384
_SECONDS = 20.0


async def screenshot(page: Page, *, is_full_page: bool) -> tuple[bytes, Screenshot]:
    """A PNG, a pixel for each CSS pixel: all of the page up to MAX_WIDTH × MAX_HEIGHT, or what is in the viewport.

    Animations are stopped and the caret is hidden meanwhile. Raises Playwright's Error, also when it takes too long.
    """
    view = await _view(page)
    is_cut = is_full_page and (view["width"] > MAX_WIDTH or view["height"] > MAX_HEIGHT)
    clip: FloatRect | None = None
    if is_cut:
        clip = {"x": 0, "y": 0, "width": min(view["width"], MAX_WIDTH), "height": min(view["height"], MAX_HEIGHT)}
    elif not is_full_page and view["origin"]:
        # Playwright takes the viewport of a page that is read from the right for its left end.
        clip = {"x": view["left"], "y": view["top"], "width": view["viewWidth"], "height": view["viewHeight"]}
    png = await page.screenshot(
        type="png",
        scale="css",
        full_page=is_full_page or clip is not None,
        clip=clip,
        animations="disabled",
        caret="hide",
        timeout=_SECONDS * 1000,
    )
    width, height = struct.unpack(">II", png[16:24])
    return png, Screenshot(
        width=width,
        height=height,
        size_bytes=len(png),
        is_full_page=is_full_page,
        is_cut=is_cut,
        x=0 if is_full_page else view["left"],
        y=0 if is_full_page else view["top"],
    )


async def _view(page: Page) -> dict[str, int]:
    session = await page.context.new_cdp_session(page)
    try:
        tree = await session.send("Page.getFrameTree")
        return await World(session, tree["frameTree"]["frame"]["id"]).view()
    finally:
        await session.detach()
