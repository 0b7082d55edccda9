"""`StoryStore` over SQLite."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from gleanery import errors
from gleanery.model import Fence, NewTask, Task, TaskStatus
from gleanery.model.stories import (
    OPEN_STATES,
    AgentStep,
    Stage,
    Story,
    StoryState,
    Workspace,
)
from gleanery.store import sqlite_ends
from gleanery.store.sqlite import Database, Tx
from gleanery.store.sqlite_rows import check_fence, compact, marks, task_from
from gleanery.store.sqlite_tasks import create, known_start
from gleanery.store.stories import (
    WRITE_BACK,
    NewStory,
    Proposed,
    Received,
    StageValue,
    StoryResults,
    StoryRun,
    WorkspaceSecrets,
)
from gleanery.store.story_rows import KEEP_DELIVERIES_SECONDS, results_from, settings_of, story_from, workspace_from
from gleanery.store.values import Idempotency

_FORGOTTEN_AT_ONCE = 20

_HAS_TASK = "EXISTS (SELECT 1 FROM story_task JOIN task USING (task_id) WHERE story_task.story_id = run.story_id"
_SUPERSEDED = "task.status = 'cancelled' AND json_extract(task.error, '$.code') = 'superseded'"
_STATE = (
    "CASE WHEN run.state NOT IN ('waiting', 'working') THEN run.state"
    f" WHEN {_HAS_TASK} AND {_SUPERSEDED}) THEN 'superseded'"
    f" WHEN {_HAS_TASK} AND task.status = 'failed') THEN 'failed'"
    f" WHEN {_HAS_TASK} AND task.status = 'cancelled') THEN 'cancelled'"
    f" WHEN NOT {_HAS_TASK}) THEN 'failed'"
    " ELSE run.state END"
)
"""As it is seen. One whose tasks were forgotten before its end has failed."""
_UNENDED = (
    "SELECT story_task.story_id, task.task_id FROM story_task JOIN task USING (task_id)"
    " WHERE task.status IN ('queued', 'running', 'paused')"
)
_FROM_TASKS = frozenset({StoryState.SUPERSEDED, StoryState.FAILED, StoryState.CANCELLED})
_UNDER_WAY = (StoryState.WAITING, StoryState.WORKING)
_LIVE = "state IN ('waiting', 'working', 'needs_approval')"
_SELECT = f"SELECT run.*, {_STATE} AS seen FROM story_run AS run"


class SqliteStories:
    """`StoryStore` over a Database."""

    def __init__(self, database: Database) -> None:
        self._db = database

    async def workspaces(self) -> Sequence[Workspace]:
        rows = await self._db.read(lambda db: db.execute("SELECT * FROM story_workspace ORDER BY name").fetchall())
        return [workspace_from(dict(row)) for row in rows]

    async def workspace(self, name: str) -> Workspace:
        return workspace_from(dict(await self._db.read(lambda db: _workspace_row(db, name))))

    async def secrets(self, name: str) -> tuple[Workspace, WorkspaceSecrets]:
        row = await self._db.read(lambda db: _workspace_row(db, name))
        return workspace_from(dict(row)), WorkspaceSecrets(row["secret"], row["api_token"])

    async def put_workspace(self, workspace: Workspace, secrets: WorkspaceSecrets) -> Workspace:
        return await self._db.write(lambda tx: _put_workspace(tx, workspace, secrets))

    async def delete_workspace(self, name: str) -> None:
        await self._db.write(lambda tx: _delete_workspace(tx, name))

    async def delivery(self, workspace: str, delivery_id: str) -> Mapping[str, Any] | None:
        return await self._db.read(lambda db: _delivery(db, workspace, delivery_id))

    async def receive(
        self,
        workspace: str,
        delivery_id: str,
        stories: Sequence[NewStory],
        answer: Mapping[str, Any],
        *,
        queue_limit: int,
    ) -> Received:
        return await self._db.write(lambda tx: _receive(tx, workspace, delivery_id, stories, answer, queue_limit))

    async def story(self, story_id: str) -> StoryRun:
        return await self._db.read(lambda db: _story(db, story_id))

    async def stories(
        self,
        *,
        states: Sequence[StoryState],
        workspace: str | None,
        shortcut_id: int | None,
        after: tuple[float, str] | None,
        limit: int,
    ) -> Sequence[StoryRun]:
        return await self._db.read(lambda db: _stories(db, states, workspace, shortcut_id, after, limit))

    async def counts(self) -> Mapping[StoryState, int]:
        return await self._db.read(_counts)

    async def results(self, story_id: str) -> StoryResults:
        row = await self._db.read(lambda db: _row(db, story_id))
        return results_from(dict(row))

    async def steps(self, story_id: str) -> Sequence[AgentStep]:
        sql = "SELECT body FROM story_step WHERE story_id = ?"
        rows = await self._db.read(lambda db: db.execute(sql, (story_id,)).fetchall())
        order = list(Stage)
        steps = [AgentStep.model_validate_json(row[0]) for row in rows]
        return sorted(steps, key=lambda step: (order.index(step.stage), step.ordinal))

    async def keep_before(self, fence: Fence, story_id: str, story: Story) -> Story:
        return await self._db.write(lambda tx: _keep_before(tx, fence, story_id, story))

    async def keep_stage(
        self, fence: Fence, story_id: str, stage: Stage, value: StageValue, proposed: Proposed | None
    ) -> StoryState:
        return await self._db.write(lambda tx: _keep_stage(tx, fence, story_id, stage, value, proposed))

    async def note(self, fence: Fence, story_id: str, step: AgentStep) -> None:
        await self._db.write(lambda tx: _note(tx, fence, story_id, step))

    async def approve(
        self, story_id: str, write_back: NewTask, *, idempotency: Idempotency | None, queue_limit: int
    ) -> StoryRun:
        return await self._db.write(lambda tx: _approve(tx, story_id, write_back, idempotency, queue_limit))

    async def reject(self, story_id: str, note: str) -> StoryRun:
        return await self._db.write(lambda tx: _reject(tx, story_id, note))

    async def delete(self, story_id: str) -> None:
        await self._db.write(lambda tx: _delete(tx, story_id))

    async def prune(self, before: datetime, limit: int) -> int:
        return await self._db.write(lambda tx: _prune(tx, before, limit), is_long=True)

    async def end(self, fence: Fence, story_id: str, state: StoryState, theirs: Story | None = None) -> None:
        await self._db.write(lambda tx: _end(tx, fence, story_id, state, theirs))


def _workspace_row(db: sqlite3.Connection, name: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute("SELECT * FROM story_workspace WHERE name = ?", (name,)).fetchone()
    if row is None:
        raise errors.NotFound("workspace", name)
    return row


def _put_workspace(tx: Tx, workspace: Workspace, secrets: WorkspaceSecrets) -> Workspace:
    row = tx.db.execute("SELECT * FROM story_workspace WHERE name = ?", (workspace.name,)).fetchone()
    was = WorkspaceSecrets() if row is None else WorkspaceSecrets(row["secret"], row["api_token"])
    created_at = tx.now if row is None else workspace_from(dict(row)).created_at
    kept = workspace.model_copy(update={"created_at": created_at, "changed_at": tx.now})
    tx.db.execute(
        "INSERT OR REPLACE INTO story_workspace (name, settings, secret, api_token) VALUES (?, ?, ?, ?)",
        (
            workspace.name,
            settings_of(kept),
            (was.secret if secrets.secret is None else secrets.secret) or None,
            (was.api_token if secrets.api_token is None else secrets.api_token) or None,
        ),
    )
    return workspace_from(dict(_workspace_row(tx.db, workspace.name)))


def _delete_workspace(tx: Tx, name: str) -> None:
    _workspace_row(tx.db, name)
    rows = tx.db.execute(f"{_SELECT} WHERE workspace = ? AND {_LIVE}", (name,)).fetchall()
    busy = next((row["story_id"] for row in rows if StoryState(row["seen"]) in OPEN_STATES), None)
    if busy is not None:
        raise errors.WrongState(
            "A story of this workspace is still open: let it end, reject it or cancel its tasks first.", story_id=busy
        )
    tx.db.execute("DELETE FROM story_workspace WHERE name = ?", (name,))


def _delivery(db: sqlite3.Connection, workspace: str, delivery_id: str) -> Mapping[str, Any] | None:
    sql = "SELECT answer FROM story_delivery WHERE workspace = ? AND delivery_id = ?"
    row = db.execute(sql, (workspace, delivery_id)).fetchone()
    found: Mapping[str, Any] | None = None if row is None else json.loads(row[0])
    return found


def _receive(
    tx: Tx, workspace: str, delivery_id: str, stories: Sequence[NewStory], answer: Mapping[str, Any], queue_limit: int
) -> Received:
    if (known := _delivery(tx.db, workspace, delivery_id)) is not None:
        return Received(known, is_new=False)
    _forget_deliveries(tx)
    tx.db.execute(
        "INSERT INTO story_delivery (workspace, delivery_id, received_at, answer) VALUES (?, ?, ?, ?)",
        (workspace, delivery_id, tx.now.timestamp(), compact(dict(answer))),
    )
    for story in stories:
        _start(tx, story, queue_limit)
    return Received(answer, is_new=True)


def _forget_deliveries(tx: Tx) -> None:
    """A few with each that comes: the table doesn't grow for ever, and no call waits for it."""
    tx.db.execute(
        "DELETE FROM story_delivery WHERE (workspace, delivery_id) IN"
        " (SELECT workspace, delivery_id FROM story_delivery WHERE received_at < ? ORDER BY received_at LIMIT ?)",
        (tx.now.timestamp() - KEEP_DELIVERIES_SECONDS, _FORGOTTEN_AT_ONCE),
    )


