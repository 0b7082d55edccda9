"""What tests ask of a crawl that has ended: what became of each URL, and whether all doors tell the same of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tests.api.client import Client, Crawl
from tests.sites import Site

End = tuple[str, str | None]
STORED: End = ("stored", None)


def skipped(reason: str) -> End:
    return ("skipped", reason)


def failed(reason: str) -> End:
    return ("failed", reason)


async def rows_of(client: Client, crawl: Crawl, site: Site) -> dict[str, dict[str, Any]]:
    """The rows of all URLs, by path below the site (whole for those elsewhere), once they agree with result and filters."""
    rows = await client.every(f"/tasks/{crawl.task_id}/pages")
    named = {row["url"].removeprefix(site.url): row for row in rows}
    assert len(named) == len(rows)
    reasons = Counter(row["reason"] for row in rows if row["reason"] is not None)
    states = Counter(row["state"] for row in rows)
    if crawl.status == "completed":
        result = crawl.task["result"]
        assert result["reasons"] == reasons
        assert (result["pages"], result["skipped"], result["failed"]) == tuple(
            states[state] for state in ("stored", "skipped", "failed")
        )
        assert states["queued"] == 0
    for row in rows:
        assert (row["reason"] is None) == (row["state"] in ("stored", "queued"))
        assert bool((row["message"] or "").strip()) == (row["state"] in ("skipped", "failed")), row
        assert (row["page_id"] is not None) or row["state"] != "stored"
    for reason, count in reasons.items():
        assert len(await client.every(f"/tasks/{crawl.task_id}/pages?reason={reason}")) == count
    for state, count in states.items():
        assert len(await client.every(f"/tasks/{crawl.task_id}/pages?status={state}")) == count
    return named


async def ends_of(client: Client, crawl: Crawl, site: Site) -> dict[str, End]:
    """State and reason of every URL."""
    return {path: (row["state"], row["reason"]) for path, row in (await rows_of(client, crawl, site)).items()}


async def pages_of(client: Client, crawl: Crawl, site: Site) -> dict[str, dict[str, Any]]:
    """All pages of the crawl's source, whole, by path."""
    summaries = await client.every(f"/sources/{crawl.source_id}/pages")
    pages = [await client.one(f"/pages/{row['page_id']}") for row in summaries]
    named = {page["url"].removeprefix(site.url): page for page in pages}
    assert len(named) == len(pages)
    return named


def event_of(crawl: Crawl, kind: str) -> Mapping[str, Any]:
    """The data of the one event of this type."""
    [event] = [event for event in crawl.events if event["type"] == kind]
    assert event["message"].strip()
    data: Mapping[str, Any] = event["data"]
    return data
