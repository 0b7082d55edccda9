"""A report as Markdown. What comes from pages or frameworks is escaped: it makes no links, no pictures and no headings."""

from __future__ import annotations

import re
from collections.abc import Iterator

from gleanery.knowledge.compliance.document import (
    COURSE_WORDS,
    MODEL_NOTE,
    VERDICT_WORDS,
    ReportDocument,
    verdict_of,
)
from gleanery.model.compliance import Control, ControlResult, Passage, Verdict

_SPECIAL = re.compile(r"([\\`*_{}\[\]()<>#+!|~&-])")
_NOT_IN_A_LINK = re.compile(r"[<>\s]")
_EXCERPT = 12_000


def markdown_of(document: ReportDocument) -> bytes:
    return ("\n".join(_lines(document)) + "\n").encode("utf-8", "replace")


def _lines(document: ReportDocument) -> Iterator[str]:
    framework = document.framework
    yield f"# {_plain(document.title)}"
    yield ""
    named = f"{_plain(framework.title)} ({_plain(framework.framework_id)} {_plain(framework.version)})"
    yield f"{named}, {document.created_at:%Y-%m-%d %H:%M} UTC."
    yield ""
    sources = ", ".join(f"{_plain(each.title)} ({_link(each.url)})" for each in document.sources) or "all"
    yield f"Sources: {sources}."
    yield ""
    yield from (f"- {_plain(note)}" for note in document.left_out)
    yield from ["", "## Summary", "", "| Verdict | Controls |", "| --- | ---: |"]
    for verdict in Verdict:
        yield f"| {VERDICT_WORDS[verdict]} | {getattr(document.counts, verdict.value)} |"
    yield ""
    yield f"{document.quotes} quotes stand in their pages, {document.quotes_dropped} were dropped. {MODEL_NOTE if document.model else ''}"
    yield from _gaps(document)
    yield from _since(document)
    yield from ["", "## Controls"]
    for control, result in zip(document.controls, document.results, strict=True):
        yield from _control(control, result)
    yield from [
        "",
        "## Framework",
        "",
        f"{_plain(framework.publisher)}. {_plain(framework.source)}. {_plain(framework.license)}.",
    ]


def _gaps(document: ReportDocument) -> Iterator[str]:
    yield from ["", "## Gaps", ""]
    gaps = document.gaps()
    if not gaps:
        yield f"None was shown; {document.counts.unknown} controls are unknown."
    for control, result in gaps:
        said = result.assessment
        gap = "" if said is None else said.gap or said.reasoning
        yield f"- **{_plain(control.id)}** {_plain(control.title)} ({VERDICT_WORDS[verdict_of(result)].lower()}): {_plain(gap)}"


def _since(document: ReportDocument) -> Iterator[str]:
    since = document.since
    if since is None:
        return
    yield from ["", f"## Changes since {since.created_at:%Y-%m-%d %H:%M} UTC", ""]
    if not since.changes:
        yield "None."
    for change in since.changes:
        evidence = f"{len(change.new_evidence)} new and {len(change.lost_evidence)} lost passages' pages"
        yield f"- **{_plain(change.control_id)}**: {COURSE_WORDS[change.course]}, {_word(change.was)} → {_word(change.now)}; {evidence}"


def _word(verdict: Verdict | None) -> str:
    return "none" if verdict is None else VERDICT_WORDS[verdict].lower()


def _control(control: Control, result: ControlResult) -> Iterator[str]:
    said = result.assessment
    yield from ["", f"### {_plain(control.id)} {_plain(control.title)}", "", _plain(control.text), ""]
    yield f"**{VERDICT_WORDS[verdict_of(result)]}.** {_plain(said.reasoning) if said else ''}"
    if said is not None and said.gap:
        yield from ["", f"Missing: {_plain(said.gap)}"]
    if said is not None and said.note:
        yield from ["", f"Note: {_plain(said.note)}"]
    for quote in said.quotes if said is not None else ():
        yield from ["", f"> {_plain(quote.text)}", ">", f"> — {_link(quote.url)}"]
    if result.evidence:
        yield from ["", "| Passage | Page | Heading | Place | Last seen |", "| ---: | --- | --- | --- | --- |"]
        yield from (_row(number, passage) for number, passage in enumerate(result.evidence, 1))


def _row(number: int, passage: Passage) -> str:
    heading = _plain(" > ".join(passage.heading_path))
    seen = f"{passage.seen_at:%Y-%m-%d}{' (missing since)' if passage.is_missing else ''}"
    return f"| {number} | {_plain(passage.title)}: {_link(passage.url)} | {heading} | {passage.start}–{passage.end} | {seen} |"


def _plain(text: str) -> str:
    return _SPECIAL.sub(r"\\\1", " ".join(text[:_EXCERPT].split()))


def _link(url: str) -> str:
    """A link only where it leads to the web, and can't end before its end."""
    if not url.startswith(("http://", "https://")):
        return _plain(url)
    return f"<{_NOT_IN_A_LINK.sub('', url)}>"
