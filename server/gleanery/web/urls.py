"""URLs: parsing at the edge, resolving links, the de-duplication key and the scope of a crawl. Pure, no I/O.

Every URL is parsed once by the WHATWG rules (https://url.spec.whatwg.org, through ada) and is an href from then on.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from ada_url import URL

from gleanery.errors import InvalidInput, InvalidUrl

MAX_URL_LENGTH = 2048
MAX_GLOB_LENGTH = 512

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
# `localhost:8000/x` is a host and a port to people, and a scheme to the standard.
_BARE_HOST = re.compile(r"(?:[\w-]+\.)+[\w-]+(?::\d+)?(?:[/?#]|$)|[\w.-]+:\d+(?:[/?#]|$)")
# The standard skips any number of slashes, so that `https:///x` would lead to a host called x.
_NO_HOST = re.compile(r"https?:(?:[/\\]{2})?+(?:[^/\\?#]*@)?(?::\d*)?(?:[/\\?#]|$)", re.IGNORECASE)

_ESCAPE = re.compile(r"%([0-9a-f]{2})", re.IGNORECASE)
_UNRESERVED = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_PATH_SESSION = re.compile(r";(?:jsessionid|phpsessid|sid)=[^/;]*", re.IGNORECASE)
_INDEX_FILE = re.compile(r"/index\.html?$")
_IGNORED_PARAM = re.compile(
    r"utm_.*|aspsessionid.*|phpsessid|jsessionid|session_?id|sid|gclid|gclsrc|dclid|gbraid|wbraid|fbclid|msclkid|yclid"
    r"|twclid|igshid|mc_cid|mc_eid|_ga|_gl|_hsenc|_hsmi",
    re.IGNORECASE,
)

_FILE_NAME = re.compile(r"\.[a-z][a-z0-9]{0,5}$", re.IGNORECASE)
_NOT_DOCUMENT = re.compile(
    r"\.(?:7z|aac|apk|atom|avif?|bmp|bz2|cab|chm|css|csv|deb|dll|dmg|docx?|eot|epub|exe|flac|gif|gz|ico|ics|ipynb|iso|jar"
    r"|jpe?g|jsonl?|m?js|m4[av]|mkv|mobi|mov|mp[34]|mpe?g|msi|od[pst]|og[gv]|opus|otf|pdf|pkg|png|pptx?|rar|rpm|rss|rst|rtf"
    r"|scss|svg|swf|t?gz|tar|tiff?|torrent|ttf|txt|wasm|wav|web[mp]|webmanifest|whl|wm[av]|woff2?|xlsx?|xml|xz|ya?ml|zip"
    r"|zst)$",
    re.IGNORECASE,
)


class Refusal(StrEnum):
    """Why a URL is not part of a crawl."""

    OTHER_HOST = "other_host"
    OUTSIDE_PATH = "outside_path"
    EXCLUDED = "excluded"
    NOT_INCLUDED = "not_included"
    TOO_DEEP = "too_deep"
    NOT_A_DOCUMENT = "not_a_document"


def parse_url(text: str, field: str = "url") -> str:
    """The href of what somebody typed, without its fragment.

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
    href = _without_fragment(url.href)
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


def resolve(base: str, href: str) -> str | None:
    """Where a link of the page `base` leads, without the fragment; None if it is nothing that can be fetched."""
    url = _parse(href, base)
    if url is None or url.protocol not in ("http:", "https:") or url.username or url.password:
        return None
    target = _without_fragment(url.href)
    return target if len(target) <= MAX_URL_LENGTH else None


