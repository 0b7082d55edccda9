"""Frameworks and reports as they are kept, and the contract of the store that keeps them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from gleanery.model import Fence, NewTask, Task
from gleanery.model.compliance import Assessment, ControlResult, Counts, Framework, FrameworkSummary, Passage
from gleanery.store.values import Idempotency


@dataclass(frozen=True)
class NewReport:
    """A report to be, with the ids of the three tasks that make it. No `source_ids` means all sources."""

    report_id: str
    title: str
    framework: Framework
    source_ids: tuple[str, ...]
    max_tokens: int | None


@dataclass(frozen=True)
class Report:
    """A report as listings show it. `tasks` are those that are still kept, by type; `completed_at` is None until its files are
    there; `left_out` says what was not done, and why."""

    report_id: str
    title: str
    framework_id: str
    version: str
    source_ids: tuple[str, ...]
    max_tokens: int | None
    created_at: datetime
    completed_at: datetime | None
    task_ids: Mapping[str, str]
    tasks: Mapping[str, Task]
    counts: Counts
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class Judged:
    """A control's assessment with what it was charged; `question` is None for one that may not answer an equal question."""

    position: int
    assessment: Assessment
    question: bytes | None
    tokens: int


class ComplianceStore(Protocol):
    async def add_framework(self, framework: Framework, *, is_bundled: bool = False) -> FrameworkSummary:
        """Keep a version; the same once more changes nothing. Raises WrongState when the version is there with another
        content."""
        ...

    async def frameworks(self) -> Sequence[FrameworkSummary]:
        """All versions, by id and then the newest first."""
        ...

    async def framework(self, framework_id: str, version: str | None = None) -> tuple[Framework, FrameworkSummary]:
        """A version, or the one that was added last. Raises NotFound."""
        ...

    async def start(
        self, new: NewReport, tasks: Sequence[NewTask], *, idempotency: Idempotency | None, queue_limit: int
    ) -> Report:
        """Keep a report with its tasks: all are there or none. Raises what `TaskStore.create` raises."""
        ...

    async def report(self, report_id: str) -> Report:
        """Raises NotFound."""
        ...

    async def reports(
        self, *, framework_id: str | None, after: tuple[float, str] | None, limit: int
    ) -> Sequence[Report]:
        """Newest first."""
        ...

    async def previous(self, report_id: str) -> Report | None:
        """The last completed report before it of the same framework and sources. Raises NotFound."""
        ...

    async def cancel(self, report_id: str) -> Report:
        """Cancel all of its tasks that have not ended, the last first: none of them begins meanwhile. Raises NotFound, and
        WrongState where all have ended."""
        ...

    async def retry(self, report_id: str) -> Report:
        """Queue again those of its tasks that failed or were cancelled; what they did is kept. Raises NotFound, and
        WrongState where there are none, or one is still being cancelled."""
        ...

    async def delete(self, report_id: str) -> None:
        """Raises NotFound, and WrongState while one of its tasks may still run."""
        ...

    async def prune(self, before: datetime, limit: int) -> int:
        """Remove up to `limit` of those that were asked for before that, but none that may still be made. How many went."""
        ...

    async def controls(self, report_id: str) -> Sequence[ControlResult]:
        """In the framework's order. Raises NotFound."""
        ...

    async def without_evidence(self, report_id: str) -> Sequence[int]:
        """Positions of controls whose evidence was not looked for yet."""
        ...

    async def evidence(self, report_id: str, position: int) -> Sequence[Passage]:
        """What was found for one control."""
        ...

    async def unjudged(self, report_id: str) -> Sequence[int]:
        """Positions of controls without an assessment."""
        ...

    async def tokens(self, report_id: str) -> int:
        """What its assessments were charged."""
        ...

    async def known(self, question: bytes) -> Assessment | None:
        """An answer to the same question, of any report."""
        ...

    async def keep_evidence(self, fence: Fence, report_id: str, position: int, passages: Sequence[Passage]) -> None: ...

    async def keep_assessments(self, fence: Fence, report_id: str, judged: Sequence[Judged]) -> None:
        """An assessment that is there stays."""
        ...

    async def complete(self, fence: Fence, report_id: str, files: Mapping[str, bytes], left_out: Sequence[str]) -> None:
        """Keep the files, by format; the report is complete."""
        ...

    async def formats(self, report_id: str) -> Sequence[str]: ...

    async def file(self, report_id: str, format: str) -> bytes:
        """Raises NotFound."""
        ...
