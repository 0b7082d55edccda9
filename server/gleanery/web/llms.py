"""llms.txt (https://llmstxt.org) and Markdown twins: what a site offers to language models. Pure, no I/O."""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from ada_url import URL

from gleanery.web.urls import resolve

MAX_LINKS = 20_000

_MAX_LINE_LENGTH = 4096
_MAX_TITLE_LENGTH = 300
_FENCE = re.compile(r"\s*(`{3,}|~{3,})([^`]*)$")
_HEADING = re.compile(r"(#{1,6})[ \t](.*)$")
_CLOSING_MARKS = re.compile(r"(?<=[ \t])#+$")
_ITEM = re.compile(r"\s*(?:[-*+]|\d{1,4}[.)])\s+(.*)$")
# Bounded everywhere, and never begun at an escaped bracket: both would take quadratic time on a line of brackets.
_LINK = re.compile(
    r"(?<!\\)\[((?:[^\[\]\\]|\\.|\[[^\[\]]{0,300}\]){0,500})\]"
    r"\(\s{0,4}<?([^\s<>()]{0,2048}(?:\([^\s()]{0,300}\)[^\s()<>]{0,300}){0,8})>?"
    r"(?:\s{1,4}(?:\"[^\"]{0,500}\"|'[^']{0,500}'))?\s{0,4}\)"
)
_BARE_URL = re.compile(r"<?(https?://[^\s<>]+)>?")
_HTML = re.compile(
    r"\s*(?:<\?xml[^>]{0,200}>\s*|<!--.{0,4000}?-->\s*)*"
    r"<(?:!doctype\s+html|html|head|body|meta|title|script|style|link|div|main)\b",
    re.IGNORECASE | re.DOTALL,
)
_MARKUP = re.compile(r"[*_`]+|\{#[^}]*\}$|\[#[^\]]*\]$")
_FILE_EXTENSION = re.compile(r"\.[a-z][a-z0-9]{0,5}$", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class LlmsLink:
    """One entry of a list: `url` is an href, `notes` what is said of it."""

    title: str
    url: str
    notes: str


@dataclass(frozen=True, slots=True)
class LlmsSection:
    """The links below one heading; `title` is empty for those above the first. `is_optional` as the standard has it."""

    title: str
    is_optional: bool
    links: tuple[LlmsLink, ...]


@dataclass(frozen=True, slots=True)
class LlmsTxt:
    """A site's own list of what is worth reading, with everything as it stands there."""

    url: str
    title: str
    summary: str
    sections: tuple[LlmsSection, ...]

    def links(self) -> Iterator[LlmsLink]:
        """All links in their order, the optional ones too."""
        for section in self.sections:
            yield from section.links


def decode_text(body: bytes) -> str:
    """UTF-8, or what a BOM says; lines end in a newline. Never raises."""
    for mark, name in ((codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be")):
        if body.startswith(mark):
            text = body[len(mark) :].decode(name, "replace")
            break
    else:
        text = body.decode("utf-8-sig", "replace")
    return text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "")


def looks_like_html(text: str) -> bool:
    """Whether a text is a web page: a missing file that was answered with 200. `<SYSTEM>` and `<page>` are no HTML."""
    return _HTML.match(text[:16_384]) is not None


def parse_llms(text: str, url: str) -> LlmsTxt | None:
    """The llms.txt at `url`. None for what is none: a web page, or a text with neither a title nor a list of links.

    Never raises. Links are those of list items, relative ones resolved; what is not http(s) is left out.
    """
    if looks_like_html(text):
        return None
    reader = _LlmsReader(url)
    for line in lines_outside_fences(text):
        reader.read(line)
    sections = reader.sections()
    if not reader.title and not sections:
        return None
    return LlmsTxt(url, reader.title, " ".join(reader.summary)[:4000], sections)


def lines_outside_fences(text: str) -> Iterator[str]:
    """The lines of a Markdown text that are in no fenced code block, cut at 4,096 characters."""
    fence = ""
    for line in text.split("\n"):
        line = line[:_MAX_LINE_LENGTH]
        if fence:
            fence = "" if closes_fence(line, fence) else fence
        elif opened := opens_fence(line):
            fence = opened
        else:
            yield line


def opens_fence(line: str) -> str:
    """The fence that a line opens (three or more backticks or tildes), empty if it opens none (CommonMark, 4.5)."""
    match = _FENCE.match(line) if "```" in line or "~~~" in line else None
    return match[1] if match else ""


def closes_fence(line: str, fence: str) -> bool:
    """Whether a line closes `fence`."""
    text = line.strip()
    return len(text) >= len(fence) and text == fence[0] * len(text)


def heading_of(line: str) -> tuple[int, str] | None:
    """The level and the plain text of an ATX heading."""
    match = _HEADING.match(line) if line.startswith("#") else None
    return (len(match[1]), plain(_CLOSING_MARKS.sub("", match[2].rstrip()))) if match else None


def plain(text: str) -> str:
    """A heading or a label without marks of emphasis and code, links as their text, anchors left out."""
    text = _LINK.sub(lambda match: match[1], text[: 4 * _MAX_TITLE_LENGTH])
    return " ".join(_MARKUP.sub("", text.strip()).replace("\\", "").split())[:_MAX_TITLE_LENGTH]


@dataclass(slots=True)
class _Section:
    title: str
    is_optional: bool
    links: list[LlmsLink] = field(default_factory=list)


class _LlmsReader:
    def __init__(self, url: str) -> None:
        self.title = ""
        self.summary: list[str] = []
        self._url = url
        self._sections = [_Section("", is_optional=False)]
        self._room = MAX_LINKS
        self._optional_level = 0

    def sections(self) -> tuple[LlmsSection, ...]:
        return tuple(
            LlmsSection(each.title, each.is_optional, tuple(each.links)) for each in self._sections if each.links
        )

    def read(self, line: str) -> None:
        if heading := heading_of(line):
            self._begin_section(*heading)
        elif line.startswith(">") and len(self._sections) == 1 and not self._sections[0].links:
            self.summary.append(line.lstrip("> ").strip())
        elif item := _ITEM.match(line):
            self._read_item(item[1])

    def _begin_section(self, level: int, title: str) -> None:
        if level == 1 and not self.title:
            self.title = title
            return
        if not self._optional_level or level <= self._optional_level:
            self._optional_level = level if title.casefold() == "optional" else 0
        self._sections.append(_Section(title, is_optional=self._optional_level > 0))

    def _read_item(self, text: str) -> None:
        links = list(_LINK.finditer(text))
        if not links:
            self._read_bare(text)
        for index, match in enumerate(links):
            end = links[index + 1].start() if index + 1 < len(links) else len(text)
            self._add(match[2], plain(match[1]), text[match.end() : end])

    def _read_bare(self, text: str) -> None:
        if match := _BARE_URL.search(text):
            self._add(match[1].rstrip(".,;:"), plain(text[: match.start()].rstrip(" :-–—")), text[match.end() :])

    def _add(self, target: str, title: str, notes: str) -> None:
        # A link to a place on the same page is no page of its own.
        url = resolve(self._url, target) if target and not target.startswith("#") else None
        if url is not None and self._room:
            self._room -= 1
            self._sections[-1].links.append(LlmsLink(title, url, notes.strip(" :-–—")[:1000]))


def twin_candidates(page_url: str) -> tuple[str, ...]:
    """Where a page's Markdown twin may be, the likeliest first. Empty for a page with a query or of another kind.

    `/a` may have `/a.md`, `/a/index.md`, `/a.html.md` and `/a/index.html.md`; `/a/` the same but by its folder;
    `/a.html` may have `/a.html.md` and `/a.md` (https://llmstxt.org says `page.html.md` and `index.html.md`).
    """
    url = URL(page_url)
    if url.search:
        return ()
    paths = _twin_paths(url.pathname)
    return tuple(str(URL(path, url.origin).href) for path in dict.fromkeys(paths))


def _twin_paths(path: str) -> list[str]:
    folder, _, name = path.rpartition("/")
    if name.lower() in ("", "index.html", "index.htm"):
        above = [f"{folder}.md"] if folder else []
        inside = [f"{folder}/index.html.md", f"{folder}/index.md"]
        return [*inside, *above] if name else [*above, *inside]
    if name.lower().endswith((".html", ".htm")):
        return [f"{path}.md", f"{path[: path.rindex('.')]}.md"]
    if _FILE_EXTENSION.search(name):
        return []
    return [f"{path}.md", f"{path}/index.md", f"{path}.html.md", f"{path}/index.html.md"]


def page_candidates(markdown_url: str) -> tuple[str, ...]:
    """The pages that a Markdown file may be the twin of, the likeliest first; empty if its name does not end in md or mdx."""
    url = URL(markdown_url)
    stem, dot, extension = url.pathname.rpartition(".")
    if not dot or extension.lower() not in ("md", "mdx") or url.search:
        return ()
    folder, _, name = stem.rpartition("/")
    if name.lower() in ("index.html", "index.htm"):
        paths = [f"{folder}/", *([folder] if folder else [])]
    elif name.lower() == "index":
        paths = [f"{folder}/", *([folder] if folder else []), f"{stem}.html", stem]
    elif name.lower().endswith((".html", ".htm")):
        paths = [stem, stem[: stem.rindex(".")]]
    else:
        paths = [stem, f"{stem}/", f"{stem}.html"]
    return tuple(str(URL(path, url.origin).href) for path in paths)
