"""Crawler traps: which URLs are left out because a site could go on making their like forever. Pure, in bounded memory.

A site that makes URLs without end can't be told from a large one by a single URL; so a few URLs are refused by their look,
and the rest by what was seen of their pattern: how many there were, and whether they still bring pages that are new.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from gleanery.web.scope import Refusal
from gleanery.web.urls import MAX_URL_LENGTH, UrlParts, split_url

_NUMBER = re.compile(r"\d+")
_TOKEN = re.compile(
    r"(?=[^/]*\d)(?=[^/]*[A-Za-z])"
    r"(?:[0-9a-f]{16,}|[0-9A-F]{16,}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|(?=.*[a-z])(?=.*[A-Z])[0-9A-Za-z]{24,})"
)
"""Hexadecimal of 64 bits and more, a UUID, or mixed letters and digits as long as a base64 of 128 bits."""
_DATE_PATH = re.compile(r"(?:19|20|21)\d\d[/-](?:0?[1-9]|1[0-2])(?:[/-](?:0?[1-9]|[12]\d|3[01]))?/?$")
_DATE_VALUE = re.compile(r"(?:19|20|21)\d\d(?:-(?:0[1-9]|1[0-2])(?:-\d\d)?|(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]))")
_YEAR_NAMES = frozenset({"year", "yr", "y"})
_MONTH_NAMES = frozenset({"month", "mon", "mo", "m", "week", "wk", "day"})


@dataclass(frozen=True, slots=True)
class TrapLimits:
    """How much of one pattern is taken. Wide enough that no documentation known to us comes near them."""

    max_segments: int = 32
    """Folders of a path. Java's deepest documentation has 14."""
    max_params: int = 20
    max_repeats: int = 4
    """Segments of a path that stand in it already: `/a/b/a/b/a/b` has 4."""
    max_alike: int = 200_000
    """URLs that differ in numbers or tokens only: pages of a listing, numbered articles. Many sites have nothing else, and
    while they bring new pages a crawl's own limit is the one that counts."""
    max_queries: int = 20_000
    """URLs with parameters of the same names on one path: wikis that keep all their pages behind one script."""
    free_combinations: int = 50
    per_value: int = 3
    """A path may have `free_combinations` queries, and then this many for each value of a parameter that was seen."""
    max_calendar_pages: int = 366
    max_calendar_steps: int = 24
    """Pages of a calendar that are found only by turning its pages, more than two from where it was entered."""
    max_tokens: int = 20
    """Tokens under which the same path is taken: /{token}/guide."""
    max_doubtful_tokens: int = 3
    """The same once one of them brought nothing new."""
    fruitless: int = 30
    """URLs of a pattern in a row that bring nothing new; one more for every ten that did."""
    barren: int = 300
    """How many more URLs may bring nothing new than those that did pay for, whatever their pattern: made-up words have
    none. One more for every ten that did."""
    per_new: int = 20
    """A URL that brings something new pays for this many that don't."""
    max_tallies: int = 50_000
    """Patterns that are remembered; the one not met for the longest is forgotten. About 250 bytes each."""


@dataclass(slots=True)
class _Tally:
    """What was seen of one pattern."""

    taken: int = 0
    values: int = 0
    new: int = 0
    fruitless: int = 0
    depth: int = 0
    steps: int = 0


_NOTHING_SEEN = _Tally()


