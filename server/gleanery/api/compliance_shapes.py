"""Frameworks and reports on compliance, as they pass the doors."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from pydantic import AnyHttpUrl, Field, StringConstraints

from gleanery import model
from gleanery.api.wire import ErrorBody, Request, Shape
from gleanery.model.compliance import (
    Assessor,
    Control,
    ControlChange,
    Counts,
    Course,
    FrameworkSummary,
    Passage,
    Quote,
    Verdict,
)


class FrameworkPage(Shape):
    items: list[FrameworkSummary]
    next_cursor: str | None = Field(description="Always null: there are few.")


class FrameworkShape(Shape):
    """A version of a framework, whole."""

    framework_id: str
    version: str
    title: str
    description: str
    publisher: str
    source: str
    license: str
    is_bundled: bool
    added_at: datetime
    controls: list[Control]


class ReportRequest(Request):
    framework_id: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    version: str | None = Field(None, max_length=64, description="Without it the version that was added last.")
    source_ids: list[str] = Field(default_factory=list, max_length=100, description="Without any: all sources.")
    title: str = Field("", max_length=300)
    max_tokens: int | None = Field(
        None, ge=0, le=1_000_000_000, description="Most that the chat model may be asked for."
    )
    priority: int = Field(40, ge=0, le=100)
    webhook_url: AnyHttpUrl | None = None


class ReportTasks(Shape):
    """The three tasks, each of which waits for the one before it."""

    evidence: str
    analysis: str
    report: str


class ReportSummary(Shape):
    """A report, as listings show it."""

    report_id: str
    title: str
    framework_id: str
    version: str
    source_ids: list[str] = Field(description="Empty for all sources.")
    status: model.TaskStatus = Field(description="Of the three tasks together.")
    stage: str = Field(
        description="`evidence`, `analysis` or `report`: the task that is at work or has failed; empty at the end."
    )
    percentage: float
    error: ErrorBody | None
    created_at: datetime
    completed_at: datetime | None
    counts: Counts
    task_ids: ReportTasks
    left_out: list[str] = Field(description="What was not done, and why.")


class ReportPage(Shape):
    items: list[ReportSummary]
    next_cursor: str | None


class AssessmentShape(Shape):
    """`by` is `model`, `kept` (its answer to the same question in an earlier report) or `none`."""

    verdict: Verdict
    reasoning: str
    gap: str
    quotes: list[Quote]
    quotes_dropped: int
    by: Assessor
    model: str | None
    note: str


class ControlShape(Shape):
    """A control with what was found and judged so far."""

    control_id: str
    title: str
    text: str
    guidance: str
    evidence_wanted: list[str]
    evidence: list[Passage] | None = Field(description="Null until it was looked for.")
    assessment: AssessmentShape | None = Field(description="Null until it was judged.")


class ReportShape(ReportSummary):
    """A report with all of its controls."""

    framework_title: str
    max_tokens: int | None
    tokens: int
    formats: list[str] = Field(description="The files that are there: `html`, `markdown`, `json`, `pdf`.")
    previous_report_id: str | None = Field(
        description="The last completed one before it of the same framework and sources."
    )
    controls: list[ControlShape]


class ComparisonShape(Shape):
    """What changed from an earlier report to a later one."""

    report_id: str
    with_report_id: str | None = Field(description="Null where there is none to compare with.")
    counts: dict[Course, int]
    changes: list[ControlChange] = Field(description="Every control of either, also those that are the same.")
