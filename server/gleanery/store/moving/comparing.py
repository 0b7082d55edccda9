"""Whether two tables have the same rows: both read in the order of their keys, side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from gleanery.store.moving.ends import Row
from gleanery.store.moving.plan import Table

SHOWN = 5
"""Differences of a table that are told one by one; the others are counted."""


@dataclass
class Compared:
    """How many rows of a table are equal, and how many are not; the first of these as a sentence each."""

    equal: int = 0
    missing: int = 0
    added: int = 0
    changed: int = 0
    first: list[str] = field(default_factory=list)

    @property
    def differences(self) -> int:
        return self.missing + self.added + self.changed


def compare(table: Table, source: Iterable[Row], goal: Iterable[Row]) -> Iterator[Compared]:
    """What is known after each row of the source, and once at the end."""
    result = Compared()
    theirs = iter(goal)
    other = next(theirs, None)
    for row in source:
        key = _key(table, row)
        while other is not None and _key(table, other) < key:
            result.added += 1
            _note(result, table, other, "is only in the goal")
            other = next(theirs, None)
        if other is None or _key(table, other) != key:
            result.missing += 1
            _note(result, table, row, "is missing in the goal")
        else:
            _compare_row(result, table, row, other)
            other = next(theirs, None)
        yield result
    while other is not None:
        result.added += 1
        _note(result, table, other, "is only in the goal")
        other = next(theirs, None)
    yield result


def _compare_row(result: Compared, table: Table, row: Row, other: Row) -> None:
    if row == other:
        result.equal += 1
        return
    result.changed += 1
    names = [column.name for column, mine, its in zip(table.columns, row, other, strict=True) if mine != its]
    _note(result, table, row, f"differs in {', '.join(names)}")


def _key(table: Table, row: Row) -> Row:
    return tuple(row[place] for place in table.key)


def _note(result: Compared, table: Table, row: Row, what: str) -> None:
    if len(result.first) < SHOWN:
        key = ", ".join(value.hex() if isinstance(value, bytes) else str(value) for value in _key(table, row))
        result.first.append(f"{table.name} ({key[:200]}) {what}.")
