"""llms-full.txt: a whole documentation in one file, split into its pages again. Pure, no I/O.

No standard says how pages are joined. What generators write, the surest first:

- tags: `<page>…</page>` (Cloudflare), `<doc title="…">…</doc>` (llms_txt2ctx), `<|firecrawl-page-1-lllmstxt|>`;
- front matter with a title or a URL in front of each page (VitePress, Rspress; Fern's has `***` above it);
- a heading that names its page: `# Title` or `## Title` and a line `Source: …` or `URL: …` (Mintlify, Fumadocs), `# Title (/path)`;
- `---` and a heading of the second level (the Docusaurus plugin), or of the first;
- headings of the first level alone (GitBook, Starlight, Svelte).
"""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass

from gleanery.web.llms import closes_fence, heading_of, looks_like_html, opens_fence, plain
from gleanery.web.urls import host_key, resolve

MAX_PAGES = 50_000

_LONGEST_FRONT_MATTER = 60
_RULE = re.compile(r"(?:-{3,}|\*{3,}|_{3,})\s*$")
_DASHES = re.compile(r"-{3,}\s*$")
# `<page>` stands alone in its line; `<doc …>` may follow the tag before it, and its text follows at once.
_OPEN_TAG = re.compile(
    r"^<(page)>[ \t]*$|(?:^|(?<=</doc>)|(?<=<docs>)|(?<=<optional>))<(doc)(\s[^>\n]{0,2000})>", re.MULTILINE
)
_ATTRIBUTE = re.compile(r"([a-z]{1,20})=\"([^\"]{0,1000})\"")
_NUMBERED = re.compile(r"<\|[a-z]+-page-\d+-[a-z]+\|>\s*$")
_FIELD = re.compile(r"\s{0,8}(?:- )?([A-Za-z_][\w-]{0,40}):(?:\s+(.*))?$")
_SOURCE_LINE = re.compile(
    r"(?:>\s*)?\*{0,2}(source|url)\*{0,2}\s*:\*{0,2}\s*<?((?:https?://|/)[^\s<>]*)>?\s*$", re.IGNORECASE
)
_URL_IN_HEADING = re.compile(r"(#{1,2}\s.*?)\s\(((?:https?://|/)[^\s()]*)\)\s*$")
_SYSTEM = re.compile(r"\s*<SYSTEM>.{0,20000}?</SYSTEM>\s*", re.DOTALL | re.IGNORECASE)
# In the order of how well each names the page rather than where its text is kept.
_URL_FIELDS = ("html", "url", "source_url", "canonical_url", "source", "permalink", "md")


@dataclass(frozen=True, slots=True)
class FullPage:
    """One page. `url` is the href that the file names for it (often of its Markdown twin), None if it names none."""

    title: str
    url: str | None
    markdown: str


@dataclass(frozen=True, slots=True)
class _Mark:
    """Where a page begins: what lies between `start` and `body` is not its text."""

    start: int
    body: int
    title: str = ""
    url: str | None = None


def split_full(text: str, url: str) -> tuple[FullPage, ...]:
    """The pages of the llms-full.txt at `url`, in order; nothing but joints and markers is left out.

    Empty for a web page or an empty text; a text without any joints is one page. Never raises. Takes about 60 ms a MB,
    so larger files are for a thread.
    """
    if looks_like_html(text):
        return ()
    if (system := _SYSTEM.match(text)) is not None:
        text = text[system.end() :]
    if pages := _tagged(text, url):
        return pages
    lines = text.split("\n")
    outline = _outline(lines, url)
    numbered = [
        _Mark(number, number + 1) for number, line in enumerate(lines) if line[:2] == "<|" and _NUMBERED.match(line)
    ]
    marks = numbered or _front_matters(lines, outline, url) or _sourced(lines, outline, url) or _headed(lines, outline)
    return _cut(lines, marks[:MAX_PAGES], url)


