"""URLs: what is refused and why, where links lead, what counts as the same page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ada_url import URL
from hypothesis import given
from hypothesis import strategies as st

from gleanery.errors import InvalidUrl
from gleanery.web.urls import (
    client_route,
    host_key,
    origin_of,
    parse_url,
    resolve,
    split_url,
    target_of,
    url_key,
)

CASES = [json.loads(line) for line in (Path(__file__).parent / "data" / "urltestdata.jsonl").read_text().splitlines()]
CHANGED = {
    # The standard let these through later (names in Punycode that are not decodable are no failure any more)…
    **{f"http://{host}": f"http://{host.lower()}/" for host in ("a.b.c.xn--pokxncvks", "10.0.0.xn--pokxncvks")},
    **{f"http://{host}": f"http://{host.lower()}/" for host in ("a.b.c.XN--pokxncvks", "10.0.0.XN--pokxncvks")},
    **{f"http://{host}": f"http://{host.lower()}/" for host in ("a.b.c.Xn--pokxncvks", "10.0.0.xN--pokxncvks")},
    "file://xn--/p": "file://xn--/p",
    # … and escapes a caret in a path.
    "foo://host/ !\"$%&'()*+,-./:;<=>@[\\]^_`{|}~": "foo://host/%20!%22$%&'()*+,-./:;%3C=%3E@[\\]%5E_%60%7B|%7D~",
    "wss://host/ !\"$%&'()*+,-./:;<=>@[\\]^_`{|}~": "wss://host/%20!%22$%&'()*+,-./:;%3C=%3E@[/]%5E_%60%7B|%7D~",
}
"""Cases of the data that the standard has decided otherwise since."""


def expected(text: str, href: str | None) -> str | None:
    return CHANGED.get(text, href)


def href_of(text: str, base: str | None) -> str | None:
    try:
        return str(URL(text, base).href)
    except ValueError:
        return None


def page(href: str) -> str:
    return href.partition("#")[0]


def is_web(href: str | None) -> bool:
    return href is not None and href.startswith(("http://", "https://"))


def has_userinfo(href: str) -> bool:
    return "@" in href.split("/")[2]


def test_the_parser_passes_the_cases_of_the_standard() -> None:
    wrong = [text for text, base, href in CASES if href_of(text, base) != expected(text, href)]
    assert (len(CASES), wrong) == (687, [])


def test_links_lead_where_the_standard_says() -> None:
    """All but those with userinfo, which is neither stored nor sent."""
    seen = 0
    for text, base, href in CASES:
        if not is_web(base) or (page_of_base := href_of(base, None)) is None:
            continue
        target = expected(text, href)
        wanted = page(target) if target and is_web(target) and not has_userinfo(target) else None
        assert resolve(page_of_base, text) == wanted, (base, text)
        seen += wanted is not None
    assert seen == 92


def test_what_is_typed_is_read_as_the_standard_says_or_refused_with_a_reason() -> None:
    accepted: list[str] = []
    reasons: set[str] = set()
    for text, base, href in CASES:
        if is_web(base):
            continue
        try:
            typed = parse_url(text)
        except InvalidUrl as error:
            if is_web(expected(text, href)):
                reasons.add(f"{error.code}: {error.reason.partition(',')[0]}")
            continue
        assert typed == page(str(expected(text, href))), text
        accepted.append(text)
    assert len(accepted) == 87
    assert reasons == {
        "invalid_url: contains control characters",
        "missing_host: names no host",
        "url_has_userinfo: carries a user name or a password",
    }


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
        ("../../../x", "http://h/x"),
        ("./x/../y", "http://h/a/y"),
        ("/", "http://h/"),
        ("http://h/c/./d#x", "http://h/c/d"),
        ("http://1.2.3/", "http://1.2.0.3/"),
        ("a b", "http://h/a/a%20b"),
    ],
)
def test_resolve(href: str, target: str | None) -> None:
    assert resolve("http://h/a/b", href) == target


BASES = st.sampled_from(
    ["http://h/a/b", "https://h:81/", "http://h/a//b/?q=/x/y#z", "https://x.example.org/a/b.html#/x"]
)


@given(BASES, st.text("ab/.?#%2eE:=&;\\ @~'^-\té", max_size=12))
def test_a_link_leads_where_the_parser_says_however_it_was_found(base: str, link: str) -> None:
    """Most links never go through the parser; the outcome must be the same."""
    href = href_of(link, base)
    wanted = page(href) if href is not None and is_web(href) and not has_userinfo(href) else None
    assert resolve(base, link) == wanted


@given(BASES, st.text("ab/.?#%2eE:=&;@~^-[]{}|", max_size=12))
def test_an_href_has_the_parts_that_the_parser_finds(base: str, link: str) -> None:
    href = resolve(base, link, keep_route=True)
    if href is None:
        return
    url, parts = URL(href), split_url(href)
    assert parts == (url.protocol[:-1], url.host.rstrip("."), url.pathname, url.search[1:], url.hash[1:])
    assert target_of(href) == f"{url.pathname}{url.search}"
    assert url_key(href).startswith(f"//{parts.authority}/")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("http://h/a", "https://h/a#part"),
        ("http://h:80/a", "http://H/a?"),
        ("http://h./a", "http://h/a"),
        ("http://h/%7ea%2fb", "http://h/~a%2Fb"),
        ("http://h/a?b=2&a=1", "http://h/a?a=1&b=2"),
        ("http://h/a?utm_source=x&UTM_medium=y&gclid=1&fbclid=2", "http://h/a"),
        ("http://h/a;jsessionid=1F?sid=0a1b2c3d4e5f60718293&PHPSESSID=0", "http://h/a"),
        ("http://h/a?x=1&&y=2", "http://h/a?x=1&y=2"),
        ("http://h/a/", "http://h/a/index.html"),
        ("http://h", "http://h/index.htm"),
        ("http://h/a/?C=M;O=D", "http://h/a/"),
        ("http://h/a/?C=N&O=A", "http://h/a/?C=S"),
        ("http://h/(S(lit3py55t21z5v55vlm25s55))/a.aspx", "http://h/a.aspx"),
        ("http://h/(A(x)S(y))/a", "http://h/a"),
        ("http://h/a?WT.mc_id=x&mtm_campaign=y&replytocom=3", "http://h/a"),
        ("http://h/a?session=abcdefgh12345678", "http://h/a"),
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
        ("http://h/a?sid=9", "http://h/a"),
        ("http://h/a?session=introduction-to-x", "http://h/a"),
        ("http://h/a?ref=main", "http://h/a"),
        ("http://h/a/?C=plus", "http://h/a/"),
        ("http://h/wiki/Set_(S)/x", "http://h/wiki/x"),
        ("http://h/index.php", "http://h/"),
        ("http://www.h.org/", "http://h.org/"),
    ],
)
def test_url_key_keeps_apart(first: str, second: str) -> None:
    assert url_key(first) != url_key(second)


def test_url_key_host_key_and_origin() -> None:
    assert url_key("https://H:8443/b?z=1&a=%c3#x") == "//h:8443/b?a=%C3&z=1"
    assert host_key("https://h:8443/b") == "h:8443"
    assert origin_of("https://h:8443/b?x") == "https://h:8443"


@pytest.mark.parametrize(
    ("href", "route"),
    [
        ("http://h/#/guide", "/guide"),
        ("http://h/#!/guide", "/guide"),
        ("http://h/#!guide", "guide"),
        ("http://h/#/guide?id=install", "/guide"),
        ("http://h/#/", None),
        ("http://h/#!/", None),
        ("http://h/#install", None),
        ("http://h/", None),
    ],
)
def test_client_routes(href: str, route: str | None) -> None:
    assert client_route(href) == route


def test_a_client_route_is_kept_on_request_and_is_a_page_of_its_own() -> None:
    assert parse_url("http://h/#/a") == resolve("http://h/x", "/#/a") == "http://h/"
    assert (
        parse_url("http://h/#/a", keep_route=True) == resolve("http://h/x", "/#/a", keep_route=True) == "http://h/#/a"
    )
    assert resolve("http://h/x", "/#a", keep_route=True) == "http://h/"
    assert url_key("http://h/#/a?id=b") == url_key("https://h/#!/a") == "//h/#/a"
    assert url_key("http://h/#/") == url_key("http://h/#a") == url_key("http://h/")
