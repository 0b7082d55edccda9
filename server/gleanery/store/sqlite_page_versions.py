"""The versions of one page in SQLite: what each generation did to it, as far as they are kept."""

from __future__ import annotations

import sqlite3

from gleanery import errors
from gleanery.model import FOREVER, PageVersion
from gleanery.store.knowledge_rows import page_version_from

_CAME = """
SELECT new.born AS number, new.title, new.chars, new.task_id, new.died > source.generation AS is_visible,
    coalesce(made.completed_at, made.created_at) AS at,
    CASE WHEN made.number IS NULL OR (made.base IS NOT NULL AND base.number IS NULL) THEN NULL
        WHEN old.page_row IS NULL THEN 'added' ELSE 'changed' END AS change
FROM page AS new JOIN source USING (source_id)
LEFT JOIN generation AS made ON made.source_id = new.source_id AND made.number = new.born
LEFT JOIN generation AS base ON base.source_id = new.source_id AND base.number = made.base
LEFT JOIN page AS old ON old.page_id = new.page_id AND old.born <= made.base AND old.died > made.base
WHERE new.page_id = :page AND source.deleted_at IS NULL AND new.born <= source.generation AND new.born < :before
"""
_WENT = """
SELECT old.died, old.title, NULL, made.task_id, 0, coalesce(made.completed_at, made.created_at), 'removed'
FROM page AS old JOIN source USING (source_id)
JOIN generation AS made ON made.source_id = old.source_id AND made.number = old.died
JOIN generation AS base ON base.source_id = old.source_id AND base.number = made.base
WHERE old.page_id = :page AND source.deleted_at IS NULL AND old.died <= source.generation AND old.died < :before
    AND NOT EXISTS (SELECT 1 FROM page AS next WHERE next.page_id = old.page_id AND next.born = old.died)
"""
VERSIONS = f"{_CAME} UNION ALL {_WENT} ORDER BY number DESC LIMIT :limit"


def page_versions(db: sqlite3.Connection, page_id: str, before: int | None, limit: int) -> list[PageVersion]:
    values = {"page": page_id, "before": FOREVER if before is None else before, "limit": limit}
    rows = db.execute(VERSIONS, values).fetchall()
    if not rows and before is None:
        raise errors.NotFound("page", page_id)
    return [page_version_from(row) for row in rows]
