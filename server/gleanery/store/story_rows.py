"""Rows of stories and their workspaces as values: the same for every store."""

from __future__ import annotations

import json
from typing import Any

from gleanery.model import Task
from gleanery.model.stories import (
    OPEN_STATES,
    Analysis,
    Enhancement,
    Goal,
    Proposal,
    Story,
    StoryState,
    Triage,
    Workspace,
)
from gleanery.store.rows import Row, certain_time, compact, time_of
from gleanery.store.stories import StoryResults, StoryRun

KEEP_DELIVERIES_SECONDS = 7 * 86_400.0


def workspace_from(row: Row) -> Workspace:
    settings = json.loads(row["settings"])
    return Workspace(**settings, is_secret_set=row["secret"] is not None, is_token_set=row["api_token"] is not None)


def settings_of(workspace: Workspace) -> str:
    return compact(workspace.model_dump(mode="json", exclude={"is_secret_set", "is_token_set"}))


def story_from(row: Row, tasks: tuple[Task, ...]) -> StoryRun:
    state = StoryState(row["seen"])
    ended_at = time_of(row["ended_at"])
    if ended_at is None and state not in OPEN_STATES:
        ends = [task.processing_completed_at for task in tasks if task.processing_completed_at is not None]
        ended_at = max(ends, default=None)
    return StoryRun(
        story_id=row["story_id"],
        workspace=row["workspace"],
        shortcut_id=row["shortcut_id"],
        goal=Goal(row["goal"]),
        state=state,
        name=row["name"],
        app_url=row["app_url"],
        settings=Workspace.model_validate_json(row["settings"]),
        created_at=certain_time(row["created_at"]),
        ended_at=ended_at,
        tasks=tasks,
        tokens=row["tokens"],
        cost_usd=row["cost_usd"],
        note=row["note"],
    )


def results_from(row: Row) -> StoryResults:
    def read(column: str, kind: Any) -> Any:
        return None if row[column] is None else kind.model_validate_json(row[column])

    return StoryResults(
        before=read("before", Story),
        triage=read("triage", Triage),
        analysis=read("analysis", Analysis),
        enhancement=read("enhancement", Enhancement),
        proposal=read("proposal", Proposal),
        theirs=read("theirs", Story),
    )