def _start(tx: Tx, new: NewStory, queue_limit: int) -> None:
    for task in new.tasks:
        create(tx, task, None, queue_limit)
    _supersede(tx, new)
    tx.db.execute(
        "INSERT INTO story_run (story_id, created_at, workspace, shortcut_id, goal, state, name, app_url, settings)"
        " VALUES (?, ?, ?, ?, ?, 'waiting', ?, ?, ?)",
        (
            new.story_id,
            tx.now.timestamp(),
            new.workspace.name,
            new.shortcut_id,
            new.goal,
            new.name,
            new.app_url,
            settings_of(new.workspace),
        ),
    )
    for task in new.tasks:
        _add_task(tx, new.story_id, task.task_id)


def _supersede(tx: Tx, new: NewStory) -> None:
    """Older ones of the same story and goal end, with what they left queued. One that is being written ends by itself."""
    rows = tx.db.execute(
        f"SELECT story_id FROM story_run WHERE shortcut_id = ? AND workspace = ? AND goal = ? AND {_LIVE}",
        (new.shortcut_id, new.workspace.name, new.goal),
    ).fetchall()
    for row in rows:
        tasks = _tasks(tx.db, [row["story_id"]]).get(row["story_id"], ())
        last = tasks[-1] if tasks else None
        is_written = last is not None and last.task_type == WRITE_BACK and last.status is TaskStatus.RUNNING
        if is_written:
            continue
        for task in tasks:
            if task.status is TaskStatus.QUEUED:
                sqlite_ends.stand_for(tx, new.tasks[0], task.task_id)
        _set_state(tx, row["story_id"], StoryState.SUPERSEDED)


