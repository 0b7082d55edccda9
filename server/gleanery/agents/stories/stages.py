"""The stages of a story: triage → analysis → enhancement. What one makes is handed to the next, which runs in its own task.

What a model says is bounded, made plain and checked against what was really found before it is part of a result.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, JsonValue

from gleanery.agents.asking import BudgetSpent
from gleanery.agents.plain import plain_line
from gleanery.agents.stories import harmless, material, rules
from gleanery.agents.stories.context import StageContext
from gleanery.agents.stories.runtime import Runtime
from gleanery.agents.stories.told import (
    COMPLEXITIES,
    KINDS,
    ToldAnalysis,
    ToldCriterion,
    ToldEnhancement,
    ToldFinding,
    ToldTriage,
)
from gleanery.agents.stories.tools import Toolbox
from gleanery.model.stories import Analysis, CitedSource, Enhancement, Section, Stage, Story, Triage

T = TypeVar("T", bound=BaseModel)

ANALYSIS_TURNS, ENHANCEMENT_TURNS = 8, 4
MAX_ITEMS, MAX_SOURCES, MAX_SECTIONS, MAX_CRITERIA = 8, 10, 6, 12
TITLE_CHARACTERS, SECTION_CHARACTERS, LINE_CHARACTERS = 200, 4_000, 400
NO_MODEL = "No chat model is set: {without}."
SPENT = "The {limit} of this story are spent: {without}."
NO_LINKS = "{count} links to addresses that were not found were taken out of the description."
WITHOUT: Mapping[Stage, str] = {
    Stage.TRIAGE: "only rules looked at it",
    Stage.ANALYSIS: "its links were read and its title was searched for, but nothing was concluded from it",
    Stage.ENHANCEMENT: "title and description stay as they are",
}


async def triage(ctx: StageContext, story: Story) -> Triage:
    """What kind of story it is and what it lacks. Raises ChatError."""
    if ctx.runtime is None:
        return rules.triage(story, _left_out(ctx, Stage.TRIAGE))
    marker = await _marker(ctx, Stage.TRIAGE)
    said = f"{material.story_text(story, marker)}\n\nTriage this story."
    try:
        told = await _asked(ctx, ctx.runtime, Stage.TRIAGE, said, ToldTriage)
    except BudgetSpent:
        return rules.triage(story, _left_out(ctx, Stage.TRIAGE))
    return Triage(
        kind=_known(told.kind, KINDS, 0),
        summary=plain_line(told.summary, LINE_CHARACTERS),
        needs_enhancement=told.needs_enhancement,
        complexity=_known(told.complexity, COMPLEXITIES, -1),
        missing=harmless.lines(told.missing, MAX_ITEMS, LINE_CHARACTERS),
        risks=harmless.lines(told.risks, MAX_ITEMS, LINE_CHARACTERS),
        by_model=True,
    )


async def analyze(ctx: StageContext, story: Story, triaged: Triage) -> Analysis:
    """What is known that matters for it. Raises ChatError."""
    marker = await _marker(ctx, Stage.ANALYSIS)
    links = material.links_of(story)
    tools = Toolbox(ctx, Stage.ANALYSIS, links, marker)
    if ctx.runtime is None:
        return await rules.analyze(story, triaged, tools, _left_out(ctx, Stage.ANALYSIS))
    passages, stories = await rules.look_around(story, tools)
    said = (
        f"{material.story_text(story, marker)}\n\n{material.triage_text(triaged, marker)}\n\nThe story's links:\n"
        f"{material.links_text(links, marker)}\n\nIts title in the knowledge base: {passages}\n\n"
        f"Its title among the stories: {stories}\n\nAnalyse this story."
    )
    try:
        told = await _asked(
            ctx, ctx.runtime, Stage.ANALYSIS, said, ToldAnalysis, tools, ANALYSIS_TURNS, handed_by=Stage.TRIAGE
        )
    except BudgetSpent:
        return await rules.analyze(story, triaged, tools, _left_out(ctx, Stage.ANALYSIS))
    sources, dropped = harmless.cited(told.sources, lambda url: _found(url, tools.sources), MAX_SOURCES)
    findings: list[str] = []
    for finding in told.findings[:MAX_ITEMS]:
        text, made_up = _finding(finding, sources, tools.sources)
        findings += [text] if text else []
        dropped += made_up
    return Analysis(
        summary=plain_line(told.summary, 2 * LINE_CHARACTERS),
        findings=findings,
        open_questions=harmless.lines(told.open_questions, MAX_ITEMS, LINE_CHARACTERS),
        sources=sources,
        sources_dropped=dropped,
        related=[story for url, story in tools.related.items() if any(source.url == url for source in sources)],
        by_model=True,
    )


async def enhance(ctx: StageContext, story: Story, triaged: Triage, analysis: Analysis) -> Enhancement:
    """A better story. Raises ChatError."""
    if ctx.runtime is None:
        return rules.enhance(_left_out(ctx, Stage.ENHANCEMENT))
    marker = await _marker(ctx, Stage.ENHANCEMENT)
    links = material.links_of(story)
    tools = Toolbox(ctx, Stage.ENHANCEMENT, links, marker, {source.url: source for source in analysis.sources})
    said = (
        f"{material.story_text(story, marker)}\n\n{material.triage_text(triaged, marker)}\n\n"
        f"{material.analysis_text(analysis, marker)}\n\nWrite this story better."
    )
    try:
        told = await _asked(
            ctx,
            ctx.runtime,
            Stage.ENHANCEMENT,
            said,
            ToldEnhancement,
            tools,
            ENHANCEMENT_TURNS,
            handed_by=Stage.ANALYSIS,
        )
    except BudgetSpent:
        return rules.enhance(_left_out(ctx, Stage.ENHANCEMENT))
    return _enhancement(told, story, links, tools.sources)


def _enhancement(
    told: ToldEnhancement, story: Story, links: tuple[str, ...], found: Mapping[str, CitedSource]
) -> Enhancement:
    allowed = harmless.Links({*links, *found})
    name = plain_line(told.title, TITLE_CHARACTERS)
    sections = [
        Section(title=plain_line(section.title, 80) or "Notes", body=body)
        for section in told.sections[:MAX_SECTIONS]
        if (body := harmless.markdown(section.body, SECTION_CHARACTERS, allowed))
    ]
    sources, dropped = harmless.cited(told.sources, lambda url: _found(url, found), MAX_SOURCES)
    return Enhancement(
        name=name if name and name != story.name.strip() else None,
        sections=sections,
        acceptance_criteria=harmless.lines(map(_criterion, told.acceptance_criteria), MAX_CRITERIA, LINE_CHARACTERS),
        open_questions=harmless.lines(told.open_questions, MAX_ITEMS, LINE_CHARACTERS),
        sources=sources,
        sources_dropped=dropped,
        by_model=True,
        left_out=[NO_LINKS.format(count=allowed.dropped)] if allowed.dropped else [],
    )


async def _asked(
    ctx: StageContext,
    runtime: Runtime,
    stage: Stage,
    said: str,
    form: type[T],
    tools: Toolbox | None = None,
    turns: int = 1,
    handed_by: Stage | None = None,
) -> T:
    await runtime.open()
    from gleanery.agents.stories import sdk

    return await sdk.run(ctx, runtime, stage, said, form, toolbox=tools, turns=turns, handed_by=handed_by)


async def _marker(ctx: StageContext, stage: Stage) -> str:
    """What no page or story can know, the same in each attempt: else no stored answer would fit its question."""

    async def new() -> str:
        return secrets.token_hex(4)

    return str(await ctx.step(f"{stage}.marker", new))


def _left_out(ctx: StageContext, stage: Stage) -> list[str]:
    without = WITHOUT[stage]
    if ctx.runtime is None:
        return [NO_MODEL.format(without=without)]
    bounds = [f"{ctx.max_tokens} tokens"] if ctx.max_tokens is not None else []
    bounds += [f"{ctx.max_cost_usd:g} US dollars"] if ctx.max_cost_usd is not None else []
    return [SPENT.format(limit=" or ".join(bounds), without=without)]


def _known(said: str, values: list[JsonValue], otherwise: int) -> str:
    return said if said in values else str(values[otherwise])


def _found(url: str, found: Mapping[str, CitedSource]) -> CitedSource | None:
    """By its address, with or without a fragment, or by the id of its page."""
    told = url.strip()
    for source in found.values():
        if told in (source.url, source.page_id) or (
            material.bare(told) and material.bare(told) == material.bare(source.url)
        ):
            return source
    return None


def _finding(told: ToldFinding, sources: list[CitedSource], found: Mapping[str, CitedSource]) -> tuple[str, int]:
    """The sentence with the numbers of its sources, which join the others; and how many it has made up."""
    numbers: list[int] = []
    made_up = 0
    for url in told.urls[:MAX_SOURCES]:
        source = _found(url, found)
        if source is None:
            made_up += 1
            continue
        at = next((at for at, each in enumerate(sources, 1) if each.url == source.url), None)
        if at is None and len(sources) < MAX_SOURCES:
            sources.append(source)
            at = len(sources)
        numbers += [] if at is None or at in numbers else [at]
    text = plain_line(told.text, LINE_CHARACTERS)
    return " ".join([text, *(f"[{number}]" for number in sorted(numbers))]) if text else "", made_up


def _criterion(told: ToldCriterion) -> str:
    """In one sentence; empty for one without an outcome."""
    said = [
        f"{word} {text}"
        for word, text in (
            ("given", _without(told.given, "given")),
            ("when", _without(told.when, "when")),
            ("then", _without(told.then, "then")),
        )
        if text
    ]
    sentence = ", ".join(said) if told.then.strip() else ""
    return f"{sentence[:1].upper()}{sentence[1:]}." if sentence else ""


def _without(text: str, word: str) -> str:
    """As it goes on after the word that stands before it anyway."""
    text = " ".join(text.split()).rstrip(".")
    return text[len(word) :].lstrip(" ,:") if text.lower().startswith(f"{word} ") else text
