"""Plain text: kept as it is, with the headings of reStructuredText, RFCs and man pages as its outline.

Code that reStructuredText names as such becomes fences; overstrikes and colours of printed man pages go.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gleanery.errors import ExtractFailed
from gleanery.knowledge.charset import decode
from gleanery.knowledge.extract import CodeExample, ExtractedPage, Heading
from gleanery.knowledge.formats.page_builder import CONTEXT_CHARS, bare_urls, extracted
from gleanery.knowledge.languages import folded
from gleanery.knowledge.markdown import MAX_NAME_CHARS

MAX_CHARS = 10_000_000
MAX_TITLE_CHARS = 100
# Bold and underlined text as a line printer shows it (`N\bN`, `_\bx`), and colours (ECMA-48, SGR).
_OVERSTRIKE = re.compile(rb"(?:[\x20-\x7e]|[\xc2-\xf4][\x80-\xbf]{1,3})\x08")
_COLOUR = re.compile(rb"\x1b\[[0-9;:]{0,30}[A-Za-z]")
_ADORNMENT = re.compile(r"([=\-~^\"'`:.*+#_<>])\1{2,}")
_DIRECTIVE = re.compile(
    r"(?P<indent>[ \t]*)\.\. (?:code-block|code|sourcecode|highlight|prompt|parsed-literal)::[ \t]*(?P<name>\S*).*"
)
_OPTION = re.compile(r"[ \t]+:[\w-]+:.*")
_MAN_TOP = re.compile(r"(\S+\(\w{1,5}\))\s{2,}.*\S\s{2,}\1\s*")
_MAN_HEADING = re.compile(r"[A-Z][A-Z0-9 ,/&'()-]{2,60}")
_ROFF = re.compile(r"\.(?P<name>TH|SH|SS|Sh|Ss|Dt)[ \t]+(?P<text>.+?)[ \t]*")
_ASCIIDOC_TITLE = re.compile(r"(={1,6}) (\S.*)")
_ASCIIDOC = re.compile(r"={1,6} \S.*|(?:ifn?def|include|image)::.*|\[(?:source|NOTE|TIP|verse|\[).*")
_NUMBERED = re.compile(r"(?P<number>(?:\d{1,2}|[A-Z])(?:\.\d{1,2})*)\.?\s{1,4}(?P<text>[A-Z\"'][^\n]{1,70})")
_RUNNING = re.compile(r".{0,100}\[Page \d+\]\s*|RFC \d+\s{2,}.*\s{2,}\w+ \d{4}\s*")


@dataclass(frozen=True, slots=True)
class _Title:
    """A heading on a line, by number. `first` is where its overline is."""

    first: int
    line: int
    level: int
    text: str


def read_text(body: bytes, url: str, charset: str | None) -> ExtractedPage:
    """The page of a text file. Raises EmptyPage and ExtractFailed."""
    if b"\x08" in body or b"\x1b" in body:
        body = _COLOUR.sub(b"", _OVERSTRIKE.sub(b"", body))
    text = decode(body, charset).replace("\r\n", "\n").replace("\r", "\n")
    if len(text) > MAX_CHARS:
        raise ExtractFailed(
            url, f"The document has more than {MAX_CHARS:,} characters.", fact="characters", limit=MAX_CHARS
        )
    lines = text.expandtabs(8).split("\n") if "\t" in text else text.split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    is_asciidoc = any(_ASCIIDOC.fullmatch(line) for line in lines) or _defines_terms(lines)
    titles = _man_titles(lines) or _roff_titles(lines) or _underlined(lines) or _asciidoc_titles(lines)
    is_restructured = not is_asciidoc and (bool(titles) or any(_DIRECTIVE.fullmatch(line) for line in lines))
    if not titles:
        titles = _numbered(lines)
        lines = _without_running_lines(lines) if titles else lines
        titles = _numbered(lines) if titles else titles
    writing = _Writing(lines, titles)
    writing.write(has_code=is_restructured)
    return extracted(
        url,
        writing.text(),
        title=titles[0].text if titles and not writing.is_numbered(titles) else _first_line(lines),
        outline=tuple(writing.outline),
        code_examples=tuple(writing.code_examples),
        links=bare_urls(text),
    )


def _first_line(lines: Sequence[str]) -> str:
    """The first line if it can be a title: short, and with nothing right below it."""
    line = lines[0].strip() if lines else ""
    is_alone = len(lines) < 2 or not lines[1].strip()
    return line if is_alone and len(line) <= MAX_TITLE_CHARS else ""


def _underlined(lines: Sequence[str]) -> list[_Title]:
    """reStructuredText: a line with adornment below it, and maybe above; a style's level is the order in which it comes."""
    titles: list[_Title] = []
    styles: dict[str, int] = {}
    for number in range(1, len(lines)):
        under, text = lines[number].rstrip(), lines[number - 1]
        if not _ADORNMENT.fullmatch(under) or not text.strip() or _ADORNMENT.fullmatch(text.strip()):
            continue
        over = lines[number - 2].rstrip() if number > 1 else ""
        has_over = over == under
        if len(under) < len(text.rstrip()) - 1 or not (has_over or not over.strip()) or not re.search(r"\w", text):
            continue
        if text[0] in " \t" and not has_over:
            continue
        level = styles.setdefault(f"{under[0]}{has_over}", len(styles) + 1)
        titles.append(_Title(number - 2 if has_over else number - 1, number - 1, min(6, level), text.strip()))
    return titles


