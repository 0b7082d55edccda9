"""URLs as text: parsing at the edge, resolving links, their parts, and the key under which two are the same page. Pure.

Every URL is parsed once by the WHATWG rules (https://url.spec.whatwg.org, through ada) and is an href from then on. What
is an href already, as almost every link is, is recognised by a regex and never goes through the parser again.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from ada_url import URL

from gleanery.errors import InvalidUrl

MAX_URL_LENGTH = 2048

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
# `localhost:8000/x` is a host and a port to people, and a scheme to the standard.
_BARE_HOST = re.compile(r"(?:[\w-]+\.)+[\w-]+(?::\d+)?(?:[/?#]|$)|[\w.-]+:\d+(?:[/?#]|$)")
# The standard skips any number of slashes, so that `https:///x` would lead to a host called x.
_NO_HOST = re.compile(r"https?:(?:[/\\]{2})?+(?:[^/\\?#]*@)?(?::\d*)?(?:[/\\?#]|$)", re.IGNORECASE)

_HREF = re.compile(
    r"(https?)://([a-z0-9._-]+|\[[0-9a-f:]+\])(?::([1-9]\d{0,4}))?"
    r"(/[!$-;=@-\[\]_a-z|~]*)(?:\?([!$-&(-;=?-~]*))?(?:\#(.*))?",
    re.DOTALL,
)
"""What the parser would give back as it is, provided its host is one of the parser's and no segment begins with a dot."""
_SEGMENT = r"(?:[\w~!$&()*+,;=@-]|%(?!2e))(?:[\w~!$&()*+,;=@.-]|%(?!2e))*+"
_REFERENCE = re.compile(
    rf"((?:/|(?:\.\./)++|\./)?+(?:{_SEGMENT}/)*+(?:{_SEGMENT})?+)(\?[\w~!$&()*+,;=@.:/?%-]*+)?(?:\#.*)?",
    re.IGNORECASE | re.ASCII,
)
"""A relative link that is simply joined: dot segments only in front, no scheme, nothing to escape."""

_ESCAPE = re.compile(r"%([0-9a-f]{2})", re.IGNORECASE)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_SESSION_SUFFIX = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;]*", re.IGNORECASE)
# ASP.NET without cookies: https://learn.microsoft.com/dotnet/api/system.web.configuration.sessionstatesection.cookieless
_SESSION_SEGMENT = re.compile(r"/\((?:[ASFX]\([\w-]*\))+\)(?=/)")
_INDEX_FILES = ("/index.html", "/index.htm", "/index.xhtml", "/index.shtml")
_IGNORED_PARAM = re.compile(
    r"(?:utm|mtm|matomo|piwik|pk|hsa)_.*|aspsessionid.*"
    r"|phpsessid|jsessionid|aspsessionid|sessionid|session_id|sessid|oscsid|zenid|cfid|cftoken|replytocom"
    r"|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid|ysclid|twclid|ttclid|li_fat_id|igshid|igsh"
    r"|epik|srsltid|mc_cid|mc_eid|_ga|_gl|_gac|_hsenc|_hsmi|__hstc|__hssc|__hsfp|hsctatracking|mkt_tok"
    r"|vero_id|vero_conv|oly_enc_id|oly_anon_id|_openstat|_branch_match_id|wt\.mc_id|wickedid|s_cid|ef_id"
    r"|dm_i|elqtrack|elqtrackid",
    re.IGNORECASE | re.DOTALL,
)
_MAYBE_SESSION = frozenset({"sid", "session", "sess"})
_TOKEN = re.compile(r"(?=[a-z_-]*\d)[0-9a-z_-]{16,}", re.IGNORECASE)
_LISTING_ORDER = re.compile(r"C=[NMSD](?:[;&]O=[AD])?")
_ROUTE = re.compile(r"!?/[^?#]*|![^?#]+")


class UrlParts(NamedTuple):
    """The parts of an href: `authority` is `host` or `host:port` without a trailing dot; `query` has no question mark."""

    scheme: str
    authority: str
    path: str
    query: str
    fragment: str


