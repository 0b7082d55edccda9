"""From the bytes of an HTML page to what gleanery keeps of it: Markdown, outline, links, code examples, metadata.

Pure and picklable on both sides: it runs in worker processes that are killed when a page takes too long.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from gleanery.errors import EmptyPage, ExtractFailed
from gleanery.knowledge.charset import decode
from gleanery.knowledge.document import Document, DocumentTooComplex, Element, parse
from gleanery.knowledge.main_content import drop_chrome, find_region, is_main
from gleanery.knowledge.markdown import MAX_NAME_CHARS, CodeExample, Heading, render_markdown
from gleanery.knowledge.page_head import PageHead, absolute, read_head
from gleanery.knowledge.rendering import rendering_sign
from gleanery.knowledge.tabs import find_tabs, show_panels

__all__ = ["CodeExample", "ExtractedPage", "Heading", "decode", "extract_page"]

_WORD = re.compile(r"\w")
_REFRESH = re.compile(r"""[;,]\s*(?:url\s*=\s*)?["']?\s*([^"']+)""", re.IGNORECASE)
# What the URL standard leaves as it is.
_PLAIN_FRAGMENT = re.compile(r"[\w.:/?=&%~+-]*", re.ASCII)


@dataclass(frozen=True, slots=True)
class ExtractedPage:
    """What is kept of a page. `links` are absolute, without fragments, each once, in document order.

    `text_length` counts the characters of the main content without markup and runs of blanks. `canonical`, `next_url` and
    `prev_url` are the page's rel=canonical, next and prev, `markdown_url` its twin in Markdown (rel=alternate with that
    type), `alternates` (hreflang, URL) of its translations, `feeds` the RSS, Atom and JSON feeds it names: all absolute.
    `generator` is what made it, by its own words; `rendering_sign` says why a browser must run its scripts, None when not.
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
    alternates: tuple[tuple[str, str], ...] = ()
    next_url: str | None = None
    prev_url: str | None = None
    markdown_url: str | None = None
    feeds: tuple[str, ...] = ()
    generator: str = ""
    rendering_sign: str | None = None


def extract_page(body: bytes | str, url: str, charset: str | None = None) -> ExtractedPage:
    """Take the HTML document `body` that came from `url` apart; `charset` is the one its Content-Type header named.

    Raises EmptyPage when there is nothing to read on it (`details` has the `links` all the same, since the page may lead on,
    and the `rendering_sign`) and ExtractFailed when it exceeds a cap.
    """
    markup = decode(body, charset)
    try:
        document = parse(markup)
    except DocumentTooComplex as error:
        raise ExtractFailed(url, str(error), fact=error.fact, limit=error.limit) from error
    try:
        return _extract(document, markup, url)
    finally:
        document.release()


def _extract(document: Document, markup: str, url: str) -> ExtractedPage:
    root = document.root
    head = read_head(document, url)
    resolve = _resolver(head.base)
    links = () if "nofollow" in head.robots else _links(document, resolve)
    content = next((e for e in root.elements() if e.tag in ("body", "frameset")), root)
    tabs = find_tabs(document)
    drop_chrome(document, content)
    show_panels(tabs)
    region = find_region(document, content)
    title = _outside(document, region, head.title)
    sign = rendering_sign(document, markup, region.size)
    rendered = render_markdown(region, resolve, title, tabs.labels)
    if not _WORD.search(rendered.markdown):
        raise EmptyPage(url, "There is nothing to read on this page.", links=links, rendering_sign=sign)
    return ExtractedPage(
        title=_title(head, rendered.outline),
        language=root.get("lang") or root.get("xml:lang"),
        description=head.description,
        markdown=rendered.markdown,
        outline=rendered.outline,
        links=links,
        canonical=head.canonical,
        is_noindex="noindex" in head.robots,
        code_examples=rendered.code_examples,
        text_length=region.size,
        alternates=head.alternates,
        next_url=head.next_url,
        prev_url=head.prev_url,
        markdown_url=head.markdown_url,
        feeds=head.feeds,
        generator=head.generator,
        rendering_sign=sign,
    )


def _resolver(base: str) -> Callable[[str], str | None]:
    """`absolute` for one page. Most links of a page differ in their fragments only: the rest is resolved once."""
    known: dict[str, str | None] = {}

    def resolve(href: str) -> str | None:
        address, mark, fragment = href.partition("#")
        if not _PLAIN_FRAGMENT.fullmatch(fragment) or address[-1:].isspace():
            return absolute(href, base)
        if address not in known:
            known[address] = absolute(address, base)
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


def _outside(document: Document, region: Element, page_title: str) -> Element | None:
    """The nearest <h1> before the region, which holds none, that is the page's title and not the site's: the page is
    called by it, or it stands beside the region, or in the same landmark."""
    if region.first("h1") is not None:
        return None
    before = document.elements[: document.elements.index(region)]
    headings = [element for element in reversed(before) if element.tag == "h1"]
    fits = [_fit(heading, region, page_title) for heading in headings]
    best = max(fits, default=0)
    return headings[fits.index(best)] if best else None


def _fit(heading: Element, region: Element, page_title: str) -> int:
    """How much speaks for a heading as the page's title; 0: nothing. What is dropped must name the page, and goes last."""
    text = heading.line().lower()
    if not text:
        return 0
    is_named = text in page_title.lower()
    if not heading.is_kept():
        return int(is_named)
    reasons = is_named + _belong_together(heading, region)
    return reasons + 1 if reasons else 0


def _belong_together(heading: Element, region: Element) -> bool:
    if heading.parent is region.parent:
        return region.parent is not None and region.parent.tag != "body"
    landmark = next((ancestor for ancestor in heading.ancestors() if is_main(ancestor.start)), None)
    return landmark is not None and any(ancestor is landmark for ancestor in (region, *region.ancestors()))


def _title(head: PageHead, outline: tuple[Heading, ...]) -> str:
    """The first <h1> if the <title> contains it (what else is in there is the site's name), else the <title>."""
    heading = next((entry.text for entry in outline if entry.level == 1), "")
    if heading and heading.replace("`", "").lower() in head.title.lower():
        return heading.replace("`", "")
    return (head.title or head.social_title or heading)[:MAX_NAME_CHARS]
