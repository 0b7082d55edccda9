"""Feeds of changes: valid Atom and JSON Feed, whatever the pages are called; ids that stay."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from xml.etree.ElementTree import Element, fromstring

import pytest

from gleanery.api.change_feed import Feed, FeedEntry, as_atom, as_json_feed, summary
from gleanery.model import PageChange, PageDelta

AT = datetime(2030, 1, 2, 3, 4, 5, 678, UTC)
NS = "{http://www.w3.org/2005/Atom}"
EVIL = "<script>alert('x')</script> & \"]]>\x00\x1b[31m\ud800 日本 🎉"


def delta(change: PageChange, path: str, title: str = "A page") -> PageDelta:
    return PageDelta(f"pg_{path}", f"https://docs.example.org{path}", path, title, change, 1, 2)


ENTRY = FeedEntry(
    number=7,
    at=AT,
    counts={PageChange.ADDED: 1, PageChange.CHANGED: 40, PageChange.REMOVED: 0},
    pages=(delta(PageChange.ADDED, "/new"), delta(PageChange.CHANGED, "/old?a=1&b=2")),
    link="http://127.0.0.1:8181/api/v1/sources/src_1/changes/7",
)
FEED = Feed(
    source_id="src_1",
    title="Widgets",
    source_url="https://docs.example.org/",
    self_url="http://127.0.0.1:8181/api/v1/sources/src_1/changes.atom",
    updated_at=AT,
    entries=(ENTRY, replace(ENTRY, number=6)),
)


def text_of(element: Element, name: str) -> str:
    found = element.findtext(f"{NS}{name}")
    assert found is not None
    return found


def test_the_atom_feed_has_what_rfc_4287_asks_for() -> None:
    root = fromstring(as_atom(FEED).encode())
    assert root.tag == f"{NS}feed"
    assert text_of(root, "title") == "Changes of Widgets"
    assert text_of(root, "updated") == "2030-01-02T03:04:05Z"
    assert root.findtext(f"{NS}author/{NS}name") == "gleanery"
    links = {link.get("rel"): link.get("href") for link in root.findall(f"{NS}link")}
    assert links == {"self": FEED.self_url, "alternate": FEED.source_url}
    entries = root.findall(f"{NS}entry")
    assert len(entries) == 2
    for entry in entries:
        assert text_of(entry, "title") == "1 page added, 40 changed"
        assert text_of(entry, "updated") == "2030-01-02T03:04:05Z"
        assert [link.get("rel") for link in entry.findall(f"{NS}link")] == ["alternate"]
    ids = [text_of(element, "id") for element in (root, *entries)]
    assert len(set(ids)) == 3
    assert all(id_.startswith("urn:uuid:") for id_ in ids)


def test_an_entry_lists_the_pages_with_links() -> None:
    entry = fromstring(as_atom(FEED).encode()).findall(f"{NS}entry")[0]
    content = text_of(entry, "content")
    assert '<li>changed: <a href="https://docs.example.org/old?a=1&amp;b=2">A page</a></li>' in content
    assert "<li>and 39 more</li>" in content


def test_ids_stay_when_the_server_is_called_otherwise() -> None:
    other = replace(
        FEED, self_url="https://other.test/changes.atom", title="New", updated_at=datetime(2031, 1, 1, tzinfo=UTC)
    )
    ids = [text_of(fromstring(as_atom(feed).encode()), "id") for feed in (FEED, other)]
    assert ids[0] == ids[1]
    assert json.loads(as_json_feed(FEED))["items"][0]["id"] == json.loads(as_json_feed(other))["items"][0]["id"]
    assert text_of(fromstring(as_atom(replace(FEED, source_id="src_2")).encode()), "id") != ids[0]


def test_the_json_feed_is_one() -> None:
    body = json.loads(as_json_feed(FEED))
    assert body["version"] == "https://jsonfeed.org/version/1.1"
    assert (body["title"], body["feed_url"]) == ("Changes of Widgets", FEED.self_url)
    assert body["home_page_url"] == "https://docs.example.org/"
    first = body["items"][0]
    assert first["date_published"] == "2030-01-02T03:04:05Z"
    assert first["tags"] == ["added", "changed"]
    assert (first["url"], first["title"]) == (ENTRY.link, "1 page added, 40 changed")


def test_text_of_the_web_stays_text() -> None:
    pages = (replace(delta(PageChange.ADDED, "/"), url="javascript:alert(1)", title=EVIL),)
    feed = replace(FEED, title=EVIL, entries=(replace(ENTRY, pages=pages),))
    root = fromstring(as_atom(feed).encode())
    assert text_of(root, "title").startswith(
        "Changes of <script>alert('x')</script> & \"]]>\ufffd\ufffd[31m\ufffd 日本 🎉"
    )
    content = text_of(root.findall(f"{NS}entry")[0], "content")
    assert "<script" not in content
    assert "javascript:" not in content
    html = json.loads(as_json_feed(feed))["items"][0]["content_html"]
    assert "<script" not in html
    assert "javascript:" not in html


def test_a_feed_without_entries_or_of_an_uploaded_file() -> None:
    feed = replace(FEED, entries=(), source_url="upload:manual.pdf", title="")
    root = fromstring(as_atom(feed).encode())
    assert [link.get("rel") for link in root.findall(f"{NS}link")] == ["self"]
    assert text_of(root, "title") == "Changes of upload:manual.pdf"
    body = json.loads(as_json_feed(feed))
    assert body["items"] == []
    assert "home_page_url" not in body


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        ((0, 0, 0), "Nothing changed"),
        ((1, 0, 0), "1 page added"),
        ((0, 2, 1), "2 pages changed, 1 removed"),
        ((1200, 1, 3), "1,200 pages added, 1 changed, 3 removed"),
    ],
)
def test_counts_for_people(counts: tuple[int, int, int], said: str) -> None:
    assert summary(dict(zip(PageChange, counts, strict=True))) == said
