"""Which tables are moved, and how a column in one store corresponds to the one in the other. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from gleanery import errors

MOVED = (
    "source",
    "generation",
    "page",
    "page_size",
    "text",
    "chunk",
    "code_example",
    "vector",
    "embed_failure",
    "embedding_model",
    "answer",
    "saved_query",
    "evaluation",
    "task",
    "event",
    "dependency",
    "step",
    "idempotency",
    "frontier",
    "host_use",
    "schedule",
    "delivery",
    "parse",
    "web_page",
    "web_page_part",
    "trace",
    "trace_group",
    "trace_group_event",
    "trace_implementation",
    "trace_place",
    "framework",
    "compliance_report",
    "compliance_control",
    "compliance_file",
    "story_workspace",
    "story_run",
    "story_task",
    "story_step",
    "story_delivery",
)
"""In this order: a row that another one belongs to goes before it."""

NOT_MOVED: Mapping[str, str] = {
    "worker": "processes of the store that is left",
    "presence": "processes of the store that is left",
    "common": "not rows but a file in a folder: a move carries it beside the tables",
    "frontier_hold": "who has which URLs of a crawl that runs: nobody, after a move",
    "frontier_closed": "crawls on which nobody helps just then",
    "call": "answers of the last minutes, for calls over PostgREST",
    "migration": "which schema a database has",
    "move": "how far a move is",
    "chunk_words": "made of the chunks",
    "code_words": "made of the code examples",
    "chunk_vocabulary": "made of the chunks",
    "code_vocabulary": "made of the code examples",
    "word": "counted from the words",
    "word_change": "what is still to be counted",
    "shelf": "counted from the words",
    "tally": "counted from the tasks",
}
"""What the other store has not, or makes by itself; each with the reason."""

MADE_AT_A_START = frozenset({"framework", "embedding_model", "host_use"})
"""A server that was started once has written these: a goal with nothing else is empty all the same."""


class Kind(StrEnum):
    """What a value is while it is on its way: int, float, str, bytes, 0 or 1, the bytes of half floats (least first), JSON
    with sorted keys."""

    INTEGER = "integer"
    REAL = "real"
    TEXT = "text"
    BYTES = "bytes"
    FLAG = "flag"
    HALVES = "halves"
    JSON = "json"


KINDS: Mapping[tuple[str, str], Kind] = {
    ("INTEGER", "bigint"): Kind.INTEGER,
    ("INTEGER", "boolean"): Kind.FLAG,
    ("REAL", "double precision"): Kind.REAL,
    ("TEXT", "text"): Kind.TEXT,
    ("TEXT", "jsonb"): Kind.JSON,
    ("BLOB", "bytea"): Kind.BYTES,
    ("BLOB", "halfvec"): Kind.HALVES,
}
"""By the type in SQLite and the one in PostgreSQL."""


@dataclass(frozen=True)
class Found:
    """A column as a store has it. `key` is its place in the primary key from 1, 0 outside of it."""

    name: str
    type: str
    key: int
    is_numbered: bool = False
    """The store gives it to new rows, from a count of its own."""


@dataclass(frozen=True)
class Column:
    name: str
    kind: Kind


@dataclass(frozen=True)
class Table:
    """The columns of a row in their order; `key` are the places in it of what makes the primary key, in the key's order."""

    name: str
    columns: tuple[Column, ...]
    key: tuple[int, ...]
    numbered: str | None = None
    """The column that new rows are numbered by."""

    @property
    def key_names(self) -> tuple[str, ...]:
        return tuple(self.columns[place].name for place in self.key)


Columns = Mapping[str, Sequence[Found]]
"""The columns of each table."""


def plan(sqlite: Columns, postgres: Columns) -> Sequence[Table]:
    """The tables to move. Raises StorageError where the two stores don't correspond, which is a fault of this gleanery."""
    for name in (*sqlite, *postgres):
        if name not in MOVED and name not in NOT_MOVED:
            raise errors.StorageError(f"The table {name} can't be moved: it is not known whether it should be.")
    return [_table(name, sqlite[name], postgres[name]) for name in MOVED]


def _table(name: str, sqlite: Sequence[Found], postgres: Sequence[Found]) -> Table:
    theirs = {column.name: column for column in postgres}
    if {column.name for column in sqlite} != set(theirs):
        odd = ", ".join(sorted({column.name for column in sqlite} ^ set(theirs)))
        raise errors.StorageError(f"The table {name} can't be moved: only one of both stores has {odd}.")
    columns = []
    for mine in sqlite:
        other = theirs[mine.name]
        kind = KINDS.get((mine.type, other.type))
        if kind is None or mine.key != other.key:
            raise errors.StorageError(f"The column {mine.name} of {name} can't be moved: it is another in each store.")
        columns.append(Column(mine.name, kind))
    key = sorted((column.key, place) for place, column in enumerate(sqlite) if column.key)
    numbered = next((column.name for column in postgres if column.is_numbered), None)
    return Table(name, tuple(columns), tuple(place for _, place in key), numbered)
