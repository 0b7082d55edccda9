"""What the filters of a search have to choose from, counted in SQLite: visible pages and their code, by index."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence

from gleanery.store.facet_rows import facets_from
from gleanery.store.search_store import Facets
from gleanery.store.sqlite_rows import marks

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
    code = db.execute(_CODE.format(marks=marks(source_ids)), tuple(source_ids))
    return facets_from(sources, db.execute(_PAGES), code, source_ids)