@dataclass(frozen=True, slots=True)
class _Outline:
    """Line numbers, outside of fenced code: horizontal rules, and headings of the first and second level."""

    rules: tuple[int, ...]
    headings: tuple[tuple[int, int], ...]


def _outline(lines: Sequence[str], url: str) -> _Outline:
    rules: list[int] = []
    headings: list[tuple[int, int]] = []
    fence, host = "", host_key(url)
    for number, line in enumerate(lines):
        if fence:
            # A block that nobody closed ends where the next page of this very site says that it begins.
            if line.startswith("# ") and (found := _source_below(lines, number, url)) and _is_own(lines, found, host):
                fence = ""
                headings.append((number, 1))
            elif line and closes_fence(line, fence):
                fence = ""
        elif opened := opens_fence(line):
            fence = opened
        elif line.startswith(("# ", "## ")):
            headings.append((number, 1 if line[1] == " " else 2))
        elif line.startswith(("---", "***", "___")) and _RULE.match(line):
            rules.append(number)
    return _Outline(tuple(rules), tuple(headings))


def _is_own(lines: Sequence[str], found: tuple[str, list[int]], host: str) -> bool:
    url, said = found
    return host_key(url) == host and any("://" in lines[at] for at in said)


def _tagged(text: str, url: str) -> tuple[FullPage, ...]:
    pages: list[FullPage] = []
    at = 0
    while (match := _OPEN_TAG.search(text, at)) and len(pages) < MAX_PAGES:
        end = text.find(f"</{match[1] or match[2]}>", match.end())
        end = end if end >= 0 else len(text)
        title = html.unescape(dict(_ATTRIBUTE.findall(match[3] or "")).get("title", ""))
        pages += _page(text[match.end() : end].split("\n"), url, title)
        at = end
    return tuple(pages)


def _front_matters(lines: Sequence[str], outline: _Outline, url: str) -> list[_Mark]:
    marks: list[_Mark] = []
    end = 0
    for number in outline.rules:
        if number < end:
            continue
        if (found := _front_matter(lines, number)) is not None:
            fields, end = found
            marks.append(_Mark(number, end, fields.get("title", ""), _url_of(fields, url)))
    first = next((number for number, line in enumerate(lines) if line.strip()), 0)
    return marks if _is_style(marks, first) else []


def _front_matter(lines: Sequence[str], start: int) -> tuple[dict[str, str], int] | None:
    """The fields of the block that begins with the rule in line `start`, and the line after it."""
    fields: dict[str, str] = {}
    for number in range(start + 1, min(start + _LONGEST_FRONT_MATTER, len(lines))):
        line = lines[number][:2000]
        if _DASHES.match(line):
            return (fields, number + 1) if "title" in fields or any(name in fields for name in _URL_FIELDS) else None
        if match := _FIELD.match(line):
            fields.setdefault(match[1].lower(), (match[2] or "").strip().strip("\"'"))
        elif not line.startswith((" ", "\t", "- ")) and (line.strip() or fields):
            return None
    return None


def _is_style(marks: Sequence[_Mark], first: int) -> bool:
    """Whether marks are this file's way to join pages, not an example in one of them: `first` is where it would begin."""
    return len(marks) > 2 or any(mark.start <= first for mark in marks)


def _url_of(fields: dict[str, str], base: str) -> str | None:
    found = next((fields[name] for name in _URL_FIELDS if fields.get(name, "").startswith(("http", "/", "./"))), None)
    return resolve(base, found) if found else None


def _sourced(lines: Sequence[str], outline: _Outline, url: str) -> list[_Mark]:
    marks: list[_Mark] = []
    for number, _ in outline.headings:
        if found := _source_below(lines, number, url):
            marks.append(_Mark(number, number, _title(lines[number]), found[0]))
    first = outline.headings[0][0] if outline.headings else 0
    return marks if _is_style(marks, first) else []


