"""What search asks of SQLite: chunks and code by words, chunks by texts, always what is visible and no more."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gleanery.model import Chunk
from gleanery.store import sqlite_facets
from gleanery.store.search_store import Facets, Match, PageFilter, Passage, Shelf, ShelfSize, SourceFilter
from gleanery.store.sqlite import Database
from gleanery.store.sqlite_knowledge import found_chunk, found_code, source_of
from gleanery.store.sqlite_rows import marks
from gleanery.store.values import FoundChunk, FoundCode, WordHit

OVER_FETCH = 4
"""So many times more rows are taken than wanted, first of all: some are of pages that are not visible any more."""


@dataclass(frozen=True)
class _Tables:
    rows: str
    words: str
    vocabulary: str


_TABLES = {
    Shelf.CHUNKS: _Tables("chunk", "chunk_words", "chunk_vocabulary"),
    Shelf.CODE: _Tables("code_example", "code_words", "code_vocabulary"),
}


class SqliteSearch:
    """`SearchStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def sources_for(self, asked: SourceFilter) -> Sequence[str]:
        return await self._db.read(lambda db: _sources_for(db, asked))

    async def facets(self, source_ids: Sequence[str]) -> Facets:
        return await self._db.read(lambda db: sqlite_facets.facets(db, source_ids))

    async def find_words(
        self, shelf: Shelf, match: Match, pages: PageFilter, weights: Sequence[float], limit: int
    ) -> Sequence[WordHit]:
        return await self._db.read(lambda db: _find_words(db, _TABLES[shelf], match, pages, weights, limit))

    async def rows_of_texts(
        self, text_rows: Sequence[int], pages: PageFilter, match: Match | None
    ) -> Mapping[int, Sequence[int]]:
        return await self._db.read(lambda db: _rows_of_texts(db, text_rows, pages, match))

    async def texts_of(self, pages: PageFilter) -> Sequence[int]:
        return await self._db.read(lambda db: _texts_of(db, pages))

    async def texts_with(self, must: str) -> Sequence[int]:
        return await self._db.read(lambda db: _texts_with(db, must))

    async def passages(self, rows: Sequence[int]) -> Mapping[int, Passage]:
        return await self._db.read(lambda db: _passages(db, rows))

    async def found_chunks(self, rows: Sequence[int], pages: PageFilter) -> Mapping[int, FoundChunk]:
        return await self._db.read(lambda db: _found_chunks(db, rows, pages))

    async def found_code(self, rows: Sequence[int], pages: PageFilter) -> Mapping[int, FoundCode]:
        return await self._db.read(lambda db: _found_code(db, rows, pages))

    async def neighbours(self, rows: Sequence[int], distance: int) -> Mapping[int, Sequence[Chunk]]:
        return await self._db.read(lambda db: _neighbours(db, rows, distance))

    async def vocabulary(self, shelf: Shelf, *, after: str, limit: int) -> Sequence[tuple[str, int]]:
        return await self._db.read(lambda db: _vocabulary(db, _TABLES[shelf], after, limit))

    async def known_words(self, shelf: Shelf, words: Sequence[str]) -> Mapping[str, int]:
        return await self._db.read(lambda db: _known_words(db, _TABLES[shelf], words))

    async def shelf_size(self, shelf: Shelf) -> ShelfSize:
        return await self._db.read(lambda db: _shelf_size(db, _TABLES[shelf]))


# Which sources, which pages


def _sources_for(db: sqlite3.Connection, asked: SourceFilter) -> list[str]:
    for source_id in asked.source_ids:
        source_of(db, source_id, None)
    rows = db.execute("SELECT source_id, url, title, tags, knowledge_type FROM source WHERE deleted_at IS NULL")
    return [row["source_id"] for row in rows if _is_asked_for(row, asked)]


def _is_asked_for(row: sqlite3.Row, asked: SourceFilter) -> bool:
    kinds = {kind.casefold() for kind in asked.kinds}
    return (
        (not asked.source_ids or row["source_id"] in asked.source_ids)
        and (not asked.names or any(_is_named(row, name.casefold().rstrip("/")) for name in asked.names))
        and (not kinds or row["knowledge_type"].casefold() in kinds)
        and {tag.casefold() for tag in asked.tags} <= {tag.casefold() for tag in json.loads(row["tags"])}
    )


def _is_named(row: sqlite3.Row, name: str) -> bool:
    url = row["url"].casefold().rstrip("/")
    plain = url.partition("://")[2]
    return name in (row["source_id"].casefold(), url, plain, plain.partition("/")[0], row["title"].casefold())


# Scheme and host of a page's URL are in lower case, and its host is followed by a slash where it has a path.
_AFTER_SCHEME = "substr(page.url, instr(page.url, '://') + 3)"
_HOST = f"substr({_AFTER_SCHEME}, 1, instr({_AFTER_SCHEME} || '/', '/') - 1)"
_PATH = f"substr({_AFTER_SCHEME}, instr({_AFTER_SCHEME} || '/', '/'))"


def _page_join(rows: str, pages: PageFilter) -> tuple[str, list[Any]]:
    """A JOIN of the page of each row, where the filter lets it by, and its values."""
    table, conditions, values = _chosen_pages(pages)
    # The plus keeps SQLite from going through all rows of the sources for the few that are asked for.
    conditions += [f"page.page_row = {rows}.page_row", f"+{rows}.source_id IN ({marks(pages.source_ids)})"]
    values += pages.source_ids
    for group in filter(None, pages.code_languages):
        conditions.append(f"{rows}.language IN ({marks(group)})")
        values += group
    return f"JOIN {table} ON {' AND '.join(conditions)}", values


def _chosen_pages(pages: PageFilter) -> tuple[str, list[str], list[Any]]:
    """The table, the conditions and their values, of the pages that the filter lets by as far as sources don't decide."""
    table, conditions, values = "visible_page AS page", list[str](), list[Any]()
    if pages.generation is not None:
        table, conditions = "page", ["page.born <= ?", "page.died > ?"]
        values = [pages.generation, pages.generation]
    for groups, one, values_of in (
        (pages.languages, "(lower(page.language) || '-') LIKE ? ESCAPE '\\'", _language_values),
        (pages.versions, "(page.version || '.') LIKE ? ESCAPE '\\'", _version_values),
        (pages.paths, _BELOW_PATH, _path_values),
        (pages.sites, _ON_SITE, _site_values),
    ):
        for group in filter(None, groups):
            conditions.append(f"({' OR '.join([one] * len(group))})")
            values += [value for alternative in group for value in values_of(alternative)]
    return table, conditions, values


# What can be told without taking the URL apart comes first: of 10,000 pages most are not asked for.
_ON_SITE = f"(instr(page.url, ?) AND ({_HOST} = ? OR {_HOST} LIKE ? ESCAPE '\\') AND substr({_PATH}, 1, length(?)) = ?)"


def _site_values(site: str) -> tuple[str, str, str, str, str]:
    host, slash, path = site.partition("://")[2 if "://" in site else 0].partition("/")
    host = host.lower()
    return host + slash + path, host, f"%.{_literal(host)}", slash + path, slash + path


_BELOW_PATH = f"(instr(page.url, ?) AND substr({_PATH}, 1, length(?)) = ?)"


def _path_values(path: str) -> tuple[str, str, str]:
    rooted = path if path.startswith("/") else f"/{path}"
    return rooted, rooted, rooted


def _language_values(tag: str) -> tuple[str]:
    return (f"{_literal(tag.lower())}-%",)


def _version_values(version: str) -> tuple[str]:
    return (f"{_literal(version)}.%",)


def _literal(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


# By words


def _find_words(
    db: sqlite3.Connection, tables: _Tables, match: Match, pages: PageFilter, weights: Sequence[float], limit: int
) -> list[WordHit]:
    """Ranks by the index alone, and looks up the pages of the best until there are enough: to join all that matches costs
    more than to rank it. The few best are sorted faster than all, and mostly enough of them pass."""
    if not pages.source_ids or limit <= 0:
        return []
    joined, values = _page_join(tables.rows, pages)
    sql = (
        f"WITH ranked AS MATERIALIZED (SELECT rowid AS row_id, bm25({tables.words}, {marks(weights)}) AS score"
        f" FROM {tables.words} WHERE {tables.words} MATCH ? ORDER BY score LIMIT ?)"
        f" SELECT ranked.row_id, score FROM ranked CROSS JOIN {tables.rows} USING (row_id) {joined} LIMIT ?"
    )
    rows: list[sqlite3.Row] = []
    for taken in (OVER_FETCH * limit, -1) if not pages.is_narrow else (-1,):
        rows = db.execute(sql, (*weights, _expression(match), taken, *values, limit)).fetchall()
        if len(rows) == limit:
            break
    return sorted((WordHit(row["row_id"], row["score"]) for row in rows), key=lambda hit: (hit.rank, hit.row))


def _expression(match: Match) -> str:
    expression = f"({match.must}) AND ({match.ranked})" if match.must else match.ranked
    return f"({expression}) NOT ({match.must_not})" if match.must_not else expression


# By texts


def _rows_of_texts(
    db: sqlite3.Connection, text_rows: Sequence[int], pages: PageFilter, match: Match | None
) -> dict[int, list[int]]:
    if not pages.source_ids or not text_rows:
        return {}
    joined, values = _page_join("chunk", pages)
    sql = f"SELECT text_row, row_id FROM chunk {joined} WHERE text_row IN ({marks(text_rows)}) ORDER BY row_id"
    rows = db.execute(sql, (*values, *text_rows)).fetchall()
    conditions = _Conditions(db, match)
    found: dict[int, list[int]] = {}
    for row in rows:
        if conditions.hold(row["row_id"]):
            found.setdefault(row["text_row"], []).append(row["row_id"])
    return found


class _Conditions:
    """What must be in a chunk and what must not. All that have it are asked for at once: one by one takes longer."""

    def __init__(self, db: sqlite3.Connection, match: Match | None) -> None:
        self._wanted = _matching_rows(db, match.must) if match and match.must else None
        self._unwanted = _matching_rows(db, match.must_not) if match and match.must_not else set()

    def hold(self, row: int) -> bool:
        return (self._wanted is None or row in self._wanted) and row not in self._unwanted


def _matching_rows(db: sqlite3.Connection, expression: str) -> set[int]:
    found = db.execute("SELECT rowid AS row_id FROM chunk_words WHERE chunk_words MATCH ?", (expression,))
    return {row["row_id"] for row in found}


def _texts_with(db: sqlite3.Connection, must: str) -> list[int]:
    sql = (
        "SELECT DISTINCT text_row FROM chunk_words CROSS JOIN chunk ON chunk.row_id = chunk_words.rowid"
        " WHERE chunk_words MATCH ? ORDER BY text_row"
    )
    return [row["text_row"] for row in db.execute(sql, (must,))]


def _texts_of(db: sqlite3.Connection, pages: PageFilter) -> list[int]:
    table, conditions, values = _chosen_pages(pages)
    conditions.append(f"page.source_id IN ({marks(pages.source_ids)})")
    rows = db.execute(
        f"WITH chosen AS MATERIALIZED (SELECT page.page_row FROM {table} WHERE {' AND '.join(conditions)})"
        " SELECT DISTINCT text_row FROM chosen CROSS JOIN chunk USING (page_row) ORDER BY text_row",
        (*values, *pages.source_ids),
    )
    return [row["text_row"] for row in rows]


# What is shown


def _passages(db: sqlite3.Connection, rows: Sequence[int]) -> dict[int, Passage]:
    found = db.execute(f"SELECT row_id, text_row, content FROM chunk WHERE row_id IN ({marks(rows)})", tuple(rows))
    return {row["row_id"]: Passage(row["row_id"], row["text_row"], row["content"]) for row in found}


def _found_chunks(db: sqlite3.Connection, rows: Sequence[int], pages: PageFilter) -> dict[int, FoundChunk]:
    joined, values = _page_join("chunk", pages)
    sql = (
        f"SELECT chunk.*, page.url, page.title AS page_title, page.outline FROM chunk {joined}"
        f" WHERE chunk.row_id IN ({marks(rows)})"
    )
    return {row["row_id"]: found_chunk(row) for row in db.execute(sql, (*values, *rows))}


def _found_code(db: sqlite3.Connection, rows: Sequence[int], pages: PageFilter) -> dict[int, FoundCode]:
    joined, values = _page_join("code_example", pages)
    sql = (
        f"SELECT code_example.*, page.url, page.title AS page_title FROM code_example {joined}"
        f" WHERE code_example.row_id IN ({marks(rows)})"
    )
    return {row["row_id"]: found_code(row) for row in db.execute(sql, (*values, *rows))}


def _neighbours(db: sqlite3.Connection, rows: Sequence[int], distance: int) -> dict[int, list[Chunk]]:
    found: dict[int, list[Chunk]] = {row: [] for row in rows}
    sql = (
        "SELECT hit.row_id AS hit_row, beside.*, '' AS url, '' AS page_title, '[]' AS outline FROM chunk AS hit"
        " JOIN chunk AS beside ON beside.page_row = hit.page_row AND beside.row_id <> hit.row_id"
        " AND beside.ordinal BETWEEN hit.ordinal - ? AND hit.ordinal + ?"
        f" WHERE hit.row_id IN ({marks(rows)}) ORDER BY hit.row_id, beside.ordinal"
    )
    for row in db.execute(sql, (distance, distance, *rows)):
        found[row["hit_row"]].append(found_chunk(row).chunk)
    return found


# Words of the index


def _vocabulary(db: sqlite3.Connection, tables: _Tables, after: str, limit: int) -> list[tuple[str, int]]:
    rows = db.execute(f"SELECT term, doc FROM {tables.vocabulary} WHERE term > ? LIMIT ?", (after, limit))
    return [(row["term"], row["doc"]) for row in rows]


def _known_words(db: sqlite3.Connection, tables: _Tables, words: Sequence[str]) -> dict[str, int]:
    known = {}
    for word in words:
        row = db.execute(f"SELECT doc FROM {tables.vocabulary} WHERE term = ?", (word,)).fetchone()
        if row is not None:
            known[word] = row["doc"]
    return known


def _shelf_size(db: sqlite3.Connection, tables: _Tables) -> ShelfSize:
    row = db.execute(f"SELECT count(*) AS rows, coalesce(max(row_id), 0) AS last FROM {tables.rows}").fetchone()
    return ShelfSize(row["rows"], row["last"])
