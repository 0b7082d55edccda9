"""The picture of a page, on the same grid of pixels as the boxes of what was read of it."""

from __future__ import annotations

import struct

from playwright.async_api import FloatRect, Page

from gleanery.model.parses import Screenshot

MAX_WIDTH = 4096
MAX_HEIGHT = 16_384
_SECONDS = 20.0

_SIZE = """() => {
  const roots = [document.documentElement, document.body].filter(root => root instanceof Element);
  return [Math.max(...roots.map(r => r.scrollWidth), ...roots.map(r => r.clientWidth)),
          Math.max(...roots.map(r => r.scrollHeight), ...roots.map(r => r.clientHeight))];
}"""


async def screenshot(page: Page, *, is_full_page: bool) -> tuple[bytes, Screenshot]:
    """A PNG, a pixel for each CSS pixel: all of the page up to MAX_WIDTH × MAX_HEIGHT, or what is in the viewport.

    Animations are stopped and the caret is hidden meanwhile. Raises Playwright's Error, also when it takes too long.
    """
    width, height = await page.evaluate(_SIZE)
    is_large = is_full_page and (width > MAX_WIDTH or height > MAX_HEIGHT)
    clip: FloatRect | None = None
    if is_large:
        clip = {"x": 0, "y": 0, "width": min(width, MAX_WIDTH), "height": min(height, MAX_HEIGHT)}
    png = await page.screenshot(
        type="png",
        scale="css",
        full_page=is_full_page,
        clip=clip,
        animations="disabled",
        caret="hide",
        timeout=_SECONDS * 1000,
    )
    shown_width, shown_height = struct.unpack(">II", png[16:24])
    return png, Screenshot(
        width=shown_width,
        height=shown_height,
        size_bytes=len(png),
        is_full_page=is_full_page,
        is_cut=is_large,
    )
