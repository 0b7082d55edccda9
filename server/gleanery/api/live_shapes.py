"""The messages of the live interface: what a room hears and how the server answers a client.

Their fields are in camel case, as clients of Socket.IO know them; tasks and events in them are as in REST.
"""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field
from pydantic.alias_generators import to_camel

from gleanery import model
from gleanery.api.task_shapes import EventShape, SeedStatus, StageShape, TaskShape
from gleanery.api.wire import ErrorBody, Shape


class Message(Shape):
    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, serialize_by_alias=True)

    def sent(self) -> dict[str, Any]:
        """As it goes over the line."""
        return self.model_dump(mode="json")


class ProgressUpdate(Message):
    """`crawl_progress` and `task_progress`: every event after `prevSeq` up to `seq`, and the task as it stood then."""

    progress_id: str
    prev_seq: int
    seq: int
    events: list[EventShape]
    status: SeedStatus
    task_status: model.TaskStatus
    percentage: float = Field(description="-1 once the task has failed.")
    stage: str
    stages: dict[str, StageShape]
    current_url: str | None
    log: str = Field(description="The last event's message.")
    eta_seconds: float | None
    rate_per_second: float | None
    failed: int
    skipped: int
    error: ErrorBody | None


class SubscribeAck(Message):
    """Answers `subscribe_to_progress`."""

    progress_id: str
    found: bool
    task: TaskShape | None = None
    last_seq: int = Field(default=0, description="The task's head, which may be beyond the last of `events`.")
    first_seq: int | None = None
    events: list[EventShape] = Field(default_factory=list)
    more: bool = Field(default=False, description="There are more events: ask again with the last one's number.")
    start_over: bool = Field(default=False, description="What the client holds is not of this log, or no longer kept.")


class UnsubscribeAck(Message):
    """Answers `unsubscribe_from_progress`."""

    progress_id: str


class TasksMessage(Message):
    """`tasks_changed`, and the answer to `subscribe_to_tasks`: all that have not ended, and the newest."""

    items: list[TaskShape]


class ErrorAck(Message):
    """Answers what can't be done."""

    error: ErrorBody


MESSAGES: tuple[type[Message], ...] = (ProgressUpdate, SubscribeAck, UnsubscribeAck, TasksMessage, ErrorAck)
