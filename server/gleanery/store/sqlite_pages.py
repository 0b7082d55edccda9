"""Writing pages into SQLite: the page's row, its chunks and code examples, and their words for the full-text index."""

from __future__ import annotations

from collections.abc import Sequence

from gleanery.model import Chunk, PageBundle, StoredCode
from gleanery.store.schema import fts_text
from gleanery.store.sqlite import Tx
from gleanery.store.sqlite_rows import compact, marks

_ADD_CHUNK_WORDS = "INSERT INTO chunk_words (rowid, title, headings, content) VALUES (?, ?, ?, ?)"
_ADD_CODE_WORDS = "INSERT INTO code_words (rowid, title, headings, context, code) VALUES (?, ?, ?, ?, ?)"


def put_page(tx: Tx, bundle: PageBundle) -> None:
    """Write a page over what was stored of it: chunks and code that stay keep their rows and vectors, the rest go."""
    page = bundle.page
    tx.db.execute(
        "INSERT INTO page (page_id, source_id, url, url_key, title, description, language, markdown, outline, content_hash,"
        " status_code, content_type, etag, last_modified, size_bytes, fetched_at, task_id, fetched_by, links)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (source_id, url_key) DO UPDATE SET"
        " url = excluded.url, title = excluded.title, description = excluded.description, language = excluded.language,"
        " markdown = excluded.markdown, outline = excluded.outline, content_hash = excluded.content_hash,"
        " status_code = excluded.status_code, content_type = excluded.content_type, etag = excluded.etag,"
        " last_modified = excluded.last_modified, size_bytes = excluded.size_bytes, fetched_at = excluded.fetched_at,"
        " task_id = excluded.task_id, fetched_by = excluded.fetched_by, links = excluded.links",
        (
            page.page_id,
            page.source_id,
            page.url,
            page.url_key,
            page.title,
            page.description,
            page.language,
            page.markdown,
            compact([[h.level, h.text, h.anchor, h.offset] for h in page.outline]),
            page.content_hash,
            page.status_code,
            page.content_type,
            page.etag,
            page.last_modified,
            page.size_bytes,
            page.fetched_at.timestamp(),
            page.task_id,
            page.fetched_by,
            bundle.links,
        ),
    )
    _put_chunks(tx, bundle)
    _put_code(tx, bundle)


def add_rows(tx: Tx, part: PageBundle) -> None:
    """Add chunks and code that are not there yet, ahead of their page. Of a new page they are not seen before it is:
    whatever reads them joins it. `put_page` finds them and keeps them."""
    known = _there(tx, "chunk", "chunk_id", [chunk.chunk_id for chunk in part.chunks])
    words = [_insert_chunk(tx, chunk, part.page.title) for chunk in part.chunks if chunk.chunk_id not in known]
    tx.db.executemany(_ADD_CHUNK_WORDS, words)
    known = _there(tx, "code_example", "code_id", [example.code_id for example in part.code_examples])
    code = [
        _insert_code(tx, example, part.page.title) for example in part.code_examples if example.code_id not in known
    ]
    tx.db.executemany(_ADD_CODE_WORDS, code)


def _there(tx: Tx, table: str, id_column: str, ids: Sequence[str]) -> set[str]:
    """Those of these ids that are rows already: not all of the page's, of which there may be thousands."""
    found = tx.db.execute(f"SELECT {id_column} FROM {table} WHERE {id_column} IN ({marks(ids)})", tuple(ids))
    return {row[0] for row in found}


def _put_chunks(tx: Tx, bundle: PageBundle) -> None:
    page, words = bundle.page, list[tuple[int | None, str, str, str]]()
    kept = _drop_gone(tx, "chunk", "chunk_id", page.page_id, {c.chunk_id for c in bundle.chunks})
    for chunk in bundle.chunks:
        if chunk.chunk_id in kept:
            tx.db.execute(
                'UPDATE chunk SET ordinal = ?, start = ?, "end" = ? WHERE chunk_id = ?',
                (chunk.ordinal, chunk.start, chunk.end, chunk.chunk_id),
            )
        else:
            words.append(_insert_chunk(tx, chunk, page.title))
    # All of them behind the rows, see the schema.
    tx.db.executemany(_ADD_CHUNK_WORDS, words)


def _put_code(tx: Tx, bundle: PageBundle) -> None:
    page, words = bundle.page, list[tuple[int | None, str, str, str, str]]()
    kept = _drop_gone(tx, "code_example", "code_id", page.page_id, {c.code_id for c in bundle.code_examples})
    for code in bundle.code_examples:
        if code.code_id in kept:
            tx.db.execute(
                'UPDATE code_example SET ordinal = ?, start = ?, "end" = ? WHERE code_id = ?',
                (code.ordinal, code.start, code.end, code.code_id),
            )
        else:
            words.append(_insert_code(tx, code, page.title))
    tx.db.executemany(_ADD_CODE_WORDS, words)


def _known(tx: Tx, table: str, id_column: str, page_id: str) -> set[str]:
    return {row[0] for row in tx.db.execute(f"SELECT {id_column} FROM {table} WHERE page_id = ?", (page_id,))}


def _drop_gone(tx: Tx, table: str, id_column: str, page_id: str, wanted: set[str]) -> set[str]:
    had = _known(tx, table, id_column, page_id)
    tx.db.executemany(f"DELETE FROM {table} WHERE {id_column} = ?", [(id_,) for id_ in had - wanted])
    return had & wanted


def _insert_chunk(tx: Tx, chunk: Chunk, title: str) -> tuple[int | None, str, str, str]:
    """Gives the row for the full-text index."""
    headings = " ".join(chunk.heading_path)
    row = tx.db.execute(
        'INSERT INTO chunk (chunk_id, page_id, source_id, ordinal, start, "end", heading_path, title, headings, content)'
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        (
            chunk.chunk_id,
            chunk.page_id,
            chunk.source_id,
            chunk.ordinal,
            chunk.start,
            chunk.end,
            compact(chunk.heading_path),
            title,
            headings,
            chunk.content,
        ),
    ).lastrowid
    return row, fts_text(title), fts_text(headings), fts_text(chunk.content)


def _insert_code(tx: Tx, code: StoredCode, title: str) -> tuple[int | None, str, str, str, str]:
    """Gives the row for the full-text index."""
    headings = " ".join(code.heading_path)
    row = tx.db.execute(
        "INSERT INTO code_example (code_id, page_id, source_id, ordinal, language, heading_path, title, headings, context, code,"
        ' start, "end", is_guessed, summary) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)',
        (
            code.code_id,
            code.page_id,
            code.source_id,
            code.ordinal,
            code.language,
            compact(code.heading_path),
            title,
            headings,
            code.context,
            code.code,
            code.start,
            code.end,
            code.is_guessed,
            code.summary,
        ),
    ).lastrowid
    return row, fts_text(title), fts_text(headings), fts_text(code.context), fts_text(code.code)