def _add_task(tx: Tx, story_id: str, task_id: str) -> None:
    tx.db.execute(
        "INSERT INTO story_task (story_id, position, task_id)"
        " VALUES (?1, (SELECT count(*) FROM story_task WHERE story_id = ?1), ?2)",
        (story_id, task_id),
    )


def _row(db: sqlite3.Connection, story_id: str) -> sqlite3.Row:
    row: sqlite3.Row | None = db.execute(f"{_SELECT} WHERE run.story_id = ?", (story_id,)).fetchone()
    if row is None:
        raise errors.NotFound("story", story_id)
    return row


def _story(db: sqlite3.Connection, story_id: str) -> StoryRun:
    row = _row(db, story_id)
    return story_from(dict(row), _tasks(db, [story_id]).get(story_id, ()))


def _tasks(db: sqlite3.Connection, story_ids: Sequence[str]) -> Mapping[str, tuple[Task, ...]]:
    rows = db.execute(
        "SELECT story_task.story_id, task.* FROM story_task JOIN task USING (task_id)"
        f" WHERE story_task.story_id IN ({marks(story_ids)}) ORDER BY story_task.story_id, story_task.position",
        tuple(story_ids),
    ).fetchall()
    found: dict[str, tuple[Task, ...]] = {}
    for row in rows:
        found[row["story_id"]] = (*found.get(row["story_id"], ()), task_from(row))
    return found