def url_key(href: str) -> str:
    """The key under which two URLs are taken for the same page. Not itself a URL to fetch: it has no scheme.

    The policy: http and https are one; the host is lower-case without a trailing dot, a default port is dropped; the
    fragment and an empty query are dropped; percent-escapes are upper-case and undone for unreserved characters
    (RFC 3986, 6.2.2); parameters are sorted by name, equal names keep their order; tracking parameters (utm_*, gclid,
    fbclid…) and session ids (PHPSESSID, jsessionid, sid…) are dropped; index.html and index.htm stand for their folder,
    as on any server of static pages. Kept apart because they can differ: a trailing slash, doubled slashes, upper and
    lower case in the path, `a` and `a=`, `+` and `%20`.
    """
    url = URL(href)
    path = normalize_escapes(url.pathname)
    if ";" in path:
        path = _PATH_SESSION.sub("", path)
    path = _INDEX_FILE.sub("/", path)
    query = _query_key(url.search[1:]) if url.search else ""
    return f"//{_authority(url)}{path}{'?' if query else ''}{query}"


def _query_key(query: str) -> str:
    named = [(pair.partition("=")[0], pair) for pair in normalize_escapes(query).split("&") if pair]
    named.sort(key=lambda entry: entry[0])
    return "&".join(pair for name, pair in named if not _IGNORED_PARAM.fullmatch(name))


def normalize_escapes(text: str) -> str:
    """Percent-escapes in upper case, those of unreserved characters undone (RFC 3986, 6.2.2)."""
    return _ESCAPE.sub(_normalize_escape, text) if "%" in text else text


def _normalize_escape(match: re.Match[str]) -> str:
    character = chr(int(match[1], 16))
    return character if character in _UNRESERVED else match[0].upper()


def host_key(href: str) -> str:
    """`host` or `host:port` of a URL, the unit of politeness and of scope; http and https are one."""
    return _authority(URL(href))


def target_of(href: str) -> str:
    """The path and query of a URL, as robots.txt looks at them."""
    url = URL(href)
    return f"{url.pathname}{url.search}"


def origin_of(href: str) -> str:
    """`scheme://host[:port]` of a URL."""
    return str(URL(href).origin)


def _authority(url: URL) -> str:
    name = url.hostname.rstrip(".")
    return f"{name}:{url.port}" if url.port else name


def _parse(text: str, base: str | None = None) -> URL | None:
    try:
        return URL(text, base)
    except ValueError:  # not a URL, or text that has no UTF-8 form
        return None


def _without_fragment(href: str) -> str:
    return href.partition("#")[0]


@dataclass(frozen=True, slots=True)
class Glob:
    """A compiled include or exclude pattern, see `compile_glob`."""

    pattern: str
    regex: re.Pattern[str]
    is_anchored: bool
    is_whole_url: bool

    def matches(self, url: str, path: str) -> bool:
        return self.regex.fullmatch(url if self.is_whole_url else path) is not None


def compile_glob(pattern: str, field: str = "include") -> Glob:
    """`*` stands for anything within a path segment, `**` also across segments; everything else for itself.

    Matches the whole path, or the whole URL when the pattern contains `://` (http and https are one there). A pattern
    with neither a leading slash nor `://` may begin at any segment: `*.html` is `/**/*.html`, and `/**/` is also one
    slash. Matching takes at most quadratic time: all but the last `*` of a part, and all but the last part between
    `**`, are atomic, which loses no match because the earliest end always leaves the most room.
    Raises InvalidInput naming `field`.
    """
    text = pattern.strip()
    if not text:
        raise InvalidInput(field, "an empty pattern matches nothing")
    if len(text) > MAX_GLOB_LENGTH:
        raise InvalidInput(field, f"a pattern is longer than {MAX_GLOB_LENGTH} characters")
    is_whole_url = "://" in text
    is_anchored = is_whole_url or text.startswith("/")
    text = quote(text, safe="%/:=&?#[]@!$'()+,;~*")
    scheme = ""
    if is_whole_url and (match := re.match(r"https?://", text, re.IGNORECASE)):
        scheme, text = "https?://", text[match.end() :]
    elif not is_anchored:
        text = f"/**/{text}"
    regex = re.compile(scheme + _glob_regex(normalize_escapes(text)), re.DOTALL)
    return Glob(pattern, regex, is_anchored, is_whole_url)


