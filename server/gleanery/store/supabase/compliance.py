"""`ComplianceStore` over Supabase. What a method does is told in `store/compliance.py`, how in sql/073."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import datetime
from typing import Any

from gleanery import errors
from gleanery.model import Fence, NewTask
from gleanery.model.compliance import Assessment, ControlResult, Framework, FrameworkSummary, Passage
from gleanery.store.compliance import Judged, NewReport, Report
from gleanery.store.compliance_rows import (
    control_from,
    dump_passages,
    framework_row,
    in_order,
    judged_row,
    new_report_row,
    passages_from,
    report_from,
)
from gleanery.store.rows import Row, compact, fence_row, new_task_row, task_from
from gleanery.store.supabase.client import Rest
from gleanery.store.values import Idempotency


class SupabaseCompliance:
    """`ComplianceStore` over a Rest."""

    def __init__(self, rest: Rest) -> None:
        self._rest = rest

    async def add_framework(self, framework: Framework, *, is_bundled: bool = False) -> FrameworkSummary:
        body, content_hash = framework_row(framework)
        text = await self._rest.write(
            "compliance_add_framework",
            framework_id=framework.id,
            version=framework.version,
            summary=_summary(framework, is_bundled),
            content_hash=content_hash.hex(),
            body=body,
            is_bundled=is_bundled,
        )
        return FrameworkSummary.model_validate_json(text)

    async def frameworks(self) -> Sequence[FrameworkSummary]:
        found = await self._rest.call("compliance_frameworks")
        return in_order(FrameworkSummary.model_validate_json(text) for text in found)

    async def framework(self, framework_id: str, version: str | None = None) -> tuple[Framework, FrameworkSummary]:
        found = await self._rest.call("compliance_framework", framework_id=framework_id, version=version)
        summary = FrameworkSummary.model_validate_json(found["summary"])
        return Framework.model_validate_json(found["body"]), summary

    async def start(
        self, new: NewReport, tasks: Sequence[NewTask], *, idempotency: Idempotency | None, queue_limit: int
    ) -> Report:
        row = await self._rest.write(
            "compliance_start",
            report=new_report_row(new, [task.task_id for task in tasks]),
            control_ids=[control.id for control in new.framework.controls],
            tasks=[new_task_row(task) for task in tasks],
            idempotency=None if idempotency is None else asdict(idempotency),
            queue_limit=queue_limit,
        )
        return _report(row)

    async def report(self, report_id: str) -> Report:
        return _report(await self._rest.call("compliance_report", report_id=report_id))

    async def reports(
        self, *, framework_id: str | None, after: tuple[float, str] | None, limit: int
    ) -> Sequence[Report]:
        rows = await self._rest.call("compliance_reports", framework_id=framework_id, after=after, limit=limit)
        return [_report(row) for row in rows]

    async def previous(self, report_id: str) -> Report | None:
        row = await self._rest.call("compliance_previous", report_id=report_id)
        return None if row is None else _report(row)

    async def cancel(self, report_id: str) -> Report:
        return _report(await self._rest.write("compliance_cancel", report_id=report_id))

    async def retry(self, report_id: str) -> Report:
        return _report(await self._rest.write("compliance_retry", report_id=report_id))

    async def delete(self, report_id: str) -> None:
        await self._rest.write("compliance_delete", report_id=report_id)

    async def prune(self, before: datetime, limit: int) -> int:
        return int(await self._rest.write("compliance_prune", before=before.timestamp(), limit=limit))

    async def controls(self, report_id: str) -> Sequence[ControlResult]:
        return [control_from(row) for row in await self._rest.call("compliance_controls", report_id=report_id)]

    async def without_evidence(self, report_id: str) -> Sequence[int]:
        positions: Sequence[int] = await self._rest.call("compliance_without_evidence", report_id=report_id)
        return positions

    async def evidence(self, report_id: str, position: int) -> Sequence[Passage]:
        text = await self._rest.call("compliance_evidence", report_id=report_id, position=position)
        return [] if text is None else passages_from(text)

    async def unjudged(self, report_id: str) -> Sequence[int]:
        positions: Sequence[int] = await self._rest.call("compliance_unjudged", report_id=report_id)
        return positions

    async def tokens(self, report_id: str) -> int:
        return int(await self._rest.call("compliance_tokens", report_id=report_id))

    async def known(self, question: bytes) -> Assessment | None:
        text = await self._rest.call("compliance_known", question=question.hex())
        return None if text is None else Assessment.model_validate_json(text)

    async def keep_evidence(self, fence: Fence, report_id: str, position: int, passages: Sequence[Passage]) -> None:
        await self._rest.write(
            "compliance_keep_evidence",
            fence=fence_row(fence),
            report_id=report_id,
            position=position,
            evidence=dump_passages(passages),
        )

    async def keep_assessments(self, fence: Fence, report_id: str, judged: Sequence[Judged]) -> None:
        await self._rest.write(
            "compliance_keep_assessments",
            fence=fence_row(fence),
            report_id=report_id,
            judged=[_judged(each) for each in judged],
        )

    async def complete(self, fence: Fence, report_id: str, files: Mapping[str, bytes], left_out: Sequence[str]) -> None:
        await self._rest.write(
            "compliance_complete",
            fence=fence_row(fence),
            report_id=report_id,
            files={format_: base64.b64encode(data).decode() for format_, data in files.items()},
            left_out=compact(list(left_out)),
        )

    async def formats(self, report_id: str) -> Sequence[str]:
        formats: Sequence[str] = await self._rest.call("compliance_formats", report_id=report_id)
        return formats

    async def file(self, report_id: str, format: str) -> bytes:
        data = await self._rest.call("compliance_file", report_id=report_id, format=format)
        if data is None:
            raise errors.NotFound(f"{format} file of a report", report_id)
        return base64.b64decode(data)


def _summary(framework: Framework, is_bundled: bool) -> str:
    """The columns of a `FrameworkSummary` as JSON; when it was added, the database says."""
    return compact(
        {
            "framework_id": framework.id,
            "version": framework.version,
            "title": framework.title,
            "publisher": framework.publisher,
            "license": framework.license,
            "control_count": len(framework.controls),
            "is_bundled": is_bundled,
        }
    )


def _report(row: Row) -> Report:
    return report_from(row["report"], row["counts"], map(task_from, row["tasks"]))


def _judged(judged: Judged) -> dict[str, Any]:
    question = judged.question
    return {**judged_row(judged), "question": None if question is None else question.hex()}
