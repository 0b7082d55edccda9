"""What the stages made, as what is written to Shortcut: title, description and comment in Markdown, and labels. Pure."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gleanery.agents.stories.harmless import without_pictures, without_targets
from gleanery.agents.stories.material import DESCRIPTION_CHARACTERS, alone, written_urls_in
from gleanery.model.stories import (
    Analysis,
    CitedSource,
    Enhancement,
    Goal,
    Proposal,
    RelatedStory,
    Story,
    Triage,
)
from gleanery.store.stories import StoryResults, StoryRun

MAX_TITLE = 512
MAX_TEXT = 90_000
"""Shortcut takes 512 characters of a title and 100,000 of a text."""

NO_ROOM = "The description stays as it is: there is no room for more text in it."

_AS_IT_WAS = "## As it was before"
_LINK = re.compile(r"!?\[[^\[\]\n]*\]\(\s*(https?://[^\s()]+(?:\([^\s()]*\)[^\s()]*)*)(?:\s[^()\n]*)?\)", re.IGNORECASE)
"""A link or a picture."""
_TAG = re.compile(r"<(?=[A-Za-z/!?])")
_MARK_UP = re.compile(r"([\\\[\]<>*_`])")


def mark_of(story_id: str) -> str:
    """By what a write-back is known again, wherever it was written; readers of Markdown don't show it."""
    return f"[//]: # (gleanery:{story_id})"


def is_ours(text: str) -> bool:
    return "[//]: # (gleanery:" in text


def comment_id_of(story_id: str) -> str:
    """The comment's `external_id`."""
    return f"gleanery:{story_id}"


def proposal_of(run: StoryRun, results: StoryResults) -> Proposal:
    """Raises ValueError before the first two stages are done."""
    if results.before is None or results.triage is None or results.analysis is None:
        raise ValueError("a proposal needs a triage and an analysis")
    better = results.enhancement
    name = None if better is None or better.name in (None, results.before.name) else better.name
    description = None if better is None else _description(run.story_id, results.before, better)
    trigger, done = _labels(run)
    return Proposal(
        name=None if name is None else " ".join(name.split())[:MAX_TITLE],
        description=description,
        labels_added=[done] if done else [],
        labels_removed=[trigger],
        comment=_comment(run, results.triage, results.analysis, better, name is not None, description is not None),
    )


def _labels(run: StoryRun) -> tuple[str, str]:
    settings = run.settings
    if run.goal is Goal.ENHANCE:
        return settings.enhance_label, settings.enhanced_label
    return settings.analyze_label, settings.analyzed_label


def _description(story_id: str, before: Story, better: Enhancement) -> str | None:
    """None where there is nothing to say, or no room for it: the description stays. All of it stays below what is new where no
    agent has written it anew, or none has seen its end."""
    if not _has_text(better):
        return None
    was = _without_mark(before.description)
    is_kept = not better.sections or len(before.description) > DESCRIPTION_CHARACTERS
    sections = [f"## {_line(section.title)}\n\n{_harmless(section.body)}" for section in better.sections]
    rest = _listed("Acceptance criteria", [f"- [ ] {_line(each)}" for each in better.acceptance_criteria])
    rest += _listed("Open questions", [f"- {_line(each)}" for each in better.open_questions])
    rest += _listed("Sources", [_source(source) for source in better.sources])
    if not better.sections:
        parts = [was, *rest]
    elif is_kept:
        above, below = _anew_and_kept(before.description)
        kept = f"{_AS_IT_WAS}\n\n{below}"
        parts = [*sections, *rest, *_from_before(above, [*sections, *rest, kept]), kept]
    else:
        parts = [*sections, *rest, *_from_before(was, sections + rest)]
    text = "\n\n".join(part for part in parts if part)
    return None if is_kept and len(text) > MAX_TEXT else _bounded(text, mark_of(story_id))


def _has_text(better: Enhancement) -> bool:
    return bool(better.sections or better.acceptance_criteria)