def _source_below(lines: Sequence[str], number: int, base: str) -> tuple[str, list[int]] | None:
    """The URL that a heading's page says to have, and the lines that say it. `URL:` is surer than `Source:`."""
    if match := _URL_IN_HEADING.match(lines[number][:4096]):
        url = resolve(base, match[2])
        return (url, []) if url else None
    found: dict[str, str] = {}
    said: list[int] = []
    for at in range(number + 1, min(number + 5, len(lines))):
        line = lines[at]
        if match := _SOURCE_LINE.match(line[:4096]):
            found.setdefault(match[1].lower(), match[2])
            said.append(at)
        elif line.strip():
            break
    link = found.get("url") or found.get("source")
    url = resolve(base, link) if link else None
    return (url, said) if url else None


def _headed(lines: Sequence[str], outline: _Outline) -> list[_Mark]:
    first = [number for number, level in outline.headings if level == 1]
    ruled = [(number, level) for number, level in outline.headings if _is_below_rule(lines, number)]
    below_1 = [number for number, level in ruled if level == 1]
    below_2 = [number for number, level in ruled if level == 2]
    if below_2 and len(below_2) > len(below_1) and 2 * len(below_2) >= len(first):
        # The first page has no rule above it, only the file's own title.
        start = next(number for number, level in outline.headings if level == 2)
        starts = sorted({start, *below_2})
    elif below_1 and 2 * len(below_1) >= len(first) - 1:
        starts = sorted({first[0], *below_1})
    else:
        starts = first
    return [_Mark(number, number, _title(lines[number])) for number in starts]


def _is_below_rule(lines: Sequence[str], number: int) -> bool:
    at = number - 1
    while at > 0 and not lines[at].strip():
        at -= 1
    # Dashes right below a text make a heading of it.
    return at > 0 and _RULE.match(lines[at]) is not None and not lines[at - 1].strip()


def _cut(lines: Sequence[str], marks: Sequence[_Mark], url: str) -> tuple[FullPage, ...]:
    if not marks:
        return tuple(_page(lines, url))
    pages = _page(lines[: marks[0].start], url)
    for mark, end in zip(marks, [*(mark.start for mark in marks[1:]), len(lines)], strict=True):
        pages += _page(lines[mark.body : end], url, mark.title, mark.url)
    return tuple(pages)


def _page(lines: Sequence[str], base: str, title: str = "", url: str | None = None) -> list[FullPage]:
    """The page made of these lines, without what is said about it; none if nothing but its title would be left."""
    start, end = 0, len(lines)
    while start < end and not lines[start].strip():
        start += 1
    while end > start and (not lines[end - 1].strip() or _is_joint(lines, end - 1)):
        end -= 1
    if start < end and _RULE.match(lines[start]) and (found := _front_matter(lines[:end], start)) is not None:
        fields, start = found
        title, url = title or fields.get("title", ""), url or _url_of(fields, base)
    kept = list(lines[start:end])
    heading = _first_heading(kept)
    if heading is not None and (source := _source_below(kept, heading, base)):
        url = url or source[0]
        title = title or _title(kept[heading])
        kept[heading] = _URL_IN_HEADING.sub(r"\1", kept[heading])
        kept = [line for number, line in enumerate(kept) if number not in source[1]]
    if not title and heading is not None:
        title = _title(kept[heading])
    markdown = "\n".join(kept).strip("\n")
    return [FullPage(plain(title), resolve(base, url) if url else None, markdown)] if markdown.strip() else []


def _is_joint(lines: Sequence[str], number: int) -> bool:
    return _RULE.match(lines[number]) is not None and (number == 0 or not lines[number - 1].strip())


def _first_heading(lines: Sequence[str]) -> int | None:
    """The heading among the first ten lines: what comes later, or below code, is no longer the page's title."""
    for number, line in enumerate(lines[:10]):
        if opens_fence(line):
            return None
        if heading_of(line) is not None:
            return number
    return None


def _title(line: str) -> str:
    match = _URL_IN_HEADING.match(line[:4096])
    heading = heading_of(match[1] if match else line[:4096])
    return heading[1] if heading else ""