def parse_url(text: str, field: str = "url", *, keep_route: bool = False) -> str:
    """The href of what somebody typed, without its fragment (but for a client route, with `keep_route`).

    Raises InvalidUrl whose `code` is `invalid_url`, `unsupported_scheme`, `url_has_userinfo` or `missing_host`.
    """
    text = text.strip()
    _check_text(text, field)
    scheme = _SCHEME.match(text)
    if scheme is None or _BARE_HOST.match(text):
        raise InvalidUrl(_no_scheme_reason(text), field=field)
    if scheme[1].lower() not in ("http", "https"):
        reason = f"the scheme {scheme[1].lower()!r} is not supported, only http and https are"
        raise InvalidUrl(reason, kind="unsupported_scheme", field=field)
    if _NO_HOST.match(text):
        raise InvalidUrl("names no host, as in https://docs.example.org/", kind="missing_host", field=field)
    url = _parse(text)
    if url is None:
        raise InvalidUrl("is not a valid URL", field=field)
    if url.username or url.password:
        reason = "carries a user name or a password, which would be stored and sent; leave them out"
        raise InvalidUrl(reason, kind="url_has_userinfo", field=field)
    href = _page_of(url.href, keep_route=keep_route)
    if len(href) > MAX_URL_LENGTH:
        raise InvalidUrl(f"is longer than {MAX_URL_LENGTH} characters", field=field)
    return href


def _check_text(text: str, field: str) -> None:
    if not text:
        raise InvalidUrl("is empty", field=field)
    if len(text) > MAX_URL_LENGTH:
        raise InvalidUrl(f"is longer than {MAX_URL_LENGTH} characters", field=field)
    if _CONTROL.search(text):
        raise InvalidUrl("contains control characters", field=field)


def _no_scheme_reason(text: str) -> str:
    if _BARE_HOST.match(text) and " " not in text and "@" not in text:
        return f"has no scheme; did you mean https://{text}?"
    return "is not a URL; it must begin with https:// or http://"


def resolve(base: str, href: str, *, keep_route: bool = False) -> str | None:
    """Where a link of the page `base` (an href) leads; None if it is nothing that can be fetched.

    Without its fragment, but for a client route with `keep_route`: only a browser can tell such pages apart.
    """
    target = None if keep_route else _joined(base, href)
    if target is None:
        url = _parse(href, base)
        if url is None or url.protocol not in ("http:", "https:") or url.username or url.password:
            return None
        target = _page_of(url.href, keep_route=keep_route)
    return target if len(target) <= MAX_URL_LENGTH else None


def _joined(base: str, href: str) -> str | None:
    """What the parser would make of an ordinary link; None for one that it must see itself."""
    if (page := _HREF.fullmatch(base)) is None:
        return None
    origin = base[: page.start(4)]
    if (match := _REFERENCE.fullmatch(href)) is None:
        # Another host's name may need more than a look: numbers are addresses, xn-- must be valid.
        is_simple = href.startswith(f"{origin}/") and _HREF.fullmatch(href) is not None and _is_href(href)
        return href.partition("#")[0] if is_simple else None
    path, query = match[1], match[2] or ""
    if not path:
        return f"{base[: page.end(4)]}{query}" if query else base.partition("#")[0]
    if path[0] == "/":
        return f"{origin}{path}{query}"
    end = base.rindex("/", 0, page.end(4))
    while path.startswith("../"):
        path, end = path[3:], base.rindex("/", page.start(4), end) if end > page.start(4) else end
    return f"{base[: end + 1]}{path.removeprefix('./')}{query}"


def client_route(href: str) -> str | None:
    """The route that a fragment names, if it looks like one: `/guide` of `#/guide` and `#!/guide`.

    Only pages that a script draws have such fragments, and only a browser sees them: over HTTP they are one page. Other
    fragments are places within a page. A query in it (`#/guide?id=install`, as docsify writes it) is such a place too.
    """
    match = _ROUTE.match(href.partition("#")[2])
    route = match[0].lstrip("!") if match else ""
    return route if route not in ("", "/") else None


def _page_of(href: str, *, keep_route: bool) -> str:
    page, _, fragment = href.partition("#")
    return f"{page}#{fragment}" if keep_route and client_route(href) else page


