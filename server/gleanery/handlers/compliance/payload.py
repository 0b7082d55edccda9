"""What the three tasks of a report are told, and the door: report and tasks are kept together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pydantic import BaseModel, ConfigDict, Field

from gleanery.engine.submit import Submitter
from gleanery.model import DependencyFailure, NewTask, new_id
from gleanery.model.compliance import Framework
from gleanery.store.compliance import ComplianceStore, NewReport, Report
from gleanery.store.values import Idempotency

EVIDENCE, ANALYSIS, REPORT = "fetch_evidence", "analyze_compliance", "generate_report"
PRIORITY = 40


class ReportPayload(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    report_id: str = Field(max_length=64, description="The report to work on.")


@dataclass(frozen=True)
class Asked:
    """What a report is asked to be. Without `source_ids` all sources are looked through."""

    framework: Framework
    source_ids: tuple[str, ...]
    title: str = ""
    max_tokens: int | None = None
    priority: int = PRIORITY
    webhook_url: str | None = None


class ReportStarter:
    """Makes a report with its tasks: each waits for the one before, also when that fails and is tried again."""

    def __init__(self, store: ComplianceStore, submitter: Submitter, queue_limit: int) -> None:
        self._store = store
        self._submitter = submitter
        self._queue_limit = queue_limit

    async def start(self, asked: Asked, idempotency: Idempotency | None = None) -> Report:
        """Raises QueueFull and IdempotencyConflict."""
        report_id = new_id("cmp")
        title = asked.title or asked.framework.title
        new = NewReport(report_id, title, asked.framework, tuple(sorted(set(asked.source_ids))), asked.max_tokens)
        return await self._store.start(
            new, self._tasks(asked, report_id, title), idempotency=idempotency, queue_limit=self._queue_limit
        )

    def _tasks(self, asked: Asked, report_id: str, title: str) -> Sequence[NewTask]:
        tasks: list[NewTask] = []
        for task_type in (EVIDENCE, ANALYSIS, REPORT):
            before = tasks[-1].task_id if tasks else None
            new = NewTask(
                task_type,
                {"report_id": report_id},
                title=f"{self._submitter.handlers[task_type].spec.description}: {title}"[:500],
                priority=asked.priority,
                depends_on=() if before is None else (before,),
                on_dependency_failure=DependencyFailure.WAIT,
                parent_task_id=before,
                webhook_url=asked.webhook_url if task_type == REPORT else None,
            )
            tasks.append(self._submitter.prepared(new))
        return tasks
