"""What a user typed, taken apart: the words and phrases to look for, and the filters written among them. Pure.

    rate limits                what is said about rate limits
    "rate limit" python        the words in quotes must stand together
    -"rate limit"              and these must not
    code:create_task           must be in code
    site:docs.python.org/3     pages of a host, or below a URL; path:/3/library/ on any host
    source:… tag:… kind:… lang:de version:3.11

A value may be quoted. What looks like a prefix and is none stays a word (`std::vector`, `http://…`), and so does one with a
sign before it: `-rf` is searched for, not left out.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gleanery.store.words import (
    CASE_BORDER,
    CJK,
    NAME,
    SIGNED,
    WORD,
    folded,
    is_plain,
    light_stem,
    parts_of,
    sign_word,
    unsigned,
)

MAX_QUERY_CHARACTERS = 4_000
MAX_TERMS = 64
_PREFIX_NAMES = "site source tag kind lang language path version code"
_PREFIXED = re.compile(rf'(?<!\S)({_PREFIX_NAMES.replace(" ", "|")}):(?:"([^"]*)"|([^\s"]+))(?!\S)', re.IGNORECASE)
_QUOTED = re.compile(r'((?<!\S)-)?(?:"([^"]*)"|“([^”]*)”)')
_LANGUAGE = re.compile(r"[a-z]{2,3}(?:-[a-z0-9]{2,8})*", re.IGNORECASE)
_CJK_RUN = re.compile(f"[{CJK}]+")
_STOP_WORDS = frozenset(
    """
    a about an and any are as at be been between but by can could did do does for from had has have how i if in into is
    it its me my of on or our should so some such than that the their them then there these they this those to was we
    were what when where which while who why will with would you your
    """.split()  # noqa: SIM905 - as a list it would be a hundred lines
)


class Role(StrEnum):
    """Why a term is looked for: as it was written, or because it stands near to that."""

    WORD = "word"
    PHRASE = "phrase"  # the parts of a joined name, or quoted
    PAIR = "pair"  # two words that follow each other in the query: better where they do so in the text
    STEM = "stem"  # the other forms of a word


@dataclass(frozen=True)
class Term:
    """Words that follow each other, as they are written; one for most."""

    words: tuple[str, ...]
    role: Role = Role.WORD

    @property
    def key(self) -> str:
        """Equal terms have equal keys."""
        return " ".join(map(folded, self.words))


@dataclass(frozen=True)
class Filters:
    """What a page must be, from the prefixes in a query. Of several values one must fit; of tags, all."""

    sites: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    languages: tuple[str, ...] = ()
    paths: tuple[str, ...] = ()
    versions: tuple[str, ...] = ()


_FILTER_OF = {
    "site": "sites",
    "source": "sources",
    "tag": "tags",
    "kind": "kinds",
    "lang": "languages",
    "language": "languages",
    "path": "paths",
    "version": "versions",
}


@dataclass(frozen=True)
class ParsedQuery:
    """`text` is what is left for the embedder; of `required`, `excluded` and `in_code` all count, of `terms` any. `typed` are
    the words outside of quotes, as they are written."""

    text: str
    terms: tuple[Term, ...] = ()
    required: tuple[Term, ...] = ()
    excluded: tuple[Term, ...] = ()
    in_code: tuple[Term, ...] = ()
    filters: Filters = field(default_factory=Filters)
    typed: tuple[str, ...] = ()

    @property
    def has_conditions(self) -> bool:
        return bool(self.required or self.excluded or self.in_code)

    @property
    def can_be_relaxed(self) -> bool:
        return bool(self.required or self.in_code)

    def relaxed(self) -> ParsedQuery:
        """The same with what was required merely looked for."""
        phrases = (*self.required, *self.in_code)
        words = (Term((word,)) for phrase in phrases for word in phrase.words if word.lower() not in _STOP_WORDS)
        return replace(self, required=(), in_code=(), terms=_bounded((*phrases, *words, *self.terms)))


def parse_query(text: str, *, code_languages: bool = False) -> ParsedQuery:
    """Take a query apart; nothing that can be typed is an error. With `code_languages`, `lang:` takes any name."""
    text = text[:MAX_QUERY_CHARACTERS].replace("\x00", " ")
    filters: dict[str, list[str]] = {}
    in_code: list[Term] = []

    def take(match: re.Match[str]) -> str:
        prefix, value = match[1].lower(), (match[2] or match[3] or "").strip()
        if prefix == "code":
            in_code.extend(_phrases(value))
            return f" {value} "
        if not value or (prefix.startswith("lang") and not (code_languages or _LANGUAGE.fullmatch(value))):
            return match[0]
        filters.setdefault(_FILTER_OF[prefix], []).append(value)
        return " "

    text = _PREFIXED.sub(take, text)
    required, excluded, rest = _quoted(text)
    return ParsedQuery(
        " ".join(re.sub('["“”]', " ", _without_excluded(text)).split()),
        _bounded((*required, *_terms(rest, is_alone=not required))),
        tuple(required[:MAX_TERMS]),
        tuple(excluded[:MAX_TERMS]),
        tuple(in_code[:MAX_TERMS]),
        Filters(**{name: tuple(dict.fromkeys(values)) for name, values in filters.items()}),
        tuple(dict.fromkeys(WORD.findall(rest)))[:MAX_TERMS],
    )


def respelled(text: str, corrections: Mapping[str, str]) -> str:
    """The query with words, or parts of words in camel case, put right; what is quoted stays. Keys are as typed."""

    def outside(part: str) -> str:
        return WORD.sub(lambda match: corrections.get(match[0]) or _parts_put_right(match[0], corrections), part)

    pieces, end = [], 0
    for match in _QUOTED.finditer(text):
        pieces += [outside(text[end : match.start()]), match[0]]
        end = match.end()
    return "".join((*pieces, outside(text[end:])))


def _parts_put_right(word: str, corrections: Mapping[str, str]) -> str:
    return "".join(
        corrections[part].capitalize() if part in corrections and part[0].isupper() else corrections.get(part, part)
        for part in CASE_BORDER.split(word)
    )


def _without_excluded(text: str) -> str:
    return _QUOTED.sub(lambda match: " " if match[1] else match[0], text)


def _quoted(text: str) -> tuple[list[Term], list[Term], str]:
    """The phrases that must be there, those that must not, and the text without them."""
    required: list[Term] = []
    excluded: list[Term] = []
    for match in _QUOTED.finditer(text):
        (excluded if match[1] else required).extend(_phrases(match[2] or match[3] or ""))
    return required, excluded, _QUOTED.sub(" ", text)


def _phrases(text: str) -> Iterator[Term]:
    words = tuple(WORD.findall(text))
    if words:
        yield Term(words, Role.PHRASE if len(words) > 1 else Role.WORD)


def _bounded(terms: Iterable[Term]) -> tuple[Term, ...]:
    """Each once; if there are too many, those that say less go: forms and pairs before what was written."""
    once: dict[str, Term] = {}
    for term in terms:
        once.setdefault(term.key, term)
    kept = sorted(once.values(), key=lambda term: term.role in (Role.PAIR, Role.STEM))[:MAX_TERMS]
    return tuple(kept)


def _terms(text: str, *, is_alone: bool) -> Iterator[Term]:
    """What to look for, of a text without quotes. Common English words go unless there is nothing else."""
    written = [term for part in text.split() for term in _terms_of(part)]
    telling = [term for term in written if len(term.words) > 1 or term.words[0].lower() not in _STOP_WORDS]
    words = telling or (written if is_alone else [])
    yield from words
    plain = [word for word in WORD.findall(text) if word.lower() not in _STOP_WORDS and not _CJK_RUN.match(word)]
    for pair in itertools.pairwise(plain):
        yield Term(pair, Role.PAIR)
    for word in plain:
        if (stem := light_stem(folded(word))) != folded(word):
            yield Term((stem,), Role.STEM)


def _terms_of(written: str) -> Iterator[Term]:
    """The terms of what stands between two blanks: `(asyncio.create_task)` has a phrase, a whole and three words."""
    for name in SIGNED.findall(written):
        yield Term((sign_word(name),))
    for name in NAME.findall(written):
        if is_plain(name) and not _CJK_RUN.search(name):
            if len(name) > 1 or len(written) <= 3:
                yield Term((name,))
        else:
            yield from _terms_of_joined(name)
    for run in _CJK_RUN.findall(written):
        for start in range(max(1, len(run) - 1)):
            pair = tuple(run[start : start + 2])
            yield Term(pair, Role.PHRASE if len(pair) > 1 else Role.WORD)


def _terms_of_joined(name: str) -> Iterator[Term]:
    words = [word for word in WORD.findall(name) if not _CJK_RUN.match(word)]
    if not words:
        return
    parts = parts_of(name) if not _CJK_RUN.search(name) else words
    if len(words) > 1:
        yield Term(tuple(words), Role.PHRASE)
        if not (whole := unsigned(name)).isdecimal() and not _CJK_RUN.search(name):
            yield Term((whole,))
    if len(parts) > len(words):
        yield Term(tuple(parts), Role.PHRASE)
    for word in (*words, *parts):
        if len(word) > 1 or len(words) == 1:
            yield Term((word,))
