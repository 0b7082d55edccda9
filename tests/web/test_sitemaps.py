"""Sitemaps: what is read of good, sloppy, broken and hostile ones."""

from __future__ import annotations

import gzip
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.web.sitemaps import (
    Sitemap,
    SitemapKind,
    SitemapLimits,
    SitemapProblem,
    SitemapReader,
    SitemapUrl,
    parse_date,
    parse_sitemap,
)
from tests.sites.discovery import index, urlset

BASE = "https://docs.example.org/guide/sitemap.xml"


def read(body: str | bytes, **limits: int) -> Sitemap:
    return parse_sitemap(body.encode() if isinstance(body, str) else body, BASE, SitemapLimits(**limits))


def urls(body: str | bytes, **limits: int) -> list[str]:
    return [entry.url for entry in read(body, **limits).urls]


def test_a_urlset_with_dates_and_translations() -> None:
    found = read("""<?xml version="1.0" encoding="UTF-8"?>
        <?xml-stylesheet type="text/xsl" href="/s.xsl"?>
        <!-- made by hand --><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9"
          xmlns:xhtml="http://www.w3.org/1999/xhtml" xmlns:image="http://www.google.com/schemas/sitemap-image/1.1">
        <url><loc> https://docs.example.org/a?x=1&amp;y=2 </loc><lastmod>2024-05-01T12:00:00+02:00</lastmod>
          <xhtml:link rel="alternate" hreflang="de-AT" href="https://docs.example.org/de/a"/>
          <xhtml:link rel="alternate" hreflang="x-default" href="/a"/><xhtml:link rel="amphtml" hreflang="en" href="/amp"/>
          <image:image><image:loc>https://docs.example.org/a.png</image:loc></image:image></url>
        <url><loc>https://docs.example.org/b</loc><priority>0.5</priority></url></urlset>""")
    assert found.urls == (
        SitemapUrl(
            "https://docs.example.org/a?x=1&y=2",
            datetime(2024, 5, 1, 10, tzinfo=UTC),
            (("de-at", "https://docs.example.org/de/a"), ("x-default", "https://docs.example.org/a")),
        ),
        SitemapUrl("https://docs.example.org/b"),
    )
    assert (found.kind, found.problem) == (SitemapKind.URLSET, None)


def test_an_index() -> None:
    found = read(index("https://docs.example.org/1.xml", "https://other.example/2.xml.gz"))
    assert [entry.url for entry in found.urls] == ["https://docs.example.org/1.xml", "https://other.example/2.xml.gz"]
    assert (found.kind, found.problem) == (SitemapKind.INDEX, None)


@pytest.mark.parametrize(
    "body",
    [
        "<urlset><url><loc>https://h/1</loc></url></urlset>",
        '<s:urlset xmlns:s="http://www.sitemaps.org/schemas/sitemap/0.9"><s:url><s:loc>https://h/1</s:loc></s:url></s:urlset>',
        '<x:urlset><x:url><x:loc>https://h/1</x:loc><x:link x:rel="alternate"/></x:url></x:urlset>',
        '<urlset xmlns="http://www.google.com/schemas/sitemap/0.84"><URL><LOC>https://h/1</LOC></URL></urlset>',
        "<urlset><loc>https://h/1</loc></urlset>",
        "<urlset><url><loc><![CDATA[https://h/1]]></loc></url></urlset>",
        "\n\n<b>Warning</b>: foo.php on line 3\n<?xml version='1.0'?><urlset><url><loc>https://h/1</loc></url></urlset>",
        '<!DOCTYPE urlset SYSTEM "http://x/y.dtd"><urlset><url><loc>https://h/1</loc></url></urlset>',
        "\ufeff<?xml version='1.0' encoding='x-nonsense'?><urlset><url><loc>https://h/1</loc></url></urlset>",
    ],
)
def test_namespaces_and_wrappings_of_all_sorts(body: str) -> None:
    found = read(body)
    assert ([entry.url for entry in found.urls], found.kind, found.problem) == (
        ["https://h/1"],
        SitemapKind.URLSET,
        None,
    )


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "iso-8859-1"])
def test_encodings(encoding: str) -> None:
    body = f'<?xml version="1.0" encoding="{encoding.removesuffix("-sig")}"?>{urlset("https://h/ä")}'
    body = body.replace('<?xml version="1.0"?>', "")
    assert urls(body.encode(encoding)) == ["https://h/%C3%A4"]


