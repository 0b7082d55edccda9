"""The move: every row that the goal lacks, in batches; then numbers and indexes; then all rows of both, side by side."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gleanery.store.moving.comparing import compare
from gleanery.store.moving.ends import LOST_NUL, Goal, Inventory, Listener, Reader, Row, Step
from gleanery.store.moving.plan import Table

BATCH_BYTES = 4 * 1024 * 1024
BATCH_ROWS = 5_000
"""A transaction of the goal has rows of about so many bytes, and not more rows."""
TOLD_ROWS = 500


@dataclass(frozen=True)
class Moved:
    """How a move went. `rows` are those of each table in the source, `copied` those that this run has added; `replaced` are
    rows with NUL characters, which the goal could not keep. `differences` are sentences: without one the move is complete."""

    rows: Mapping[str, int]
    copied: int
    replaced: int
    has_gone_on: bool
    differences: Sequence[str]


def move(source: Reader, goal: Goal, tables: Sequence[Table], listener: Listener, *, is_afresh: bool = False) -> Moved:
    """Move all rows of these tables, or what a move that was broken off has left of them.

    Raises WrongState when the goal is not empty and not that of this move, StorageError when either end can't go on; what
    was copied by then stays, and another call goes on behind it.
    """
    inventory = take_inventory(source, tables)
    has_gone_on = goal.begin(inventory, is_afresh=is_afresh)
    listener.begin(sum(inventory.rows.values()))
    kept = _Kept(can_keep_nul=goal.keeps_nul)
    copied = sum(_copy(source, goal, table, kept, listener) for table in tables)
    listener.done(Step.INDEXED, "", 0)
    goal.settle({table: inventory.numbers[table.name] for table in tables if table.numbered})
    if (secret := source.secret()) is not None:
        goal.keep_secret(secret)
    kept.replaced = 0
    differences = [line for table in tables for line in _differences(source, goal, table, kept, listener)]
    differences += goal.derived()
    if not differences:
        goal.finish()
    return Moved(inventory.rows, copied, kept.replaced, has_gone_on, differences)


def take_inventory(source: Reader, tables: Sequence[Table]) -> Inventory:
    return Inventory(
        {table.name: source.count(table) for table in tables},
        {table.name: source.highest_number(table) for table in tables if table.numbered},
    )


def _copy(source: Reader, goal: Goal, table: Table, kept: _Kept, listener: Listener) -> int:
    """How many rows were added."""
    after = goal.last_key(table)
    listener.done(Step.COPIED, table.name, 0 if after is None else goal.reader.count(table))
    copied = 0
    for batch in batches(kept.rows(source.rows(table, after))):
        goal.add(table, batch)
        copied += len(batch)
        listener.done(Step.COPIED, table.name, len(batch))
    return copied


def _differences(source: Reader, goal: Goal, table: Table, kept: _Kept, listener: Listener) -> Sequence[str]:
    done, result = 0, None
    listener.done(Step.COMPARED, table.name, 0)
    for result in compare(table, kept.rows(source.rows(table)), goal.reader.rows(table)):
        seen = result.equal + result.missing + result.changed
        if seen - done >= TOLD_ROWS:
            listener.done(Step.COMPARED, table.name, seen - done)
            done = seen
    assert result is not None
    listener.done(Step.COMPARED, table.name, result.equal + result.missing + result.changed - done)
    more = result.differences - len(result.first)
    return [*result.first, *([f"{table.name}: {more} more rows differ."] if more > 0 else [])]


def batches(rows: Iterable[Row]) -> Iterator[Sequence[Row]]:
    """The rows in their order, some MB at a time."""
    batch: list[Row] = []
    size = 0
    for row in rows:
        batch.append(row)
        size += sum(len(value) if isinstance(value, str | bytes) else 8 for value in row)
        if size >= BATCH_BYTES or len(batch) >= BATCH_ROWS:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


class _Kept:
    """Rows as the goal can keep them; `replaced` counts those that it can't keep as they are."""

    def __init__(self, *, can_keep_nul: bool) -> None:
        self._can_keep_nul = can_keep_nul
        self.replaced = 0

    def rows(self, rows: Iterable[Row]) -> Iterable[Row]:
        return rows if self._can_keep_nul else map(self._without_nul, rows)

    def _without_nul(self, row: Row) -> Row:
        if not any(isinstance(value, str) and "\x00" in value for value in row):
            return row
        self.replaced += 1
        return tuple(value.replace("\x00", LOST_NUL) if isinstance(value, str) else value for value in row)
