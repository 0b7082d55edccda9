"""What can be said of a story without asking a model: by its type, labels, length and parts, and by what is found about it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from gleanery.agents.plain import plain_line
from gleanery.agents.stories.material import links_of
from gleanery.agents.stories.tools import MAX_READS, Toolbox
from gleanery.model.stories import Analysis, CitedSource, Enhancement, Story, Triage

NO_MODEL = "No chat model is set"
SHORT_CHARACTERS, LONG_CHARACTERS, MANY_STEPS = 400, 2_500, 8
_MIN_DESCRIPTION = 40

_KINDS = {
    "bug": "bug",
    "defect": "bug",
    "chore": "chore",
    "tech debt": "chore",
    "spike": "question",
    "question": "question",
}
_CRITERIA = re.compile(
    r"acceptance criteria|definition of done|\bgiven\b.{1,200}\bwhen\b.{1,200}\bthen\b|^\s*[-*] \[[ x]\]",
    re.IGNORECASE | re.DOTALL | re.MULTILINE,
)
_WHY = re.compile(
    r"\b(?:so that|because|in order to|as an? \w+|why|goal|problem|users? (?:can't|cannot|need|want))\b", re.I
)
_STEPS = re.compile(r"steps to reproduce|reproduc|^\s*1[.)]\s", re.IGNORECASE | re.MULTILINE)
_EXPECTED = re.compile(r"\b(?:expected|should|instead of|actual(?:ly)?)\b", re.IGNORECASE)
_TASKS = re.compile(r"^\s*(?:[-*+]|\d+[.)])\s", re.MULTILINE)
_RISKS = {
    "It touches security or access.": r"security|password|token|auth|permission|credential|encrypt",
    "It may lose or change stored data.": r"migrat|delete|drop|schema|data loss|backfill",
    "It concerns money.": r"payment|billing|invoice|refund|price",
    "It may break what others rely on.": r"breaking|deprecat|public api|backward|compatib",
}
QUESTIONS = {
    "a description": "What is to be done, and for whom?",
    "why it is needed": "Who needs this, and why?",
    "acceptance criteria": "How will it be seen that this is done?",
    "steps to reproduce": "How can the fault be reproduced?",
    "expected and actual behaviour": "What happens, and what should happen?",
}


def triage(story: Story, left_out: Sequence[str]) -> Triage:
    text = story.description.strip()
    kind = _kind(story)
    missing = list(_missing(kind, text))
    steps = len(_TASKS.findall(text))
    if len(text) > LONG_CHARACTERS or steps > MANY_STEPS:
        complexity = "large"
    else:
        complexity = "small" if len(text) < SHORT_CHARACTERS and steps <= 3 else "medium"
    said = f"{story.name} {text}".lower()
    return Triage(
        kind=kind,
        summary=plain_line(text, 300) or plain_line(story.name, 300),
        needs_enhancement=bool(missing),
        complexity=complexity if text else "unknown",
        missing=missing,
        risks=[risk for risk, words in _RISKS.items() if re.search(rf"\b(?:{words})", said)],
        left_out=list(left_out),
    )


def _kind(story: Story) -> str:
    """A label says more than the type, which is a feature unless somebody chose."""
    for name in (*story.labels, story.story_type):
        if (kind := _KINDS.get(name.strip().lower())) is not None:
            return kind
    return "feature"


def _missing(kind: str, text: str) -> Iterable[str]:
    if len(text) < _MIN_DESCRIPTION:
        yield "a description"
    if kind == "bug" and not _STEPS.search(text):
        yield "steps to reproduce"
    if kind == "bug" and not _EXPECTED.search(text):
        yield "expected and actual behaviour"
    if kind != "bug" and not _WHY.search(text):
        yield "why it is needed"
    if not _CRITERIA.search(text):
        yield "acceptance criteria"


async def analyze(story: Story, triaged: Triage, tools: Toolbox, left_out: Sequence[str]) -> Analysis:
    """The story's links read, and what is found for its title. Nothing is concluded from it."""
    links = links_of(story)[:MAX_READS]
    for link in links:
        await tools.read(link)
    read = {link for link in links if link in tools.sources}
    await look_around(story, tools)
    sources = [source.model_copy(update={"why": _why(source, read, tools)}) for source in tools.sources.values()]
    pages = [source for source in sources if source.url not in tools.related]
    return Analysis(
        summary=f"{len(read)} links of the story were read; {len(pages) - len(read)} pages and {len(tools.related)} stories"
        " were found for its title.",
        findings=[f"“{source.title}” {source.why}." for source in pages],
        open_questions=[QUESTIONS[each] for each in triaged.missing if each in QUESTIONS],
        sources=sources,
        related=list(tools.related.values()),
        left_out=list(left_out),
    )


async def look_around(story: Story, tools: Toolbox) -> tuple[str, str]:
    """What the knowledge base and the workspace have about the story's title, as tools tell it."""
    query = plain_line(story.name, 200)
    if not query:
        return "Nothing was found.", "Nothing was found."
    return await tools.search(query), await tools.find_stories(query)


def _why(source: CitedSource, read: set[str], tools: Toolbox) -> str:
    if source.url in read:
        return "is linked from the story"
    return "is a story about the same" if source.url in tools.related else "is found for the story's title"


def enhance(left_out: Sequence[str]) -> Enhancement:
    """Words of its own are what rules don't have."""
    return Enhancement(left_out=list(left_out))
