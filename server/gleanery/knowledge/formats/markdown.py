"""Markdown files: the text stays the author's, and markdown-it's tokens say where headings, code and links are in it.

What is changed: front matter goes to the metadata, comments and the imports of MDX go, what MkDocs indents below `!!!` and
`===` stands at the margin, and code that is not fenced in column 0 is, as in everything else that is stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.token import Token

from gleanery.errors import ExtractFailed
from gleanery.knowledge.charset import decode
from gleanery.knowledge.extract import CodeExample, ExtractedPage, Heading
from gleanery.knowledge.formats.page_builder import CONTEXT_CHARS, bare_urls, extracted, language_of, resolved
from gleanery.knowledge.markdown import MAX_NAME_CHARS, plain_text

MAX_CHARS = 10_000_000
MAX_FRONT_MATTER = 65_536
_FRONT_MATTER = re.compile(
    r"\s*(?:---[ \t]*\n(?P<yaml>.*?)\n(?:---|\.\.\.)|\+\+\+[ \t]*\n(?P<toml>.*?)\n\+\+\+)[ \t]*(?:\n|$)", re.S
)
_OPENER = re.compile(r"(?P<indent>[ \t]*)(?:!!!|\?\?\?\+?|===[+!]*)[ \t]+\S.*")
_FENCE_LINE = re.compile(r"[ \t]*(?:>[ ]?)*(?P<mark>`{3,}(?=[^`]*$)|~{3,})")
_MODULE_LINE = re.compile(
    r"(?:import\s+(?:[\w*{},\s$]+\s+from\s+)?[\"'][^\"'\n]+[\"'];?|export\s+(?:const|let|default)\s.*)\s*"
)
_COMMENT = re.compile(r"<!--.*?-->|\{/\*.*?\*/\}", re.S)
_HEADING_ID = re.compile(r"\s*\{#([\w.:-]+)[^}]*\}\s*$|\s*\{:\s*#([\w.:-]+)[^}]*\}\s*$")
_HTML_HEADING = re.compile(r"<h([1-6])\b[^>]*>(.*?)</h\1\s*>", re.I | re.S)
_TAG = re.compile(r"<[^>]*>")
_HREF = re.compile(r"""<a\b[^>]*?\bhref\s*=\s*["']([^"']+)["']""", re.I)
_NOT_SLUG = re.compile(r"[^\w\- ]")
# `{note}` opens an admonition (MyST) and `{output}` what a program printed; neither is code.
_DIRECTIVE = re.compile(r"\{(?!code|source|literal|ipython|prompt|parsed)[a-zA-Z][\w:-]*\}")


@dataclass(frozen=True, slots=True)
class FrontMatter:
    """What a document says of itself above its text."""

    title: str = ""
    description: str = ""
    language: str = ""


def read_markdown(body: bytes, url: str, charset: str | None) -> ExtractedPage:
    """The page of a Markdown file. Raises EmptyPage and ExtractFailed."""
    return page_of_markdown(decode(body, charset), url)


def page_of_markdown(text: str, url: str, title: str = "") -> ExtractedPage:
    """The page of Markdown text; `title` is one that its container gives it. Raises EmptyPage and ExtractFailed."""
    if len(text) > MAX_CHARS:
        raise ExtractFailed(
            url, f"The document has more than {MAX_CHARS:,} characters.", fact="characters", limit=MAX_CHARS
        )
    front, text = split_front_matter(text.replace("\r\n", "\n").replace("\r", "\n"))
    lines = _readable_lines(text)
    tokens = MarkdownIt("commonmark").enable("table").parse("\n".join(lines))
    reading = _Reading(lines, url)
    reading.read(tokens)
    return extracted(
        url,
        reading.markdown,
        title=front.title or title,
        description=front.description,
        language=front.language,
        outline=tuple(reading.outline),
        code_examples=tuple(reading.code_examples),
        links=reading.links,
    )


def split_front_matter(text: str) -> tuple[FrontMatter, str]:
    """The front matter (YAML between `---`, TOML between `+++`) and the text below it; what is neither stays text."""
    found = _FRONT_MATTER.match(text[:MAX_FRONT_MATTER])
    if found is None:
        return FrontMatter(), text
    fields = _yaml_fields(found["yaml"]) if found["yaml"] is not None else _toml_fields(found["toml"])
    if fields is None:
        return FrontMatter(), text

    def first(*names: str) -> str:
        return next((str(fields[name]) for name in names if isinstance(fields.get(name), str) and fields[name]), "")

    front = FrontMatter(
        first("title", "sidebar_label"), first("description", "summary", "abstract"), first("lang", "language")
    )
    return front, text[found.end() :]


def _yaml_fields(text: str) -> dict[str, Any] | None:
    import yaml  # type: ignore[import-untyped]

    try:
        # This loader makes nothing but text, lists and mappings.
        fields = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    return fields if isinstance(fields, dict) else None


def _toml_fields(text: str) -> dict[str, Any] | None:
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return None


def _readable_lines(text: str) -> list[str]:
    """The lines without comments and module lines, and with what stands indented below `!!!` and `===` at the margin."""
    lines: list[str] = []
    bodies: list[int] = []  # how far the bodies that are open are indented
    mark = ""
    is_commented = False
    for line in text.split("\n"):
        margin = bodies[-1] if bodies else 0
        if mark:
            line = _dedented(line, margin)
            mark = "" if _closes(line, mark) else mark
        elif line.strip():
            indent = len(line.expandtabs(4)) - len(line.expandtabs(4).lstrip())
            while bodies and indent < bodies[-1]:
                bodies.pop()
            line = _dedented(line, bodies[-1] if bodies else 0)
            line, is_commented = _without_comments(line, is_commented)
            fence = _FENCE_LINE.match(line)
            if fence:
                mark = fence["mark"]
            elif _OPENER.fullmatch(line) and not (line[:1] == "=" and not line.strip("= ")):
                opener = len(line) - len(line.lstrip())
                lines += [line, ""]
                bodies.append(opener + (bodies[-1] if bodies else 0) + 4)
                continue
            elif _MODULE_LINE.fullmatch(line):
                continue
        lines.append(line)
    return lines


def _dedented(line: str, margin: int) -> str:
    if not margin:
        return line
    line = line.expandtabs(4) if "\t" in line[:margin] else line
    return line[min(margin, len(line) - len(line.lstrip(" "))) :]


def _closes(line: str, mark: str) -> bool:
    text = line.strip().lstrip("> ")
    return len(text) >= len(mark) and not text.strip(mark[0])


def _without_comments(line: str, is_commented: bool) -> tuple[str, bool]:
    """The line without what is between `<!--` and `-->`, and whether the comment goes on in the next one."""
    if is_commented:
        _, end, line = line.partition("-->")
        if not end:
            return "", True
    line = _COMMENT.sub("", line) if "<!--" in line or "{/*" in line else line
    before, start, _ = line.partition("<!--")
    return (before, True) if start and "`" not in before else (line, False)


class _Reading:
    """One walk over the tokens of a document, in which `markdown` grows out of `lines`."""

    def __init__(self, lines: Sequence[str], url: str) -> None:
        self._lines = lines
        self._url = url
        self._parts: list[str] = []
        self._length = 0
        self._next = next((number for number, line in enumerate(lines) if line.strip()), 0)
        self._dedent: list[tuple[int, int]] = []  # up to which line how many blanks go
        self._slugs: dict[str, int] = {}
        self._path: list[tuple[int, str]] = []
        self._prose = ""
        self.outline: list[Heading] = []
        self.code_examples: list[CodeExample] = []
        self.links: dict[str, None] = {}

    @property
    def markdown(self) -> str:
        return "".join(self._parts).rstrip("\n")

    def read(self, tokens: Sequence[Token]) -> None:
        ends: list[int] = []  # of the list items that are open
        for position, token in enumerate(tokens):
            if token.type == "list_item_open":
                ends.append(token.map[1] if token.map else 0)
            elif token.type == "list_item_close":
                ends.pop()
            elif token.type == "heading_open":
                self._heading(token, tokens[position + 1])
            elif token.type in ("fence", "code_block"):
                self._code(token, ends[0] if ends else 0)
            elif token.type == "html_block":
                self._html(token)
            elif token.type == "inline":
                self._inline(token)
        self._copy(len(self._lines))

    def _copy(self, end: int) -> None:
        """The lines up to `end` as they are, but for the blanks that a list indents them by behind code."""
        for number in range(self._next, end):
            self._append(f"{self._line(number)}\n")
        self._next = max(self._next, end)

    def _line(self, number: int) -> str:
        line = self._lines[number]
        blanks = next((blanks for end, blanks in self._dedent if number < end), 0)
        return line[min(blanks, len(line) - len(line.lstrip(" "))) :] if blanks else line

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def _heading(self, token: Token, inline: Token) -> None:
        assert token.map is not None
        self._copy(token.map[0])
        text, given = _heading_text(inline)
        if text:
            self._add_heading(int(token.tag[1]), text, given or self._slug(text))
        self._copy(token.map[1])

    def _add_heading(self, level: int, text: str, anchor: str) -> None:
        text = text[:MAX_NAME_CHARS]
        self.outline.append(Heading(level, text, anchor, self._length))
        self._path = [entry for entry in self._path if entry[0] < level] + [(level, text)]
        self._prose = ""

    def _slug(self, text: str) -> str:
        """The anchor as GitHub makes it: lower case, no punctuation, blanks to hyphens, repeated ones numbered."""
        slug = _NOT_SLUG.sub("", text.strip().lower()).replace(" ", "-")
        count = self._slugs.get(slug, -1) + 1
        self._slugs[slug] = count
        return f"{slug}-{count}" if count else slug

    def _html(self, token: Token) -> None:
        assert token.map is not None
        for href in _HREF.findall(token.content):
            self._link(href)
        heading = _HTML_HEADING.search(token.content)
        if heading is not None:
            self._copy(token.map[0] + token.content.count("\n", 0, heading.start()))
            text = " ".join(_TAG.sub("", heading[2]).split())
            if text:
                self._add_heading(int(heading[1]), text, self._slug(text))

    def _inline(self, token: Token) -> None:
        self._prose = token.content
        for child in token.children or ():
            if child.type == "link_open":
                self._link(str(child.attrGet("href") or ""))
            elif child.type == "html_inline":
                for href in _HREF.findall(child.content):
                    self._link(href)
            elif child.type == "text" and "://" in child.content:
                self.links.update(dict.fromkeys(bare_urls(child.content)))

    def _link(self, href: str) -> None:
        url = resolved(href, self._url)
        if url:
            self.links[url] = None

    def _code(self, token: Token, item_end: int) -> None:
        """Code as a fence in column 0: where the author's is, it stays; else it is written anew."""
        assert token.map is not None
        start, end = token.map
        if self._next > start:
            return  # within HTML that was copied already
        if not token.content.strip():
            self._copy(end)
            return
        self._copy(start)
        lines = token.content.removesuffix("\n").split("\n")
        first = self._lines[start]
        is_closed = end - start == len(lines) + 2
        if token.type == "fence" and is_closed and first[:1] in "`~" and self._lines[start + 1 : end - 1] == lines:
            self._append(f"{first}\n")
            self._add_code(token)
            self._append(f"{token.content}{self._lines[end - 1]}\n")
        else:
            indent = len(first) - len(first.lstrip(" "))
            if item_end and indent:
                self._dedent.insert(0, (item_end, indent))
            self._write_fence(token)
        self._next = end
        if token.type == "code_block" and end < len(self._lines):
            self._append("\n")

    def _write_fence(self, token: Token) -> None:
        mark = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", token.content)), default=2))
        if self._parts and self._parts[-1].strip():
            self._append("\n")
        self._append(f"{mark}{token.info.strip() if '`' not in token.info else ''}\n")
        self._add_code(token)
        self._append(f"{token.content}{'' if token.content.endswith(chr(10)) else chr(10)}{mark}\n")

    def _add_code(self, token: Token) -> None:
        """The code that begins here. Blank first and last lines are not part of it."""
        body = token.content
        code = body.strip("\n").rstrip()
        if not code.strip() or _DIRECTIVE.match(token.info.strip()):
            return
        start = self._length + len(body) - len(body.lstrip("\n"))
        path = tuple(text for _, text in self._path)
        context = plain_text(self._prose)[-CONTEXT_CHARS:]
        language = language_of(token.info)
        self.code_examples.append(CodeExample(code, language, path, context, start, start + len(code)))


def _heading_text(inline: Token) -> tuple[str, str]:
    """A heading's words and code spans, and the anchor that it names itself."""
    text = "".join(_plain(inline.children or ()))
    found = _HEADING_ID.search(text)
    anchor = (found[1] or found[2]) if found else ""
    return " ".join((text[: found.start()] if found else text).split()), anchor


def _plain(tokens: Sequence[Token]) -> Iterator[str]:
    for token in tokens:
        if token.type == "code_inline":
            yield f"`{token.content}`"
        elif token.type in ("softbreak", "hardbreak"):
            yield " "
        elif token.type in ("text", "text_special"):
            yield token.content
