"""Compliance: frameworks with their controls, the evidence found for them, what it comes to, and what two runs differ in."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator

MAX_CONTROLS = 400

_ID = r"^[A-Za-z0-9][A-Za-z0-9._()-]*$"
Id = Annotated[str, StringConstraints(strict=True, pattern=_ID, max_length=64)]
Line = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=300)]
Text = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=8_000)]
Wanted = Annotated[str, StringConstraints(strict=True, strip_whitespace=True, min_length=1, max_length=500)]


class Frozen(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Control(Frozen):
    """One requirement: what is asked, what is told about it, which evidence would show it, and what to search for."""

    id: Id
    title: Line
    text: Annotated[Text, StringConstraints(min_length=1)]
    guidance: Text = ""
    evidence: Annotated[list[Wanted], Field(max_length=20)] = []
    queries: Annotated[list[Line], Field(max_length=10)] = []


class Framework(Frozen):
    """A version of a framework; it never changes. `license` says on which terms its text may be passed on."""

    id: Id
    version: Annotated[Id, StringConstraints(max_length=32)]
    title: Line
    description: Text = ""
    publisher: Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=300)] = ""
    source: Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=1_000)] = ""
    license: Annotated[str, StringConstraints(strict=True, strip_whitespace=True, max_length=1_000)] = ""
    controls: Annotated[list[Control], Field(min_length=1, max_length=MAX_CONTROLS)]

    @field_validator("controls")
    @classmethod
    def _each_once(cls, controls: list[Control]) -> list[Control]:
        seen: set[str] = set()
        for control in controls:
            if control.id in seen:
                raise ValueError(f"the id {control.id!r} is there twice")
            seen.add(control.id)
        return controls


class FrameworkSummary(Frozen):
    """What listings show of a version. `is_bundled`: it came with gleanery."""

    framework_id: str
    version: str
    title: str
    publisher: str
    license: str
    control_count: int
    is_bundled: bool
    added_at: datetime


class Verdict(StrEnum):
    MET = "met"
    PARTLY = "partly"
    NOT_MET = "not_met"
    UNKNOWN = "unknown"


class Why(Frozen):
    """A query that found a passage, with its place among the hits (1 is first) and its score."""

    query: str
    rank: int
    score: float


class Passage(Frozen):
    """Evidence: a passage as it stood in its page. `start` and `end` are code points of the page's Markdown; `seen_at` is when
    the page was last seen on its site, `is_missing` that the last crawl did not meet it any more."""

    page_id: str
    chunk_id: str
    source_id: str
    url: str
    title: str
    heading_path: list[str]
    start: int
    end: int
    content: str
    seen_at: datetime
    is_missing: bool
    why: list[Why]


class Quote(Frozen):
    """Words that stand in a page as quoted, but for white space. `passage` counts from 1 in the control's evidence; `start` and
    `end` say where in its page, None where only the kept passage has them still."""

    passage: int
    page_id: str
    url: str
    text: str
    start: int | None
    end: int | None


class Assessor(StrEnum):
    """What gave a verdict. `kept` is a model's answer to the same question in an earlier report."""

    MODEL = "model"
    KEPT = "kept"
    NONE = "none"


class Assessment(Frozen):
    """What the evidence for a control comes to. `gap` is what is missing; `note` says why there is no verdict of a model, or
    why it did not stand; `quotes_dropped` are those that stand in no page."""

    verdict: Verdict
    reasoning: str = ""
    gap: str = ""
    quotes: list[Quote] = []
    quotes_dropped: int = 0
    by: Assessor = Assessor.NONE
    model: str | None = None
    note: str = ""


class ControlResult(Frozen):
    """A control in a report, as far as that is: `evidence` is None until it was looked for, `assessment` until it was judged."""

    control_id: str
    evidence: list[Passage] | None
    assessment: Assessment | None


class Counts(Frozen):
    """Controls by verdict; `waiting` have none yet."""

    met: int = 0
    partly: int = 0
    not_met: int = 0
    unknown: int = 0
    waiting: int = 0

    @property
    def total(self) -> int:
        return self.met + self.partly + self.not_met + self.unknown + self.waiting


class Course(StrEnum):
    """How a control went from one report to the next."""

    BETTER = "better"
    WORSE = "worse"
    CHANGED = "changed"
    """From or to unknown."""
    ADDED = "added"
    REMOVED = "removed"
    SAME = "same"


class ControlChange(Frozen):
    """One control in two reports. `new_evidence` and `lost_evidence` are URLs of passages that only one of them has."""

    control_id: str
    course: Course
    was: Verdict | None
    now: Verdict | None
    new_evidence: list[str]
    lost_evidence: list[str]


def counts_of(results: Sequence[ControlResult]) -> Counts:
    found = [None if result.assessment is None else result.assessment.verdict for result in results]
    return Counts(
        met=found.count(Verdict.MET),
        partly=found.count(Verdict.PARTLY),
        not_met=found.count(Verdict.NOT_MET),
        unknown=found.count(Verdict.UNKNOWN),
        waiting=found.count(None),
    )
