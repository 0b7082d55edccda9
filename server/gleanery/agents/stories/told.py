"""The forms in which agents answer, one for each stage. Their fields are what a model may say; what of it stands is decided
in `stages.py`."""

from __future__ import annotations

import re

from pydantic import BaseModel, Field, JsonValue

KINDS: list[JsonValue] = ["feature", "bug", "chore", "question"]
COMPLEXITIES: list[JsonValue] = ["small", "medium", "large", "unknown"]

_VAGUE = re.compile(
    r"\b(?:properly|correctly|appropriate(?:ly)?|as expected|user[- ]friendly|fast|quickly|seamless(?:ly)?|intuitive(?:ly)?"
    r"|robust(?:ly)?|good|nice(?:ly)?|works?)\b",
    re.IGNORECASE,
)
_FEW_WORDS = 6


class ToldTriage(BaseModel):
    """A kind or complexity that is none is read as the first or the last, rather than that all of it is refused."""

    kind: str = Field(json_schema_extra={"enum": KINDS})
    summary: str
    needs_enhancement: bool
    complexity: str = Field(json_schema_extra={"enum": COMPLEXITIES})
    missing: list[str]
    risks: list[str]


class ToldSource(BaseModel):
    url: str
    why: str


class ToldFinding(BaseModel):
    text: str
    urls: list[str]


class ToldAnalysis(BaseModel):
    summary: str
    findings: list[ToldFinding]
    open_questions: list[str]
    sources: list[ToldSource]


class ToldSection(BaseModel):
    title: str
    body: str


class ToldCriterion(BaseModel):
    given: str
    when: str
    then: str


class ToldEnhancement(BaseModel):
    title: str
    sections: list[ToldSection]
    acceptance_criteria: list[ToldCriterion]
    open_questions: list[str]
    sources: list[ToldSource]


def weakness(told: BaseModel) -> str | None:
    """What to ask the agent to do better, once; None where nothing is plainly wrong."""
    if not isinstance(told, ToldEnhancement):
        return None
    if told.sections and not told.acceptance_criteria:
        return "There are no acceptance criteria."
    for number, criterion in enumerate(told.acceptance_criteria, 1):
        then = criterion.then.strip()
        if not then:
            return f"Acceptance criterion {number} has no outcome."
        if len(then.split()) <= _FEW_WORDS and _VAGUE.search(then) and not re.search(r"\d", then):
            return (
                f"Nobody could check acceptance criterion {number}: “{then[:80]}” names nothing that can be observed."
            )
    return None
