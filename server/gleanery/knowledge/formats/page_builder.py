"""Writes an extracted page block by block: Markdown with its outline and code examples, for formats that have none."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import replace
from urllib.parse import unquote, urlsplit

import ada_url

from gleanery.errors import EmptyPage
from gleanery.knowledge.extract import CodeExample, ExtractedPage, Heading
from gleanery.knowledge.guess import guess_languages
from gleanery.knowledge.languages import folded
from gleanery.knowledge.markdown import MAX_NAME_CHARS, plain_text, summary_line
from gleanery.knowledge.markdown_writer import MarkdownWriter

CONTEXT_CHARS = 500
MAX_LINKS = 20_000
_BARE_URL = re.compile(r"https?://[^\s<>\"'`\\{}|^]{1,2000}", re.I)
_FENCE = re.compile(r" {0,3}(?P<mark>`{3,}|~{3,})(?P<info>[^\n]*)")
_HEADING_MARKS = re.compile(r"^ {0,3}(#{1,6})[ \t]", re.M)
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.+?)[ \t]*#*[ \t]*")
_SPECIAL = re.compile(r"[`*]|<(?=[a-zA-Z/!?])|&(?=#?\w{1,31};)|\\(?=[!-/:-@\[-`{-~])")
_LINE_START = re.compile(r"#{1,6}(?=\s|$)|>|\+(?=\s)|~~~|=+$|-+$|\|")
_WORD = re.compile(r"\w")
_LANGUAGE = re.compile(r"\{?\.?([A-Za-z][\w+#.-]*)")


class PageBuilder:
    """Collects a page's blocks; `page()` is the page."""

    def __init__(self) -> None:
        self._writer = MarkdownWriter()
        self._outline: list[Heading] = []
        self._code: list[CodeExample] = []
        self._path: list[tuple[int, str]] = []
        self._prose = ""

    def heading(self, level: int, text: str, anchor: str = "") -> None:
        """A heading of level 1 to 6, as Markdown; `anchor` is the URL fragment that leads to it."""
        text = " ".join(text.split())
        if not text:
            return
        level = max(1, min(6, level))
        offset = self._writer.block(f"{'#' * level} {text}")
        name = plain_text(text)[:MAX_NAME_CHARS]
        self._outline.append(Heading(level, name, anchor, offset))
        self._path = [entry for entry in self._path if entry[0] < level] + [(level, name)]
        self._prose = ""

    def block(self, text: str) -> None:
        """A paragraph, a list or a table: Markdown that stands as it is."""
        if text.strip():
            self._writer.block(text)
            self._prose = text

    def code(self, code: str, language: str | None, *, is_example: bool = True) -> None:
        """Code, verbatim; what is no example (a program's output) is only shown."""
        code = code.strip("\n").rstrip()
        if not code.strip():
            return
        start, end = self._writer.fence(code, language)
        if is_example:
            path = tuple(text for _, text in self._path)
            context = plain_text(self._prose)[-CONTEXT_CHARS:]
            self._code.append(CodeExample(code, language, path, context, start, end))

    def prose(self, text: str, *, level: int) -> None:
        """Markdown that somebody wrote: its fences become code examples, its headings stand below those of `level`."""
        lines: list[str] = []
        text = text.replace("\r\n", "\n")
        highest = min((len(marks) for marks in _HEADING_MARKS.findall(text)), default=1)
        rest = iter(text.split("\n"))
        for line in rest:
            fence, heading = _FENCE.fullmatch(line), _HEADING.fullmatch(line)
            if fence is None and heading is None:
                lines.append(line)
                continue
            self.block("\n".join(lines).strip("\n"))
            lines = []
            if heading is not None:
                self.heading(level + 1 + len(heading[1]) - highest, heading[2])
            elif fence is not None:
                self.code("\n".join(_fenced(rest, fence["mark"])), language_of(fence["info"]))
        self.block("\n".join(lines).strip("\n"))

    def page(self, url: str, *, title: str, description: str = "", links: Iterable[str] = ()) -> ExtractedPage:
        """The page. Raises EmptyPage when nothing on it can be read."""
        return extracted(
            url,
            self._writer.text(),
            title=title,
            description=description,
            outline=tuple(self._outline),
            code_examples=tuple(self._code),
            links=links,
        )


def extracted(
    url: str,
    markdown: str,
    *,
    title: str,
    description: str = "",
    language: str = "",
    outline: tuple[Heading, ...],
    code_examples: tuple[CodeExample, ...],
    links: Iterable[str] = (),
) -> ExtractedPage:
    """The page of what was read. A missing title is the first heading's, else the document's name. Raises EmptyPage."""
    found = tuple(dict.fromkeys(links))[:MAX_LINKS]
    if not _WORD.search(markdown):
        raise EmptyPage(url, "There is nothing to read in this document.", links=found)
    first = min(outline, key=lambda heading: (heading.level, heading.offset), default=None)
    return ExtractedPage(
        title=" ".join(title.split())[:500] or (first.text.replace("`", "") if first else "") or name_of(url),
        language=language,
        description=" ".join(description.split())[:1_000],
        markdown=markdown,
        outline=outline,
        links=found,
        canonical=None,
        is_noindex=False,
        code_examples=_completed(code_examples),
        text_length=len(" ".join(plain_text(markdown).split())),
    )


def _completed(examples: Sequence[CodeExample]) -> tuple[CodeExample, ...]:
    """The examples with their summaries, and with guesses for the languages that nobody names."""
    done = [replace(example, summary=summary_line(example.context)) for example in examples]
    unnamed = [number for number, example in enumerate(done) if example.language is None]
    for number, language in zip(unnamed, guess_languages([done[n].code for n in unnamed]), strict=True):
        if language is not None:
            done[number] = replace(done[number], language=language, is_guessed=True)
    return tuple(done)


def escaped(text: str, *, is_line_start: bool = False) -> str:
    """Plain text as Markdown on one line: what would be markup has a backslash before it."""
    text = _SPECIAL.sub(r"\\\g<0>", text)
    return f"\\{text}" if is_line_start and _LINE_START.match(text) else text


def name_of(url: str) -> str:
    """The file's name in a URL, else its host."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return unquote(parts.path.rstrip("/").rpartition("/")[2]) or parts.netloc or url


def resolved(href: str, base: str) -> str | None:
    """The http(s) URL without fragment that `href` means in a document from `base`, None when it means none."""
    href = href.partition("#")[0].strip()
    if not href:
        return None
    try:
        url = ada_url.join_url(base, href)
    except ValueError:
        return None
    return url if url.startswith(("http://", "https://")) else None


def bare_urls(text: str) -> Iterable[str]:
    """The http(s) URLs that stand in plain text, without the punctuation after them."""
    for found in _BARE_URL.finditer(text):
        href = found[0].rstrip(".,;:!?*_])") if "(" not in found[0] else found[0].rstrip(".,;:!?*_]")
        url = resolved(href, href)
        if url:
            yield url


def language_of(info: str) -> str | None:
    """The language that the line of a fence names: `python title="x"`, `{.python}`, `js{1,3}`, `{code-block} c`."""
    info = info.strip()
    if info.startswith(("{code", "{source")):
        info = info.partition("}")[2].strip()
    found = _LANGUAGE.match(info)
    return folded(found[1]) if found else None


def _fenced(rest: Iterable[str], mark: str) -> Iterable[str]:
    """The lines up to the fence's end."""
    for line in rest:
        stripped = line.strip()
        if stripped and not stripped.strip(mark[0]) and len(stripped) >= len(mark):
            return
        yield line
