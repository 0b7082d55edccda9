"""URLs: what is refused and why, where links lead, what counts as the same page, what is in scope."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.errors import InvalidInput, InvalidUrl
from gleanery.web.urls import Scope, compile_glob, host_key, origin_of, parse_url, path_prefix, resolve, url_key


@pytest.mark.parametrize(
    ("text", "href"),
    [
        ("https://Docs.Example.org:443/a/../b?x#f", "https://docs.example.org/b?x"),
        ("  http://x\n", "http://x/"),
        ("http://localhost:8000/x", "http://localhost:8000/x"),
        ("http://0x7f.1/", "http://127.0.0.1/"),
        ("https://ümlaut.example/ä b", "https://xn--mlaut-jva.example/%C3%A4%20b"),
    ],
)
def test_parse_url_normalises(text: str, href: str) -> None:
    assert parse_url(text) == href


LONG = "https://x/" + "a" * 2048
USERINFO = "url: carries a user name or a password, which would be stored and sent; leave them out"
NO_HOST = "url: names no host, as in https://docs.example.org/"
NO_SCHEME = "url: is not a URL; it must begin with https:// or http://"


@pytest.mark.parametrize(
    ("text", "code", "message"),
    [
        ("", "invalid_url", "url: is empty"),
        ("   ", "invalid_url", "url: is empty"),
        (LONG, "invalid_url", "url: is longer than 2048 characters"),
        ("https://x/" + "ä" * 500, "invalid_url", "url: is longer than 2048 characters"),
        ("https://x/\x00", "invalid_url", "url: contains control characters"),
        ("https://x/a\nb", "invalid_url", "url: contains control characters"),
        ("hello world", "invalid_url", NO_SCHEME),
        ("//x/y", "invalid_url", NO_SCHEME),
        ("/docs", "invalid_url", NO_SCHEME),
        (
            "docs.example.org/x",
            "invalid_url",
            "url: has no scheme; did you mean https://docs.example.org/x?",
        ),
        ("localhost:8000/x", "invalid_url", "url: has no scheme; did you mean https://localhost:8000/x?"),
        ("https://a b/", "invalid_url", "url: is not a valid URL"),
        ("https://x:99999/", "invalid_url", "url: is not a valid URL"),
        ("https://\ud800/", "invalid_url", "url: is not a valid URL"),
        ("ftp://x/", "unsupported_scheme", "url: the scheme 'ftp' is not supported, only http and https are"),
        ("FILE:///etc/x", "unsupported_scheme", "url: the scheme 'file' is not supported, only http and https are"),
        (
            "javascript:alert(1)",
            "unsupported_scheme",
            "url: the scheme 'javascript' is not supported, only http and https are",
        ),
        ("https://u:secret@x/", "url_has_userinfo", USERINFO),
        ("https://u@x/", "url_has_userinfo", USERINFO),
        ("https://", "missing_host", NO_HOST),
        ("https:///x", "missing_host", NO_HOST),
        ("http://:80/", "missing_host", NO_HOST),
        ("http:/x", "missing_host", NO_HOST),
        ("http://?q", "missing_host", NO_HOST),
    ],
)
def test_parse_url_refuses(text: str, code: str, message: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        parse_url(text)
    assert (caught.value.code, caught.value.message) == (code, message)


def test_parse_url_names_the_field() -> None:
    with pytest.raises(InvalidUrl) as caught:
        parse_url("ftp://x", field="webhook_url")
    assert caught.value.details["field"] == "webhook_url"


@given(st.text(max_size=60))
def test_parse_url_gives_an_href_or_invalid_url(text: str) -> None:
    try:
        href = parse_url(text)
    except InvalidUrl:
        return
    assert parse_url(href) == href
    assert url_key(href).startswith("//")


@pytest.mark.parametrize(
    ("href", "target"),
    [
        ("../c#x", "http://h/c"),
        ("#x", "http://h/a/b"),
        ("", "http://h/a/b"),
        ("?q=1", "http://h/a/b?q=1"),
        ("//o/x", "http://o/x"),
        ("HTTPS://O/x", "https://o/x"),
        ("mailto:a@b", None),
        ("javascript:void(0)", None),
        ("data:text/html,x", None),
        ("https://u:p@h/", None),
        ("http://[", None),
        ("\udc80", None),
        ("x" * 3000, None),
    ],
)
def test_resolve(href: str, target: str | None) -> None:
    assert resolve("http://h/a/b", href) == target


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("http://h/a", "https://h/a#part"),
        ("http://h:80/a", "http://H/a?"),
        ("http://h./a", "http://h/a"),
        ("http://h/%7ea%2fb", "http://h/~a%2Fb"),
        ("http://h/a?b=2&a=1", "http://h/a?a=1&b=2"),
        ("http://h/a?utm_source=x&UTM_medium=y&gclid=1&fbclid=2", "http://h/a"),
        ("http://h/a;jsessionid=1F?sid=9&PHPSESSID=0", "http://h/a"),
        ("http://h/a?x=1&&y=2", "http://h/a?x=1&y=2"),
        ("http://h/a/", "http://h/a/index.html"),
        ("http://h", "http://h/index.htm"),
    ],
)
def test_url_key_joins(first: str, second: str) -> None:
    assert url_key(parse_url(first)) == url_key(parse_url(second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("http://h/a", "http://h/a/"),
        ("http://h//a", "http://h/a"),
        ("http://h/a/", "http://h/a/myindex.html"),
        ("http://h/A", "http://h/a"),
        ("http://h/a?x", "http://h/a?x="),
        ("http://h/a?x=1&x=2", "http://h/a?x=2&x=1"),
        ("http://h/a%2Fb", "http://h/a/b"),
        ("http://h:8080/a", "http://h/a"),
        ("http://h/a?side=1", "http://h/a"),
    ],
)
def test_url_key_keeps_apart(first: str, second: str) -> None:
    assert url_key(first) != url_key(second)


def test_url_key_host_key_and_origin() -> None:
    assert url_key("https://H:8443/b?z=1&a=%c3#x") == "//h:8443/b?a=%C3&z=1"
    assert host_key("https://h:8443/b") == "h:8443"
    assert origin_of("https://h:8443/b?x") == "https://h:8443"


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