def _glob_regex(text: str) -> str:
    first, *rest = re.split(r"\*{2,}", text)
    if not rest:
        return _part_regex(first, is_last=True)
    regex, before = _part_regex(first, is_last=False), first
    for index, part in enumerate(rest):
        is_last = index == len(rest) - 1
        # `/**/` also stands for one slash: what follows must begin a segment, be it the very first.
        is_segment = before.endswith("/") and part.startswith("/")
        body = ("(?<=/)" if is_segment else "") + _part_regex(part[is_segment:], is_last=is_last)
        regex += f".*?{body}" if is_last else f"(?>.*?{body})"
        before = part
    return regex


def _part_regex(part: str, *, is_last: bool) -> str:
    first, *rest = (re.escape(literal) for literal in part.split("*"))
    if not rest:
        return first
    *middle, last = rest
    atomic = "".join(f"(?>[^/]*?{literal})" for literal in middle)
    return f"{first}{atomic}[^/]*{last}" if is_last else f"{first}{atomic}(?>[^/]*?{last})"


@dataclass(frozen=True, slots=True)
class Scope:
    """What belongs to a crawl. Build it with `Scope.of`."""

    start_key: str
    host: str
    path_prefix: str
    include: tuple[Glob, ...]
    exclude: tuple[Glob, ...]
    max_depth: int

    @classmethod
    def of(
        cls, start_url: str, *, include: Iterable[str] = (), exclude: Iterable[str] = (), max_depth: int = 3
    ) -> Scope:
        """The scope of a crawl from `start_url` (an href). Raises InvalidInput naming `include` or `exclude`."""
        return cls(
            start_key=url_key(start_url),
            host=host_key(start_url),
            path_prefix=path_prefix(start_url),
            include=tuple(compile_glob(pattern, "include") for pattern in include),
            exclude=tuple(compile_glob(pattern, "exclude") for pattern in exclude),
            max_depth=max_depth,
        )

    def refusal(self, url: str, depth: int) -> Refusal | None:
        """Why the href `url`, `depth` links away from the start, is not taken; None if it is.

        The start URL itself is always taken. An include pattern that is anchored (a leading slash or `://`) may reach
        outside the start's directory, one that floats only narrows; neither leads to another host.
        """
        if url_key(url) == self.start_key:
            return None
        parsed = URL(url)
        if _authority(parsed) != self.host:
            return Refusal.OTHER_HOST
        path = normalize_escapes(parsed.pathname)
        if _NOT_DOCUMENT.search(path):
            return Refusal.NOT_A_DOCUMENT
        return self._path_refusal(_without_fragment(url), path) or (
            Refusal.TOO_DEEP if depth > self.max_depth else None
        )

    def _path_refusal(self, url: str, path: str) -> Refusal | None:
        if any(glob.matches(url, path) for glob in self.exclude):
            return Refusal.EXCLUDED
        matching = [glob for glob in self.include if glob.matches(url, path)]
        if not self._is_inside(path) and not any(glob.is_anchored for glob in matching):
            return Refusal.OUTSIDE_PATH
        return Refusal.NOT_INCLUDED if self.include and not matching else None

    def _is_inside(self, path: str) -> bool:
        if self.path_prefix.endswith("/"):
            return path.startswith(self.path_prefix)
        return path == self.path_prefix or path.startswith(f"{self.path_prefix}/")


def path_prefix(start_url: str) -> str:
    """The directory that a crawl from `start_url` stays in.

    `/3/library/` and `/3/library/index.html` give `/3/library/`. A last segment that does not look like a file
    (`/docs`, `/v1.2`) is a directory without its slash: the prefix is `/docs`, for `/docs` and `/docs/…`.
    """
    path = normalize_escapes(URL(start_url).pathname)
    directory, _, last = path.rpartition("/")
    return path if last and not _FILE_NAME.search(last) else f"{directory}/"