def test_what_is_broken_gives_what_could_be_read() -> None:
    body = "<urlset><url><loc>https://h/1</loc><url><loc>https://h/?a=1&b=2&nbsp;&amp;amp;c</loc><lastmod>x</url>"
    found = read(body + "<url><loc>https://h/3\x07</loc></url><url><loc>https://h/4</lo")
    assert [entry.url for entry in found.urls] == ["https://h/1", "https://h/?a=1&b=2&nbsp;&c", "https://h/3"]
    assert (found.kind, found.problem) == (SitemapKind.URLSET, SitemapProblem.CUT_SHORT)


def test_a_reference_at_every_place_of_a_slice() -> None:
    for padding in range(32_760, 32_790):
        body = f"<urlset><!--{'x' * (padding - 30)}--><url><loc>https://h/?a&amp;b&lt;c</loc></url></urlset>"
        assert urls(body) == ["https://h/?a&b%3Cc"], padding


def test_what_is_no_web_address_is_left_out_and_relative_ones_are_resolved() -> None:
    body = urlset("javascript:alert(1)", "file:///etc/passwd", "ftp://h/x", "", "/b", "c", "//h/d", "https://u:p@h/e")
    assert urls(body) == ["https://docs.example.org/b", "https://docs.example.org/guide/c", "https://h/d"]


def test_a_list_of_lines() -> None:
    found = read(
        b"\xef\xbb\xbfhttps://h/1\r\n\n  https://h/2  \nnot a url\nhttps://h/" + b"x" * 5000 + b"\nHTTPS://h/3"
    )
    assert [entry.url for entry in found.urls] == ["https://h/1", "https://h/2", "https://h/3"]
    assert (found.kind, found.problem) == (SitemapKind.TEXT, None)


def test_a_long_list_of_lines_loses_none_between_slices() -> None:
    lines = [f"https://docs.example.org/page/{n}" for n in range(10_000)]
    for ending in ("\n", "\r\n", "\r"):
        assert urls(ending.join(lines)) == lines


@pytest.mark.parametrize(
    ("body", "kind", "problem"),
    [
        (b"", SitemapKind.NONE, SitemapProblem.NOT_A_SITEMAP),
        (b"Not found", SitemapKind.NONE, SitemapProblem.NOT_A_SITEMAP),
        (b'{"error": 404}', SitemapKind.NONE, SitemapProblem.NOT_A_SITEMAP),
        (b"<!DOCTYPE html><html><body>404", SitemapKind.NONE, SitemapProblem.HTML),
        (b"  <!-- x --><HTML><p>404", SitemapKind.NONE, SitemapProblem.HTML),
        (b"<error/>", SitemapKind.NONE, SitemapProblem.NOT_A_SITEMAP),
        (b"\x1f\x8bnot gzip", SitemapKind.NONE, SitemapProblem.BROKEN_GZIP),
        (b"<rss><channel/></rss>", SitemapKind.FEED, None),
        (b"<urlset/>", SitemapKind.URLSET, None),
    ],
)
def test_what_is_no_sitemap(body: bytes, kind: SitemapKind, problem: SitemapProblem | None) -> None:
    assert read(body) == Sitemap(kind, (), problem, len(body) if not body.startswith(b"\x1f") else 0)


