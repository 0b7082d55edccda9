"""PDF documents: from lines with a place and a font to paragraphs, headings and code, without what repeats on each page.

Headings are the document's bookmarks where it has some, else what is set larger than the text. Their anchors are pages
(`page=3`, RFC 8118), so that a citation opens the document there.
"""

from __future__ import annotations

import itertools
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from gleanery.errors import EmptyPage
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats.page_builder import PageBuilder, bare_urls, escaped
from gleanery.knowledge.formats.pdf_lines import HYPHEN, Bookmark, Line, PdfText, read_lines

_NUMBERS = re.compile(r"\d+")
_PAGE_NUMBER = re.compile(r"(?:page\s+)?(?:\d{1,5}|[ivxlcdm]{1,8})(?:\s*(?:/|of)\s*\d{1,5})?", re.I)
_EDGE_NUMBER = re.compile(r"^(\d{1,5})\b|\b(\d{1,5})$")
_LEADERS = re.compile(r"(?:\.\s?){4,}\s*(?:\d{1,5}|[ivxlcdm]{1,8})$|(?:\s\.){4,}")
_BULLET = re.compile(r"[•◦▪‣●○■□–—∙·⁃✓➢*-]\s+(?=\S)")
_NUMBERED = re.compile(r"(?:\d{1,3}|[a-z])[.)]\s+\S")
_SECTION = re.compile(r"(?:chapter|appendix|part|section)?\s*(?:[A-Z]|\d{1,3})(?:\.\d{1,3})*[.:]?\s+\S", re.I)
_NUMBERING = re.compile(r"^(?:(?:chapter|appendix|part|section)\s+)?(?:[a-z]|\d{1,3})(?:\.\d{1,3})*[.:)]?\s+", re.I)
_SENTENCE_END = re.compile(r"[.!?:;][\"')\]”’]*$")
_NOT_WORD = re.compile(r"[\W_]+")
_NO_TITLE = re.compile(
    r"(?:untitled|microsoft (?:word|powerpoint) - |.*\.(?:docx?|dvi|tex|indd|pdf|odt|pptx?|qxd)$|slide \d+)", re.I
)
_EDGE = 0.15
_LARGER = 1.15
_MAX_HEADING_CHARS = 200
_MAX_HEADING_SHARE = 0.4


def read_pdf(body: bytes, url: str) -> ExtractedPage:
    """The page of a PDF. Raises EmptyPage (also for pictures of pages without text) and ExtractFailed."""
    text = read_lines(body, url)
    if not any(text.pages):
        raise EmptyPage(
            url, "The PDF has pictures of pages but no text in it: it would have to be recognised (OCR) first."
        )
    pages = without_running_lines(text)
    look = _Look.of(pages)
    title_lines = _title_lines(pages, look)
    headings = _by_bookmarks(text.bookmarks, pages) if text.bookmarks else _by_size(pages, look, title_lines)
    writing = _Writing(look, headings, title_lines, has_page_headings=not headings and len(pages) > 1)
    for lines in pages:
        writing.page(lines)
    writing.flush()
    named = " ".join(text.title.split())
    title = named if named and not _NO_TITLE.match(named) else _joined(title_lines)
    words = " ".join(line.text for lines in pages for line in lines if "://" in line.text)
    return writing.builder.page(url, title=title, links=bare_urls(words))


def without_running_lines(text: PdfText) -> list[list[Line]]:
    """The lines of each page without running heads and feet, page numbers and the rows of a printed table of contents."""
    size = _Look.of(text.pages).size
    edges = [_edge_lines(lines, height, size) for lines, height in zip(text.pages, text.heights, strict=True)]
    seen: Counter[tuple[bool, str]] = Counter()
    offsets: Counter[int] = Counter()
    for at_edge in edges:
        seen.update({(is_top, _pattern(line)) for line, is_top in at_edge})
        offsets.update({number - line.page for line, _ in at_edge for number in _edge_numbers(line)})
    offset, support = offsets.most_common(1)[0] if offsets else (0, 0)
    kept = []
    for lines, at_edge in zip(text.pages, edges, strict=True):
        gone = {
            id(line)
            for line, is_top in at_edge
            if _PAGE_NUMBER.fullmatch(line.text)
            or seen[is_top, _pattern(line)] >= (2 if "#" in _pattern(line) else 3)
            or (support >= 3 and line.page + offset in _edge_numbers(line))
        }
        kept.append([line for line in lines if id(line) not in gone and not _LEADERS.search(line.text)])
    return kept


