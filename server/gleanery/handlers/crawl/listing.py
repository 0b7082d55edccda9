"""A start that is no page but a list of pages: a sitemap, a feed, an llms.txt, or a whole documentation in one file. Pure."""

from __future__ import annotations

import re
import zlib
from enum import StrEnum

from ada_url import URL

from gleanery.web.fetch import Document
from gleanery.web.llms import decode_text, looks_like_html, parse_llms
from gleanery.web.sitemaps import GZIP_MAGIC

_LOOKED_AT = 16 * 1024
_LLMS = re.compile(r"llms(-[\w.-]+)?\.txt", re.IGNORECASE)
_ROOT = re.compile(
    rb"(?:\xef\xbb\xbf)?\s*+(?:<\?[^>]{0,1000}\?>\s*+|<!--(?>.{0,4000}?-->)\s*+)*+"
    rb"<(?:[a-z][\w.-]{0,30}:)?(?:urlset|sitemapindex|rss|feed|RDF)[\s>]",
    re.DOTALL,
)


class Listing(StrEnum):
    """What kind of list it is. SITEMAP stands for feeds too; LLMS_FULL has the text of the pages, not their addresses."""

    SITEMAP = "sitemap"
    LLMS = "llms.txt"
    LLMS_FULL = "llms-full.txt"


def listing_of(document: Document) -> Listing | None:
    """None for a page like others; also for an llms.txt that lists nothing, which is one."""
    if is_xml_list(document.body):
        return Listing.SITEMAP
    name = _LLMS.fullmatch(URL(document.url).pathname.rpartition("/")[2])
    if name is None:
        return None
    text = decode_text(document.body)
    if name[1]:
        return None if looks_like_html(text) else Listing.LLMS_FULL
    llms = parse_llms(text, document.url)
    return Listing.LLMS if llms is not None and llms.sections else None


def is_xml_list(body: bytes) -> bool:
    """Whether it is a sitemap, an index of sitemaps, or a feed, gzipped or not."""
    head = body[:_LOOKED_AT]
    if head.startswith(GZIP_MAGIC):
        try:
            head = zlib.decompressobj(wbits=31).decompress(head, _LOOKED_AT)
        except zlib.error:
            return False
    return _ROOT.match(head) is not None


def may_be_list(url: str) -> bool:
    """Whether the name says so: a browser would show such a file, and its text is not what is wanted of it."""
    path = URL(url).pathname.lower()
    return path.endswith((".xml", ".xml.gz")) or _LLMS.fullmatch(path.rpartition("/")[2]) is not None