def _man_titles(lines: Sequence[str]) -> list[_Title]:
    """A printed man page: its name on the first line, and headings in capitals at the margin."""
    top = _MAN_TOP.fullmatch(lines[0]) if lines else None
    if top is None:
        return []
    found = [
        _Title(n, n, 2, line.strip()) for n, line in enumerate(lines) if n and _MAN_HEADING.fullmatch(line.rstrip())
    ]
    return [_Title(0, 0, 1, top[1]), *found]


def _roff_titles(lines: Sequence[str]) -> list[_Title]:
    """The source of a man page: `.TH` and `.SH`, `.SS` (man(7)), `.Dt` and `.Sh`, `.Ss` (mdoc(7))."""
    levels = {"TH": 1, "Dt": 1, "SH": 2, "Sh": 2, "SS": 3, "Ss": 3}
    found = [(n, _ROFF.fullmatch(line)) for n, line in enumerate(lines) if line.startswith(".")]
    titles = [_Title(n, n, levels[match["name"]], match["text"].replace('"', "")) for n, match in found if match]
    if not titles or titles[0].level != 1:
        return []
    name, *section = titles[0].text.split()[:2]
    return [_Title(titles[0].first, titles[0].line, 1, f"{name}({section[0]})" if section else name), *titles[1:]]


def _defines_terms(lines: Sequence[str]) -> bool:
    """Whether `::` opens definitions, as in AsciiDoc: what is indented begins right below it."""
    return any(
        term.rstrip().endswith("::") and not term.lstrip().startswith("..") and text[:1] in (" ", "\t") and text.strip()
        for term, text in itertools.pairwise(lines)
    )


def _asciidoc_titles(lines: Sequence[str]) -> list[_Title]:
    """AsciiDoc's one-line titles: the document's has one `=`."""
    found = [(n, _ASCIIDOC_TITLE.fullmatch(line.rstrip())) for n, line in enumerate(lines) if line.startswith("=")]
    titles = [_Title(n, n, len(match[1]), match[2]) for n, match in found if match]
    return titles if len(titles) > 1 else []


def _numbered(lines: Sequence[str]) -> list[_Title]:
    """RFCs: numbered lines at the margin that stand alone, in a text that is indented."""
    written = [line for line in lines if line.strip()]
    if sum(line.startswith("   ") for line in written) < 0.5 * len(written):
        return []
    titles = []
    for number in range(1, len(lines) - 1):
        found = _NUMBERED.fullmatch(lines[number].rstrip())
        if found and not lines[number - 1].strip() and not lines[number + 1].strip():
            level = min(6, 1 + found["number"].count(".") + 1)
            titles.append(_Title(number, number, level, f"{found['number']}. {found['text']}"))
    return titles