def _stories(
    db: sqlite3.Connection,
    states: Sequence[StoryState],
    workspace: str | None,
    shortcut_id: int | None,
    after: tuple[float, str] | None,
    limit: int,
) -> list[StoryRun]:
    where, values = ["1"], list[object]()
    if states:
        kept = {*states, *(_UNDER_WAY if _FROM_TASKS & set(states) else ())}
        where += [f"run.state IN ({marks(tuple(kept))})", f"{_STATE} IN ({marks(states)})"]
        values += [*kept, *states]
    for column, value in (("workspace", workspace), ("shortcut_id", shortcut_id)):
        if value is not None:
            where.append(f"run.{column} = ?")
            values.append(value)
    if after is not None:
        where.append("(run.created_at, run.story_id) < (?, ?)")
        values += after
    order = "ORDER BY run.created_at DESC, run.story_id DESC LIMIT ?"
    rows = db.execute(f"{_SELECT} WHERE {' AND '.join(where)} {order}", (*values, limit)).fetchall()
    tasks = _tasks(db, [row["story_id"] for row in rows])
    return [story_from(dict(row), tasks.get(row["story_id"], ())) for row in rows]


def _counts(db: sqlite3.Connection) -> Mapping[StoryState, int]:
    """What is final is counted by the index; of the others, which are few, each is looked at."""
    found = dict.fromkeys(StoryState, 0)
    final = "SELECT state, count(*) FROM story_run WHERE state NOT IN ('waiting', 'working') GROUP BY state"
    seen = f"SELECT {_STATE}, count(*) FROM story_run AS run WHERE run.state IN ('waiting', 'working') GROUP BY 1"
    for sql in (final, seen):
        for state, count in db.execute(sql):
            found[StoryState(state)] += count
    return found


def _keep_before(tx: Tx, fence: Fence, story_id: str, story: Story) -> Story:
    check_fence(tx, fence)
    tx.db.execute(
        "UPDATE story_run SET before = ?, name = ?, app_url = ?,"
        " state = CASE state WHEN 'waiting' THEN 'working' ELSE state END WHERE story_id = ? AND before IS NULL",
        (story.model_dump_json(), story.name, story.app_url, story_id),
    )
    return Story.model_validate_json(_row(tx.db, story_id)["before"])


def _keep_stage(
    tx: Tx, fence: Fence, story_id: str, stage: Stage, value: StageValue, proposed: Proposed | None
) -> StoryState:
    check_fence(tx, fence)
    column = stage.value
    tx.db.execute(
        f"UPDATE story_run SET {column} = ? WHERE story_id = ? AND {column} IS NULL",
        (value.model_dump_json(), story_id),
    )
    row = _row(tx.db, story_id)
    if proposed is None or row["proposal"] is not None or StoryState(row["state"]) not in _UNDER_WAY:
        return StoryState(row["state"])
    tx.db.execute(
        "UPDATE story_run SET proposal = ? WHERE story_id = ?", (proposed.proposal.model_dump_json(), story_id)
    )
    if proposed.write_back is None:
        return _set_state(tx, story_id, StoryState.NEEDS_APPROVAL)
    create(tx, proposed.write_back, None, None)
    _add_task(tx, story_id, proposed.write_back.task_id)
    return _set_state(tx, story_id, StoryState.WORKING)