def _edge_lines(lines: Sequence[Line], height: float, size: float) -> list[tuple[Line, bool]]:
    """The two uppermost and the two lowest lines, each if it is near the page's edge and no larger than the text, and
    whether that is the upper edge. A chapter's number may well be that of its page."""
    by_height = sorted((line for line in lines if line.size < 1.1 * size), key=lambda line: -line.top)
    top = [(line, True) for line in by_height[:2] if line.top > (1 - _EDGE) * height]
    return top + [(line, False) for line in by_height[-2:] if line.top < _EDGE * height]


def _pattern(line: Line) -> str:
    return _NUMBERS.sub("#", line.text.lower())


def _edge_numbers(line: Line) -> set[int]:
    return {int(number) for pair in _EDGE_NUMBER.findall(line.text) for number in pair if number}


@dataclass(frozen=True, slots=True)
class _Look:
    """How the text is set: its size, the distance between its lines, and where they end."""

    size: float
    leading: float
    right: float

    @classmethod
    def of(cls, pages: Iterable[Sequence[Line]]) -> _Look:
        sizes: Counter[float] = Counter()
        gaps: Counter[float] = Counter()
        ends: Counter[float] = Counter()
        for lines in pages:
            for line in lines:
                sizes[line.size] += len(line.text)
                ends[round(line.right / 4) * 4.0] += len(line.text)
            for above, below in itertools.pairwise(lines):
                gap = round((above.bottom - below.top) * 2) / 2
                if abs(above.size - below.size) < 0.5 and 0 < gap < 3 * above.size:
                    gaps[gap] += 1
        size = sizes.most_common(1)[0][0] if sizes else 10.0
        leading = gaps.most_common(1)[0][0] if gaps else 1.2 * size
        return cls(size, leading, ends.most_common(1)[0][0] if ends else 0.0)


def _title_lines(pages: Sequence[Sequence[Line]], look: _Look) -> list[Line]:
    """The largest lines of the first page that has text, if they are larger than the rest of it."""
    lines = next((lines for lines in pages if lines), [])
    largest = max((line.size for line in lines if not line.is_mono), default=0.0)
    found = [line for line in lines if line.size == largest and not line.is_mono]
    is_title = largest >= _LARGER * look.size and sum(len(line.text) for line in found) <= _MAX_HEADING_CHARS
    return found if is_title else []


@dataclass(frozen=True, slots=True)
class _Mark:
    """A heading: the lines that it is, or none where it only stands before the line that it belongs to."""

    level: int
    text: str
    page: int
    is_line: bool


_Headings = Mapping[int, Sequence[_Mark]]
"""Headings by the id of the line at which they stand."""


def _by_bookmarks(bookmarks: Sequence[Bookmark], pages: Sequence[Sequence[Line]]) -> _Headings:
    """Each bookmark at the line that reads like it on its page, else before the first line that is not above it."""
    headings: dict[int, list[_Mark]] = {}
    used: set[int] = set()
    for bookmark in bookmarks:
        lines = pages[bookmark.page - 1] if bookmark.page <= len(pages) else []
        if not lines:
            continue
        found = _reading_like(bookmark, lines, used)
        level = min(6, bookmark.level + 2)
        if not found:
            below = (line for line in lines if bookmark.top is not None and line.top <= bookmark.top + line.size)
            line = next(below, lines[0])
            headings.setdefault(id(line), []).append(_Mark(level, bookmark.title, bookmark.page, is_line=False))
            continue
        headings.setdefault(id(found[0]), []).append(_Mark(level, _joined(found), bookmark.page, is_line=True))
        used.update(id(line) for line in found)
        for line in found[1:]:
            headings[id(line)] = []  # its text is told with the first
    return headings


