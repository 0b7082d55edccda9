"""Text of others as agents are given it: between markers that it can't know. And the links that stand in a story."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gleanery.model.stories import Analysis, CitedSource, RelatedStory, Story, Triage

DESCRIPTION_CHARACTERS, COMMENT_CHARACTERS, MAX_COMMENTS = 12_000, 1_000, 10
RELATED_CHARACTERS = 600
MAX_LINKS = 20

_URL = re.compile(r"https?://[^\s<>\"'`\]\[{}|\\^]+", re.IGNORECASE)
_MARKERS = re.compile(r"<<<+|>>>+")


def block(name: str, text: str, marker: str) -> str:
    """A piece of material. What looks like a marker in it is no marker any more."""
    return f"<<<{name} {marker}>>>\n{_MARKERS.sub('…', text)}\n<<<END {name} {marker}>>>"


def one_line(text: str, max_characters: int) -> str:
    return " ".join(text.split())[:max_characters]


def links_of(story: Story) -> tuple[str, ...]:
    """The web addresses that stand in a story, in their order: those that may be read for it."""
    found = [*story.external_links, *urls_in(story.description)]
    for comment in story.comments[:MAX_COMMENTS]:
        found += urls_in(comment)
    return tuple(dict.fromkeys(url for each in found if (url := bare(each))))[:MAX_LINKS]


def urls_in(text: str) -> list[str]:
    return [bare(found) for found in _URL.findall(text)]


def written_urls_in(text: str) -> list[str]:
    """With their fragments."""
    return [alone(found) for found in _URL.findall(text)]


def bare(url: str) -> str:
    """Without what the sentence around it has added, and without its fragment; empty for what is no web address."""
    url = alone(url.strip().partition("#")[0])
    return url if _URL.fullmatch(url) else ""


def alone(url: str) -> str:
    """Without what the sentence around it has added."""
    while url and (url[-1] in ".,;:!?*_~" or (url[-1] == ")" and url.count(")") > url.count("("))):
        url = url[:-1]
    return url


def story_text(story: Story, marker: str) -> str:
    lines = [
        f"Title: {one_line(story.name, 500)}",
        f"Type: {one_line(story.story_type, 40)}",
        f"Labels: {', '.join(one_line(label, 60) for label in story.labels[:20]) or 'none'}",
        "",
        story.description[:DESCRIPTION_CHARACTERS] or "(no description)",
    ]
    lines += [f"\nComment: {comment[:COMMENT_CHARACTERS]}" for comment in story.comments[:MAX_COMMENTS]]
    return block("STORY", "\n".join(lines), marker)


def links_text(links: Sequence[str], marker: str) -> str:
    return block("LINKS", "\n".join(one_line(link, 500) for link in links) or "(none)", marker)


def triage_text(triage: Triage, marker: str) -> str:
    lines = [f"Kind: {triage.kind}", f"Complexity: {triage.complexity}", f"Summary: {triage.summary}"]
    lines += [f"Missing: {each}" for each in triage.missing] + [f"Risk: {each}" for each in triage.risks]
    return block("TRIAGE", "\n".join(lines), marker)


def analysis_text(analysis: Analysis, marker: str) -> str:
    lines = [f"Summary: {analysis.summary}"]
    lines += [f"Finding: {each}" for each in analysis.findings]
    lines += [f"Open question: {each}" for each in analysis.open_questions]
    lines += [f"Source: {source.url} ({source.title}) {source.why}" for source in analysis.sources]
    return block("ANALYSIS", "\n".join(lines), marker)


def related_text(story: RelatedStory) -> str:
    return f"{story.app_url}\n{one_line(story.name, 300)}\n{story.description[:RELATED_CHARACTERS]}"


def as_source(story: RelatedStory) -> CitedSource:
    return CitedSource(url=story.app_url, title=one_line(story.name, 200))
