"""How the server and its parts do, as it passes the doors."""

from __future__ import annotations

from datetime import datetime
from typing import Literal

from pydantic import Field

from gleanery import model
from gleanery.api.wire import Shape


class PartHealth(Shape):
    status: Literal["ok", "degraded", "off", "failed"]
    message: str


class Health(Shape):
    status: Literal["ok", "degraded"]
    version: str
    started_at: datetime
    parts: dict[str, PartHealth] = Field(description="database, embedder, browser, worker, dispatcher, grouping.")
    example_url: str | None = Field(description="The bundled example's URL on this server, crawlable without internet.")
    needs_key: bool = Field(description="Whether clients must send an API key.")


class QueueHealth(Shape):
    by_status: dict[str, int] = Field(description="Tasks in each state.")
    due: int = Field(description="Queued tasks that may run now.")
    oldest_due_seconds: float | None


class ActiveTask(Shape):
    task_id: str
    task_type: str
    title: str
    status: model.TaskStatus
    worker_id: str | None
    attempt: int
    percentage: float
    stage: str
    attempt_started_at: datetime | None
    memory_usage_mb: float | None


class WorkerShape(Shape):
    worker_id: str
    host: str
    pid: int
    version: str
    task_types: list[str]
    concurrency: int = Field(description="Tasks at once; 0 in a server that leaves all to others.")
    running: int
    memory_mb: float
    state: str
    started_at: datetime
    beat_at: datetime = Field(description="When it last told of itself.")
    is_alive: bool


class PagePool(Shape):
    """The browser contexts of parses, in this process."""

    size: int = Field(description="How many pages may be open at once.")
    in_use: int
    idle: int
    waiting: int = Field(description="Those that wait for one.")
    memory_mb: float = Field(description="Memory of the browser's processes.")
    cpu_percent: float = Field(description="Of one processor; over 100 where several are busy.")
    pages_opened: int
    launches: int = Field(description="Starts of the browser.")
    crashes: int = Field(description="Times that it died.")


class BackgroundHealth(Shape):
    status: Literal["ok", "degraded"]
    reasons: list[str] = Field(description="Why it is degraded, in sentences.")
    queue: QueueHealth | None = Field(description="None while the store doesn't answer.")
    active_tasks: list[ActiveTask] = Field(description="What runs now, at most 100.")
    failures_last_hour: int
    store: PartHealth
    browser_pool: PartHealth = Field(description="The browser of crawls.")
    page_pool: PagePool | None = Field(description="Contexts of parses; null while the store doesn't answer.")
    workers: list[WorkerShape]
    webhooks: dict[str, int] = Field(description="Calls in each state: pending, delivered, dead.")
    dispatcher: str = Field(description="How doorbells travel, in a sentence.")
