"""What belongs to a crawl: host, folder, include and exclude patterns, depth, and why a URL is left out. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from urllib.parse import quote

from gleanery.errors import InvalidInput
from gleanery.web.urls import normalize_escapes, split_url, url_key

MAX_GLOB_LENGTH = 512

_FILE_NAME = re.compile(r"\.[a-z][a-z0-9]{0,5}$", re.IGNORECASE)
_ENDINGS = """
    7z aac apk atom avi avif bmp bz2 cab chm css csv deb dll dmg doc docx eot epub exe flac gif gz ico ics ipynb iso jar
    jpeg jpg js json jsonl m4a m4v mjs mkv mobi mov mp3 mp4 mpeg mpg msi odp ods odt ogg ogv opus otf pdf pkg png ppt pptx
    rar rpm rss rst rtf scss svg swf tar tgz tif tiff torrent ttf txt wasm wav webm webmanifest webp whl wma wmv woff woff2
    xls xlsx xml xz yaml yml zip zst
"""
NOT_DOCUMENTS = frozenset(_ENDINGS.split())
"""Endings of paths, in lower case, that are not asked for unless `Scope.of` is told that they are read; JSON and YAML are
where the name, or its folder's, says OpenAPI or Swagger."""

# What an API is described in has the ending of data, and is a document all the same.
_API_DESCRIPTION = re.compile(r"(?:openapi|swagger)[^/]*(?:/[^/]+)?\.(?:json|ya?ml)$", re.IGNORECASE)

# Below names like these anybody may register: co.uk, gov.uk, com.au, ne.jp. There is no list of them here, on purpose.
_SHARED_DOMAIN = re.compile(
    r"[^.]+|(?:[a-z0-9]{1,3}|asso|conf|coop|firm|gouv|govt|info|name|police|press|school)\.[a-z]{2}"
)


class Refusal(StrEnum):
    """Why a URL is not part of a crawl, though nobody asked the site about it."""

    OTHER_HOST = "other_host"
    OUTSIDE_PATH = "outside_path"
    EXCLUDED = "excluded"
    NOT_INCLUDED = "not_included"
    TOO_DEEP = "too_deep"
    NOT_A_DOCUMENT = "not_a_document"
    OTHER_LANGUAGE = "other_language"
    OTHER_VERSION = "other_version"
    URL_TOO_LONG = "url_too_long"
    REPEATING_PATH = "repeating_path"
    CALENDAR = "calendar"
    SESSION_ID = "session_id"
    ENDLESS_QUERY = "endless_query"
    TOO_MANY_ALIKE = "too_many_alike"
    NOTHING_NEW = "nothing_new"

    @property
    def sentence(self) -> str:
        """What it means, for people."""
        return _SENTENCES[self]


_SENTENCES = {
    Refusal.OTHER_HOST: "It is on another host than the start.",
    Refusal.OUTSIDE_PATH: "It is outside the folder of the start.",
    Refusal.EXCLUDED: "It matches an exclude pattern.",
    Refusal.NOT_INCLUDED: "It matches no include pattern.",
    Refusal.TOO_DEEP: "It is more links away from the start than max_depth.",
    Refusal.NOT_A_DOCUMENT: "Its path ends like a picture, an archive or another file that isn't read.",
    Refusal.OTHER_LANGUAGE: "It is a page in another language than the one that is taken.",
    Refusal.OTHER_VERSION: "It is a page of another version than the one that is taken.",
    Refusal.URL_TOO_LONG: "It is too long, has too many folders or too many parameters to be a page's address.",
    Refusal.REPEATING_PATH: "Its folders repeat each other, as in a circle of links.",
    Refusal.CALENDAR: "It is a page of a calendar, which has no end.",
    Refusal.SESSION_ID: "It is a page that was found already, under another session's id.",
    Refusal.ENDLESS_QUERY: "It only combines parameters that were seen already, as filters do, which has no end.",
    Refusal.TOO_MANY_ALIKE: "More URLs of its pattern were taken than a crawl takes of one.",
    Refusal.NOTHING_NEW: "URLs of its pattern gave nothing but pages that are stored already.",
}


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
    subdomains: bool = False
    all_variants: bool = False
    skipped_endings: frozenset[str] = NOT_DOCUMENTS

    @classmethod
    def of(
        cls,
        start_url: str,
        *,
        include: Iterable[str] = (),
        exclude: Iterable[str] = (),
        max_depth: int = 3,
        subdomains: bool = False,
        all_variants: bool = False,
        endings: Iterable[str] = (),
    ) -> Scope:
        """The scope of a crawl from `start_url` (an href). Raises InvalidInput naming `include` or `exclude`.

        With `subdomains` every host below the start's own belongs to it too, and it stands for itself with and without
        www.; the path rules hold on all of them. `all_variants` is for the VariantChooser. `endings` are those of
        `NOT_DOCUMENTS` that are read (`pdf`).
        """
        return cls(
            start_key=url_key(start_url),
            host=split_url(start_url).authority,
            path_prefix=path_prefix(start_url),
            include=tuple(compile_glob(pattern, "include") for pattern in include),
            exclude=tuple(compile_glob(pattern, "exclude") for pattern in exclude),
            max_depth=max_depth,
            subdomains=subdomains,
            all_variants=all_variants,
            skipped_endings=NOT_DOCUMENTS.difference(ending.lower().lstrip(".") for ending in endings),
        )

    def refusal(self, url: str, depth: int) -> Refusal | None:
        """Why the href `url`, `depth` links away from the start, is not taken; None if it is.

        The start URL itself is always taken. An include pattern that is anchored (a leading slash or `://`) may reach
        outside the start's directory, one that floats only narrows; neither leads to another host.
        """
        parts = split_url(url)
        if not self.has_host(parts.authority):
            return Refusal.OTHER_HOST
        path = normalize_escapes(parts.path)
        refusal = self._path_refusal(url.partition("#")[0], path)
        if refusal is None and depth > self.max_depth:
            refusal = Refusal.TOO_DEEP
        # Last, because it costs the most and hardly ever says yes.
        return None if refusal is None or url_key(url) == self.start_key else refusal

    def has_host(self, authority: str) -> bool:
        """Whether `host` or `host:port` (see `host_key`) belongs to the crawl."""
        if authority == self.host or not self.subdomains:
            return authority == self.host
        domain = domain_of(self.host)
        return authority == domain or authority.endswith(f".{domain}")

    def _path_refusal(self, url: str, path: str) -> Refusal | None:
        ending = path[path.rindex(".") + 1 :].lower() if "." in path else ""
        if ending in self.skipped_endings and not _API_DESCRIPTION.search(path):
            return Refusal.NOT_A_DOCUMENT
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


def domain_of(authority: str) -> str:
    """The host whose subdomains belong to a crawl: the start's own, and without its www. where that surely is the same site.

    `www.example.org` gives `example.org`; `docs.example.org` itself; `www.gov.uk` itself too, as `gov.uk` would be half
    a country. A port stays.
    """
    rest = authority.removeprefix("www.")
    return authority if _SHARED_DOMAIN.fullmatch(rest.partition(":")[0]) else rest


def path_prefix(start_url: str) -> str:
    """The directory that a crawl from `start_url` stays in.

    `/3/library/` and `/3/library/index.html` give `/3/library/`. A last segment that does not look like a file
    (`/docs`, `/v1.2`) is a directory without its slash: the prefix is `/docs`, for `/docs` and `/docs/…`.
    """
    path = normalize_escapes(split_url(start_url).path)
    directory, _, last = path.rpartition("/")
    return path if last and not _FILE_NAME.search(last) else f"{directory}/"