def _reading_like(bookmark: Bookmark, lines: Sequence[Line], used: set[int]) -> list[Line]:
    wanted = _letters(bookmark.title)
    short = _letters(_NUMBERING.sub("", bookmark.title))
    for start, first in enumerate(lines):
        if id(first) in used or first.is_mono:
            continue
        text = ""
        for end in range(start, min(start + 3, len(lines))):
            text = f"{text} {lines[end].text}".strip()
            if _letters(text) == wanted or (short and _letters(_NUMBERING.sub("", text)) == short):
                return list(lines[start : end + 1])
    return []


def _letters(text: str) -> str:
    return _NOT_WORD.sub("", text.lower())


def _by_size(pages: Sequence[Sequence[Line]], look: _Look, title: Sequence[Line]) -> _Headings:
    """Lines larger than the text, or bold and numbered or alone; a level for each size, bold ones in the text's last."""
    titles = {id(line) for line in title}
    found: list[list[Line]] = []
    for lines in pages:
        above: Line | None = None
        for line in lines:
            if id(line) not in titles and _is_heading(line, above, look):
                is_more = above is not None and bool(found) and found[-1][-1] is above and above.size == line.size
                if is_more:
                    found[-1].append(line)
                else:
                    found.append([line])
            above = line
    total = sum(len(lines) for lines in pages)
    found = [
        lines for lines in found if len(_joined(lines)) <= _MAX_HEADING_CHARS and re.search(r"[^\W\d]", _joined(lines))
    ]
    if sum(map(len, found)) > _MAX_HEADING_SHARE * total:
        return {}
    sizes = sorted({lines[0].size for lines in found}, reverse=True)
    headings: dict[int, list[_Mark]] = {}
    for lines in found:
        level = min(5, sizes.index(lines[0].size) + 2)
        headings[id(lines[0])] = [_Mark(level, _joined(lines), lines[0].page, is_line=True)]
        headings.update({id(line): [] for line in lines[1:]})
    return headings


def _is_heading(line: Line, above: Line | None, look: _Look) -> bool:
    if line.is_mono or len(line.text) > _MAX_HEADING_CHARS or _BULLET.match(line.text):
        return False
    if line.size >= _LARGER * look.size:
        return True
    is_apart = above is None or abs(above.bottom - line.top) > 1.3 * look.leading
    is_short = len(line.text) <= 80 and not line.text.endswith((".", ",", ";"))
    return line.is_bold and line.size >= 0.98 * look.size and is_short and (is_apart or bool(_SECTION.match(line.text)))