def url_key(href: str) -> str:
    """The key under which two URLs are taken for the same page. Not itself a URL to fetch: it has no scheme.

    The rule behind it: two pages under one key lose one of them for good, one page under two keys costs a fetch, which
    redirects, canonical links and the hash of the content then make up for. So only what no server tells apart is joined:

    - http and https; the host in lower case without a trailing dot, without a default port (www. is a host of its own);
    - percent-escapes are in upper case, and undone for unreserved characters (RFC 3986, 6.2.2);
    - parameters are sorted by name, as servers read them by name; equal names keep their order, as those are lists;
      empty ones and an empty query are dropped;
    - tracking parameters (utm_*, gclid, fbclid, mc_cid…), WordPress's replytocom, and the order of a server's listing of
      a folder (?C=M;O=D) are dropped;
    - session ids are dropped: ;jsessionid=… and ASP.NET's (S(…)) in the path, PHPSESSID and its like as parameters; `sid`
      and `session` only where the value looks like a token (16 characters or more, with a digit);
    - index.html, .htm, .xhtml and .shtml stand for their folder, as on any server of static pages;
    - a fragment is dropped, but for a client route (`#/guide`, `#!/guide`): whoever keeps it in a URL has a browser.

    Kept apart because they can differ: a trailing slash (relative links lead elsewhere), doubled slashes, upper and lower
    case in the path, `a` and `a=`, `+` and `%20`, index.php.
    """
    _, authority, path, query, fragment = split_url(href)
    route = client_route(f"#{fragment}") if fragment else None
    query = _query_key(query) if query else ""
    return f"//{authority}{_path_key(path)}{'?' if query else ''}{query}{f'#{route}' if route else ''}"


def _path_key(path: str) -> str:
    path = normalize_escapes(path)
    if ";" in path:
        path = _SESSION_SUFFIX.sub("", path)
    if "/(" in path:
        path = _SESSION_SEGMENT.sub("", path)
    return path[: path.rindex("/") + 1] if path.endswith(_INDEX_FILES) else path


def _query_key(query: str) -> str:
    if _LISTING_ORDER.fullmatch(query):
        return ""
    named = [(pair.partition("=")[0], pair) for pair in normalize_escapes(query).split("&") if pair]
    if len(named) > 1:
        named.sort(key=lambda entry: entry[0])
    return "&".join(pair for name, pair in named if not _is_ignored(name, pair))


def _is_ignored(name: str, pair: str) -> bool:
    if _IGNORED_PARAM.fullmatch(name):
        return True
    return name.lower() in _MAYBE_SESSION and _TOKEN.fullmatch(pair, len(name) + 1) is not None


def split_url(href: str) -> UrlParts:
    """The parts of an href, as they stand there. Raises ValueError for what is no URL at all."""
    match = _HREF.fullmatch(href)
    if match is not None and _is_href(href):
        scheme, name, port, path, query, fragment = match.groups()
        authority = _authority(name, port or "")
        return UrlParts(scheme, authority, path, query or "", fragment or "")
    url = URL(href)
    return UrlParts(url.protocol[:-1], _authority(url.hostname, url.port), url.pathname, url.search[1:], url.hash[1:])


def _is_href(href: str) -> bool:
    """Whether the parser would leave what `_HREF` matches as it is: no dot segments, no default port."""
    return not ("/." in href or "/%2" in href or ":80/" in href or ":443/" in href)


def normalize_escapes(text: str) -> str:
    """Percent-escapes in upper case, those of unreserved characters undone (RFC 3986, 6.2.2)."""
    return _ESCAPE.sub(_normalize_escape, text) if "%" in text else text


def _normalize_escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def host_key(href: str) -> str:
    """`host` or `host:port` of a URL, the unit of politeness and of scope; http and https are one."""
    return split_url(href).authority


def target_of(href: str) -> str:
    """The path and query of a URL, as robots.txt looks at them."""
    parts = split_url(href)
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def origin_of(href: str) -> str:
    """`scheme://host[:port]` of a URL."""
    return str(URL(href).origin)


def _authority(name: str, port: str) -> str:
    name = name.rstrip(".")
    return f"{name}:{port}" if port else name


def _parse(text: str, base: str | None = None) -> URL | None:
    try:
        return URL(text, base)
    except ValueError:  # not a URL, or text that has no UTF-8 form
        return None
