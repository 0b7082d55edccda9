"""From the bytes of an HTML page to what gleanery keeps of it: Markdown, outline, links, code examples, metadata.

Pure and picklable on both sides: it runs in worker processes that are killed when a page takes too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

import ada_url

from gleanery.errors import EmptyPage, ExtractFailed
from gleanery.knowledge.charset import decode
from gleanery.knowledge.document import Document, DocumentTooComplex, Element, parse
from gleanery.knowledge.main_content import drop_chrome, find_region
from gleanery.knowledge.markdown import CodeExample, Heading, render_markdown

__all__ = ["CodeExample", "ExtractedPage", "Heading", "decode", "extract_page"]

_WORD = re.compile(r"\w")
_REFRESH = re.compile(r"""[;,]\s*(?:url\s*=\s*)?["']?\s*([^"']+)""", re.IGNORECASE)
# What the URL standard leaves as it is.
_PLAIN_FRAGMENT = re.compile(r"[\w.:/?=&%~+-]*", re.ASCII)
_DIRECTIVE = re.compile(r"[\w-]+")


@dataclass(frozen=True, slots=True)
class ExtractedPage:
    """What is kept of a page. `links` are absolute, without fragments, each once, in document order.

    `canonical` is the absolute rel=canonical URL or None; `text_length` counts the characters of the main content
    without markup and runs of blanks.
    """

    title: str
    language: str
    description: str
    markdown: str
    outline: tuple[Heading, ...]
    links: tuple[str, ...]
    canonical: str | None
    is_noindex: bool
    code_examples: tuple[CodeExample, ...]
    text_length: int


def extract_page(body: bytes | str, url: str, charset: str | None = None) -> ExtractedPage:
    """Take the HTML document `body` that came from `url` apart; `charset` is the one its Content-Type header named.

    Raises EmptyPage when there is nothing to read on it (`details["links"]` holds the links all the same: the page may
    lead on) and ExtractFailed when it exceeds a cap.
    """
    try:
        document = parse(decode(body, charset))
    except DocumentTooComplex as error:
        raise ExtractFailed(url, str(error), fact=error.fact, limit=error.limit) from error
    try:
        return _extract(document, url)
    finally:
        document.release()


def _extract(document: Document, url: str) -> ExtractedPage:
    root = document.root
    head = _read_head(document, url)
    resolve = _resolver(head.base)
    links = () if "nofollow" in head.robots else _links(document, resolve)
    content = next((e for e in root.elements() if e.tag in ("body", "frameset")), root)
    first_heading = content.first("h1")
    drop_chrome(document, content)
    region = find_region(document, content)
    title = _outside(first_heading, region, head.title)
    rendered = render_markdown(region, resolve, title)
    if not _WORD.search(rendered.markdown):
        raise EmptyPage(url, "There is nothing to read on this page.", links=links)
    return ExtractedPage(
        title=_title(head, rendered.outline),
        language=root.get("lang") or root.get("xml:lang"),
        description=head.description,
        markdown=rendered.markdown,
        outline=rendered.outline,
        links=links,
        canonical=head.canonical,
        is_noindex="noindex" in head.robots or "none" in head.robots,
        code_examples=rendered.code_examples,
        text_length=region.size,
    )


@dataclass(frozen=True, slots=True)
class _Head:
    title: str
    social_title: str
    description: str
    base: str
    canonical: str | None
    robots: frozenset[str]


def _read_head(document: Document, url: str) -> _Head:
    """Metadata, wherever on the page it stands: broken pages have it in the body."""
    metas: dict[str, str] = {}
    base = url
    canonical: str | None = None
    for start in document.start_tags:
        if start.name == "meta":
            name = (start.get("name") or start.get("property")).strip().lower()
            if name == "robots":
                metas[name] = f"{metas.get(name, '')} {start.get('content')}"
            else:
                metas.setdefault(name, start.get("content").strip())
        elif start.name == "base" and base == url and start.get("href"):
            base = _absolute(start.get("href"), url) or url
        elif start.name == "link" and canonical is None and "canonical" in start.get("rel").lower().split():
            canonical = start.get("href").strip() or None
    titles = (e for e in document.elements if e.tag == "title" and (e.parent is None or e.parent.tag != "svg"))
    return _Head(
        title=next((title.line() for title in titles if title.line()), ""),
        social_title=metas.get("og:title", ""),
        description=metas.get("description") or metas.get("og:description", ""),
        base=base,
        canonical=_absolute(canonical, base) if canonical else None,
        robots=_directives(metas.get("robots", "")),
    )


def _directives(content: str) -> frozenset[str]:
    """The words of a robots meta tag; `none` stands for both."""
    words = frozenset(_DIRECTIVE.findall(content.lower()))
    return words | {"noindex", "nofollow"} if "none" in words else words


def _absolute(href: str, base: str) -> str | None:
    """The http(s) URL that `href` means on a page with this base, None when it is none."""
    try:
        url = ada_url.join_url(base, href.strip())
    except ValueError:
        return None
    return url if url.startswith(("http://", "https://")) else None


def _resolver(base: str) -> Callable[[str], str | None]:
    """`_absolute` for one page. Most links of a page differ in their fragments only: the rest is resolved once."""
    known: dict[str, str | None] = {}

    def resolve(href: str) -> str | None:
        address, mark, fragment = href.partition("#")
        if not _PLAIN_FRAGMENT.fullmatch(fragment) or address[-1:].isspace():
            return _absolute(href, base)
        if address not in known:
            known[address] = _absolute(address, base)
        url = known[address]
        return f"{url}{mark}{fragment}" if url else None

    return resolve


def _links(document: Document, resolve: Callable[[str], str | None]) -> tuple[str, ...]:
    hrefs: dict[str, None] = {}
    for start in document.start_tags:
        if start.name in ("a", "area"):
            href = start.get("href").partition("#")[0].strip()
        elif start.name == "frame":
            href = start.get("src").partition("#")[0].strip()
        elif start.name == "meta" and start.get("http-equiv").lower() == "refresh":
            target = _REFRESH.search(start.get("content"))
            href = target[1].partition("#")[0].strip() if target else ""
        else:
            continue
        if href:
            hrefs[href] = None
    found = dict.fromkeys(resolve(href) for href in hrefs)
    return tuple(url for url in found if url)


def _outside(heading: Element | None, region: Element, page_title: str) -> Element | None:
    """The page's <h1> when the region does not contain it but the page is called by it."""
    if heading is None or heading is region or any(ancestor is region for ancestor in heading.ancestors()):
        return None
    text = heading.line()
    return heading if text and text.lower() in page_title.lower() and region.first("h1") is None else None


def _title(head: _Head, outline: tuple[Heading, ...]) -> str:
    """The first <h1> if the <title> contains it (what else is in there is the site's name), else the <title>."""
    heading = next((entry.text for entry in outline if entry.level == 1), "")
    if heading and heading.replace("`", "").lower() in head.title.lower():
        return heading.replace("`", "")
    return head.title or head.social_title or heading
