"""An embedded store with rows in every table and something in every column: texts of all sorts, bytes, empty values, NULL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np

from gleanery.store.moving.plan import Column, Kind, Table
from gleanery.store.sqlite import bring_up_to_date, connect

ROWS = 12
DIMENSIONS = 384
LAST_EVENT = 1000
STARTS = ("a", "Z", "é", "ß", "漢字", "🙂", "_", "'\"\\", "\u200b", "~\n\t", "0", "zz")
"""Of texts, also of keys: they sort otherwise by letters than by bytes."""


WORDS = (
    "INSERT INTO chunk_words (rowid, title, headings, body, code, names, context) SELECT row_id, fts_text(title),"
    " fts_text(headings), fts_body(content), fts_code(content), fts_names(content), fts_text(context) FROM chunk",
    "INSERT INTO code_words (rowid, title, headings, context, code, names, summary) SELECT row_id, fts_text(title),"
    " fts_text(headings), fts_text(context), fts_text(code), fts_names(code), fts_text(name || ' ' || summary) FROM code_example",
)


def fill(path: Path, tables: Sequence[Table], *, events: int = ROWS) -> None:
    """Make the file and fill each of these tables."""
    with closing(connect(path, read_only=False)) as db:
        bring_up_to_date(db)
        db.execute("BEGIN")
        for table in tables:
            columns = {row["name"]: row["notnull"] for row in db.execute(f"PRAGMA table_info({table.name})")}
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            marks = ", ".join("?" * len(table.columns))
            for number in range(1, (events if table.name == "event" else ROWS) + 1):
                values = [
                    None
                    if not columns[column.name] and place not in table.key and number % 3 == 0
                    else value(column, number)
                    for place, column in enumerate(table.columns)
                ]
                db.execute(f"INSERT INTO {table.name} ({names}) VALUES ({marks})", values)
        db.execute("UPDATE chunk SET content = content || ' `create_task`' WHERE row_id = 3")
        for statement in WORDS:
            db.execute(statement)
        # The newest events were removed: their numbers are never given again.
        db.execute("UPDATE sqlite_sequence SET seq = max(seq, ?) WHERE name = 'event'", (LAST_EVENT,))
        db.execute("COMMIT")


def value(column: Column, number: int) -> Any:
    """Another one for each row, so that rows go with those of other tables that have the same number."""
    match column.kind:
        case Kind.INTEGER:
            return number
        case Kind.REAL:
            return number + 1 / 3
        case Kind.FLAG:
            return number % 2
        case Kind.TEXT:
            return f"{STARTS[number % len(STARTS)]} {column.name} {number}"
        case Kind.BYTES:
            return b"\x00\xff" + number.to_bytes(4, "big") + column.name.encode()
        case Kind.HALVES:
            return vector(number).tobytes()
        case Kind.JSON:
            return json.dumps({"usage": {}, "é": [number, None, 0.5], "a": {"z": True, "b": "ü"}})


def vector(number: int) -> np.ndarray[Any, np.dtype[np.float16]]:
    return (np.random.default_rng(number).standard_normal(DIMENSIONS) / 16).astype("<f2")


def rows_of(path: Path, tables: Sequence[Table]) -> dict[str, list[tuple[Any, ...]]]:
    """All rows of these tables, JSON as what it says."""
    with closing(connect(path, read_only=True)) as db:
        db.row_factory = None
        found = {}
        for table in tables:
            names = ", ".join(f'"{column.name}"' for column in table.columns)
            json_places = [place for place, column in enumerate(table.columns) if column.kind is Kind.JSON]
            rows = sorted(map(list, db.execute(f"SELECT {names} FROM {table.name}")), key=repr)
            for row in rows:
                for place in json_places:
                    row[place] = json.dumps(json.loads(row[place]), sort_keys=True)
            found[table.name] = sorted(map(tuple, rows), key=repr)
        return found
