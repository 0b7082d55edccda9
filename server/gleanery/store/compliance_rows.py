"""Rows of frameworks and reports as values, and values as rows: the same for every store."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from gleanery.model import Task
from gleanery.model.compliance import (
    Assessment,
    ControlResult,
    Counts,
    Framework,
    FrameworkSummary,
    Passage,
    Verdict,
)
from gleanery.store.compliance import Judged, NewReport, Report
from gleanery.store.rows import Row, certain_time, compact, time_of

TASKS = ("evidence_task_id", "analysis_task_id", "report_task_id")
"""Columns of a report, in the order in which its tasks run."""
NAMES = ("evidence", "analysis", "report")


def framework_row(framework: Framework) -> tuple[str, bytes]:
    """What is kept of it, and the hash of that."""
    body = framework.model_dump_json()
    return body, hashlib.sha256(body.encode()).digest()


def in_order(summaries: Iterable[FrameworkSummary]) -> Sequence[FrameworkSummary]:
    """By id and then the newest first."""
    newest = sorted(summaries, key=lambda each: each.added_at, reverse=True)
    return sorted(newest, key=lambda each: each.framework_id)


def new_report_row(new: NewReport, task_ids: Sequence[str]) -> dict[str, Any]:
    """The columns that a new report sets, but for its time."""
    return {
        "report_id": new.report_id,
        "title": new.title,
        "framework_id": new.framework.id,
        "version": new.framework.version,
        "scope": compact([new.framework.id, sorted(new.source_ids)]),
        "options": compact({"source_ids": list(new.source_ids), "max_tokens": new.max_tokens}),
        **dict(zip(TASKS, task_ids, strict=True)),
    }


def report_from(row: Row, counts: Mapping[str, int], tasks: Iterable[Task]) -> Report:
    """`counts` are of controls by verdict, "" for those without one."""
    options = json.loads(row["options"])
    named = {verdict.value: counts.get(verdict.value, 0) for verdict in Verdict}
    return Report(
        report_id=row["report_id"],
        title=row["title"],
        framework_id=row["framework_id"],
        version=row["version"],
        source_ids=tuple(options["source_ids"]),
        max_tokens=options["max_tokens"],
        created_at=certain_time(row["created_at"]),
        completed_at=time_of(row["completed_at"]),
        task_ids=dict(zip(NAMES, (row[name] for name in TASKS), strict=True)),
        tasks={task.task_type: task for task in tasks},
        counts=Counts(waiting=counts.get("", 0), **named),
        left_out=tuple(json.loads(row["left_out"])),
    )


def control_from(row: Row) -> ControlResult:
    said = row["assessment"]
    return ControlResult(
        control_id=row["control_id"],
        evidence=None if row["evidence"] is None else passages_from(row["evidence"]),
        assessment=None if said is None else Assessment.model_validate_json(said),
    )


def passages_from(text: str) -> list[Passage]:
    return [Passage.model_validate(each) for each in json.loads(text)]


def dump_passages(passages: Sequence[Passage]) -> str:
    return compact([passage.model_dump(mode="json") for passage in passages])


def judged_row(judged: Judged) -> dict[str, Any]:
    return {
        "verdict": judged.assessment.verdict.value,
        "assessment": judged.assessment.model_dump_json(),
        "question": judged.question,
        "tokens": judged.tokens,
        "position": judged.position,
    }
