"""Rows of traces and their groups in SQLite → values; and `TraceReader`, which a child process reads them by."""

from __future__ import annotations

import contextlib
import json
import sqlite3
from collections.abc import Iterator, Sequence
from pathlib import Path

from gleanery.model.traces import GroupChange, GroupEvent, GroupState, Trace, TraceGroup, TraceVariable
from gleanery.store.sqlite_rows import certain_time, compact, marks, time_of
from gleanery.store.traces import Place

GROUP_COLUMNS = (
    "group_id, project_id, path, constants, variables, confidence, sample_rows, trace_count, checked_at, created_at,"
    " updated_at, last_at, merged_into"
)
TRACE_COLUMNS = (
    "row_id, trace_id, project_id, path, instruction, started_at, model, settings, latency_ms, input_tokens,"
    " output_tokens, error, group_id"
)


def dump_variables(variables: Sequence[TraceVariable]) -> str:
    return compact([vars(variable) for variable in variables])


def _variables(text: str) -> tuple[TraceVariable, ...]:
    return tuple(
        TraceVariable(**{**one, "samples": tuple(one["samples"]), "choices": tuple(one["choices"])})
        for one in json.loads(text)
    )


def group_of(row: sqlite3.Row) -> TraceGroup:
    return TraceGroup(
        group_id=row["group_id"],
        project_id=row["project_id"],
        path=row["path"],
        constants=tuple(json.loads(row["constants"])),
        variables=_variables(row["variables"]),
        confidence=row["confidence"],
        sample_rows=tuple(json.loads(row["sample_rows"])),
        trace_count=row["trace_count"],
        checked_at=row["checked_at"],
        created_at=certain_time(row["created_at"]),
        updated_at=certain_time(row["updated_at"]),
        last_at=time_of(row["last_at"]),
        state=GroupState.ACTIVE if row["merged_into"] is None else GroupState.MERGED,
        merged_into=row["merged_into"],
    )


def trace_of(row: sqlite3.Row) -> Trace:
    return Trace(
        trace_id=row["trace_id"],
        project_id=row["project_id"],
        path=row["path"],
        instruction=row["instruction"],
        started_at=certain_time(row["started_at"]),
        model=row["model"],
        settings=json.loads(row["settings"]),
        latency_ms=row["latency_ms"],
        input_tokens=row["input_tokens"],
        output_tokens=row["output_tokens"],
        error=row["error"],
        group_id=row["group_id"],
        row_id=row["row_id"],
    )


def event_of(row: sqlite3.Row) -> GroupEvent:
    return GroupEvent(
        number=row["number"],
        group_id=row["group_id"],
        at=certain_time(row["at"]),
        type=GroupChange(row["type"]),
        constants=tuple(json.loads(row["constants"])),
        trace_count=row["trace_count"],
        others=tuple(json.loads(row["others"])),
        task_id=row["task_id"],
    )


class TraceReader:
    """Reads traces and groups of a place, in a process of its own and without a loop; it can't write."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._db = connection

    @classmethod
    @contextlib.contextmanager
    def open(cls, file: Path) -> Iterator[TraceReader]:
        connection = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
        connection.row_factory = sqlite3.Row
        try:
            connection.execute("BEGIN")  # all of it as it is at one moment
            yield cls(connection)
        finally:
            connection.close()

    def waiting(self, place: Place, limit: int, most_characters: int) -> list[tuple[int, str]]:
        """Row and instruction of traces that no group has, the oldest first; at least one, if there is any."""
        rows = self._db.execute(
            "SELECT row_id, instruction FROM trace WHERE project_id = ? AND path = ? AND group_id IS NULL"
            " ORDER BY row_id LIMIT ?",
            (place.project_id, place.path, limit),
        )
        found, characters = list[tuple[int, str]](), 0
        for row in rows:
            characters += len(row["instruction"])
            if found and characters > most_characters:
                break
            found.append((row["row_id"], row["instruction"]))
        return found

    def groups(self, place: Place) -> list[TraceGroup]:
        rows = self._db.execute(
            f"SELECT {GROUP_COLUMNS} FROM trace_group WHERE project_id = ? AND path = ? AND merged_into IS NULL",
            (place.project_id, place.path),
        )
        return [group_of(row) for row in rows]

    def instructions(self, rows: Sequence[int]) -> dict[int, str]:
        found = dict[int, str]()
        for start in range(0, len(rows), 500):
            some = rows[start : start + 500]
            read = self._db.execute(f"SELECT row_id, instruction FROM trace WHERE row_id IN ({marks(some)})", some)
            found.update((row["row_id"], row["instruction"]) for row in read)
        return found

    def members(self, group_id: str, after: int, limit: int) -> list[tuple[int, str]]:
        """Row and instruction of a group's traces, in order."""
        rows = self._db.execute(
            "SELECT row_id, instruction FROM trace WHERE group_id = ? AND row_id > ? ORDER BY row_id LIMIT ?",
            (group_id, after, limit),
        )
        return [(row["row_id"], row["instruction"]) for row in rows]
