"""Rows of parsed pages as values, and values as rows: the same for every store."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from gleanery.store.parses import PageSummary, Secrets, WebPage
from gleanery.store.rows import Row, certain_time, compact

PART_BYTES = 512 * 1024
"""Written at once: others never wait long for a large screenshot."""
LOST_SECONDS = 600.0
"""Parts whose page has not come for so long belong to an attempt that ended before."""

BODY, PNG = "body", "png"


def page_from(row: Row) -> WebPage:
    return WebPage(
        web_page_id=row["web_page_id"],
        cache_key=row["cache_key"],
        url=row["url"],
        final_url=row["final_url"],
        task_id=row["task_id"],
        loaded_at=certain_time(row["loaded_at"]),
        expires_at=certain_time(row["expires_at"]),
        size_bytes=row["size_bytes"],
        timing=json.loads(row["timing"]),
        summary=PageSummary(**json.loads(row["summary"])),
    )


def page_row(page: WebPage) -> dict[str, Any]:
    return {
        "web_page_id": page.web_page_id,
        "cache_key": page.cache_key,
        "url": page.url,
        "final_url": page.final_url,
        "task_id": page.task_id,
        "loaded_at": page.loaded_at.timestamp(),
        "expires_at": page.expires_at.timestamp(),
        "size_bytes": page.size_bytes,
        "timing": compact(dict(page.timing)),
        "summary": compact(asdict(page.summary)),
    }


def secrets_from(text: str) -> Secrets:
    data = json.loads(text)
    return Secrets(data["headers"], tuple(data["cookies"]))


def dump_secrets(secrets: Secrets | None) -> str | None:
    return None if secrets is None else compact(asdict(secrets))


def missing_part(kind: str) -> str:
    """What is not found where a page has not this part."""
    return "screenshot of a page" if kind == PNG else "page"