def _without_running_lines(lines: Sequence[str]) -> list[str]:
    """RFCs are printed in pages: the lines around a page break go."""
    return [line.replace("\f", "") for line in lines if not _RUNNING.fullmatch(line.replace("\f", ""))]


class _Writing:
    """Writes the lines again, with fences where code is, and knows at which character each stands."""

    def __init__(self, lines: Sequence[str], titles: Sequence[_Title]) -> None:
        self._lines = lines
        self._titles = {title.line: title for title in titles}
        self._firsts = {title.first: title for title in titles}
        self._parts: list[str] = []
        self._length = 0
        self._path: list[tuple[int, str]] = []
        self._section = 0
        self.outline: list[Heading] = []
        self.code_examples: list[CodeExample] = []

    def text(self) -> str:
        return "".join(self._parts).rstrip()

    def is_numbered(self, titles: Sequence[_Title]) -> bool:
        """Whether the first title is a section's, and not the document's."""
        return bool(_NUMBERED.fullmatch(titles[0].text)) and titles[0].level > 1

    def write(self, *, has_code: bool) -> None:
        number = 0
        while number < len(self._lines):
            title = self._firsts.get(number)
            if title is not None:
                self.outline.append(Heading(title.level, title.text[:MAX_NAME_CHARS], "", self._length))
                self._path = [e for e in self._path if e[0] < title.level] + [(title.level, title.text)]
                self._section = title.line + 1
            block = _code_block(self._lines, number) if has_code and number not in self._titles else None
            if block is None:
                self._append(f"{self._lines[number]}\n")
                number += 1
                continue
            self._code(number, block)
            number = block.end

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)

    def _code(self, number: int, block: _Block) -> None:
        """What announces the code stays, unless it is nothing but a directive."""
        line = self._lines[number]
        if not _DIRECTIVE.fullmatch(line) and line.strip() != "::":
            self._append(f"{line}\n")
        mark = "`" * max(3, 1 + max((len(run) for run in re.findall("`+", block.code)), default=2))
        self._append(f"\n{mark}{block.language or ''}\n")
        context = " ".join(" ".join(_paragraph(self._lines[self._section : number + 1])).split())[-CONTEXT_CHARS:]
        path = tuple(text for _, text in self._path)
        end = self._length + len(block.code)
        self.code_examples.append(CodeExample(block.code, block.language, path, context, self._length, end))
        self._append(f"{block.code}\n{mark}\n\n")


@dataclass(frozen=True, slots=True)
class _Block:
    """Code that a line announces; `end` is the line behind it."""

    code: str
    language: str | None
    end: int


def _code_block(lines: Sequence[str], number: int) -> _Block | None:
    """The code below this line, if it is a directive for code or ends in `::` (docutils: literal block)."""
    line = lines[number]
    directive = _DIRECTIVE.fullmatch(line)
    if directive is None and (not line.rstrip().endswith("::") or line.lstrip().startswith(".. ")):
        return None
    margin = len(line) - len(line.lstrip())
    start = number + 1
    while directive is not None and start < len(lines) and _OPTION.fullmatch(lines[start]):
        start += 1
    if start < len(lines) and lines[start].strip() and directive is None:
        return None
    end = start
    while end < len(lines) and (not lines[end].strip() or _indent(lines[end]) > margin):
        end += 1
    body = lines[start:end]
    while body and not body[0].strip():
        body = body[1:]
    while body and not body[-1].strip():
        body = body[:-1]
    if not body:
        return None
    least = min(_indent(text) for text in body if text.strip())
    code = "\n".join(text[least:] for text in body).rstrip()
    return _Block(code, folded(directive["name"]) if directive else None, end)


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def _paragraph(lines: Sequence[str]) -> Iterator[str]:
    """The last prose of these lines of a section."""
    end = len(lines)
    while end and (not lines[end - 1].strip() or _DIRECTIVE.fullmatch(lines[end - 1])):
        end -= 1
    first = end
    while first and lines[first - 1].strip() and not _ADORNMENT.fullmatch(lines[first - 1].strip()):
        first -= 1
    yield from lines[first:end]
