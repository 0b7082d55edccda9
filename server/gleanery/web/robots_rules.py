"""What the Allow and Disallow lines of one group of a robots.txt say of a path (RFC 9309, 2.2.2 and 2.2.3). Pure, no I/O.

Decides as Google's matcher does (https://github.com/google/robotstxt), but in linear time: that one reads its rules anew for
each URL, which took seconds with rules that are made for it. Where Google leaves the RFC, the RFC holds: escapes are
compared in their normal form on both sides.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from gleanery.web.urls import normalize_escapes

MAX_WILDCARD_CHARS = 16 * 1024
"""Of patterns with a `*` inside. Beyond, an Allow is dropped and a Disallow holds for all that begins like it."""

_STARS = re.compile(r"\*{2,}")

_Verdict = tuple[int, bool]
"""The length of the rule and whether it allows: the greatest decides, so the longest rule does, and Allow wins a tie."""

_NO_RULE: _Verdict = (0, True)


@dataclass(frozen=True, slots=True)
class _Wildcard:
    """`start*…*…last`: `parts` are the texts around the stars, at least two; `is_whole` when the pattern ends with `$`."""

    verdict: _Verdict
    parts: tuple[str, ...]
    is_whole: bool

    def matches(self, target: str) -> bool:
        start, *inner, last = self.parts
        if not target.startswith(start):
            return False
        at = len(start)
        for part in inner:  # the earliest place leaves the most room for the rest
            at = target.find(part, at) + len(part)
            if at < len(part):
                return False
        if self.is_whole:
            return len(target) - len(last) >= at and target.endswith(last)
        return target.find(last, at) >= 0


@dataclass(slots=True)
class Rules:
    """The rules of one group. Build them with `Rules.of`; without any everything is allowed."""

    _starts: dict[str, _Verdict] = field(default_factory=dict)
    _wholes: dict[str, _Verdict] = field(default_factory=dict)
    _wildcards: list[_Wildcard] = field(default_factory=list)
    _lengths: tuple[int, ...] = ()
    _wildcard_chars: int = 0

    @classmethod
    def of(cls, lines: Iterable[tuple[bool, str]]) -> Rules:
        """From pairs of whether it allows, and the pattern. Equal pairs count once, empty patterns not at all."""
        rules = cls()
        for is_allow, pattern in dict.fromkeys(lines):
            if pattern:
                rules._add(is_allow, pattern)
        rules._lengths = tuple(sorted({len(start) for start in rules._starts}))
        rules._wildcards.sort(key=lambda wildcard: wildcard.verdict, reverse=True)
        return rules

    def __bool__(self) -> bool:
        return bool(self._starts or self._wholes or self._wildcards)

    def allow(self, target: str) -> bool:
        """Whether a path with its query, percent-encoded, may be fetched."""
        target = _literal(normalize_escapes(target))
        best = self._wholes.get(target, _NO_RULE)
        for length in self._lengths:
            if length > len(target):
                break
            best = max(best, self._starts.get(target[:length], _NO_RULE))
        for wildcard in self._wildcards:
            if wildcard.verdict <= best:
                break
            if wildcard.matches(target):
                return wildcard.verdict[1]
        return best[1]

    def _add(self, is_allow: bool, pattern: str) -> None:
        pattern = normalize_escapes(pattern)
        self._keep((len(pattern), is_allow), pattern)
        directory, slash, file = pattern.rpartition("/")
        if is_allow and slash and file.startswith("index.htm"):  # as Google has it: the folder is that page
            self._keep((len(directory) + 2, is_allow), f"{directory}/$")

    def _keep(self, verdict: _Verdict, pattern: str) -> None:
        is_whole = pattern.endswith("$")
        # Elsewhere than at its end, `$` stands for itself; and what a URL holds of both is compared as its escape.
        text = _STARS.sub("*", pattern[:-1] if is_whole else pattern).replace("$", "%24")
        if not is_whole:
            text = text.removesuffix("*")
        if "*" in text:
            self._keep_wildcard(_Wildcard(verdict, tuple(text.split("*")), is_whole), len(text))
        else:
            _put(self._wholes if is_whole else self._starts, text, verdict)

    def _keep_wildcard(self, wildcard: _Wildcard, size: int) -> None:
        self._wildcard_chars += size
        if self._wildcard_chars <= MAX_WILDCARD_CHARS:
            self._wildcards.append(wildcard)
        elif not wildcard.verdict[1]:
            _put(self._starts, wildcard.parts[0], wildcard.verdict)


def _put(table: dict[str, _Verdict], text: str, verdict: _Verdict) -> None:
    table[text] = max(verdict, table.get(text, _NO_RULE))


def _literal(target: str) -> str:
    """RFC 9309, 2.2.3: a `*` or `$` of a URL is meant by its escape in a rule."""
    return target.replace("*", "%2A").replace("$", "%24")
