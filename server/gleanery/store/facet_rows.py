"""What was counted for the filters of a search, as facets: the same for every store."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Sequence

from gleanery.store.crawl_rows import Row
from gleanery.store.search_store import Counts, Facets, SourceCount

MAX_VALUES = 200
"""Nobody chooses among more; the most frequent are given."""


def facets_from(sources: Iterable[Row], pages: Iterable[Row], code: Iterable[Row], source_ids: Sequence[str]) -> Facets:
    """Of all sources, of visible pages (`pages` of each source by language and version, one row with 0 for a source that has
    none), and of the code of the wanted sources (`examples` by language)."""
    by_id = {row["source_id"]: row for row in sources}
    wanted = set(source_ids)
    by_source, tags, kinds, languages, versions = (Counter[str]() for _ in range(5))
    for row in pages:
        source_id, count = row["source_id"], row["pages"]
        by_source[source_id] += count
        if source_id not in wanted or not count:
            continue
        source = by_id[source_id]
        kinds[source["knowledge_type"]] += count
        tags.update(dict.fromkeys(json.loads(source["tags"]), count))
        languages[row["language"] or ""] += count
        versions[row["version"] or ""] += count
    return Facets(
        sources=[SourceCount(key, by_id[key]["title"], by_id[key]["url"], count) for key, count in _ordered(by_source)],
        tags=_counts(tags),
        kinds=_counts(kinds),
        languages=_counts(languages),
        versions=_counts(versions),
        code_languages=_counts(Counter({row["language"]: row["examples"] for row in code})),
    )


def _ordered(counter: Counter[str]) -> list[tuple[str, int]]:
    return sorted(counter.items(), key=lambda item: (-item[1], item[0]))


def _counts(counter: Counter[str]) -> Counts:
    return dict([item for item in _ordered(counter) if item[0]][:MAX_VALUES])
