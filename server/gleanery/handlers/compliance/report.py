"""Tasks of type `generate_report`: what was found and judged as HTML, Markdown, JSON and PDF."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from gleanery import errors
from gleanery.engine.handler import Outcome, TaskContext, TaskSpec, Work
from gleanery.engine.retry import RetryPolicy
from gleanery.handlers.compliance.payload import REPORT, ReportPayload
from gleanery.knowledge.compliance.compare import compared
from gleanery.knowledge.compliance.document import (
    FrameworkLine,
    ReportDocument,
    Since,
    SourceLine,
    is_changed,
    json_of,
)
from gleanery.knowledge.compliance.html import html_of
from gleanery.knowledge.compliance.markdown import markdown_of
from gleanery.model.compliance import Assessor, ControlResult, counts_of
from gleanery.store.compliance import ComplianceStore, Report
from gleanery.store.knowledge_store import KnowledgeStore

Print = Callable[[str], Awaitable[bytes]]
"""HTML to PDF. Raises FetchError where there is no browser, or it fails."""

NO_MODEL = "No chat model was set: no verdict was given, the passages are for a person to judge."


class GenerateReportHandler:
    """`Handler` for tasks of type `generate_report`. Where no PDF can be printed the report is complete without."""

    spec = TaskSpec(
        REPORT,
        ReportPayload,
        Work.BROWSER,
        description="Report",
        retry=RetryPolicy(max_retries=3),
        timeout_seconds=600.0,
        serial_key=lambda payload: f"compliance:{payload.report_id}",
    )

    def __init__(self, store: ComplianceStore, knowledge: KnowledgeStore, print_pdf: Print) -> None:
        self._store = store
        self._knowledge = knowledge
        self._print = print_pdf

    async def run(self, ctx: TaskContext, payload: ReportPayload) -> Outcome:
        report = await self._store.report(payload.report_id)
        if report.counts.waiting:
            raise errors.WrongState(
                f"{report.counts.waiting} controls have no verdict yet.", report_id=report.report_id
            )
        document = await self._document(report)
        await ctx.advance("files", 0, 4, "Writing the report")
        html, markdown, told = await asyncio.to_thread(
            lambda: (html_of(document), markdown_of(document), json_of(document))
        )
        files = {"html": html, "markdown": markdown, "json": told}
        await ctx.advance("files", 3, 4, "Printing the PDF")
        left_out = list(document.left_out)
        try:
            files["pdf"] = await self._print(html.decode())
        except errors.FetchError as error:
            left_out.append(f"No PDF: {error.message}")
        await self._store.complete(ctx.fence, report.report_id, files, left_out)
        sizes = {name: len(data) for name, data in files.items()}
        changed = 0 if document.since is None else len(document.since.changes)
        result = {"report_id": report.report_id, "files": sizes, "changed": changed, "left_out": left_out}
        return Outcome(result, None, f"Complete: {', '.join(files)}")

    async def _document(self, report: Report) -> ReportDocument:
        framework, _ = await self._store.framework(report.framework_id, report.version)
        results = await self._store.controls(report.report_id)
        said = [result.assessment for result in results if result.assessment is not None]
        model = next((each.model for each in said if each.model is not None), None)
        has_model = model is not None or not any(each.by is Assessor.NONE for each in said)
        return ReportDocument(
            report_id=report.report_id,
            title=report.title,
            created_at=report.created_at,
            framework=FrameworkLine(framework_id=framework.id, **framework.model_dump(exclude=_REST)),
            sources=[await self._source(source_id) for source_id in report.source_ids],
            counts=counts_of(results),
            quotes=sum(len(each.quotes) for each in said),
            quotes_dropped=sum(each.quotes_dropped for each in said),
            tokens=await self._store.tokens(report.report_id),
            model=model,
            left_out=[] if has_model else [NO_MODEL],
            since=await self._since(report, results),
            controls=framework.controls,
            results=list(results),
        )

    async def _source(self, source_id: str) -> SourceLine:
        try:
            source = await self._knowledge.source(source_id)
        except errors.NotFound:
            return SourceLine(source_id=source_id, title=f"{source_id} (deleted)", url="")
        return SourceLine(source_id=source_id, title=source.title, url=source.url)

    async def _since(self, report: Report, results: Sequence[ControlResult]) -> Since | None:
        before = await self._store.previous(report.report_id)
        if before is None:
            return None
        changes = compared(await self._store.controls(before.report_id), results)
        return Since(
            report_id=before.report_id,
            created_at=before.created_at,
            changes=[change for change in changes if is_changed(change)],
        )


_REST = {"id", "description", "controls"}
