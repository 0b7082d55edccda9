"""A report as one HTML page without scripts: for the browser, for print, for an archive. All text in it is escaped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from gleanery.knowledge.compliance.document import (
    COURSE_WORDS,
    MODEL_NOTE,
    VERDICT_WORDS,
    ReportDocument,
    verdict_of,
)
from gleanery.knowledge.compliance.plot import verdict_bar
from gleanery.model.compliance import Assessment, Control, ControlResult, Passage, Verdict

_STYLE = """
body { font: 15px/1.5 system-ui, sans-serif; color: #1c1f23; background: #fff; max-width: 52rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.7em; line-height: 1.25; margin: 0 } h2 { font-size: 1.3em; margin: 1.8em 0 .5em }
h3 { font-size: 1.08em; margin: 1.8em 0 .3em } p { margin: .4em 0; overflow-wrap: break-word } .quiet { color: #545b64 }
table { border-collapse: collapse; width: 100%; font-size: .9em; margin: .6em 0 }
th, td { text-align: left; vertical-align: top; padding: .35em .6em .35em 0; border-bottom: 1px solid #d5d9de }
td { overflow-wrap: break-word } th, .tight { white-space: nowrap } td a { overflow-wrap: anywhere }
blockquote { margin: .5em 0; padding: .2em .8em; border-left: 3px solid #8a93a0; overflow-wrap: anywhere }
.verdict { font-weight: 600; border: 1px solid; border-radius: 3px; padding: 0 .4em; white-space: nowrap }
.met { color: #17663d } .partly { color: #7c5600 } .not_met { color: #9c1f18 } .unknown { color: #4b5563 }
details { margin: .3em 0 } pre { white-space: pre-wrap; overflow-wrap: anywhere; font-size: .85em; background: #f4f5f7; padding: .5em }
svg { max-width: 100%; height: auto } a { color: #0b57a8; overflow-wrap: anywhere }
@media print {
body { margin: 0; padding: 0; max-width: none; font-size: 10.5px } details { display: none }
h1, h2, h3 { break-after: avoid } .said, tr, blockquote, svg { break-inside: avoid } .said { break-after: avoid }
}
"""
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"
_EXCERPT = 1_500


def html_of(document: ReportDocument) -> bytes:
    body = "\n".join(part for part in _parts(document) if part)
    page = (
        f'<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<title>{escape(document.title)}</title>\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<style>{_STYLE}</style>\n</head>\n<body>\n{body}\n</body>\n</html>\n"
    )
    return page.encode("utf-8", "replace")


def _parts(document: ReportDocument) -> Iterator[str]:
    framework = document.framework
    named = f"{framework.title} ({framework.framework_id} {framework.version})"
    yield f"<h1>{escape(document.title)}</h1>"
    yield f'<p class="quiet">{escape(named)}. Made {document.created_at:%Y-%m-%d %H:%M} UTC.</p>'
    sources = ", ".join(f"{escape(each.title)} ({_link(each.url)})" for each in document.sources)
    yield f'<p class="quiet">Sources: {sources or "all"}.</p>'
    yield from (f"<p>{escape(note)}</p>" for note in document.left_out)
    yield "<h2>Summary</h2>"
    yield verdict_bar(document.counts)
    yield f"<p>{document.quotes} quotes stand in their pages, {document.quotes_dropped} were dropped.</p>"
    yield f'<p class="quiet">{MODEL_NOTE} The model: {escape(document.model)}.</p>' if document.model else ""
    yield from _gaps(document)
    yield from _since(document)
    yield "<h2>Controls</h2>"
    for control, result in zip(document.controls, document.results, strict=True):
        yield _control(control, result)
    yield "<h2>Framework</h2>"
    yield "".join(
        f"<p>{escape(each)}</p>" for each in (framework.publisher, framework.source, framework.license) if each
    )


def _gaps(document: ReportDocument) -> Iterator[str]:
    yield "<h2>Gaps</h2>"
    rows = [
        [_tight(escape(control.id)), escape(control.title), _verdict(result), escape(_gap(result.assessment))]
        for control, result in document.gaps()
    ]
    yield (
        _table(("Control", "Title", "Verdict", "What is missing"), rows)
        if rows
        else f"<p>None was shown; {document.counts.unknown} controls are unknown.</p>"
    )


def _gap(said: Assessment | None) -> str:
    return "" if said is None else said.gap or said.reasoning


def _since(document: ReportDocument) -> Iterator[str]:
    since = document.since
    if since is None:
        return
    yield f"<h2>Changes since {since.created_at:%Y-%m-%d %H:%M} UTC</h2>"
    rows = [
        [
            _tight(escape(change.control_id)),
            COURSE_WORDS[change.course],
            _word(change.was),
            _word(change.now),
            f"{len(change.new_evidence)} new, {len(change.lost_evidence)} lost",
        ]
        for change in since.changes
    ]
    yield _table(("Control", "Course", "Was", "Now", "Evidence"), rows) if rows else "<p>None.</p>"


def _word(verdict: Verdict | None) -> str:
    return "none" if verdict is None else VERDICT_WORDS[verdict]


def _control(control: Control, result: ControlResult) -> str:
    said = result.assessment
    parts = [f"<h3>{escape(control.id)} {escape(control.title)}</h3>", f"<p>{escape(control.text)}</p>"]
    parts.append(f"<p>{_verdict(result)} {escape(said.reasoning) if said else ''}</p>")
    if said is not None:
        parts += [f"<p>Missing: {escape(said.gap)}</p>"] if said.gap else []
        parts += [f'<p class="quiet">{escape(said.note)}</p>'] if said.note else []
    parts = [f'<div class="said">{"".join(parts)}</div>']
    if said is not None:
        parts += [
            f"<blockquote>{escape(quote.text)}<br><span class=quiet>{_link(quote.url)}</span></blockquote>"
            for quote in said.quotes
        ]
    if result.evidence:
        rows = [_row(number, passage) for number, passage in enumerate(result.evidence, 1)]
        parts.append(_table(("", "Page and place", "Last seen", "Found by"), rows))
        parts += [_excerpt(number, passage) for number, passage in enumerate(result.evidence, 1)]
    return f"<section>{''.join(parts)}</section>"


def _row(number: int, passage: Passage) -> list[str]:
    seen = f"{passage.seen_at:%Y-%m-%d}" + (", gone since" if passage.is_missing else "")
    why = "; ".join(f"{escape(each.query)} (rank {each.rank})" for each in passage.why)
    page = (
        f"{escape(' > '.join(_names(passage)))}<br>{_link(passage.url)}"
        f'<br><span class="quiet">Characters {passage.start} to {passage.end}</span>'
    )
    return [str(number), page, _tight(seen), why]


def _names(passage: Passage) -> list[str]:
    """Its page and headings. What is called as what it stands in, as the first heading of most pages is, is named once."""
    names = [" ".join(name.split()) for name in (passage.title, *passage.heading_path)]
    return [name for name, before in zip(names, ["", *names], strict=False) if name != before]


def _tight(cell: str) -> str:
    return f'<span class="tight">{cell}</span>'


def _excerpt(number: int, passage: Passage) -> str:
    more = "…" if len(passage.content) > _EXCERPT else ""
    return (
        f"<details><summary>Passage {number}</summary><pre>{escape(passage.content[:_EXCERPT])}{more}</pre></details>"
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """`rows` are markup already."""
    heads = "".join(f"<th>{escape(each)}</th>" for each in head)
    body = "".join(f"<tr>{''.join(f'<td>{cell}</td>' for cell in row)}</tr>" for row in rows)
    return f"<table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def _verdict(result: ControlResult) -> str:
    verdict = verdict_of(result)
    return f'<span class="verdict {verdict.value}">{VERDICT_WORDS[verdict]}</span>'


def _link(url: str) -> str:
    """A link only where it leads to the web."""
    text = escape(url)
    return f'<a href="{text}" rel="noreferrer noopener">{text}</a>' if url.startswith(("http://", "https://")) else text