def _anew_and_kept(description: str) -> tuple[str, str]:
    """What agents have written anew of a long description, and what stays below. That is all of it; but of one that we have
    written before, only what has stayed then, if agents have seen all that is above."""
    was = _without_mark(description)
    above, heading, below = was.partition(f"\n\n{_AS_IT_WAS}\n\n")
    is_seen = heading and _without_mark(description[:DESCRIPTION_CHARACTERS]).startswith(above + heading)
    return (above, below) if is_seen and is_ours(description) else ("", was)


def _from_before(was: str, parts: Sequence[str]) -> list[str]:
    return _listed("From the description before", _left_behind(was, parts))


def _left_behind(was: str, parts: Sequence[str]) -> list[str]:
    """Pictures and links that somebody has put into a description and that would not stand in it any more, as they were. Agents
    write no pictures: the address of one in their text is a link."""
    there = {url for part in parts for url in written_urls_in(part)}
    pictures, links = dict[str, str](), dict[str, str]()
    for link in _LINK.finditer(was):
        found = pictures if link[0].startswith("!") else links
        found.setdefault(alone(link[1]), link[0])
    for url in written_urls_in(was):
        if url not in pictures:
            links.setdefault(url, url)
    left = [each for url, each in links.items() if url not in there]
    return [f"- {each}" for each in (*pictures.values(), *left)]


def _comment(
    run: StoryRun,
    triage: Triage,
    analysis: Analysis,
    better: Enhancement | None,
    has_name: bool,
    has_description: bool,
) -> str:
    left_out = [*triage.left_out, *analysis.left_out, *([] if better is None else better.left_out)]
    if better is not None and _has_text(better) and not has_description:
        left_out.append(NO_ROOM)
    if run.goal is Goal.ENHANCE:
        changed = [text for text, is_so in (("the title", has_name), ("the description", has_description)) if is_so]
        parts = ["**gleanery** changed nothing in this story."]
        if changed:
            parts = [f"**gleanery** changed {' and '.join(changed)} of this story. What it was before is kept there."]
    else:
        parts = ["**gleanery** analysed this story."]
    parts += [_line(text) for text in (triage.summary, analysis.summary) if text]
    parts += _listed("Findings", [f"- {_line(each)}" for each in analysis.findings])
    if better is None or not better.open_questions:
        parts += _listed("Open questions", [f"- {_line(each)}" for each in analysis.open_questions])
    parts += _listed("Related stories", [_related(story) for story in analysis.related])
    parts += _listed("Sources", [_source(source) for source in analysis.sources])
    parts += _listed("Left out", [f"- {_line(each)}" for each in dict.fromkeys(left_out)])
    return _bounded("\n\n".join(parts), mark_of(run.story_id))


def _listed(title: str, lines: Sequence[str]) -> list[str]:
    return [f"## {title}\n\n" + "\n".join(lines)] if lines else []


def _source(source: CitedSource) -> str:
    why = f" ({_line(source.why)})" if source.why else ""
    return f"- [{_text(source.title or source.url)}]({_target(source.url)}){why}"


def _related(story: RelatedStory) -> str:
    return f"- [{_text(story.name)}]({_target(story.app_url)})" if story.app_url else f"- {_text(story.name)}"


def _text(text: str) -> str:
    """Others' words as the text of a link: nothing in it is Markdown."""
    return _MARK_UP.sub(r"\\\1", " ".join(text.split()))[:300]


def _target(url: str) -> str:
    return url.replace(" ", "%20").replace("(", "%28").replace(")", "%29").replace("<", "%3C").replace(">", "%3E")


def _line(text: str) -> str:
    """Without links, too."""
    return " ".join(without_targets(_harmless(text)).split())


def _harmless(text: str) -> str:
    """Once more, whatever the agents let by: nothing that a reader's browser would fetch by itself."""
    return _TAG.sub("&lt;", without_pictures(text)).strip()


def _without_mark(text: str) -> str:
    return "\n".join(line for line in text.splitlines() if not line.startswith("[//]: # (gleanery:")).strip()


def _bounded(text: str, mark: str) -> str:
    return f"{text[:MAX_TEXT]}\n\n{mark}"