def _note(tx: Tx, fence: Fence, story_id: str, step: AgentStep) -> None:
    check_fence(tx, fence)
    tokens = step.prompt_tokens + step.completion_tokens
    is_new = tx.db.execute(
        "INSERT OR IGNORE INTO story_step (story_id, stage, ordinal, tokens, body) VALUES (?, ?, ?, ?, ?)",
        (story_id, step.stage, step.ordinal, tokens, step.model_dump_json()),
    ).rowcount
    if is_new:
        tx.db.execute(
            "UPDATE story_run SET tokens = tokens + ?1,"
            " cost_usd = CASE WHEN ?2 IS NULL THEN cost_usd ELSE coalesce(cost_usd, 0) + ?2 END WHERE story_id = ?3",
            (tokens, step.cost_usd, story_id),
        )


def _approve(tx: Tx, story_id: str, write_back: NewTask, idempotency: Idempotency | None, queue_limit: int) -> StoryRun:
    if idempotency is not None and known_start(tx.db, idempotency) is not None:
        return _story(tx.db, story_id)
    _check_waits(tx.db, story_id)
    create(tx, write_back, idempotency, queue_limit)
    _add_task(tx, story_id, write_back.task_id)
    _set_state(tx, story_id, StoryState.WORKING)
    return _story(tx.db, story_id)


def _reject(tx: Tx, story_id: str, note: str) -> StoryRun:
    _check_waits(tx.db, story_id)
    tx.db.execute("UPDATE story_run SET note = ? WHERE story_id = ?", (note, story_id))
    _set_state(tx, story_id, StoryState.REJECTED)
    return _story(tx.db, story_id)


def _check_waits(db: sqlite3.Connection, story_id: str) -> None:
    state = _row(db, story_id)["seen"]
    if state != StoryState.NEEDS_APPROVAL:
        raise errors.WrongState(
            f"The story is {state}: it does not wait for an approval.", story_id=story_id, state=state
        )


def _delete(tx: Tx, story_id: str) -> None:
    row = _row(tx.db, story_id)
    tasks = tx.db.execute(f"SELECT task_id FROM ({_UNENDED}) WHERE story_id = ?", (story_id,)).fetchall()
    if StoryState(row["seen"]) in OPEN_STATES or tasks:
        raise errors.WrongState(
            "The story is still open: let it end, reject it or cancel its tasks first.", story_id=story_id
        )
    _remove(tx, [story_id])


def _prune(tx: Tx, before: datetime, limit: int) -> int:
    rows = tx.db.execute(
        f"SELECT story_id FROM story_run AS run WHERE created_at < ? AND {_STATE} NOT IN ('waiting', 'working', 'needs_approval')"
        f" AND NOT EXISTS (SELECT 1 FROM ({_UNENDED}) AS held WHERE held.story_id = run.story_id)"
        " ORDER BY created_at LIMIT ?",
        (before.timestamp(), limit),
    ).fetchall()
    return _remove(tx, [row["story_id"] for row in rows])


def _remove(tx: Tx, story_ids: Sequence[str]) -> int:
    for table in ("story_step", "story_task", "story_run"):
        tx.db.execute(f"DELETE FROM {table} WHERE story_id IN ({marks(story_ids)})", tuple(story_ids))
    return len(story_ids)


def _end(tx: Tx, fence: Fence, story_id: str, state: StoryState, theirs: Story | None) -> None:
    check_fence(tx, fence)
    if theirs is not None:
        tx.db.execute("UPDATE story_run SET theirs = ? WHERE story_id = ?", (theirs.model_dump_json(), story_id))
    _set_state(tx, story_id, state)


def _set_state(tx: Tx, story_id: str, state: StoryState) -> StoryState:
    ended_at = None if state in OPEN_STATES else tx.now.timestamp()
    tx.db.execute("UPDATE story_run SET state = ?, ended_at = ? WHERE story_id = ?", (state, ended_at, story_id))
    return state
