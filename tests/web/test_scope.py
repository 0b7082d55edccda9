"""What belongs to a crawl: folders, patterns, depth, hosts."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.errors import InvalidInput
from gleanery.web.scope import NOT_DOCUMENTS, Refusal, Scope, compile_glob, domain_of, path_prefix


@pytest.mark.parametrize(
    ("url", "prefix"),
    [
        ("http://h/", "/"),
        ("http://h/index.html", "/"),
        ("http://h/3/library/", "/3/library/"),
        ("http://h/3/library/index.html", "/3/library/"),
        ("http://h/docs", "/docs"),
        ("http://h/docs/v1.2", "/docs/v1.2"),
        ("http://h/docs/page.php?x=1", "/docs/"),
    ],
)
def test_path_prefix(url: str, prefix: str) -> None:
    assert path_prefix(url) == prefix


@pytest.mark.parametrize(
    ("pattern", "path", "is_match"),
    [
        ("/docs/*", "/docs/a", True),
        ("/docs/*", "/docs/a/b", False),
        ("/docs/**", "/docs/a/b", True),
        ("/docs/**", "/docs/", True),
        ("/docs/**", "/docs", False),
        ("/docs/**/x", "/docs/x", True),
        ("/docs/**/x", "/docs/a/b/x", True),
        ("/docs/**/x", "/docs/ax", False),
        ("/a/**/b/**/c", "/a/b/c", True),
        ("*.html", "/a/b.html", True),
        ("docs/*", "/en/docs/a", True),
        ("docs/*", "/xdocs/a", False),
        ("**/a*b", "/ax/ab", True),
        ("/a*b*c", "/abbc", True),
        ("/a*b*c", "/ab/c", False),
        ("/a.c", "/abc", False),
        ("/[a]+", "/[a]+", True),
        ("/ü/*", "/%C3%BC/x", True),
        ("https://h/a/**", "/a/b", True),
        ("https://other/**", "/a/b", False),
    ],
)
def test_globs(pattern: str, path: str, is_match: bool) -> None:
    assert compile_glob(pattern).matches(f"http://h{path}", path) is is_match


@given(st.text("ab/*", min_size=1, max_size=10), st.text("ab/", max_size=12))
def test_globs_match_as_the_naive_translation_does(pattern: str, path: str) -> None:
    naive = "".join(
        ".*" if token.startswith("**") else "[^/]*" if token == "*" else re.escape(token)
        for token in re.split(r"(\*{2,}|\*)", f"/{pattern}")
    ).replace("/.*/", "/(?:.*/)?")
    assert compile_glob(f"/{pattern}").matches("", f"/{path}") is (re.fullmatch(naive, f"/{path}") is not None)


def test_globs_of_many_stars_end_at_once() -> None:
    """A naive translation would try about 10^20 ways here; a hang ends the run."""
    path = "/" + "a" * 2047
    assert not compile_glob("**a" * 40 + "**b").matches("", path)
    assert not compile_glob("*a" * 40 + "*b").matches("", path)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("", "exclude: an empty pattern matches nothing"),
        ("a" * 513, "exclude: a pattern is longer than 512 characters"),
    ],
)
def test_globs_refused(pattern: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        Scope.of("http://h/", exclude=[pattern])
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("url", "depth", "refusal"),
    [
        ("https://h/docs/", 0, None),
        ("http://h/docs/a", 1, None),
        ("http://h/docs/a", 4, "too_deep"),
        ("http://o/docs/a", 1, "other_host"),
        ("http://h:8080/docs/a", 1, "other_host"),
        ("http://sub.h/docs/a", 1, "other_host"),
        ("http://h/docs", 1, "outside_path"),
        ("http://h/blog/", 1, "outside_path"),
        ("http://h/docs/old/a", 1, "excluded"),
        ("http://h/docs/x.zip", 1, "not_a_document"),
        ("http://h/docs/style.CSS?v=2", 1, "not_a_document"),
        ("http://h/docs/array.map", 1, None),
    ],
)
def test_scope(url: str, depth: int, refusal: str | None) -> None:
    scope = Scope.of("https://h/docs/", exclude=["/docs/old/**"], max_depth=3)
    assert scope.refusal(url, depth) == refusal


def test_scope_of_a_path_without_slash_takes_it_and_what_is_below() -> None:
    scope = Scope.of("https://h/docs")
    assert [scope.refusal(f"https://h{path}", 1) for path in ("/docs", "/docs/a", "/docs2")] == [
        None,
        None,
        "outside_path",
    ]


def test_include_and_exclude_never_hit_the_start() -> None:
    scope = Scope.of("https://h/docs/", include=["/docs/api/**"], exclude=["/docs/*"])
    assert scope.refusal("http://h/docs/#x", 0) is None
    assert scope.refusal("https://h/docs/guide/a", 1) == "not_included"


def test_an_anchored_include_reaches_outside_the_directory_and_a_floating_one_narrows() -> None:
    anchored = Scope.of("https://h/docs/", include=["/api/**"])
    assert anchored.refusal("https://h/api/x", 1) is None
    assert anchored.refusal("https://h/blog/x", 1) == "outside_path"
    floating = Scope.of("https://h/docs/", include=["tutorial*"])
    assert floating.refusal("https://h/docs/tutorial1", 1) is None
    assert floating.refusal("https://h/blog/tutorial1", 1) == "outside_path"


def test_no_pattern_leads_to_another_host() -> None:
    scope = Scope.of("https://h/docs/", include=["https://other/**"])
    assert scope.refusal("https://other/x", 1) == "other_host"


@pytest.mark.parametrize(
    ("start", "url", "refusal"),
    [
        ("https://docs.example.org/", "https://docs.example.org/a", None),
        ("https://docs.example.org/", "https://api.docs.example.org/a", None),
        ("https://docs.example.org/", "https://a.b.docs.example.org/a", None),
        ("https://docs.example.org/", "https://example.org/a", "other_host"),
        ("https://docs.example.org/", "https://www.example.org/a", "other_host"),
        ("https://docs.example.org/", "https://mydocs.example.org/a", "other_host"),
        ("https://docs.example.org/", "https://api.docs.example.org:8443/a", "other_host"),
        ("https://www.example.org/", "https://example.org/a", None),
        ("https://www.example.org/", "https://docs.example.org/a", None),
        ("https://example.org/", "https://www.example.org/a", None),
        ("https://www.example.org/docs/", "https://api.example.org/blog/", "outside_path"),
        ("https://www.gov.uk/", "https://tax.www.gov.uk/a", None),
        ("https://www.gov.uk/", "https://tax.gov.uk/a", "other_host"),
        ("https://www.com/", "https://example.com/", "other_host"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8001/", "other_host"),
    ],
)
def test_subdomains(start: str, url: str, refusal: str | None) -> None:
    assert Scope.of(start, subdomains=True).refusal(url, 1) == refusal


@pytest.mark.parametrize(
    ("host", "domain"),
    [
        ("www.example.org", "example.org"),
        ("www.example.org:8443", "example.org:8443"),
        ("www.example.co.uk", "example.co.uk"),
        ("www.co.uk", "www.co.uk"),
        ("www.ne.jp:81", "www.ne.jp:81"),
        ("www.gouv.fr", "www.gouv.fr"),
        ("docs.example.org", "docs.example.org"),
    ],
)
def test_the_domain_below_which_subdomains_lie(host: str, domain: str) -> None:
    assert domain_of(host) == domain


def test_files_that_are_read_are_named() -> None:
    urls = ["https://h/a.pdf", "https://h/a.MD?x=1", "https://h/a.zip", "https://h/v1.2/x", "https://h/a.tar.gz"]
    read = Scope.of("https://h/", endings=["pdf", ".TXT"])
    assert [read.refusal(url, 1) for url in urls] == [None, None, "not_a_document", None, "not_a_document"]
    assert Scope.of("https://h/").refusal("https://h/a.pdf", 1) == "not_a_document"
    assert all(ending == ending.lower() and "." not in ending for ending in NOT_DOCUMENTS)


def test_every_refusal_has_a_sentence() -> None:
    sentences = [refusal.sentence for refusal in Refusal]
    assert len(set(sentences)) == len(Refusal)
    assert all(re.fullmatch(r"[A-Z].+\.", sentence) for sentence in sentences)
