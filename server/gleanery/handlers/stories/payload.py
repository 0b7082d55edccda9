"""What the tasks of a story are told, the names of their types, and the tasks that a story needs."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, Field

from gleanery import errors
from gleanery.engine.handler import TaskSpec, Work
from gleanery.engine.retry import RetryPolicy
from gleanery.model import DependencyFailure, NewTask
from gleanery.model.stories import Goal, Stage, Workspace
from gleanery.store.stories import WRITE_BACK, StoryRun

TRIAGE, ANALYZE, ENHANCE = "triage_story", "analyze_story", "enhance_story"

STAGES: Mapping[Stage, str] = {Stage.TRIAGE: TRIAGE, Stage.ANALYSIS: ANALYZE, Stage.ENHANCEMENT: ENHANCE}
STAGES_OF: Mapping[Goal, tuple[Stage, ...]] = {
    Goal.ANALYZE: (Stage.TRIAGE, Stage.ANALYSIS),
    Goal.ENHANCE: (Stage.TRIAGE, Stage.ANALYSIS, Stage.ENHANCEMENT),
}
PRIORITIES: Mapping[str, int] = {TRIAGE: 60, ANALYZE: 55, ENHANCE: 50, WRITE_BACK: 70}
"""What is nearly done goes first, and a triage is quick: its story is seen to have begun."""


class StoryPayload(BaseModel):
    """`workspace`, `shortcut_id` and `goal` make the keys; all else is read from the story's row."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    story_id: str = Field(max_length=64, description="The story to work on.")
    workspace: str = Field(max_length=64, description="Its workspace.")
    shortcut_id: int = Field(description="Its number in Shortcut.")
    goal: Goal = Field(description="`analyze` or `enhance`.")

    @property
    def serial_key(self) -> str:
        """One task of a story at a time."""
        return f"story:{self.workspace}:{self.shortcut_id}"


def _spec(task_type: str, description: str) -> TaskSpec:
    return TaskSpec(
        task_type,
        StoryPayload,
        Work.AGENTS,
        description=description,
        retry=RetryPolicy(max_retries=5, base_seconds=5.0, cap_seconds=300.0),
        timeout_seconds=1800.0,
        serial_key=lambda payload: payload.serial_key,
        coalesce_key=lambda payload: f"{payload.serial_key}:{payload.goal}:{task_type}",
    )


SPECS: Mapping[str, TaskSpec] = {
    TRIAGE: _spec(TRIAGE, "Triage"),
    ANALYZE: _spec(ANALYZE, "Story analysis"),
    ENHANCE: _spec(ENHANCE, "Story enhancement"),
    WRITE_BACK: _spec(WRITE_BACK, "Write-back"),
}


def check_of(run: StoryRun, payload: StoryPayload) -> None:
    """Raises WrongState where the payload names another story than the row: its keys would be those of the other."""
    if (run.workspace, run.shortcut_id, run.goal) != (payload.workspace, payload.shortcut_id, payload.goal):
        raise errors.WrongState("The payload names another story than story_id does.", story_id=run.story_id)


def stage_tasks(payload: StoryPayload, workspace: Workspace, name: str, urgency: int = 0) -> tuple[NewTask, ...]:
    """Each waits for the one before, also when that fails and is tried again."""
    tasks: list[NewTask] = []
    for stage in STAGES_OF[payload.goal]:
        before = tasks[-1].task_id if tasks else None
        tasks.append(_task(STAGES[stage], payload, workspace, name, before, urgency))
    return tuple(tasks)


def write_back_task(run: StoryRun, after_task_id: str | None) -> NewTask:
    payload = StoryPayload(story_id=run.story_id, workspace=run.workspace, shortcut_id=run.shortcut_id, goal=run.goal)
    return _task(WRITE_BACK, payload, run.settings, run.name, after_task_id)


def _task(
    task_type: str, payload: StoryPayload, workspace: Workspace, name: str, after: str | None, urgency: int = 0
) -> NewTask:
    spec = SPECS[task_type]
    return NewTask(
        task_type,
        payload.model_dump(mode="json"),
        title=f"{spec.description}: {name}"[:500],
        priority=min(100, PRIORITIES[task_type] + urgency),
        depends_on=() if after is None else (after,),
        on_dependency_failure=DependencyFailure.WAIT,
        parent_task_id=after,
        webhook_url=workspace.webhook_url,
        max_retries=spec.retry.max_retries,
        coalesce_key=spec.coalesce_key(payload),
        serial_key=spec.serial_key(payload),
    )