def test_gzip_whole_doubled_and_cut() -> None:
    body = urlset(*(f"https://h/{n}" for n in range(2000))).encode()
    packed = gzip.compress(body)
    assert len(urls(packed)) == 2000
    assert read(packed).size_bytes == len(body)
    assert len(urls(gzip.compress(body[:9000]) + gzip.compress(body[9000:]) + b"\0" * 9)) == 2000
    cut = read(packed[: len(packed) // 2])
    assert cut.problem is SitemapProblem.BROKEN_GZIP
    assert 500 < len(cut.urls) < 1500


def test_a_gzip_bomb_ends_at_the_cap() -> None:
    found = read(gzip.compress(b"<urlset>" + b"<!-- -->" * 10_000_000), max_bytes=2**20)
    assert found.problem is SitemapProblem.TOO_LARGE
    assert found.size_bytes <= 2**20 + 32 * 1024


def test_caps_on_urls_and_translations() -> None:
    assert read(urlset(*(f"https://h/{n}" for n in range(10))), max_urls=10).problem is None
    full = read(urlset(*(f"https://h/{n}" for n in range(11))), max_urls=10)
    assert (len(full.urls), full.problem) == (10, SitemapProblem.TOO_MANY_URLS)
    links = "".join(f'<link rel="alternate" hreflang="l{n}" href="/{n}"/>' for n in range(9))
    assert len(read(f"<urlset><url><loc>/a</loc>{links}</url></urlset>", max_alternates=5).urls[0].alternates) == 5


def test_no_entity_is_ever_resolved() -> None:
    laughs = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
    bomb = f'<!DOCTYPE urlset [<!ENTITY l0 "lol">{laughs}]><urlset><url><loc>https://h/&l9;</loc></url></urlset>'
    assert (urls(bomb), read(bomb).problem) == ([], SitemapProblem.HAS_DTD)
    late = '<urlset><!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><url><loc>https://h/&f;</loc></url></urlset>'
    assert all(url.startswith("https://h/&f;") for url in urls(late))


@pytest.mark.parametrize(
    "body",
    [
        "<urlset>" + "<url>" * 200_000,
        "<urlset>" + "<" * 500_000,
        "<urlset>" + "</x>" * 200_000,
        "<urlset><url " + " ".join(f'a{n}="1"' for n in range(100_000)) + "/>",
        "<urlset><url><loc>" + "x" * 3_000_000,
        "<urlset><!--" + "x" * 3_000_000,
        "<urlset><![CDATA[" + "&" * 3_000_000,
        "<!--" * 500_000,
        "<?" * 500_000,
    ],
    ids=["nested", "brackets", "closing", "attributes", "text", "comment", "ampersands", "comments", "instructions"],
)
def test_hostile_markup_gives_nothing_and_ends(body: str) -> None:
    assert urls(body) == []


def test_a_step_is_small_and_gives_what_it_read() -> None:
    reader = SitemapReader(urlset(*(f"https://h/{n}" for n in range(5000))).encode(), BASE)
    sizes = []
    while not reader.is_done:
        sizes.append(len(reader.step()))
    assert sum(sizes) == 5000
    assert max(sizes) < 1200


@given(
    st.binary(max_size=300),
    st.sampled_from([b"", b"<urlset>", b"<urlset><url><loc>", b"\x1f\x8b", b"https://h/", b"<?xml"]),
)
def test_never_raises(data: bytes, start: bytes) -> None:
    parse_sitemap(start + data, BASE)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024", datetime(2024, 1, 1, tzinfo=UTC)),
        ("2024-05", datetime(2024, 5, 1, tzinfo=UTC)),
        (" 2024-05-03\n", datetime(2024, 5, 3, tzinfo=UTC)),
        ("2024-5-3", datetime(2024, 5, 3, tzinfo=UTC)),
        ("2024-05-03T01:02Z", datetime(2024, 5, 3, 1, 2, tzinfo=UTC)),
        ("2024-05-03T01:02:03.123456789-0130", datetime(2024, 5, 3, 2, 32, 3, tzinfo=UTC)),
        ("2024-05-03 01:02:03 +0000 UTC", datetime(2024, 5, 3, 1, 2, 3, tzinfo=UTC)),
        ("2024-05-03T01:02:03", datetime(2024, 5, 3, 1, 2, 3, tzinfo=UTC)),
        ("0001-01-01T00:00:00+14:00", None),
        ("2024-02-30", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_dates(text: str, expected: datetime | None) -> None:
    found = parse_date(text)
    assert (found and found.replace(microsecond=0)) == expected
