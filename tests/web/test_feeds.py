"""Feeds: entries and dates of every kind, and what a hostile one can't do."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.web.feeds import MAX_ENTRIES, Feed, FeedEntry, parse_feed

BASE = "https://docs.example.org/blog/feed.xml"
DAY = datetime(2024, 5, 3, tzinfo=UTC)


def read(text: str) -> Feed | None:
    return parse_feed(text.encode(), BASE)


def entries(text: str) -> list[FeedEntry]:
    feed = read(text)
    assert feed is not None
    return list(feed.entries)


def test_rss() -> None:
    feed = read("""<?xml version="1.0"?><rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom"
      xmlns:feedburner="http://rssnamespace.org/feedburner/ext/1.0"><channel><title>News &amp;amp; notes</title>
      <link>https://docs.example.org/</link><atom:link rel="self" href="/feed.xml"/><image><title>x</title></image>
      <item><title>AT&amp;amp;T</title><link> /a?x=1&amp;y=2 </link><pubDate>Fri, 03 May 2024 02:00:00 +0200</pubDate></item>
      <item><guid>https://docs.example.org/b</guid><title>B</title></item>
      <item><guid isPermaLink="false">https://docs.example.org/no</guid></item>
      <item><link>https://feeds.example/x</link><feedburner:origLink>/c</feedburner:origLink></item>
      <item><link>javascript:alert(1)</link></item></channel></rss>""")
    assert feed == Feed(
        "News & notes",
        (
            FeedEntry("https://docs.example.org/a?x=1&y=2", "AT&T", DAY),
            FeedEntry("https://docs.example.org/b", "B", None),
            FeedEntry("https://docs.example.org/c", "", None),
        ),
    )


def test_atom_takes_the_alternate_link_and_the_latest_date() -> None:
    found = entries("""<feed xmlns="http://www.w3.org/2005/Atom" xml:base="/docs/"><title>T</title>
      <link href="/" rel="alternate"/><updated>2030-01-01T00:00:00Z</updated>
      <entry><title type="html">A &lt;b&gt;</title><link rel="self" href="self"/><link href="a"/>
        <published>2024-05-02</published><updated>2024-05-03T00:00:00Z</updated>
        <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><link>no</link><title>no</title></div></content></entry>
      <entry xml:base="old/"><link rel="alternate" href="b"/></entry></feed>""")
    assert found == [
        FeedEntry("https://docs.example.org/docs/a", "A <b>", DAY),
        FeedEntry("https://docs.example.org/docs/old/b", "", None),
    ]


def test_rdf() -> None:
    found = entries("""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/"
      xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><link>/</link></channel>
      <item><link>/a</link><dc:date>2024-05-03</dc:date></item></rdf:RDF>""")
    assert found == [FeedEntry("https://docs.example.org/a", "", DAY)]


def test_json_feed() -> None:
    feed = read("""{"version": "https://jsonfeed.org/version/1.1", "title": "J", "items": [
      {"url": "/a", "title": "A", "date_published": "2024-05-01T00:00:00Z", "date_modified": "2024-05-03T00:00:00Z"},
      {"external_url": "https://h/b", "title": 5, "date_published": []}, {"id": "c"}, 7, {"url": "\\ud800:"}]}""")
    assert feed == Feed(
        "J",
        (
            FeedEntry("https://docs.example.org/a", "A", DAY),
            FeedEntry("https://h/b", "", None),
            FeedEntry("https://docs.example.org/blog/feed.xml?:", "", None),
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        "",
        "text",
        "<!doctype html><rss>",
        "<urlset/>",
        "{}",
        '{"version": 1}',
        "{" * 9,
        "[" * 100_000,
        '{"version":' * 50_000,
        '<!DOCTYPE rss [<!ENTITY a "b">]><rss/>',
    ],
)
def test_what_is_no_feed(text: str) -> None:
    assert read(text) is None


def test_what_is_broken_gives_what_could_be_read() -> None:
    found = entries(
        "<rss><channel><item><link>/a</link><item><link>/b?x&y</link></item><item><link>/c</link></item><item><li"
    )
    assert [entry.url.removeprefix("https://docs.example.org") for entry in found] == ["/a", "/b?x&y", "/c"]


def test_a_feed_that_names_a_file_of_this_machine_reads_nothing(tmp_path: Path) -> None:
    file = tmp_path / "feed.xml"
    file.write_text("<rss><channel><item><link>/secret</link></item></channel></rss>")
    assert parse_feed(str(file).encode(), BASE) is None
    assert parse_feed(file.as_uri().encode(), BASE) is None


@pytest.mark.parametrize(
    "text", ["<rss><channel><item>" + "<b>" * 300_000, "<rss><channel>" + "<item><link>" * 100_000]
)
def test_hostile_markup_ends(text: str) -> None:
    assert entries(text) == []


def test_only_so_many_entries() -> None:
    assert len(entries("<rss>" + "<item><link>/a</link></item>" * (MAX_ENTRIES + 5) + "</rss>")) == MAX_ENTRIES


@given(st.binary(max_size=300), st.sampled_from([b"", b"<rss><channel><item>", b"<feed><entry>", b'{"version": "']))
def test_never_raises(data: bytes, start: bytes) -> None:
    parse_feed(start + data, BASE)
