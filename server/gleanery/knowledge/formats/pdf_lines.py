"""What a PDF has on its pages, by pdfium: lines of text with their place and font, bookmarks, the title in its properties."""

from __future__ import annotations

import ctypes
import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from gleanery.errors import ExtractFailed

MAX_PAGES = 5_000
MAX_CHARS = 8_000_000
MAX_BOOKMARKS = 5_000
_MONO = re.compile(
    r"mono|courier|consol|menlo|monaco|typewriter|fixed|terminal|nimbusmon|letter ?gothic|(?:cm|sf|ec|lm|la)tt|lmmono"
    r"|zi4|inconsol|txtt|source ?code|fira ?code|anonymous ?pro|andale",
    re.I,
)
_BOLD = re.compile(r"bold|black|heavy|semi ?b|demi|medi\b|cmbx|sfbx|ecbx", re.I)
_FIXED_PITCH = 1
# What pdfium gives for a hyphen that ends a line within a word.
HYPHEN = "\ufffe"


@dataclass(frozen=True, slots=True)
class Line:
    """A line of text. Places are points from the left and from the bottom of the page; `bottom` is the baseline of its
    last part: words that were broken by a hyphen stand on one line here. `code` keeps the blanks of typewriter text,
    of which `advance` is a character's width."""

    page: int
    text: str
    left: float
    right: float
    top: float
    bottom: float
    size: float
    is_mono: bool
    is_bold: bool
    code: str
    advance: float


@dataclass(frozen=True, slots=True)
class Bookmark:
    """An entry of the document's outline: its level from 0, its page from 1, and how far up on it, if that is said."""

    level: int
    title: str
    page: int
    top: float | None


@dataclass(frozen=True, slots=True)
class PdfText:
    """`pages` has the lines of each page in the order in which they are drawn, `heights` the pages' heights."""

    title: str
    pages: tuple[tuple[Line, ...], ...]
    heights: tuple[float, ...]
    bookmarks: tuple[Bookmark, ...]


def read_lines(body: bytes, url: str) -> PdfText:
    """Everything that is written in the PDF. Raises ExtractFailed when it is broken, encrypted or exceeds a cap."""
    import pypdfium2  # type: ignore[import-untyped]

    try:
        document = pypdfium2.PdfDocument(body)
    except pypdfium2.PdfiumError as error:
        raise _unreadable(url, str(error)) from error
    try:
        count = len(document)
        if count > MAX_PAGES:
            raise ExtractFailed(url, f"The PDF has more than {MAX_PAGES:,} pages.", fact="pages", limit=MAX_PAGES)
        pages: list[tuple[Line, ...]] = []
        heights: list[float] = []
        chars = 0
        for index in range(count):
            lines, height = _page(document, index)
            chars += sum(len(line.text) for line in lines)
            if chars > MAX_CHARS:
                message = f"The PDF has more than {MAX_CHARS:,} characters."
                raise ExtractFailed(url, message, fact="characters", limit=MAX_CHARS)
            pages.append(lines)
            heights.append(height)
        title = str(document.get_metadata_dict().get("Title", ""))
        return PdfText(title, tuple(pages), tuple(heights), tuple(_bookmarks(document)))
    except pypdfium2.PdfiumError as error:
        raise ExtractFailed(url, "The PDF is broken: not all of it can be read.", fact="pdf") from error
    finally:
        document.close()


def _unreadable(url: str, reason: str) -> ExtractFailed:
    if "password" in reason.lower() or "security" in reason.lower():
        return ExtractFailed(url, "The PDF is encrypted: it can't be read without its password.", fact="encrypted")
    return ExtractFailed(url, "The PDF is broken: it can't be opened.", fact="pdf")


def _bookmarks(document: Any) -> Iterator[Bookmark]:
    import pypdfium2

    for entry in itertools.islice(document.get_toc(max_depth=6), MAX_BOOKMARKS):
        try:
            title = " ".join(entry.get_title().split())
            target = entry.get_dest()
            index = None if target is None else target.get_index()
            mode, place = target.get_view() if target is not None else (None, [])
        except (pypdfium2.PdfiumError, ValueError):
            continue
        if title and index is not None:
            is_placed = mode == pypdfium2.raw.PDFDEST_VIEW_XYZ and len(place) > 1
            yield Bookmark(entry.level, title, index + 1, float(place[1]) if is_placed and place[1] else None)


def _page(document: Any, index: int) -> tuple[tuple[Line, ...], float]:
    page = document[index]
    text_page = page.get_textpage()
    try:
        return tuple(_Reader(text_page, index + 1).lines()), float(page.get_height())
    finally:
        text_page.close()
        page.close()


@dataclass(frozen=True, slots=True)
class _Font:
    size: float
    is_mono: bool
    is_bold: bool


