"""What the filters of a search have to choose from, counted in SQLite: visible pages and their code, by index."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter
from collections.abc import Sequence

from gleanery.store.search_store import Counts, Facets, SourceCount
from gleanery.store.sqlite_rows import marks

MAX_VALUES = 200
"""Nobody chooses among more; the most frequent are given."""

_PAGES = """
SELECT source.source_id, page.language, page.version, count(page.page_row) AS pages
FROM source LEFT JOIN page ON page.source_id = source.source_id AND page.born <= source.generation
    AND page.died > source.generation
WHERE deleted_at IS NULL GROUP BY source.source_id, page.language, page.version
"""
# The pages first, by their index, then the code of each by its own: no row is looked at that is not visible.
_CODE = """
SELECT code_example.language, count(*) AS examples
FROM visible_page AS page CROSS JOIN code_example USING (page_row)
WHERE page.source_id IN ({marks}) AND code_example.language IS NOT NULL GROUP BY code_example.language
"""


def facets(db: sqlite3.Connection, source_ids: Sequence[str]) -> Facets:
    sources = db.execute("SELECT source_id, title, url, tags, knowledge_type FROM source WHERE deleted_at IS NULL")
    by_id = {row["source_id"]: row for row in sources}
    wanted = set(source_ids)
    pages, tags, kinds, languages, versions = (Counter[str]() for _ in range(5))
    for row in db.execute(_PAGES):
        source_id, count = row["source_id"], row["pages"]
        pages[source_id] += count
        if source_id not in wanted or not count:
            continue
        source = by_id[source_id]
        kinds[source["knowledge_type"]] += count
        tags.update(dict.fromkeys(json.loads(source["tags"]), count))
        languages[row["language"] or ""] += count
        versions[row["version"] or ""] += count
    return Facets(
        sources=[SourceCount(key, by_id[key]["title"], by_id[key]["url"], count) for key, count in _ordered(pages)],
        tags=_counts(tags),
        kinds=_counts(kinds),
        languages=_counts(languages),
        versions=_counts(versions),
        code_languages=_counts(_code(db, source_ids)),
    )


def _code(db: sqlite3.Connection, source_ids: Sequence[str]) -> Counter[str]:
    rows = db.execute(_CODE.format(marks=marks(source_ids)), tuple(source_ids))
    return Counter({row["language"]: row["examples"] for row in rows})


def _ordered(counter: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def _counts(counter: Counter[str]) -> Counts:
    return dict([item for item in _ordered(counter) if item[0]][:MAX_VALUES])
