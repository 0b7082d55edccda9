"""A parsed page for people: what it is, its forms, what can be acted on, what went wrong on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text

from gleanery.api import parse_shapes
from gleanery.cli.safe_text import one_line
from gleanery.model.parses import FormMeaning, InteractiveElement, ParsedPage

_ELEMENTS_SHOWN = 40
_HEADINGS_SHOWN = 12
_PROBLEMS_SHOWN = 5
_ROLE_WIDTH = 12
_NAME_WIDTH = 44


def summary(parse: parse_shapes.ParseShape, page: ParsedPage) -> Sequence[Text]:
    return [
        *_head(parse, page),
        *_headings(page),
        *_forms(page),
        *_elements(page),
        *_problems(page),
        Text(
            one_line(
                f"All of it: gleanery parse --show {parse.web_page_id} --json, or GET /api/v1/web-pages/{parse.web_page_id}"
            )
        ),
    ]


def _head(parse: parse_shapes.ParseShape, page: ParsedPage) -> Iterator[Text]:
    yield Text(one_line(page.head.title or "(no title)"), style="bold")
    yield Text(one_line(page.navigation.final_url), style="cyan")
    sure = f"{page.meaning.kind} ({page.meaning.confidence:.0%})"
    tables = f", {_many(len(page.tables), 'table')}" if page.tables else ""
    yield Text(
        one_line(
            f"{sure} · HTTP {page.navigation.status} · {_many(page.element_count, 'element')},"
            f" {_many(len(page.forms), 'form')}{tables} · {_how_long(parse)}"
        )
    )
    if page.meaning.summary:
        yield Text(one_line(page.meaning.summary))


def _how_long(parse: parse_shapes.ParseShape) -> str:
    if parse.cache_hit:
        return f"kept for {parse.cache_age_seconds or 0:.0f} s"
    return f"{(parse.processing_time_ms or 0) / 1000:.1f} s"


def _headings(page: ParsedPage) -> Iterator[Text]:
    shown = page.dom.headings[:_HEADINGS_SHOWN]
    for heading in shown:
        yield Text(f"{'  ' * (heading.level - 1)}{'#' * heading.level} {one_line(heading.text)}", style="dim")
    if left := len(page.dom.headings) - len(shown):
        yield Text(f"… and {_many(left, 'heading')} more", style="dim")


def _forms(page: ParsedPage) -> Iterator[Text]:
    for form in page.meaning.forms:
        yield Text(one_line(f"Form {form.form_id}: {form.purpose} ({form.confidence:.0%}){_fields(form)}"))


def _fields(form: FormMeaning) -> str:
    told = [f"{field.label or field.purpose}{'*' if field.is_required else ''}" for field in form.fields]
    return f" — {', '.join(told)}" if told else ""


def _elements(page: ParsedPage) -> Iterator[Text]:
    shown = page.elements[:_ELEMENTS_SHOWN]
    for element in shown:
        style = "" if element.is_visible and element.is_enabled else "dim"
        yield Text(_row(element), style=style)
    if left := page.element_count - len(shown):
        yield Text(f"… and {_many(left, 'element')} more", style="dim")


def _row(element: InteractiveElement) -> str:
    name = one_line(element.name) or one_line(element.placeholder or "")
    marks = [
        word for word, is_so in (("hidden", not element.is_visible), ("disabled", not element.is_enabled)) if is_so
    ]
    cut = name if len(name) <= _NAME_WIDTH else f"{name[: _NAME_WIDTH - 1]}…"
    where = " >>> ".join((*element.locator.frames, element.locator.selector))
    told = f"  {element.element_id:<5}{one_line(element.role):<{_ROLE_WIDTH}} {cut:<{_NAME_WIDTH}} {one_line(where)}"
    return f"{told} ({', '.join(marks)})" if marks else told


def _problems(page: ParsedPage) -> Iterator[Text]:
    incidents = page.incidents
    told = [f"console: {message.text}" for message in incidents.console if message.level == "error"]
    told += [f"failed: {request.url} ({request.reason})" for request in incidents.failed_requests]
    told += [f"{dialog.kind}: {dialog.message} → {dialog.answer}" for dialog in incidents.dialogs]
    told += [f"popup: {url}" for url in incidents.popups] + [f"download refused: {url}" for url in incidents.downloads]
    told += [*page.notes, *page.meaning.notes]
    for problem in told[:_PROBLEMS_SHOWN]:
        yield Text(f"! {one_line(problem)[:300]}", style="yellow")
    if len(told) > _PROBLEMS_SHOWN:
        yield Text(f"! … and {len(told) - _PROBLEMS_SHOWN} more", style="yellow")


def _many(count: int, noun: str) -> str:
    return f"1 {noun}" if count == 1 else f"{count:,} {noun}s"
