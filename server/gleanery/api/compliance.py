"""`/compliance`: frameworks, and reports of how far sources show that their controls are met."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from aiohttp import web

from gleanery import errors
from gleanery.api import compliance_shapes as shapes
from gleanery.api import present
from gleanery.api.http import answer, cursor_of, idempotency_of, limit_of, make_cursor, read
from gleanery.api.knowledge import check_field, time_key
from gleanery.api.route import PAGED, Query, Route
from gleanery.handlers.compliance.payload import ANALYSIS, EVIDENCE, REPORT, Asked, ReportStarter
from gleanery.knowledge.compliance.compare import compared
from gleanery.knowledge.compliance.framework import MAX_BYTES, read_framework
from gleanery.model import TaskStatus
from gleanery.model.compliance import ControlResult, Course, Framework, FrameworkSummary
from gleanery.store.compliance import ComplianceStore, Report
from gleanery.store.search_store import SearchStore, SourceFilter

CheckUrl = Callable[[str], None]

_TYPES = {
    "html": ("text/html", "html"),
    "markdown": ("text/markdown", "md"),
    "json": ("application/json", "json"),
    "pdf": ("application/pdf", "pdf"),
}
_YAML_TYPES = frozenset({"application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml", "text/plain"})
_STAGES = {EVIDENCE: "evidence", ANALYSIS: "analysis", REPORT: "report"}
_SHARES = {EVIDENCE: 30.0, ANALYSIS: 60.0, REPORT: 10.0}
_FRAMEWORK = "/api/v1/compliance/frameworks/{framework_id}"
_REPORT = "/api/v1/compliance/reports/{report_id}"
_TAG = "compliance"


class ComplianceApi:
    """The routes. `check_url` raises InvalidUrl for a webhook that can't be called."""

    def __init__(
        self, store: ComplianceStore, search: SearchStore, starter: ReportStarter, check_url: CheckUrl
    ) -> None:
        self._store = store
        self._search = search
        self._starter = starter
        self._check_url = check_url

    def routes(self) -> Sequence[Route]:
        frameworks, reports = "/api/v1/compliance/frameworks", "/api/v1/compliance/reports"
        version = Query("version", "A version, else the one that was added last.")
        framework_id = Query("framework_id", "Only reports of this framework.")
        form = Query("format", "`html` unless said.", values=list(_TYPES))
        other = Query("with", "The earlier report; else the last one of the same framework and sources.")
        one, page, whole = shapes.FrameworkShape, shapes.ReportPage, shapes.ReportShape
        summary = shapes.ReportSummary
        return (
            Route("GET", frameworks, self.frameworks, "All versions of all frameworks", _TAG, shapes.FrameworkPage),
            Route("POST", frameworks, self.add, "Add a version, as YAML or JSON", _TAG, FrameworkSummary, status=201),
            Route("GET", _FRAMEWORK, self.framework, "One framework", _TAG, one, query=(version,), errors=(404,)),
            Route(
                "POST",
                reports,
                self.start,
                "Make a report",
                _TAG,
                summary,
                shapes.ReportRequest,
                202,
                errors=(404, 409, 503),
                is_idempotent=True,
            ),
            Route("GET", reports, self.list, "All reports, newest first", _TAG, page, query=(*PAGED, framework_id)),
            Route("GET", _REPORT, self.report, "One report with its controls", _TAG, whole, errors=(404,)),
            Route(
                "POST", f"{_REPORT}/cancel", self.cancel, "Cancel all of its tasks", _TAG, summary, errors=(404, 409)
            ),
            Route("POST", f"{_REPORT}/retry", self.retry, "Go on with it", _TAG, summary, errors=(404, 409)),
            Route("DELETE", _REPORT, self.delete, "Remove a report", _TAG, None, status=204, errors=(404, 409)),
            Route("GET", f"{_REPORT}/file", self.file, "It as a file", _TAG, None, query=(form,), errors=(404,)),
            Route(
                "GET",
                f"{_REPORT}/compare",
                self.compare,
                "What changed since another",
                _TAG,
                shapes.ComparisonShape,
                query=(other,),
                errors=(404,),
            ),
        )

    async def frameworks(self, _: web.Request) -> web.Response:
        return answer(shapes.FrameworkPage(items=list(await self._store.frameworks()), next_cursor=None))

    async def add(self, request: web.Request) -> web.Response:
        """Raises InvalidInput, WrongState for a version that is there with another content."""
        is_json = request.content_type in ("application/json", "application/octet-stream")
        if not is_json and request.content_type not in _YAML_TYPES:
            raise errors.BadRequest(f"Send a framework as application/yaml or JSON, not as {request.content_type}.")
        if (request.content_length or 0) > MAX_BYTES:
            raise errors.InvalidInput("framework", f"is larger than {MAX_BYTES} bytes")
        raw = await request.read()
        framework = await asyncio.to_thread(read_framework, raw, is_json=is_json)
        return answer(await self._store.add_framework(framework), status=201)

    async def framework(self, request: web.Request) -> web.Response:
        found, summary = await self._store.framework(request.match_info["framework_id"], request.query.get("version"))
        shape = shapes.FrameworkShape(
            framework_id=found.id,
            version=found.version,
            title=found.title,
            description=found.description,
            publisher=found.publisher,
            source=found.source,
            license=found.license,
            is_bundled=summary.is_bundled,
            added_at=summary.added_at,
            controls=found.controls,
        )
        return answer(shape)

    async def start(self, request: web.Request) -> web.Response:
        body = await read(request, shapes.ReportRequest)
        webhook_url = None if body.webhook_url is None else str(body.webhook_url)
        if webhook_url is not None:
            check_field(self._check_url, "webhook_url", webhook_url)
        framework, _ = await self._store.framework(body.framework_id, body.version)
        await self._search.sources_for(SourceFilter(source_ids=tuple(body.source_ids)))
        asked = Asked(
            framework, tuple(body.source_ids), body.title.strip(), body.max_tokens, body.priority, webhook_url
        )
        report = await self._starter.start(asked, idempotency_of(request, body))
        location = {"Location": f"/api/v1/compliance/reports/{report.report_id}"}
        return answer(shapes.ReportSummary(**_summary(report)), status=202, headers=location)

    async def list(self, request: web.Request) -> web.Response:
        limit = limit_of(request)
        rows = await self._store.reports(
            framework_id=request.query.get("framework_id"), after=time_key(cursor_of(request)), limit=limit
        )
        last = rows[-1] if len(rows) == limit else None
        cursor = None if last is None else make_cursor(last.created_at.timestamp(), last.report_id)
        items = [shapes.ReportSummary(**_summary(row)) for row in rows]
        return answer(shapes.ReportPage(items=items, next_cursor=cursor))

    async def report(self, request: web.Request) -> web.Response:
        report = await self._store.report(request.match_info["report_id"])
        framework, _ = await self._store.framework(report.framework_id, report.version)
        previous = await self._store.previous(report.report_id)
        shape = shapes.ReportShape(
            **_summary(report),
            framework_title=framework.title,
            max_tokens=report.max_tokens,
            tokens=await self._store.tokens(report.report_id),
            formats=list(await self._store.formats(report.report_id)),
            previous_report_id=None if previous is None else previous.report_id,
            controls=_controls(framework, await self._store.controls(report.report_id)),
        )
        return answer(shape)

    async def cancel(self, request: web.Request) -> web.Response:
        report = await self._store.cancel(request.match_info["report_id"])
        return answer(shapes.ReportSummary(**_summary(report)))

    async def retry(self, request: web.Request) -> web.Response:
        report = await self._store.retry(request.match_info["report_id"])
        return answer(shapes.ReportSummary(**_summary(report)))

    async def delete(self, request: web.Request) -> web.Response:
        await self._store.delete(request.match_info["report_id"])
        return web.Response(status=204)

    async def file(self, request: web.Request) -> web.Response:
        format_ = request.query.get("format", "html")
        if format_ not in _TYPES:
            raise errors.InvalidInput("format", f"must be one of {', '.join(_TYPES)}")
        report = await self._store.report(request.match_info["report_id"])
        data = await self._store.file(report.report_id, format_)
        content_type, ending = _TYPES[format_]
        name = f"{report.framework_id}-{report.created_at:%Y-%m-%d}-{report.report_id[-6:]}.{ending}"
        headers = {
            "Content-Disposition": f'attachment; filename="{name}"',
            "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
            "X-Content-Type-Options": "nosniff",
            "Content-Type": content_type if format_ == "pdf" else f"{content_type}; charset=utf-8",
        }
        return web.Response(body=data, headers=headers)

    async def compare(self, request: web.Request) -> web.Response:
        report = await self._store.report(request.match_info["report_id"])
        other = request.query.get("with")
        before = await (self._store.report(other) if other else self._store.previous(report.report_id))
        if before is None:
            return answer(
                shapes.ComparisonShape(report_id=report.report_id, with_report_id=None, counts={}, changes=[])
            )
        changes = compared(await self._store.controls(before.report_id), await self._store.controls(report.report_id))
        found = Counter(change.course for change in changes)
        counts = {course: found[course] for course in Course}
        return answer(
            shapes.ComparisonShape(
                report_id=report.report_id, with_report_id=before.report_id, counts=counts, changes=changes
            )
        )


