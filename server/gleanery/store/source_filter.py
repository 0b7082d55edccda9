"""Which sources a filter lets by. Pure."""

from __future__ import annotations

import json

from gleanery.store.crawl_rows import Row
from gleanery.store.search_store import SourceFilter


def is_asked_for(row: Row, asked: SourceFilter) -> bool:
    """For a row with source_id, url, title, tags and knowledge_type."""
    kinds = {kind.casefold() for kind in asked.kinds}
    return (
        (not asked.source_ids or row["source_id"] in asked.source_ids)
        and (not asked.names or any(_is_named(row, name.casefold().rstrip("/")) for name in asked.names))
        and (not kinds or row["knowledge_type"].casefold() in kinds)
        and {tag.casefold() for tag in asked.tags} <= {tag.casefold() for tag in json.loads(row["tags"])}
    )


def _is_named(row: Row, name: str) -> bool:
    url = row["url"].casefold().rstrip("/")
    plain = url.partition("://")[2]
    return name in (row["source_id"].casefold(), url, plain, plain.partition("/")[0], row["title"].casefold())
