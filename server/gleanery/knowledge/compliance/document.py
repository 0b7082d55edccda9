"""A report as all of its files show it: figures, controls with verdicts and evidence, and what changed since the last one."""

from __future__ import annotations

from datetime import datetime

from gleanery.model.compliance import (
    Control,
    ControlChange,
    ControlResult,
    Counts,
    Course,
    Frozen,
    Verdict,
)

VERDICT_WORDS = {
    Verdict.MET: "Met",
    Verdict.PARTLY: "Partly met",
    Verdict.NOT_MET: "Not met",
    Verdict.UNKNOWN: "Unknown",
}
COURSE_WORDS = {
    Course.BETTER: "better",
    Course.WORSE: "worse",
    Course.CHANGED: "from or to unknown",
    Course.ADDED: "new in the framework",
    Course.REMOVED: "gone from the framework",
    Course.SAME: "same",
}
MODEL_NOTE = "Verdicts are a chat model's, from these passages alone. They are a start for a person's judgement, not a substitute."


class SourceLine(Frozen):
    source_id: str
    title: str
    url: str


class FrameworkLine(Frozen):
    framework_id: str
    version: str
    title: str
    publisher: str
    source: str
    license: str


class Since(Frozen):
    """What changed since an earlier report; only controls that did."""

    report_id: str
    created_at: datetime
    changes: list[ControlChange]


class ReportDocument(Frozen):
    """`controls` and `results` go together, in order. `sources` are those that were chosen; empty for all."""

    report_id: str
    title: str
    created_at: datetime
    framework: FrameworkLine
    sources: list[SourceLine]
    counts: Counts
    quotes: int
    quotes_dropped: int
    tokens: int
    model: str | None
    left_out: list[str]
    since: Since | None
    controls: list[Control]
    results: list[ControlResult]

    def gaps(self) -> list[tuple[Control, ControlResult]]:
        """Controls that are not met in full, in the framework's order: what does not hold, then what only partly does."""
        both = list(zip(self.controls, self.results, strict=True))
        return [
            pair
            for verdict in (Verdict.NOT_MET, Verdict.PARTLY)
            for pair in both
            if pair[1].assessment is not None and pair[1].assessment.verdict is verdict
        ]


def verdict_of(result: ControlResult) -> Verdict:
    return Verdict.UNKNOWN if result.assessment is None else result.assessment.verdict


def is_changed(change: ControlChange) -> bool:
    return change.course is not Course.SAME or bool(change.new_evidence or change.lost_evidence)


def json_of(document: ReportDocument) -> bytes:
    return document.model_dump_json(indent=2).encode()
