"""Where a URL may name a version or a language, and which of several names is the one to take. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from gleanery.web.scope import Refusal
from gleanery.web.urls import url_key

MAX_SLOT = 6
"""Segments of a path, from its beginning, that are looked at."""
UNMARKED = ""
"""The variant without a segment of its own, as in /guide beside /fr/guide."""

_NUMBER = re.compile(r"\d{1,3}|[03-9]\d{3}")
_VERSION = re.compile(
    r"v?\d{1,4}(?:\.\d{1,4}){1,3}(?:\.x)?(?:[._-]?(?:a|alpha|b|beta|rc|pre|dev|m)[._-]?\d*)?|v?\d{1,4}\.x",
    re.IGNORECASE,
)
_MAJOR = re.compile(r"v\d{1,4}", re.IGNORECASE)
_RELEASE_WORDS = ("stable", "current", "latest", "lts")
_BRANCHES = (
    "main master trunk head tip dev devel development develop next nightly unstable edge canary beta alpha preview rc"
)
_OTHER_WORDS = tuple(_BRANCHES.split())
_WORDS = frozenset(_RELEASE_WORDS + _OTHER_WORDS)
_LANGUAGE = re.compile(r"([a-z]{2})(?:[-_]([a-z]{4}))?(?:[-_]([a-z]{2}|\d{3}))?", re.IGNORECASE)
_LANGUAGE_CODES = (
    "aa ab ae af ak am an ar as av ay az ba be bg bh bi bm bn bo br bs ca ce ch co cr cs cu cv cy da de dv dz ee el en eo"
    " es et eu fa ff fi fj fo fr fy ga gd gl gn gu gv ha he hi ho hr ht hu hy hz ia id ie ig ii ik io is it iu ja jv ka kg"
    " ki kj kk kl km kn ko kr ks ku kv kw ky la lb lg li ln lo lt lu lv mg mh mi mk ml mn mr ms mt my na nb nd ne ng nl nn"
    " no nr nv ny oc oj om or os pa pi pl ps pt qu rm rn ro ru rw sa sc sd se sg si sk sl sm sn so sq sr ss st su sv sw ta"
    " te tg th ti tk tl tn to tr ts tt tw ty ug uk ur uz ve vi vo wa wo xh yi yo za zh zu"
)
_LANGUAGES = frozenset(_LANGUAGE_CODES.split())  # ISO 639-1
_LANGUAGE_PARAMS = frozenset({"lang", "language", "locale", "hl"})
_VERSION_PARAMS = frozenset({"version", "ver", "release", "v"})


class Axis(StrEnum):
    """In what variants differ."""

    VERSION = "version"
    LANGUAGE = "language"

    @property
    def refusal(self) -> Refusal:
        return Refusal.OTHER_VERSION if self is Axis.VERSION else Refusal.OTHER_LANGUAGE


class VersionKind(StrEnum):
    """How sure the form of a name is to be a version's."""

    WORD = "word"
    """latest, stable, main…"""
    RELEASE = "release"
    """1.2, v3.1rc1, 2.x"""
    MAJOR = "major"
    """v2"""
    NUMBER = "number"
    """17"""


@dataclass(frozen=True, slots=True)
class Slot:
    """A place in a URL where a variant may be named: `name` in the family `family`; `rest` is the key without it.

    `family` is the key's text before the name, with a star for it: `//h/docs/*`, `//*.h`, `//h?lang=*`.
    """

    axis: Axis
    family: str
    name: str
    rest: str
    has_page: bool
    """Whether the rest names a page below the variant, not just its front page."""


def slots_of(url: str) -> list[Slot]:
    """Where the href `url` may name its variant: in a segment of the path, the first label of the host, a parameter."""
    key = url_key(url)
    host, slash, tail = key[2:].partition("/")
    path, mark, query = tail.partition("?")
    slots = [*_path_slots(f"//{host}/", path, f"{mark}{query}"), *_host_slots(host, f"{slash}{tail}")]
    if query:
        slots += _query_slots(f"//{host}/{path}", query.split("&"))
    return slots