class _Reader:
    """Reads one page's text: a few of the characters of each line are asked for their place and font, of code all."""

    def __init__(self, text_page: Any, number: int) -> None:
        import pypdfium2.raw  # type: ignore[import-untyped]

        self._raw = pypdfium2.raw
        self._text_page = text_page
        self._number = number
        self._name = ctypes.create_string_buffer(128)
        self._flags = ctypes.c_int()
        self._matrix = pypdfium2.raw.FS_MATRIX()
        self._numbers = [ctypes.c_double() for _ in range(4)]

    def lines(self) -> Iterator[Line]:
        position = 0
        text = self._text_page.get_text_range()
        for raw in text.split("\r\n"):
            # Indices are those of UTF-16.
            length = len(raw) if raw.isascii() or max(raw) < "\U00010000" else len(raw.encode("utf-16-le")) // 2
            if raw.strip():
                yield from self._line(raw, position)
            position += length + 2

    def _line(self, raw: str, position: int) -> Iterator[Line]:
        start = position + len(raw) - len(raw.lstrip())
        text = raw.strip()
        places = (start, start + len(text) // 2, start + len(text) - 1)
        first, *others = (self._char(place) for place in places)
        fonts = [self._font(place) for place in (first, *others)]
        last = others[-1]
        is_mono = all(font.is_mono for font in fonts) and not self._is_mixed(text, start)
        left, top = self._origin(first)
        bottom = self._origin(last)[1]
        size = max(font.size for font in fonts)
        if is_mono:
            yield from self._code_lines(text, start, fonts[0])
            return
        clean = " ".join(text.split())
        is_bold = all(font.is_bold for font in fonts)
        yield Line(self._number, clean, left, self._right(last), top, bottom, size, False, is_bold, clean, 0.0)

    def _is_mixed(self, text: str, start: int) -> bool:
        """Whether a word in other type stands between the typewriter's: then it is a sentence about code."""
        steps = [match.start() for match in re.finditer(r"(?<= )\S", text)][:12]
        return any(not self._font(self._char(start + step)).is_mono for step in steps)

    def _code_lines(self, text: str, start: int, font: _Font) -> Iterator[Line]:
        """The characters of code where they stand. A hyphen at a line's end is one: the line ends there."""
        rows: list[list[tuple[float, float, str]]] = [[]]
        for offset, character in enumerate(text):
            if character.isspace():
                continue
            x, y = self._origin(self._char(start + offset))
            if rows[-1] and abs(rows[-1][-1][1] - y) > 0.3 * font.size:
                rows.append([])
            rows[-1].append((x, y, "-" if character in (HYPHEN, "\x02") else character))
        steps = [right[0] - left[0] for row in rows for left, right in itertools.pairwise(row)]
        near = [step for step in steps if 0.2 * font.size < step < font.size]
        advance = median(near) if near else 0.6 * font.size
        for row in rows:
            code = _on_grid(row, advance)
            left, y = row[0][0], row[0][1]
            right = row[-1][0] + advance
            yield Line(
                self._number, " ".join(code.split()), left, right, y, y, font.size, True, font.is_bold, code, advance
            )

    def _char(self, text_index: int) -> int:
        return int(self._raw.FPDFText_GetCharIndexFromTextIndex(self._text_page, text_index))

    def _origin(self, char: int) -> tuple[float, float]:
        x, y = self._numbers[:2]
        if not self._raw.FPDFText_GetCharOrigin(self._text_page, char, x, y):
            return 0.0, 0.0
        return x.value, y.value

    def _right(self, char: int) -> float:
        left, right, bottom, top = self._numbers
        found = self._raw.FPDFText_GetCharBox(self._text_page, char, left, right, bottom, top)
        return right.value if found else self._origin(char)[0]

    def _font(self, char: int) -> _Font:
        raw = self._raw
        size = raw.FPDFText_GetFontSize(self._text_page, char)
        if raw.FPDFText_GetMatrix(self._text_page, char, self._matrix):
            size *= (self._matrix.c**2 + self._matrix.d**2) ** 0.5
        length = raw.FPDFText_GetFontInfo(self._text_page, char, self._name, 128, self._flags)
        name = self._name.value.decode("utf-8", "replace") if 0 < length <= 128 else ""
        is_mono = bool(self._flags.value & _FIXED_PITCH) or _MONO.search(name) is not None
        is_bold = _BOLD.search(name) is not None or raw.FPDFText_GetFontWeight(self._text_page, char) >= 600
        return _Font(round(size, 1), is_mono, is_bold)


def _on_grid(row: Sequence[tuple[float, float, str]], advance: float) -> str:
    """Characters of one width, each in its column."""
    left = row[0][0]
    line = ""
    for x, _, character in row:
        column = min(round((x - left) / advance), 400) if advance > 0 else len(line)
        line = line.ljust(column) + character
    return line
