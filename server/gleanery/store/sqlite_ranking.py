"""The best rows by words: what FTS5 ranks, of the pages that a filter lets by."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from gleanery.store.search_store import Match, PageFilter, Shelf
from gleanery.store.sqlite_page_filter import page_join
from gleanery.store.sqlite_rows import marks
from gleanery.store.values import WordHit

OVER_FETCH = 4
"""So many times more rows are taken than wanted, first of all: some are of pages that are not visible any more."""
OVER_FETCH_IF_NARROW = 16


@dataclass(frozen=True)
class Tables:
    """Of a shelf: its rows, their words, the words' counts, and how to get from a row to its page without the row itself."""

    rows: str
    words: str
    vocabulary: str
    place: str = ""


TABLES = {
    Shelf.CHUNKS: Tables("chunk", "chunk_words", "chunk_vocabulary", "INDEXED BY chunk_place"),
    Shelf.CODE: Tables("code_example", "code_words", "code_vocabulary"),
}


def find_words(
    db: sqlite3.Connection, tables: Tables, match: Match, pages: PageFilter, weights: Sequence[float], limit: int
) -> list[WordHit]:
    """See SearchStore."""
    ranking = _Ranking(tables, expressions_of(match), weights)
    if not pages.source_ids or not ranking.expressions or limit <= 0:
        return []
    hits = _best(db, ranking, pages, limit) if pages.few is None else _best_of_few(db, ranking, pages, limit)
    return sorted(hits, key=lambda hit: (hit.rank, hit.row))


@dataclass(frozen=True)
class _Ranking:
    """A row that matches several of `expressions` has the score of the last, which counts more of its words."""

    tables: Tables
    expressions: Sequence[str]
    weights: Sequence[float]

    def sql(self, within: str = "") -> str:
        """A WITH clause for `ranked` (row_id, score): the best, lowest first. Among the best of each expression are the best
        of all of them, since the score that counts more words is the lower one."""
        words = self.tables.words
        each = (
            f"SELECT * FROM (SELECT {words}.rowid AS row_id, bm25({words}, {marks(self.weights)}) AS score"
            f" FROM {words} {within} WHERE {words} MATCH ? ORDER BY score LIMIT ?)"
        )
        if len(self.expressions) == 1:
            return f"WITH ranked AS MATERIALIZED ({each})"
        every = " UNION ALL ".join([each] * len(self.expressions))
        best = f"SELECT row_id, min(score) AS score FROM ({every}) GROUP BY row_id ORDER BY score LIMIT ?"
        return f"WITH ranked AS MATERIALIZED ({best})"

    def values(self, limit: int, within: Sequence[Any] = ()) -> list[Any]:
        each = [value for one in self.expressions for value in (*self.weights, *within, one, limit)]
        return each if len(self.expressions) == 1 else [*each, limit]


def _best(db: sqlite3.Connection, ranking: _Ranking, pages: PageFilter, limit: int) -> list[WordHit]:
    """Ranks by the index alone, and looks up the pages of the best until there are enough: to join all that matches costs
    more than to rank it. The few best are sorted faster than all, and mostly enough of them pass. All in one row: at each
    row SQLite lets go of Python's lock, and a busy thread may keep it for long."""
    joined, page_values = page_join(ranking.tables.rows, pages)
    sql = (
        f"{ranking.sql()} SELECT (SELECT count(*) FROM ranked) AS ranked, json_group_array(json_array(row_id, score)) AS passed"
        f" FROM (SELECT ranked.row_id, score FROM ranked CROSS JOIN {ranking.tables.rows} USING (row_id) {joined} LIMIT ?)"
    )
    first = limit * (OVER_FETCH_IF_NARROW if pages.is_narrow else OVER_FETCH)
    passed: list[WordHit] = []
    for taken in (first, -1):
        found = db.execute(sql, (*ranking.values(taken), *page_values, limit)).fetchone()
        passed = [WordHit(row, score) for row, score in json.loads(found["passed"])]
        if len(passed) == limit or found["ranked"] < taken:
            break
    return passed


def _best_of_few(db: sqlite3.Connection, ranking: _Ranking, pages: PageFilter, limit: int) -> list[WordHit]:
    """Ranks only rows of the pages that the filter lets by: to rank a row costs more than to find its page."""
    tables, groups = ranking.tables, [group for group in pages.code_languages if group]
    # The pluses keep SQLite from looking for each of the pages rather than for the page of each row.
    conditions = [f"{tables.rows}.row_id = {tables.words}.rowid"]
    conditions += [f"+{tables.rows}.page_row IN (SELECT value FROM json_each(?))"]
    conditions += [f"+{tables.rows}.language IN ({marks(group)})" for group in groups]
    within = f"CROSS JOIN {tables.rows} {tables.place} ON {' AND '.join(conditions)}"
    values = (json.dumps(pages.few), *(language for group in groups for language in group))
    sql = f"{ranking.sql(within)} SELECT row_id, score FROM ranked"
    return [WordHit(row["row_id"], row["score"]) for row in db.execute(sql, ranking.values(limit, values))]


def expressions_of(match: Match) -> list[str]:
    """What a row must have; and where more adds to its rank, the same with some of that. To ask for what may be there and
    need not, FTS5 has to go through a word that every row has, which costs more than to ask twice."""
    needed = [f"({part})" for part in (match.must, match.ranked) if part]
    if not needed:
        return []
    forms = [needed, [*needed, f"({match.also})"]] if match.also else [needed]
    return [_without(" AND ".join(form), match.must_not) for form in forms]


def _without(expression: str, must_not: str) -> str:
    return f"({expression}) NOT ({must_not})" if must_not else expression