class TrapWatch:
    """The traps of one crawl.

    Ask `refusal` for each URL that is new and in scope and `recheck` before it is fetched; tell `outcome` what came of it. A URL that is
    refused leaves no trace: what the watch knows follows from the URLs that were taken, in their order, and from the
    outcomes. So after a restart `TrapWatch.of` makes the same decisions from the stored frontier.
    """

    def __init__(self, limits: TrapLimits | None = None) -> None:
        self._limits = limits or TrapLimits()
        self._tallies: dict[int, _Tally] = {}
        self._all = _Tally()
        self._empty: dict[int, None] = {}

    @classmethod
    def of(cls, taken: Iterable[tuple[str, int, bool | None]], limits: TrapLimits | None = None) -> TrapWatch:
        """The watch of a crawl that goes on: its URLs that were not refused, in the order in which they were found, with
        their depth and whether they brought new content (None: not fetched yet). About 10 µs a URL: not in the loop."""
        watch = cls(limits)
        for url, depth, is_new_content in taken:
            watch.refusal(url, depth)
            if is_new_content is not None:
                watch.outcome(url, is_new_content=is_new_content)
        return watch

    def refusal(self, url: str, depth: int) -> Refusal | None:
        """Why the href `url`, found `depth` links away from the start, is not taken; None if it is, and then it counts.

        What the start page itself links to (depth 1) was put there by hand and isn't judged by its look.
        """
        look = _Look.of(url)
        reason = self._by_look(look, depth) or self._by_count(look, depth) or self._by_yield(look)
        if reason is None:
            self._count(look, depth)
        return reason

    def recheck(self, url: str, found_on: str | None = None) -> Refusal | None:
        """The same when a URL's turn to be fetched comes: its pattern may have disappointed since, or the page that it was
        `found_on` among very many others. Counts nothing."""
        if self._all.fruitless >= 2 * self._most_barren and found_on is not None and hash(found_on) in self._empty:
            return Refusal.NOTHING_NEW
        return self._by_yield(_Look.of(url))

    @property
    def is_barren(self) -> bool:
        """Whether so many URLs brought nothing new that the links of such pages are no longer worth following."""
        return self._all.fruitless >= self._most_barren

    @property
    def _most_barren(self) -> int:
        return self._limits.barren + self._all.new // 10

    def outcome(self, url: str, *, is_new_content: bool) -> None:
        """What fetching a URL brought: a page that was not there before, or nothing (stored already, empty, missing)."""
        look = _Look.of(url)
        self._weigh(url, is_new_content=is_new_content)
        for key in look.yield_keys:
            # Most patterns never bring anything old: those need no tally.
            tally = self._tallies.get(key) if is_new_content else self._tally(key)
            if tally is not None:
                tally.new += is_new_content
                tally.fruitless = 0 if is_new_content else tally.fruitless + 1
        if look.session_key is not None and not is_new_content:
            self._tally(look.session_key).fruitless += 1

    def _weigh(self, url: str, *, is_new_content: bool) -> None:
        """Keep the balance of all URLs together: a page that is new pays for `per_new` that are not. It never falls so low
        that what is new could not soon make it good."""
        balance = self._all
        if is_new_content:
            balance.new += 1
            balance.fruitless = max(balance.fruitless - self._limits.per_new, 0)
            return
        balance.fruitless = min(balance.fruitless + 1, 3 * self._most_barren)
        self._empty[hash(url)] = None
        if len(self._empty) > self._limits.max_tallies:
            del self._empty[next(iter(self._empty))]

    def _by_look(self, look: _Look, depth: int) -> Refusal | None:
        limits = self._limits
        if look.length > MAX_URL_LENGTH or look.segments > limits.max_segments or len(look.pairs) > limits.max_params:
            return Refusal.URL_TOO_LONG
        if look.repeats >= limits.max_repeats and depth > 1:
            return Refusal.REPEATING_PATH
        is_growing = len(look.pairs) > 2 and any(look.pairs.count(pair) > 2 for pair in look.pairs)
        return Refusal.ENDLESS_QUERY if is_growing else None

    def _by_count(self, look: _Look, depth: int) -> Refusal | None:
        limits = self._limits
        alike = self._seen(look.pattern_key)
        if alike.taken >= (limits.max_queries if look.pairs else limits.max_alike):
            return Refusal.TOO_MANY_ALIKE
        queries = self._seen(look.query_key)
        is_over = queries.taken >= max(limits.free_combinations, limits.per_value * queries.values)
        if is_over and all(key in self._tallies for key in look.value_keys):
            return Refusal.ENDLESS_QUERY
        if depth <= 1:
            return None
        calendar = self._seen(look.calendar_key)
        is_step = depth > calendar.depth + 2
        if calendar.taken >= limits.max_calendar_pages or (is_step and calendar.steps >= limits.max_calendar_steps):
            return Refusal.CALENDAR
        session = self._seen(look.session_key)
        most = limits.max_doubtful_tokens if session.fruitless else limits.max_tokens
        return Refusal.SESSION_ID if session.taken >= most else None

    def _by_yield(self, look: _Look) -> Refusal | None:
        tallies = (self._seen(key) for key in look.yield_keys)
        is_fruitless = any(tally.fruitless >= self._limits.fruitless + tally.new // 10 for tally in tallies)
        return Refusal.NOTHING_NEW if is_fruitless else None

    def _count(self, look: _Look, depth: int) -> None:
        for key in (look.pattern_key, look.session_key):
            if key is not None:
                self._tally(key).taken += 1
        if look.query_key is not None:
            tally = self._tally(look.query_key)
            tally.taken += 1
            for key in look.value_keys:
                tally.values += key not in self._tallies
                self._tally(key)
        if look.calendar_key is not None:
            tally = self._tally(look.calendar_key)
            tally.depth = min(tally.depth, depth) if tally.taken else depth
            tally.taken += 1
            tally.steps += depth > tally.depth + 2

    def _seen(self, key: int | None) -> _Tally:
        return _NOTHING_SEEN if key is None else self._tallies.get(key, _NOTHING_SEEN)

    def _tally(self, key: int) -> _Tally:
        """The tally of a pattern, which is now the one met last."""
        tally = self._tallies.pop(key, None) or _Tally()
        self._tallies[key] = tally
        if len(self._tallies) > self._limits.max_tallies:
            del self._tallies[next(iter(self._tallies))]
        return tally


@dataclass(frozen=True, slots=True)
class _Look:
    """What a URL looks like. Keys are hashes: of patterns only whether they are the same is of interest."""

    length: int
    segments: int
    repeats: int
    pairs: list[str]
    value_keys: list[int]
    yield_keys: list[int]
    pattern_key: int | None
    query_key: int | None
    calendar_key: int | None
    session_key: int | None

    @classmethod
    def of(cls, url: str) -> _Look:
        parts = split_url(url)
        segments = parts.path.split("/")[1:]
        words = [segment for segment in segments if segment and not segment.isdigit()]
        pairs = parts.query.split("&") if parts.query else []
        names = sorted({pair.partition("=")[0] for pair in pairs})
        has_digits = _NUMBER.search(parts.path) is not None
        pattern = hash((parts.authority, _pattern(segments), *names)) if has_digits or pairs else None
        page = hash((parts.authority, parts.path))
        return cls(
            length=len(url),
            segments=len(segments),
            repeats=len(words) - len(set(words)),
            pairs=pairs,
            value_keys=[hash((page, pair)) for pair in pairs],
            yield_keys=_yield_keys(parts.authority, segments, names, pattern),
            pattern_key=pattern,
            query_key=hash((page, "?")) if pairs else None,
            calendar_key=_calendar_key(parts, pairs, names, has_digits=has_digits),
            session_key=_session_key(parts, segments) if has_digits else None,
        )


def _pattern(segments: list[str]) -> str:
    return "/".join("~" if _TOKEN.fullmatch(segment) else _NUMBER.sub("#", segment) for segment in segments)


def _yield_keys(authority: str, segments: list[str], names: list[str], pattern: int | None) -> list[int]:
    """The patterns whose yield counts: the URL's own; its parameters' names on any path (`?highlight=`, a session under a
    name of its own); and its last two segments below any other (links in a circle, served the same page everywhere)."""
    keys = [] if pattern is None else [pattern]
    if names:
        keys.append(hash((authority, "?", *names)))
    if len(segments) > 2:
        keys.append(hash((authority, "/", *segments[-2:], *names)))
    return keys


def _calendar_key(parts: UrlParts, pairs: list[str], names: list[str], *, has_digits: bool) -> int | None:
    """Which calendar this is a page of: a date ends the path, is a parameter, or is a year and a month in two."""
    if has_digits and (match := _DATE_PATH.search(parts.path)) and parts.path[match.start() - 1] in "/-":
        return hash((parts.authority, _NUMBER.sub("#", parts.path[: match.start()]), "date"))
    lower = {name.lower() for name in names}
    is_dated = not lower.isdisjoint(_YEAR_NAMES) and not lower.isdisjoint(_MONTH_NAMES)
    if is_dated or any(_DATE_VALUE.fullmatch(pair.partition("=")[2]) for pair in pairs):
        return hash((parts.authority, parts.path, *names))
    return None


def _session_key(parts: UrlParts, segments: list[str]) -> int | None:
    """The URL without a token that other segments follow. A token at the end names the page itself."""
    rest = [segment for segment in segments[:-1] if not _TOKEN.fullmatch(segment)]
    if len(rest) == len(segments) - 1 or not any((segments[-1], parts.query)):
        return None
    return hash((parts.authority, *rest, segments[-1], parts.query, "session"))
