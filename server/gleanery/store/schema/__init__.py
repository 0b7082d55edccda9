"""The SQLite schema, as numbered migrations. A migration that has landed never changes; a new one is appended.

JSON columns hold text; times are Unix seconds as REAL; booleans are 0 or 1.
"""

from __future__ import annotations

from gleanery.store.schema import (
    compliance,
    crawling,
    engine,
    filtered_search,
    first,
    generations,
    holdings,
    narrow_reads,
    parses,
    retention,
    stories,
    traces,
)

MIGRATIONS: tuple[str, ...] = (
    first.SQL,
    engine.SQL,
    crawling.SQL,
    generations.SQL,
    narrow_reads.SQL,
    holdings.SQL,
    filtered_search.SQL,
    parses.SQL,
    traces.SQL,
    compliance.SQL,
    stories.SQL,
    retention.SQL,
)
