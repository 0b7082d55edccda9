"""Documentation as questions with known answers: a heading asks, the section below it is the answer."""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from gleanery.errors import EmptyPage, ExtractFailed
from gleanery.knowledge.extract import ExtractedPage, extract_page
from gleanery.knowledge.markdown import Heading

SITES = {
    "python": Path("/usr/share/doc/python3.11/html"),
    "postgresql": Path("/usr/share/doc/postgresql-doc-15/html"),
}
# Generated lists of everything: no prose, and megabytes of links to embed.
_INDEXES = re.compile(r"genindex|modindex|bookindex|search\.html|contents\.html")
_MASK = "§"
_MIN_SECTION, _MAX_SECTION = 300, 8_000
_QUESTIONS_OF_A_PAGE = 4
_NUMBER = re.compile(r"(?:(?:Chapter|Appendix|Part)\s+)?(?:[A-Z]|[IVX]+|\d+)(?:\.\d+)*\.\s+")
_WORD = re.compile(r"[^\W\d_]{2,}")
_NO_CONTENT = frozenset(
    """
    an and are as at by do for from how if in into is it its not of on or that the this to using what when where which
    why with you your
    """.split()  # noqa: SIM905 - as a list it would be thirty lines
)


class Mask(StrEnum):
    """What becomes of the lines of the headings that are asked for, before anybody indexes the text."""

    BLANK = "blank"  # the heading stays one, without its words
    REMOVED = "removed"
    KEPT = "kept"


@dataclass(frozen=True)
class SitePage:
    """An extracted page of a site; `site` is a key of SITES."""

    site: str
    url: str
    extracted: ExtractedPage


@dataclass(frozen=True)
class Question:
    """A heading as a query, and the section that it stood above: `pages[page]`'s Markdown from `start` to `end`."""

    text: str
    site: str
    page: int
    start: int
    end: int


@dataclass(frozen=True)
class Task:
    """What all contenders get: the same pages, and the same questions."""

    pages: Sequence[SitePage]
    questions: Sequence[Question]


def read_pages(limit: int | None, seed: int) -> list[SitePage]:
    """The pages of both sites, or `limit` of them by chance, in a fixed order. Raises FileNotFoundError without a site."""
    files = [(site, root, file) for site, root in SITES.items() for file in _files(root)]
    if limit is not None and limit < len(files):
        files = sorted(random.Random(seed).sample(files, limit))
    return [page for site, root, file in files if (page := _read(site, root, file)) is not None]


def _files(root: Path) -> list[Path]:
    if not root.is_dir():
        raise FileNotFoundError(f"{root} is missing: install Debian's python3.11-doc and postgresql-doc-15.")
    return [f for f in sorted(root.rglob("*.html")) if not f.is_symlink() and not _INDEXES.search(f.name)]


def _read(site: str, root: Path, file: Path) -> SitePage | None:
    url = f"https://docs.example.org/{site}/{file.relative_to(root).as_posix()}"
    try:
        return SitePage(site, url, extract_page(file.read_bytes(), url))
    except (EmptyPage, ExtractFailed):
        return None


def make_task(pages: Sequence[SitePage], mask: Mask, seed: int) -> Task:
    """The questions, and the pages with what `mask` makes of the lines that they are taken from.

    The questions are the same whatever the mask is. At most four of a page, so that most headings of a page stay.
    """
    times = Counter(_key(heading.text) for page in pages for heading in page.extracted.outline)
    times.update(_key(page.extracted.title) for page in pages)
    masked: list[SitePage] = []
    questions: list[Question] = []
    for number, page in enumerate(pages):
        chosen = _chosen(page, times, random.Random(f"{seed} {page.url}"))
        edits = _edits(page.extracted, chosen, mask)
        masked.append(replace(page, extracted=_masked(page.extracted, chosen, edits, mask)))
        markdown, outline = page.extracted.markdown, page.extracted.outline
        for entry in chosen:
            start = _moved(edits, _line_end(markdown, outline[entry].offset))
            end = _moved(edits, _section_end(markdown, outline, entry))
            questions.append(Question(_asked(outline[entry].text), page.site, number, start, end))
    return Task(masked, questions)


def _key(text: str) -> str:
    return " ".join(_WORD.findall(_asked(text).lower()))


def _asked(heading: str) -> str:
    """The heading as somebody would type it: without its number and its marks."""
    return _NUMBER.sub("", heading.replace("`", "").strip(), count=1).strip()


def _chosen(page: SitePage, times: Counter[str], chance: random.Random) -> list[int]:
    """Which entries of the outline ask: no page's own title, two words that say something, like no other heading."""
    outline, markdown = page.extracted.outline, page.extracted.markdown
    fit = [
        n
        for n, heading in enumerate(outline)
        if n > 0
        and heading.level >= 2
        and _is_prose(markdown, heading)
        and len(set(_key(heading.text).split()) - _NO_CONTENT) >= 2
        and times[_key(heading.text)] == 1
        and _MIN_SECTION <= _section_end(markdown, outline, n) - _line_end(markdown, heading.offset) <= _MAX_SECTION
    ]
    return sorted(chance.sample(fit, min(len(fit), _QUESTIONS_OF_A_PAGE)))


def _is_prose(markdown: str, heading: Heading) -> bool:
    """Whether it is words on a line of their own: the signatures of an API reference, which are headings too, are code."""
    line = markdown[heading.offset : _line_end(markdown, heading.offset)].strip()
    text = line.lstrip("#").strip()
    return line.startswith("#") and not (text.startswith("`") and text.endswith("`"))


def _line_end(markdown: str, offset: int) -> int:
    return (markdown.find("\n", offset) + 1) or len(markdown)


def _section_end(markdown: str, outline: Sequence[Heading], number: int) -> int:
    following = (h.offset for h in outline[number + 1 :] if h.level <= outline[number].level)
    return next(following, len(markdown))


@dataclass(frozen=True)
class _Edit:
    start: int
    end: int
    text: str


def _edits(extracted: ExtractedPage, chosen: Sequence[int], mask: Mask) -> list[_Edit]:
    """What masking the chosen headings does to the Markdown, in order."""
    if mask is Mask.KEPT:
        return []
    headings = [extracted.outline[number] for number in chosen]
    return [
        _Edit(
            h.offset,
            _line_end(extracted.markdown, h.offset),
            f"{'#' * h.level} {_MASK}\n" if mask is Mask.BLANK else "",
        )
        for h in headings
    ]


def _moved(edits: Sequence[_Edit], offset: int) -> int:
    """Where a place outside the edits is after them."""
    return offset + sum(len(edit.text) - (edit.end - edit.start) for edit in edits if edit.end <= offset)


def _masked(extracted: ExtractedPage, chosen: Sequence[int], edits: Sequence[_Edit], mask: Mask) -> ExtractedPage:
    """The page after the edits, its outline in step with its text. It has no code examples any more."""
    parts: list[str] = []
    position = 0
    for edit in edits:
        parts += [extracted.markdown[position : edit.start], edit.text]
        position = edit.end
    hidden = frozenset(chosen) if mask is not Mask.KEPT else frozenset()
    outline = [
        replace(heading, offset=_moved(edits, heading.offset), text=_MASK if number in hidden else heading.text)
        for number, heading in enumerate(extracted.outline)
        if mask is not Mask.REMOVED or number not in hidden
    ]
    markdown = "".join([*parts, extracted.markdown[position:]])
    return replace(extracted, markdown=markdown, outline=tuple(outline), code_examples=())
