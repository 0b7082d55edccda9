"""The HTML of a page as it is shown, taken in parts: one long message would hold the loop."""

from __future__ import annotations

import time
from dataclasses import dataclass

from playwright.async_api import Page

from gleanery import errors
from gleanery.web.browser import scripts
from gleanery.web.browser.answers import no_answer
from gleanery.web.browser.visit import Answer, Visit
from gleanery.web.fetch import HTML_TYPES, Document
from gleanery.web.urls import resolve

# What one message of the browser may hold, in characters.
_SLICE = 256 * 1024


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A page as it stood: `html` without the scripts that ran."""

    url: str
    content_type: str
    html: str
    is_blank: bool


async def take(page: Page, url: str, max_bytes: int, *, keeps_page: bool) -> Snapshot:
    """The page at `url` as it stands. It is of no more use afterwards unless `keeps_page`, which costs a copy.

    Raises TooLarge, or Playwright's Error.
    """
    handle = await page.evaluate_handle(scripts.SNAPSHOT, [max_bytes, keeps_page])
    head = await handle.evaluate(scripts.HEAD)
    if head["size"] < 0:
        raise _too_large(url, max_bytes)
    parts: list[str] = []
    end = 0
    while end < head["size"]:
        part, end = await handle.evaluate(scripts.SLICE, [end, _SLICE])
        parts.append(part)
    await handle.dispose()
    return Snapshot(head["url"], head["type"], "".join(parts), head["isBlank"])


def document(visit: Visit, answer: Answer, snapshot: Snapshot, max_bytes: int) -> Document:
    """The snapshot as a document. Raises a FetchError for one that is empty, too large, or not where it may be."""
    final = resolve(visit.url, snapshot.url)
    visit.check_target(snapshot.url)
    if visit.failure is not None or final is None:
        raise visit.failure or no_answer(visit.url)
    if snapshot.is_blank:
        raise errors.EmptyPage(visit.url, "The page shows nothing, also after its scripts have run.")
    body = snapshot.html.encode("utf-8", "replace")
    if len(body) > max_bytes:
        raise _too_large(visit.url, max_bytes)
    return Document(
        url=final,
        requested_url=visit.url,
        status=answer.status,
        content_type=snapshot.content_type if snapshot.content_type in HTML_TYPES else "text/html",
        charset="utf-8",
        body=body,
        etag=answer.headers.get("etag"),
        last_modified=answer.headers.get("last-modified"),
        elapsed_seconds=time.monotonic() - visit.started,
        redirects=visit.redirects(final),
        robots_tag=answer.headers.get("x-robots-tag", ""),
        link=answer.headers.get("link", ""),
    )


def _too_large(url: str, max_bytes: int) -> errors.TooLarge:
    message = f"It is larger than {max_bytes / 2**20:.4g} MiB when rendered, the most that is read."
    return errors.TooLarge(url, message, max_bytes=max_bytes)
