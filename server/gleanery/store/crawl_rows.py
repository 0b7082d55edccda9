"""Rows of a crawl's frontier as values, and values as rows: the same for every store."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol

from gleanery.model import CrawlCounts, FetchedBy, FrontierUrl, UrlCount, UrlOrigin, UrlState
from gleanery.store.rows import seconds, time_of


class Row(Protocol):
    """A row by the names of its columns: sqlite3's, or an object of JSON."""

    def __getitem__(self, name: str, /) -> Any: ...


def url_from(row: Row) -> FrontierUrl:
    return FrontierUrl(
        url=row["url"],
        url_key=row["url_key"],
        depth=row["depth"],
        state=UrlState(row["state"]),
        ordinal=row["ordinal"],
        found_on=row["found_on"],
        reason=row["reason"],
        message=row["message"],
        status_code=row["status_code"],
        attempts=row["attempts"],
        page_id=row["page_id"],
        chunk_count=row["chunk_count"],
        code_example_count=row["code_example_count"],
        elapsed_seconds=row["elapsed_seconds"],
        settled_at=time_of(row["settled_at"]),
        origin=UrlOrigin(row["origin"]),
        lastmod=time_of(row["lastmod"]),
        fetched_by=None if row["fetched_by"] is None else FetchedBy(row["fetched_by"]),
        same_as=row["same_as"],
        is_own=bool(row["is_own"]),
    )


def found_row(url: FrontierUrl) -> dict[str, Any]:
    """What is known of a URL when it is found."""
    return {
        "url": url.url,
        "url_key": url.url_key,
        "depth": url.depth,
        "state": url.state,
        "found_on": url.found_on,
        "reason": url.reason,
        "origin": url.origin,
        "lastmod": seconds(url.lastmod),
        "same_as": url.same_as,
    }


def settled_row(url: FrontierUrl) -> dict[str, Any]:
    """How a URL ended."""
    return {
        "url_key": url.url_key,
        "state": url.state,
        "reason": url.reason,
        "message": url.message,
        "status_code": url.status_code,
        "attempts": url.attempts,
        "page_id": url.page_id,
        "chunk_count": url.chunk_count,
        "code_example_count": url.code_example_count,
        "elapsed_seconds": url.elapsed_seconds,
        "fetched_by": url.fetched_by,
        "same_as": url.same_as,
    }


def counts_from(groups: Iterable[Row], embedded: int) -> CrawlCounts:
    """Of URLs by state and reason: `n` of them, what was refused, and the chunks and code of their pages."""
    states = dict.fromkeys(UrlState, 0)
    reasons: dict[str, int] = {}
    chunks = code = refused = 0
    for row in groups:
        states[UrlState(row["state"])] += row["n"]
        chunks += row["chunks"] or 0
        code += row["code"] or 0
        if row["reason"] is not None:
            reasons[row["reason"]] = reasons.get(row["reason"], 0) + row["n"]
        refused += row["refused"]
    return CrawlCounts(
        queued=states[UrlState.QUEUED],
        stored=states[UrlState.STORED],
        skipped=states[UrlState.SKIPPED],
        failed=states[UrlState.FAILED],
        refused=refused,
        embedded=embedded,
        chunks=chunks,
        code_examples=code,
        reasons=reasons,
    )


def url_count_from(row: Row) -> UrlCount:
    return UrlCount(UrlState(row["state"]), row["reason"], row["n"])