def _path_slots(origin: str, path: str, query: str) -> Iterator[Slot]:
    segments = path.split("/")
    for index, segment in enumerate(segments[:-1][:MAX_SLOT]):
        if axis := axis_of(segment):
            before = "".join(f"{one}/" for one in segments[:index])
            after = "/".join(segments[index + 1 :]) + query
            yield Slot(axis, f"{origin}{before}*", segment.lower(), f"{origin}{before}{after}", bool(after))
    # `/docs/17`, without a slash: the front page of a variant.
    if segments[-1] and len(segments) <= MAX_SLOT and (axis := axis_of(segments[-1])):
        before = path.removesuffix(segments[-1])
        yield Slot(axis, f"{origin}{before}*", segments[-1].lower(), f"{origin}{before}{query}", has_page=False)


def _host_slots(host: str, tail: str) -> Iterator[Slot]:
    label, _, domain = host.partition(".")
    if "." in domain and axis_of(label) is Axis.LANGUAGE:
        yield Slot(Axis.LANGUAGE, f"//*.{domain}", label, f"//{domain}{tail}", tail != "/")


def _query_slots(page: str, pairs: list[str]) -> Iterator[Slot]:
    for index, pair in enumerate(pairs):
        name, _, value = pair.partition("=")
        axis = axis_of(value)
        names = _LANGUAGE_PARAMS if axis is Axis.LANGUAGE else _VERSION_PARAMS if axis else frozenset[str]()
        if axis and name.lower() in names:
            others = "&".join(pairs[:index] + pairs[index + 1 :])
            origin = page[: page.index("/", 2)]
            rest = f"{page}?{others}" if others else page
            yield Slot(axis, f"{origin}?{name}=*", value.lower(), rest, has_page=True)


def version_of(url: str) -> str | None:
    """The version that a URL names in its path, where its form leaves no doubt: `3.11`, `v2`, `stable`."""
    kinds = (VersionKind.RELEASE, VersionKind.WORD, VersionKind.MAJOR)
    return next((slot.name for slot in slots_of(url) if version_kind(slot.name) in kinds), None)


def axis_of(name: str) -> Axis | None:
    """What a segment would name if it named a variant."""
    if version_kind(name):
        return Axis.VERSION
    match = _LANGUAGE.fullmatch(name)
    return Axis.LANGUAGE if match and match[1].lower() in _LANGUAGES else None


def version_kind(name: str) -> VersionKind | None:
    """Which kind of version a segment would name; None for what can't be one. A year can't: /2023/ is a blog's."""
    if name.lower() in _WORDS:
        return VersionKind.WORD
    if not name[-1:].isdigit() and name[:1] not in ("v", "V") and not name[:1].isdigit():
        return None  # nearly all there are
    if _NUMBER.fullmatch(name):
        return VersionKind.NUMBER
    if _MAJOR.fullmatch(name):
        return VersionKind.MAJOR
    return VersionKind.RELEASE if _VERSION.fullmatch(name) else None


def version_rank(name: str) -> tuple[int, tuple[int, ...], int]:
    """Where a version stands: the highest is taken. First stable, current, latest, lts; then no name at all; then releases
    by number (`2.x` above `2.9`); then those before a release; then branches (main, dev, next…)."""
    name = name.lower()
    if name in _RELEASE_WORDS:
        return 4, (-_RELEASE_WORDS.index(name),), 0
    if name == UNMARKED:
        return 3, (), 0
    if name in _WORDS:
        return 0, (-_OTHER_WORDS.index(name),), 0
    numbers, _, suffix = re.sub(r"^v", "", name).partition(".x")
    match = re.match(r"[\d.]+", numbers)
    digits = tuple(int(part) for part in (match[0] if match else "").split(".") if part)
    is_release = match is not None and match.end() == len(numbers) and not suffix
    return (2 if is_release else 1), (*digits, 10**6) if ".x" in name else digits, len(name)


def best_version(names: Iterable[str]) -> str:
    """The one that is taken when the start names none."""
    return max(names, key=version_rank)


def best_language(names: list[str], preferred: str) -> str:
    """The one in the preferred language, to the letter or else at all; else English; else the first."""
    for wanted in (language_tag(preferred), language_tag(preferred).partition("-")[0], "en"):
        for is_same in (str.__eq__, is_same_language):
            if found := [name for name in names if wanted and is_same(language_tag(name), wanted)]:
                return found[0]
    return names[0]


def language_tag(name: str) -> str:
    """`pt_BR` as `pt-br` (BCP 47, in lower case)."""
    return name.lower().replace("_", "-")


def is_same_language(tag: str, other: str) -> bool:
    """Whether two tags differ in script or region at most."""
    return tag.partition("-")[0] == other.partition("-")[0]
