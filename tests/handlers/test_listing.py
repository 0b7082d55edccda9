"""What is taken for a list of pages: by its root, gzipped or not, or by the name that llms.txt has."""

from __future__ import annotations

import gzip

import pytest

from gleanery.handlers.crawl.listing import Listing, is_xml_list, listing_of, may_be_list
from gleanery.web.fetch import Document

LLMS = "# Site\n\n- [A](/a)\n"


def document(url: str, body: bytes | str) -> Document:
    raw = body.encode() if isinstance(body, str) else body
    return Document(url, url, 200, "", None, raw, None, None, 0.0, ())


@pytest.mark.parametrize(
    "body",
    [
        '<?xml version="1.0"?>\n<!-- made by hand -->\n<urlset xmlns="x">',
        '\ufeff<sitemapindex xmlns="x">',
        '<?xml version="1.0"?><?xml-stylesheet href="a.xsl"?><rss version="2.0">',
        '<feed xmlns="http://www.w3.org/2005/Atom">',
        '<rdf:RDF xmlns:rdf="x">',
        '<s:urlset xmlns:s="x">',
    ],
)
def test_lists_in_xml(body: str) -> None:
    assert is_xml_list(body.encode())
    assert is_xml_list(gzip.compress(body.encode()))
    assert listing_of(document("https://h/any", body)) is Listing.SITEMAP


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html><urlset>",
        b"<urlsets>",
        b"text <urlset>",
        b"<!--" + b"x" * 5_000 + b"--><urlset>",
        b"\x1f\x8bno gzip",
        b"<?xml " * 10_000,
        b"<!--" * 10_000,
    ],
)
def test_what_is_no_list_in_xml(body: bytes) -> None:
    assert not is_xml_list(body)


@pytest.mark.parametrize(
    ("name", "body", "listing"),
    [
        ("llms.txt", LLMS, Listing.LLMS),
        ("LLMS.txt", LLMS, Listing.LLMS),
        ("llms.txt", "# Only a title\n", None),
        ("llms.txt", "<!doctype html><p>Not found", None),
        ("llms-full.txt", "# One\n\nText", Listing.LLMS_FULL),
        ("llms-small.txt", "# One\n\nText", Listing.LLMS_FULL),
        ("llms-full.txt", "<!doctype html><p>Not found", None),
        ("notes.txt", LLMS, None),
    ],
)
def test_lists_for_language_models(name: str, body: str, listing: Listing | None) -> None:
    assert listing_of(document(f"https://h/docs/{name}", body)) is listing


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://h/sitemap.xml", True),
        ("https://h/a.XML.gz?x", True),
        ("https://h/llms-full.txt", True),
        ("https://h/xml", False),
        ("https://h/a.txt", False),
    ],
)
def test_names_that_a_browser_is_not_asked_for(url: str, is_one: bool) -> None:
    assert may_be_list(url) is is_one
