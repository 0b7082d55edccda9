"""How attempts and tasks end in SQLite, and how a waiting task is steered. Each by compare-and-set, told with its event."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from typing import Any

from gleanery import errors
from gleanery.model import (
    DependencyFailure,
    ErrorInfo,
    EventType,
    Fence,
    NewEvent,
    NewTask,
    Progress,
    Task,
    TaskStatus,
    UrlState,
)
from gleanery.store import sqlite_links, sqlite_outbox
from gleanery.store.sqlite import Tx
from gleanery.store.sqlite_rows import (
    append,
    compact,
    dump_error,
    dump_progress,
    keep_events,
    lease_lost,
    task_from,
    task_of,
)


@dataclass(frozen=True)
class End:
    """How an attempt ends: what `TaskStore.finish` was given."""

    status: TaskStatus
    events: Sequence[NewEvent]
    progress: Progress | None
    result: Mapping[str, Any] | None
    error: ErrorInfo | None
    run_at: datetime | None
    recovery: str = ""


def told(tx: Tx, task_id: str, events: Sequence[NewEvent]) -> Task:
    """Append the events of a new status, with what follows from it: webhook, and those that waited for this task."""
    return follow(tx, append(tx, task_id, events))


def follow(tx: Tx, task: Task) -> Task:
    """What a new status has for consequences."""
    sqlite_outbox.note(tx, task)
    if task.status.is_final:
        tx.ended.append(task)
        if len(tx.ended) == 1:  # else it is a consequence itself, of one whose turn it is
            while tx.ended:
                _tell_dependents(tx, tx.ended[0])
                tx.ended.popleft()
    elif task.status is TaskStatus.QUEUED and task.coalesce_key is not None:
        return _coalesce(tx, task)
    return task


def finish(tx: Tx, fence: Fence, end: End) -> Task:
    status, events = _as_asked(tx, fence, end)
    now = tx.now.timestamp()
    error = dump_error(end.error)
    run_at = None if end.run_at is None else end.run_at.timestamp()
    rows = tx.db.execute(
        "UPDATE task SET status = ?, result = ?, error = ?, progress = coalesce(?, progress), worker_id = NULL,"
        " lease_until = NULL, run_at = coalesce(?, run_at), wakes_at = ?, last_seq = last_seq + ?,"
        " processing_completed_at = ?, is_cancel_requested = 0, is_pause_requested = 0, lost_count = 0,"
        " last_error = coalesce(?, last_error),"
        " recoveries = CASE WHEN ? = '' THEN recoveries ELSE json_insert(recoveries, '$[#]', ?) END,"
        " last_error_at = CASE WHEN ? IS NULL THEN last_error_at ELSE ? END, retry_attempts = retry_attempts + ?,"
        " ran_seconds = ran_seconds + max(0, ? - coalesce(attempt_started_at, ?)) WHERE task_id = ? RETURNING *",
        (
            status,
            None if end.result is None else compact(dict(end.result)),
            error if status is TaskStatus.FAILED else None,
            None if end.progress is None else dump_progress(end.progress),
            run_at,
            run_at,
            len(events),
            now if status.is_final else None,
            error,
            end.recovery,
            end.recovery,
            error,
            now,
            int(status is TaskStatus.QUEUED and end.error is not None),
            now,
            now,
            fence.task_id,
        ),
    ).fetchall()
    return follow(tx, keep_events(tx, task_from(rows[0]), events))


def _as_asked(tx: Tx, fence: Fence, end: End) -> tuple[TaskStatus, Sequence[NewEvent]]:
    """What becomes of an attempt that would go back to the queue: a cancel or pause that was answered must not get lost."""
    row = tx.db.execute(
        "SELECT is_cancel_requested, is_pause_requested FROM task"
        " WHERE task_id = ? AND attempt = ? AND status = 'running'",
        (fence.task_id, fence.attempt),
    ).fetchone()
    if row is None:
        raise lease_lost(fence)
    if end.status in (TaskStatus.QUEUED, TaskStatus.PAUSED) and row["is_cancel_requested"]:
        return TaskStatus.CANCELLED, [NewEvent(EventType.TASK_CANCELLED, "Cancelled; what was stored stays")]
    if end.status is TaskStatus.QUEUED and row["is_pause_requested"]:
        return TaskStatus.PAUSED, [NewEvent(EventType.TASK_PAUSED, "Paused")]
    return end.status, end.events


def _tell_dependents(tx: Tx, ended: Task) -> None:
    for task_id in sqlite_links.waiting_for(tx.db, ended.task_id):
        if ended.status is TaskStatus.COMPLETED:
            if sqlite_links.count(tx.db, task_id) == 0:
                _due_from_now(tx, task_id)
                append(tx, task_id, [NewEvent(EventType.TASK_RELEASED, "Everything it waited for is complete")])
        else:
            fail_if_orphaned(tx, task_of(tx.db, task_id))


def _due_from_now(tx: Tx, task_id: str) -> None:
    """What it waited for, or that it was paused, is no time that it has waited for a worker. A start time to come stays."""
    tx.db.execute("UPDATE task SET run_at = max(run_at, ?) WHERE task_id = ?", (tx.now.timestamp(), task_id))


def fail_if_orphaned(tx: Tx, task: Task) -> Task:
    """Fail a waiting task whose dependency has failed or was cancelled, if that is what it declares."""
    if task.on_dependency_failure is not DependencyFailure.FAIL or task.status.is_final:
        return task
    failed = sqlite_links.failed_dependency(tx.db, task.task_id)
    if failed is None:
        return task
    details = {"task_id": failed["task_id"], "status": failed["status"]}
    message = f"The task {failed['task_id']}, which this one waits for, is {failed['status']}."
    error = ErrorInfo("dependency_failed", message, details)
    tx.db.execute(
        "UPDATE task SET status = 'failed', error = ?, last_error = ?, last_error_at = ?, processing_completed_at = ?"
        " WHERE task_id = ?",
        (dump_error(error), dump_error(error), tx.now.timestamp(), tx.now.timestamp(), task.task_id),
    )
    return told(tx, task.task_id, [NewEvent(EventType.TASK_FAILED, message, {"error": asdict(error)})])


def supersede(tx: Tx, newest: NewTask | Task) -> None:
    """End the other queued tasks of its coalesce key; what waited for them waits for the newest, if that can be."""
    for other in _queued_like(tx, newest):
        if isinstance(newest, NewTask):
            sqlite_links.check_not_waited_for(tx.db, newest.depends_on, other.task_id)
        stand_for(tx, newest, other.task_id)


def _coalesce(tx: Tx, task: Task) -> Task:
    """A task is back in the queue: of those of its coalesce key the newest stays."""
    newer = [other for other in _queued_like(tx, task) if other.created_at > task.created_at]
    if not newer:
        supersede(tx, task)
        return task
    return stand_for(tx, newer[0], task.task_id)


def _queued_like(tx: Tx, task: NewTask | Task) -> Sequence[Task]:
    """The other queued tasks of its coalesce key."""
    rows = tx.db.execute(
        "SELECT * FROM task WHERE status = 'queued' AND coalesce_key = ? AND task_id <> ?",
        (task.coalesce_key, task.task_id),
    ).fetchall()
    return [task_from(row) for row in rows]


def stand_for(tx: Tx, newest: NewTask | Task, task_id: str) -> Task:
    """End a queued task: the newest stands for it."""
    by = newest.task_id
    if not newest.depends_on:
        for other, depends_on in sqlite_links.hand_over(tx.db, task_id, by):
            message = f"Waits for {by}, which stands for {task_id}"
            append(tx, other, [NewEvent(EventType.TASK_REBOUND, message, {"depends_on": depends_on})])
    error = ErrorInfo("superseded", f"The newer task {by} stands for this one.", {"by": by})
    tx.db.execute(
        "UPDATE task SET status = 'cancelled', error = ?, processing_completed_at = ? WHERE task_id = ?",
        (dump_error(error), tx.now.timestamp(), task_id),
    )
    return told(tx, task_id, [NewEvent(EventType.TASK_SUPERSEDED, error.message, {"by": by})])


def request_cancel(tx: Tx, task_id: str) -> Task:
    task = task_of(tx.db, task_id)
    if task.status.is_final:
        raise errors.WrongState(
            f"The task is {task.status} already: there is nothing to cancel.", task_id=task_id, status=task.status
        )
    if task.status is TaskStatus.RUNNING:
        if task.is_cancel_requested:
            return task
        tx.db.execute("UPDATE task SET is_cancel_requested = 1 WHERE task_id = ?", (task_id,))
        return append(tx, task_id, [NewEvent(EventType.TASK_CANCEL_REQUESTED, "Cancel asked for")])
    tx.db.execute(
        "UPDATE task SET status = 'cancelled', processing_completed_at = ? WHERE task_id = ?",
        (tx.now.timestamp(), task_id),
    )
    return told(tx, task_id, [NewEvent(EventType.TASK_CANCELLED, f"Cancelled while {task.status}")])


def request_pause(tx: Tx, task_id: str) -> Task:
    task = task_of(tx.db, task_id)
    if task.status.is_final:
        raise errors.WrongState(
            f"The task is {task.status} already: there is nothing to pause.", task_id=task_id, status=task.status
        )
    if task.status is TaskStatus.PAUSED or task.is_pause_requested or task.is_cancel_requested:
        return task
    if task.status is TaskStatus.RUNNING:
        tx.db.execute("UPDATE task SET is_pause_requested = 1 WHERE task_id = ?", (task_id,))
        return append(tx, task_id, [NewEvent(EventType.TASK_PAUSE_REQUESTED, "Pause asked for")])
    tx.db.execute("UPDATE task SET status = 'paused' WHERE task_id = ?", (task_id,))
    return told(tx, task_id, [NewEvent(EventType.TASK_PAUSED, "Paused while it waited")])


def resume(tx: Tx, task_id: str) -> Task:
    task = task_of(tx.db, task_id)
    event = NewEvent(EventType.TASK_QUEUED, "Resumed by request", {"reason": "resume"})
    if task.status is TaskStatus.RUNNING and task.is_pause_requested:
        tx.db.execute("UPDATE task SET is_pause_requested = 0 WHERE task_id = ?", (task_id,))
        return append(tx, task_id, [event])
    if task.status is not TaskStatus.PAUSED:
        raise errors.WrongState(
            f"The task is {task.status}: only a paused one can be resumed.", task_id=task_id, status=task.status
        )
    tx.db.execute("UPDATE task SET status = 'queued' WHERE task_id = ?", (task_id,))
    _due_from_now(tx, task_id)
    return told(tx, task_id, [event])


def retry(tx: Tx, task_id: str, only_failed: bool, reason: str | None) -> Task:
    task = task_of(tx.db, task_id)
    _check_retry(tx, task)
    again = tx.db.execute(
        "UPDATE frontier SET state = ?1, reason = NULL, message = NULL, status_code = NULL, attempts = 0, settled_at = NULL"
        " WHERE task_id = ?2 AND ((state = ?3 AND (?5 IS NULL OR reason = ?5)) OR (?5 IS NULL AND ordinal = 1 AND state = ?4))",
        (UrlState.QUEUED, task_id, UrlState.FAILED, UrlState.SKIPPED, reason),
    ).rowcount
    if again == 0 and (only_failed or task.status is TaskStatus.COMPLETED):
        raise errors.WrongState(
            "No page of this task failed: there is nothing to retry.", task_id=task_id, status=task.status
        )
    fresh = replace(task.progress, percentage=0.0, stage="", eta_seconds=None)
    tx.db.execute(
        "UPDATE task SET status = 'queued', run_at = ?, wakes_at = NULL, progress = ?, progress_mark = 0, retry_attempts = 0,"
        " error = NULL, result = NULL, last_error = NULL, processing_completed_at = NULL, is_cancel_requested = 0,"
        " is_pause_requested = 0, lost_count = 0, recoveries = '[]', browser_session_id = NULL WHERE task_id = ?",
        (tx.now.timestamp(), dump_progress(fresh), task_id),
    )
    sqlite_links.count(tx.db, task_id)
    what = f"Queued again by request: {again} failed pages" if again else "Queued again by request"
    return told(tx, task_id, [NewEvent(EventType.TASK_QUEUED, what, {"reason": "retry", "failed_pages": again})])


def _check_retry(tx: Tx, task: Task) -> None:
    if not task.status.is_final:
        raise errors.WrongState(
            f"The task is {task.status}: only an ended one can be retried.", task_id=task.task_id, status=task.status
        )
    failed = sqlite_links.failed_dependency(tx.db, task.task_id)
    if failed is not None and task.on_dependency_failure is DependencyFailure.FAIL:
        raise errors.WrongState(
            f"The task {failed['task_id']}, which this one waits for, is {failed['status']}: retry that one first.",
            task_id=task.task_id,
            status=task.status,
            depends_on=failed["task_id"],
        )


def change(tx: Tx, task_id: str, priority: int | None, depends_on: Sequence[str] | None) -> Task:
    task = task_of(tx.db, task_id)
    if task.status not in (TaskStatus.QUEUED, TaskStatus.PAUSED):
        raise errors.WrongState(
            f"The task is {task.status}: only a waiting one can be changed.", task_id=task_id, status=task.status
        )
    if priority is not None and priority != task.priority:
        tx.db.execute("UPDATE task SET priority = ? WHERE task_id = ?", (priority, task_id))
        data = {"priority": priority, "was": task.priority}
        task = append(tx, task_id, [NewEvent(EventType.TASK_REPRIORITISED, f"Priority is now {priority}", data)])
    if depends_on is not None and tuple(depends_on) != task.depends_on:
        sqlite_links.check_dependencies(tx.db, task_id, depends_on)
        tx.db.execute("UPDATE task SET depends_on = ? WHERE task_id = ?", (compact(list(depends_on)), task_id))
        sqlite_links.link(tx.db, task_id, depends_on)
        event = NewEvent(EventType.TASK_REBOUND, f"Waits for {len(depends_on)} tasks", {"depends_on": [*depends_on]})
        task = fail_if_orphaned(tx, append(tx, task_id, [event]))
    return task