def _summary(report: Report) -> dict[str, Any]:
    """The fields of a ReportSummary."""
    status, stage = _state(report)
    failed = next((task for task in report.tasks.values() if task.error is not None), None)
    return {
        "report_id": report.report_id,
        "title": report.title,
        "framework_id": report.framework_id,
        "version": report.version,
        "source_ids": list(report.source_ids),
        "status": status,
        "stage": stage,
        "percentage": _percentage(report),
        "error": None if failed is None or status is TaskStatus.COMPLETED else present.of_error(failed.error),
        "created_at": report.created_at,
        "completed_at": report.completed_at,
        "counts": report.counts,
        "task_ids": dict(report.task_ids),
        "left_out": list(report.left_out),
    }


def _state(report: Report) -> tuple[TaskStatus, str]:
    """The state of the first task that is not complete. One whose tasks were forgotten before its end has failed."""
    if report.completed_at is not None:
        return TaskStatus.COMPLETED, ""
    for task_type, stage in _STAGES.items():
        task = report.tasks.get(task_type)
        if task is None:
            return TaskStatus.FAILED, stage
        if task.status is not TaskStatus.COMPLETED:
            is_under_way = task.status is TaskStatus.QUEUED and task_type != EVIDENCE
            return (TaskStatus.RUNNING if is_under_way else task.status), stage
    return TaskStatus.RUNNING, "report"


def _percentage(report: Report) -> float:
    if report.completed_at is not None:
        return 100.0
    done = [
        _SHARES[name] * (1.0 if task.status is TaskStatus.COMPLETED else task.progress.percentage / 100)
        for name, task in report.tasks.items()
    ]
    return round(min(99.0, sum(done)), 1)


def _controls(framework: Framework, results: Sequence[ControlResult]) -> list[shapes.ControlShape]:
    return [
        shapes.ControlShape(
            control_id=control.id,
            title=control.title,
            text=control.text,
            guidance=control.guidance,
            evidence_wanted=control.evidence,
            evidence=result.evidence,
            assessment=None if result.assessment is None else shapes.AssessmentShape(**result.assessment.model_dump()),
        )
        for control, result in zip(framework.controls, results, strict=True)
    ]