class _Writing:
    """Goes through the lines in order and writes paragraphs, headings and code."""

    def __init__(self, look: _Look, headings: _Headings, title: Sequence[Line], *, has_page_headings: bool) -> None:
        self.builder = PageBuilder()
        self._look = look
        self._headings = headings
        self._title = {id(line): line for line in title}
        self._has_page_headings = has_page_headings
        self._block: list[Line] = []

    def page(self, lines: Sequence[Line]) -> None:
        if self._has_page_headings and lines:
            self.flush()
            self.builder.heading(2, f"Page {lines[0].page}", f"page={lines[0].page}")
        for number, line in enumerate(lines):
            marks = self._headings.get(id(line))
            if id(line) in self._title:
                self._write_title(line)
                marks = [mark for mark in marks or () if not mark.is_line]
            for mark in marks or ():
                self.flush()
                self.builder.heading(mark.level, escaped(mark.text), f"page={mark.page}")
            if id(line) in self._title or (marks is not None and (not marks or any(mark.is_line for mark in marks))):
                continue
            line = _as_prose(line) if line.is_mono and self._is_in_sentence(lines, number) else line
            if self._block and self._begins(line):
                self.flush()
            self._block.append(line)

    def flush(self) -> None:
        """Write the block that is open."""
        block, self._block = self._block, []
        if not block:
            return
        if block[0].is_mono:
            self.builder.code(_code(block), None)
            return
        text = _joined(block)
        bullet = _BULLET.match(text)
        self.builder.block(f"- {escaped(text[bullet.end() :])}" if bullet else escaped(text, is_line_start=True))

    def _write_title(self, line: Line) -> None:
        if line is next(iter(self._title.values())):
            self.flush()
            self.builder.heading(1, escaped(_joined(list(self._title.values()))), f"page={line.page}")

    def _is_in_sentence(self, lines: Sequence[Line], number: int) -> bool:
        """Whether typewriter text is a line of a paragraph, and not code: nothing is apart, and the sentence goes on."""
        if not 0 < number < len(lines) - 1:
            return False
        above, line, below = lines[number - 1], lines[number], lines[number + 1]
        is_tight = all(0 < gap < 1.2 * self._look.leading for gap in (above.bottom - line.top, line.bottom - below.top))
        is_prose = not above.is_mono and not below.is_mono and not _SENTENCE_END.search(above.text)
        return is_tight and is_prose and below.text[:1].islower()

    def _begins(self, line: Line) -> bool:
        """Whether a line begins something new, and does not go on with the block that is open."""
        last = self._block[-1]
        if last.is_mono or line.is_mono:
            gap = last.bottom - line.top
            return last.is_mono != line.is_mono or (line.page == last.page and not 0 <= gap < 3.5 * self._look.leading)
        if abs(last.size - line.size) > 0.08 * last.size or _BULLET.match(line.text) or _NUMBERED.match(line.text):
            return True
        is_open = not _SENTENCE_END.search(last.text)
        gap = last.bottom - line.top
        if line.page != last.page or gap < -0.5 * last.size:  # the next page, or the next column
            return not (is_open and (line.text[:1].islower() or last.text.endswith((HYPHEN, "-"))))
        if gap > 1.35 * self._look.leading * max(1.0, line.size / self._look.size):
            return True
        first = self._block[0]
        is_item = _BULLET.match(first.text) or _NUMBERED.match(first.text)
        if is_item and line.left < first.left + 0.3 * line.size:
            return True
        is_indented = not is_item and line.left > last.left + 0.8 * line.size
        is_short = last.right < self._look.right - 0.15 * (self._look.right - last.left)
        return not is_open and (is_indented or is_short)


def _as_prose(line: Line) -> Line:
    fields = {name: getattr(line, name) for name in Line.__slots__}
    return Line(**{**fields, "is_mono": False})


def _joined(lines: Sequence[Line]) -> str:
    """The text of a paragraph: lines joined, words that a hyphen broke put together."""
    text = ""
    for line in lines:
        if text.endswith((HYPHEN, "\u00ad")):
            text = text[:-1] + line.text
        else:
            text = f"{text} {line.text}" if text else line.text
    return text.replace(HYPHEN, "").replace("\u00ad", "").strip()


def _code(lines: Sequence[Line]) -> str:
    """The lines of code with their indentation, and the blank lines between them."""
    gaps = [above.top - below.top for above, below in itertools.pairwise(lines) if above.page == below.page]
    leading = min((gap for gap in gaps if gap > 0.5 * lines[0].size), default=1.2 * lines[0].size)
    left: dict[int, float] = {}
    for line in lines:  # even and odd pages may have other margins
        left[line.page] = min(left.get(line.page, line.left), line.left)
    rows: list[str] = []
    above: Line | None = None
    for line in lines:
        if above is not None and above.page == line.page:
            gap = above.top - line.top
            if abs(gap) < 0.3 * line.size:  # a further part of the same line
                column = round((line.left - left[line.page]) / line.advance) if line.advance else 0
                rows[-1] = rows[-1].ljust(min(column, 400)) + line.code
                continue
            rows += [""] * min(2, max(0, round(gap / leading) - 1))
        indent = round((line.left - left[line.page]) / line.advance) if line.advance else 0
        rows.append(" " * min(indent, 200) + line.code)
        above = line
    return "\n".join(rows)
