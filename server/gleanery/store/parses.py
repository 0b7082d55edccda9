"""Parsed pages as they are kept, who asked for them, and the contract of the store that keeps both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from gleanery.model import Fence, NewEvent, NewTask, Progress, Task, TaskStatus
from gleanery.store.values import Idempotency

TASK_TYPE = "parse_page"


@dataclass(frozen=True)
class Secrets:
    """What a request was given to send, and its payload only names: values of headers by name, of cookies in their order."""

    headers: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()


@dataclass(frozen=True)
class NewParse:
    """What is kept beside the task: requests of one `cache_key` ask for the same, `url_key` finds those of a page."""

    url_key: str
    cache_key: str
    secrets: Secrets | None = None


@dataclass(frozen=True)
class PageSummary:
    """What listings show of a page."""

    title: str
    kind: str
    http_status: int
    element_count: int
    form_count: int
    table_count: int
    has_screenshot: bool


@dataclass(frozen=True)
class WebPage:
    """A page as it is kept, without its long parts. It answers equal requests until `expires_at`; `loaded_at` is when its
    load began, by the task `task_id`; `timing` has the milliseconds of each step."""

    web_page_id: str
    cache_key: str
    url: str
    final_url: str
    task_id: str
    loaded_at: datetime
    expires_at: datetime
    size_bytes: int
    timing: Mapping[str, float]
    summary: PageSummary


@dataclass(frozen=True)
class Parse:
    """A parse and the page that answered it; `page` is None while there is none, and when it is not kept any more."""

    task: Task
    web_page_id: str | None
    page: WebPage | None


class ParseStore(Protocol):
    async def start(
        self,
        new: NewTask,
        parse: NewParse,
        *,
        idempotency: Idempotency | None = None,
        queue_limit: int | None = None,
    ) -> Task:
        """`TaskStore.create` with what is kept beside it: both are there or neither is. Raises what `create` raises."""
        ...

    async def secrets(self, task_id: str) -> Secrets | None:
        """None where the request had none, and when the task is completed."""
        ...

    async def usable(self, cache_key: str, *, at: datetime | None, began_after: datetime) -> WebPage | None:
        """The newest page of that key whose load began after a time, or that has not expired `at` another (None: whatever
        has not)."""
        ...

    async def keep(
        self,
        fence: Fence,
        page: WebPage,
        body: bytes,
        png: bytes | None,
        events: Sequence[NewEvent],
        progress: Progress,
        *,
        memory_usage_mb: float,
    ) -> Task:
        """Keep what a task has loaded, with the event that tells of it; the page answers the task from now on."""
        ...

    async def use(self, fence: Fence, web_page_id: str) -> None:
        """A page that is kept already answers the task."""
        ...

    async def get(self, id: str) -> Parse:
        """By the id of a task, or of a page: then the oldest parse that it answered. Raises NotFound."""
        ...

    async def list(
        self, *, url_key: str | None, statuses: Sequence[TaskStatus], after: tuple[float, str] | None, limit: int
    ) -> Sequence[Parse]:
        """Newest first, of one URL or all."""
        ...

    async def body(self, web_page_id: str) -> bytes:
        """The page as JSON. Raises NotFound."""
        ...

    async def screenshot(self, web_page_id: str) -> bytes:
        """The PNG. Raises NotFound, also for a page without one."""
        ...

    async def position(self, task_id: str) -> int | None:
        """Its place among the parses that wait and may run, 1 is next; None when it doesn't wait or may not run yet."""
        ...

    async def in_hand(self) -> int:
        """How many parses run, or wait and may run."""
        ...

    async def timings(self, limit: int) -> Sequence[Mapping[str, float]]:
        """Of the newest loads, by step in milliseconds."""
        ...

    async def evict(self, max_bytes: int, limit: int) -> int:
        """Remove up to `limit` of the oldest pages as long as all take more than `max_bytes`; how many went. The newest page
        stays whatever it takes."""
        ...

    async def forget(self, limit: int) -> int:
        """Remove up to `limit` pages that no task refers to any more, and what attempts that died have left; how many pages
        went."""
        ...
