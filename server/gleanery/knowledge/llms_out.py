"""`llms.txt` and `llms-full.txt` of a source, for language models elsewhere. Pure: pages in, lines out."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from gleanery.store.portable_store import ListedPage

MAX_TITLE = 300
MAX_NOTES = 500
MAX_SUMMARY = 2_000
TOP = "Pages"
"""The section of the pages that are in no folder of their own."""

_ESCAPED = re.compile(r"([\\\[\]])")
_BALANCED = re.compile(r"[^()]*(?:\([^()]{0,300}\)[^()]{0,300}){0,8}")
_WORDS = re.compile(r"[-_+.\s]+")


@dataclass(frozen=True)
class Section:
    title: str
    pages: tuple[ListedPage, ...]


def sections_of(pages: Sequence[ListedPage]) -> tuple[Section, ...]:
    """The pages by the site's structure: a section for each folder below the one that has them all, in the order in
    which they first come. A folder of one page is none.

    A section is called as the page of its folder is, else as the folder.
    """
    places = [_place(page.url) for page in pages]
    depth = _common_depth(places)
    names = [place[depth] if len(place) > depth + 1 else None for place in places]
    counts: dict[str | None, int] = {}
    for name in names:
        counts[name] = counts.get(name, 0) + 1
    groups: dict[str | None, list[ListedPage]] = {}
    titles: dict[str | None, str] = {None: TOP}
    for page, place, name in zip(pages, places, names, strict=True):
        key = name if counts[name] > 1 else None
        groups.setdefault(key, []).append(page)
        if key is not None and _is_index(place, depth) and page.title:
            titles.setdefault(key, page.title)
    return tuple(Section(titles.get(key) or _named(key or ""), tuple(group)) for key, group in groups.items())


def write_llms(title: str, summary: str, sections: Sequence[Section]) -> Iterator[str]:
    """The lines of an llms.txt (https://llmstxt.org): a title, what it is about, and a list of links for each section."""
    yield from _heading(title, summary)
    for section in sections:
        yield f"\n## {_one_line(section.title, MAX_TITLE) or TOP}\n\n"
        for page in section.pages:
            notes = _escaped(_one_line(page.description, MAX_NOTES))
            label = _escaped(_one_line(page.title, MAX_TITLE) or page.url[:MAX_TITLE])
            yield f"- [{label}]({_target(page.url)}){f': {notes}' if notes else ''}\n"


def begin_full(title: str, summary: str) -> str:
    """What an llms-full.txt begins with. After it comes each page of `write_page`, in the order of the site."""
    return "".join(_heading(title, summary))


def write_page(title: str, url: str, markdown: str) -> str:
    """A page of an llms-full.txt: its Markdown as it is, between tags, its title and URL as front matter.

    Tags are what no page has in itself by chance: headings, rules and front matter are in many.
    """
    front = f"---\ntitle: {json.dumps(_one_line(title, MAX_TITLE), ensure_ascii=False)}\nurl: {url}\n---\n"
    # One that is about such files may have the closing tag in it.
    if "</page>" not in markdown:
        begin, end = "<page>", "</page>"
    else:
        begin, end = '<doc title="">', "</doc>"
        markdown = markdown.replace("</doc>", "<\\/doc>")
    return f"\n{begin}\n{front}\n{markdown.strip(chr(10))}\n{end}\n"


def _heading(title: str, summary: str) -> Iterator[str]:
    yield f"# {_one_line(title, MAX_TITLE) or 'Untitled'}\n"
    if about := _one_line(summary, MAX_SUMMARY):
        yield f"\n> {about}\n"


def _one_line(text: str, most: int) -> str:
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def _escaped(text: str) -> str:
    return _ESCAPED.sub(r"\\\1", text)


def _target(url: str) -> str:
    """A URL as it may stand in a link: brackets that don't close would end it."""
    return url if _BALANCED.fullmatch(url) else url.replace("(", "%28").replace(")", "%29")


def _place(url: str) -> tuple[str, ...]:
    """Host, folders and file of a URL."""
    parts = urlsplit(url)
    return (parts.netloc, *parts.path.removeprefix("/").split("/"))


def _common_depth(places: Sequence[tuple[str, ...]]) -> int:
    """How many of the first parts all have in common, files not counted."""
    folders = [place[:-1] for place in places]
    depth = 0
    while folders and all(len(place) > depth for place in folders) and len({place[depth] for place in folders}) == 1:
        depth += 1
    return depth


def _is_index(place: tuple[str, ...], depth: int) -> bool:
    """Whether it is the page of a section's folder itself."""
    return len(place) == depth + 2 and (not place[-1] or place[-1].rpartition(".")[0].lower() == "index")


def _named(folder: str) -> str:
    words = " ".join(_WORDS.split(unquote(folder))).strip()
    return words[:1].upper() + words[1:] or TOP
