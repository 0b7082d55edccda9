"""`ComplianceStore` over SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime

from gleanery import errors
from gleanery.model import Fence, NewTask, TaskStatus
from gleanery.model.compliance import Assessment, ControlResult, Framework, FrameworkSummary, Passage
from gleanery.store import sqlite_ends
from gleanery.store.compliance import Judged, NewReport, Report
from gleanery.store.compliance_rows import (
    TASKS,
    control_from,
    dump_passages,
    framework_row,
    in_order,
    judged_row,
    new_report_row,
    passages_from,
    report_from,
)
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import check_fence, compact, marks, task_from
from gleanery.store.sqlite_tasks import create
from gleanery.store.values import Idempotency

_UNJUDGED = "SELECT position FROM compliance_control WHERE report_id = ? AND assessment IS NULL ORDER BY position"
_WITHOUT = "SELECT position FROM compliance_control WHERE report_id = ? AND evidence IS NULL ORDER BY position"


class SqliteCompliance:
    """`ComplianceStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def add_framework(self, framework: Framework, *, is_bundled: bool = False) -> FrameworkSummary:
        return await self._db.write(lambda tx: _add_framework(tx, framework, is_bundled))

    async def frameworks(self) -> Sequence[FrameworkSummary]:
        found = await self._db.read(lambda db: db.execute("SELECT summary FROM framework").fetchall())
        return in_order(FrameworkSummary.model_validate_json(row[0]) for row in found)

    async def framework(self, framework_id: str, version: str | None = None) -> tuple[Framework, FrameworkSummary]:
        return await self._db.read(lambda db: _framework(db, framework_id, version))

    async def start(
        self, new: NewReport, tasks: Sequence[NewTask], *, idempotency: Idempotency | None, queue_limit: int
    ) -> Report:
        return await self._db.write(lambda tx: _start(tx, new, tasks, idempotency, queue_limit))

    async def report(self, report_id: str) -> Report:
        return await self._db.read(lambda db: _report(db, _row(db, report_id)))

    async def reports(
        self, *, framework_id: str | None, after: tuple[float, str] | None, limit: int
    ) -> Sequence[Report]:
        return await self._db.read(lambda db: _reports(db, framework_id, after, limit))

    async def previous(self, report_id: str) -> Report | None:
        return await self._db.read(lambda db: _previous(db, report_id))

    async def cancel(self, report_id: str) -> Report:
        return await self._db.write(lambda tx: _cancel(tx, report_id))

    async def retry(self, report_id: str) -> Report:
        return await self._db.write(lambda tx: _retry(tx, report_id))

    async def delete(self, report_id: str) -> None:
        await self._db.write(lambda tx: _delete(tx, report_id))

    async def prune(self, before: datetime, limit: int) -> int:
        return await self._db.write(lambda tx: _prune(tx, before, limit), is_long=True)

    async def controls(self, report_id: str) -> Sequence[ControlResult]:
        rows = await self._db.read(lambda db: _control_rows(db, report_id))
        return [control_from(dict(row)) for row in rows]

    async def without_evidence(self, report_id: str) -> Sequence[int]:
        return await self._db.read(lambda db: [row[0] for row in db.execute(_WITHOUT, (report_id,))])

    async def evidence(self, report_id: str, position: int) -> Sequence[Passage]:
        sql = "SELECT evidence FROM compliance_control WHERE report_id = ? AND position = ?"
        row = await self._db.read(lambda db: db.execute(sql, (report_id, position)).fetchone())
        return [] if row is None or row[0] is None else passages_from(row[0])

    async def unjudged(self, report_id: str) -> Sequence[int]:
        return await self._db.read(lambda db: [row[0] for row in db.execute(_UNJUDGED, (report_id,))])

    async def tokens(self, report_id: str) -> int:
        sql = "SELECT coalesce(sum(tokens), 0) FROM compliance_control WHERE report_id = ?"
        return int((await self._db.read(lambda db: db.execute(sql, (report_id,)).fetchone()))[0])

    async def known(self, question: bytes) -> Assessment | None:
        sql = "SELECT assessment FROM compliance_control WHERE question = ? AND assessment IS NOT NULL LIMIT 1"
        row = await self._db.read(lambda db: db.execute(sql, (question,)).fetchone())
        return None if row is None else Assessment.model_validate_json(row[0])

    async def keep_evidence(self, fence: Fence, report_id: str, position: int, passages: Sequence[Passage]) -> None:
        await self._db.write(lambda tx: _keep_evidence(tx, fence, report_id, position, dump_passages(passages)))

    async def keep_assessments(self, fence: Fence, report_id: str, judged: Sequence[Judged]) -> None:
        await self._db.write(lambda tx: _keep_assessments(tx, fence, report_id, judged))

    async def complete(self, fence: Fence, report_id: str, files: Mapping[str, bytes], left_out: Sequence[str]) -> None:
        await self._db.write(lambda tx: _complete(tx, fence, report_id, files, left_out), is_long=True)

    async def formats(self, report_id: str) -> Sequence[str]:
        sql = "SELECT format FROM compliance_file WHERE report_id = ? ORDER BY format"
        return await self._db.read(lambda db: [row[0] for row in db.execute(sql, (report_id,))])

    async def file(self, report_id: str, format: str) -> bytes:
        sql = "SELECT data FROM compliance_file WHERE report_id = ? AND format = ?"
        row = await self._db.read(lambda db: db.execute(sql, (report_id, format)).fetchone())
        if row is None:
            raise errors.NotFound(f"{format} file of a report", report_id)
        return bytes(row[0])


def _add_framework(tx: Tx, framework: Framework, is_bundled: bool) -> FrameworkSummary:
    body, content_hash = framework_row(framework)
    row = tx.db.execute(
        "SELECT summary, content_hash FROM framework WHERE framework_id = ? AND version = ?",
        (framework.id, framework.version),
    ).fetchone()
    if row is not None:
        if row["content_hash"] != content_hash and not is_bundled:
            raise errors.WrongState(
                f"{framework.id} {framework.version} is there with another content, and versions never change: "
                "give it a new version.",
                framework_id=framework.id,
                version=framework.version,
            )
        return FrameworkSummary.model_validate_json(row["summary"])
    summary = FrameworkSummary(
        framework_id=framework.id,
        version=framework.version,
        title=framework.title,
        publisher=framework.publisher,
        license=framework.license,
        control_count=len(framework.controls),
        is_bundled=is_bundled,
        added_at=tx.now,
    )
    tx.db.execute(
        "INSERT INTO framework (framework_id, version, summary, content_hash, body) VALUES (?, ?, ?, ?, ?)",
        (framework.id, framework.version, summary.model_dump_json(), content_hash, body),
    )
    return summary


def _framework(db: sqlite3.Connection, framework_id: str, version: str | None) -> tuple[Framework, FrameworkSummary]:
    rows = db.execute(
        "SELECT version, summary FROM framework WHERE framework_id = ?1 AND (?2 IS NULL OR version = ?2)",
        (framework_id, version),
    ).fetchall()
    if not rows:
        raise errors.NotFound("framework", framework_id if version is None else f"{framework_id} {version}")
    summaries = [FrameworkSummary.model_validate_json(row["summary"]) for row in rows]
    newest = max(summaries, key=lambda each: each.added_at)
    body = db.execute(
        "SELECT body FROM framework WHERE framework_id = ? AND version = ?", (framework_id, newest.version)
    ).fetchone()[0]
    return Framework.model_validate_json(body), newest


def _start(
    tx: Tx, new: NewReport, tasks: Sequence[NewTask], idempotency: Idempotency | None, queue_limit: int
) -> Report:
    first = create(tx, tasks[0], idempotency, queue_limit)
    if first.task_id != tasks[0].task_id:  # the idempotency key is known: the report that it has made
        return _report(tx.db, _row(tx.db, first.payload["report_id"]))
    for task in tasks[1:]:
        create(tx, task, None, queue_limit)
    row = {**new_report_row(new, [task.task_id for task in tasks]), "created_at": tx.now.timestamp()}
    tx.db.execute(f"INSERT INTO compliance_report ({', '.join(row)}) VALUES ({marks(tuple(row))})", tuple(row.values()))
    tx.db.executemany(
        "INSERT INTO compliance_control (report_id, position, control_id) VALUES (?, ?, ?)",
        [(new.report_id, position, control.id) for position, control in enumerate(new.framework.controls)],
    )
    return _report(tx.db, _row(tx.db, new.report_id))


def _row(db: sqlite3.Connection, report_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute("SELECT * FROM compliance_report WHERE report_id = ?", (report_id,)).fetchone()
    if row is None:
        raise errors.NotFound("report", report_id)
    return row


def _report(db: sqlite3.Connection, row: sqlite3.Row) -> Report:
    counts = db.execute(
        "SELECT coalesce(verdict, ''), count(*) FROM compliance_control WHERE report_id = ? GROUP BY verdict",
        (row["report_id"],),
    ).fetchall()
    found = (db.execute("SELECT * FROM task WHERE task_id = ?", (row[name],)).fetchone() for name in TASKS)
    return report_from(dict(row), dict(map(tuple, counts)), [task_from(task) for task in found if task is not None])


def _reports(
    db: sqlite3.Connection, framework_id: str | None, after: tuple[float, str] | None, limit: int
) -> list[Report]:
    where, values = ["1"], list[object]()
    if framework_id is not None:
        where.append("framework_id = ?")
        values.append(framework_id)
    if after is not None:
        where.append("(created_at, report_id) < (?, ?)")
        values += after
    rows = db.execute(
        f"SELECT * FROM compliance_report WHERE {' AND '.join(where)} ORDER BY created_at DESC, report_id DESC LIMIT ?",
        (*values, limit),
    ).fetchall()
    return [_report(db, row) for row in rows]


def _previous(db: sqlite3.Connection, report_id: str) -> Report | None:
    row = _row(db, report_id)
    found = db.execute(
        "SELECT * FROM compliance_report WHERE scope = ? AND completed_at IS NOT NULL"
        " AND (created_at, report_id) < (?, ?) ORDER BY created_at DESC, report_id DESC LIMIT 1",
        (row["scope"], row["created_at"], report_id),
    ).fetchone()
    return None if found is None else _report(db, found)


def _cancel(tx: Tx, report_id: str) -> Report:
    report = _report(tx.db, _row(tx.db, report_id))
    busy = [task for task in report.tasks.values() if not task.status.is_final]
    if not busy:
        raise errors.WrongState("The report has ended: there is nothing to cancel.", report_id=report_id)
    for task in reversed(busy):
        sqlite_ends.request_cancel(tx, task.task_id)
    return _report(tx.db, _row(tx.db, report_id))


def _retry(tx: Tx, report_id: str) -> Report:
    report = _report(tx.db, _row(tx.db, report_id))
    ended = [task for task in report.tasks.values() if task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED)]
    if len(report.tasks) < len(TASKS):
        raise errors.WrongState("Its tasks are not kept any more: make a new report.", report_id=report_id)
    if any(task.is_cancel_requested and not task.status.is_final for task in report.tasks.values()):
        raise errors.WrongState("The report is being cancelled: try again in a moment.", report_id=report_id)
    if not ended:
        raise errors.WrongState("None of its tasks failed or was cancelled.", report_id=report_id)
    for task in ended:
        sqlite_ends.retry(tx, task.task_id, only_failed=False, reason=None)
    return _report(tx.db, _row(tx.db, report_id))


def _prune(tx: Tx, before: datetime, limit: int) -> int:
    rows = tx.db.execute(
        "SELECT report_id FROM compliance_report WHERE created_at < ? AND NOT EXISTS (SELECT 1 FROM task"
        f" WHERE task_id IN ({', '.join(TASKS)}) AND status IN ('queued', 'running', 'paused'))"
        " ORDER BY created_at, report_id LIMIT ?",
        (before.timestamp(), limit),
    ).fetchall()
    for row in rows:
        _remove(tx, row["report_id"])
    return len(rows)


def _delete(tx: Tx, report_id: str) -> None:
    report = _report(tx.db, _row(tx.db, report_id))
    busy = next((task for task in report.tasks.values() if not task.status.is_final), None)
    if busy is not None:
        raise errors.WrongState("The report is being made: cancel it first.", task_id=busy.task_id)
    _remove(tx, report_id)


def _remove(tx: Tx, report_id: str) -> None:
    for table in ("compliance_file", "compliance_control", "compliance_report"):
        tx.db.execute(f"DELETE FROM {table} WHERE report_id = ?", (report_id,))


def _control_rows(db: sqlite3.Connection, report_id: str) -> list[sqlite3.Row]:
    _row(db, report_id)
    return db.execute(
        "SELECT control_id, evidence, assessment FROM compliance_control WHERE report_id = ? ORDER BY position",
        (report_id,),
    ).fetchall()


def _keep_evidence(tx: Tx, fence: Fence, report_id: str, position: int, told: str) -> None:
    check_fence(tx, fence)
    tx.db.execute(
        "UPDATE compliance_control SET evidence = ? WHERE report_id = ? AND position = ? AND evidence IS NULL",
        (told, report_id, position),
    )


def _keep_assessments(tx: Tx, fence: Fence, report_id: str, judged: Sequence[Judged]) -> None:
    check_fence(tx, fence)
    tx.db.executemany(
        "UPDATE compliance_control SET verdict = :verdict, assessment = :assessment, question = :question, tokens = :tokens"
        " WHERE report_id = :report_id AND position = :position AND assessment IS NULL",
        [{**judged_row(each), "report_id": report_id} for each in judged],
    )


def _complete(tx: Tx, fence: Fence, report_id: str, files: Mapping[str, bytes], left_out: Sequence[str]) -> None:
    check_fence(tx, fence)
    tx.db.execute("DELETE FROM compliance_file WHERE report_id = ?", (report_id,))
    tx.db.executemany(
        "INSERT INTO compliance_file (report_id, format, data) VALUES (?, ?, ?)",
        [(report_id, format_, data) for format_, data in files.items()],
    )
    tx.db.execute(
        "UPDATE compliance_report SET completed_at = ?, left_out = ? WHERE report_id = ?",
        (tx.now.timestamp(), compact(list(left_out)), report_id),
    )
