"""HTML of our own printed as PDF, in a context without scripts and without a network."""

from __future__ import annotations

from playwright.async_api import Browser as PlaywrightBrowser
from playwright.async_api import BrowserContext
from playwright.async_api import Error as PlaywrightError

from gleanery import errors

NAME = "about:blank"
"""What stands for a URL in errors."""
_LONGEST_MILLISECONDS = 120_000.0
_MARGIN = "14mm"
_FOOTER = (
    '<div style="width:100%;text-align:center;font-size:7px;color:#545b64">'
    '<span class="pageNumber"></span> / <span class="totalPages"></span></div>'
)


async def open_sheet(browser: PlaywrightBrowser) -> BrowserContext:
    return await browser.new_context(java_script_enabled=False, offline=True, accept_downloads=False)


async def printed(sheet: BrowserContext, html: str) -> bytes:
    """Raises RenderFailed."""
    try:
        page = await sheet.new_page()
        page.set_default_timeout(_LONGEST_MILLISECONDS)
        await page.set_content(html, wait_until="domcontentloaded")
        margin = {"top": _MARGIN, "right": _MARGIN, "bottom": _MARGIN, "left": _MARGIN}
        return await page.pdf(
            format="A4",
            margin=margin,  # type: ignore[arg-type]
            print_background=True,
            tagged=True,
            display_header_footer=True,
            header_template="<i></i>",
            footer_template=_FOOTER,
        )
    except PlaywrightError as error:
        raise errors.RenderFailed(NAME, "The browser could not print it.", reason="print_failed") from error
