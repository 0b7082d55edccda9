"""Versions and languages of the same documentation: which URLs are variants of each other, and which one is taken. Pure.

A segment `2.1`, `stable` or `ja` means nothing by itself: an API has a `/v1/`, a book a chapter `/2/`, a Go guide sits in
`/go/`. What shows that it names a variant is that the same pages exist beside it: the rest of the path, after the segment
is cut out, is met again below a sibling, more than once. Or the site says so itself, by hreflang.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice

from gleanery.web.scope import Refusal
from gleanery.web.urls import url_key
from gleanery.web.variant_slots import (
    UNMARKED,
    Axis,
    Slot,
    VersionKind,
    best_language,
    best_version,
    is_same_language,
    language_tag,
    slots_of,
    version_kind,
)

MAX_PAGES = 50_000
"""URLs, and URLs with their variant cut out, that are remembered: about 250 bytes each. Later ones are no evidence."""
MAX_FAMILIES = 2_000
MAX_NAMES = 100
MAX_ALTERNATES = 200
MAX_DECLARED = 50_000

ENOUGH = 2
"""Pages that siblings must share, where they are languages, or both latest and a number are among them."""
ENOUGH_RELEASES = 4, 8
"""The same for 1.2 and 1.3: as many as there are such names, within these bounds. Sections of a book share fewer."""
ENOUGH_MAJORS = 8
"""For v1 and v2, which parts of an API may be called too, and for words alone: /dev/ may be for developers."""
ENOUGH_NUMBERS = 20
"""For 1 and 2, which chapters and records are called too. Of these and v1 there must be twice as many as there are names."""
CORNER = 4
"""And with them there must be one in so many of all URLs."""

_NUMBERED = (VersionKind.RELEASE, VersionKind.MAJOR)


@dataclass(frozen=True, slots=True)
class Choice:
    """One of several variants is taken: what to tell, and to give to `VariantChooser` when a crawl goes on."""

    axis: Axis
    family: str
    """Where the name stands, as a star: `//h/docs/*`, `//*.h`, `//h?lang=*`."""
    taken: tuple[str, ...]
    """The variant, with other names that lead to it; the empty name is that of URLs without one."""
    others: tuple[str, ...]


class VariantChooser:
    """The variants of one crawl.

    Ask `refusal` for each URL that is new and in scope: it learns from every one and refuses those that are known to be of
    a variant that isn't taken. Before the evidence is in nothing is refused; so ask again when a URL's turn to be fetched
    comes, if `revision` has grown since: asking twice changes nothing. Pages that were fetched by then stay.

    What is taken: the start's own variant, where its URL names one or names none while its siblings do; else for languages
    the start page's, else English, else the first found; for versions stable, current, latest, else the highest release.
    A choice is made once. It follows from the URLs in the order in which they were asked for; a crawl that goes on is
    given the `choices` of before.
    """

    def __init__(
        self, start_url: str, *, language: str = "", all_variants: bool = False, choices: Iterable[Choice] = ()
    ) -> None:
        self._start_key = url_key(start_url)
        self._own = {(slot.axis, slot.family): slot.name for slot in slots_of(start_url)}
        self._language = language_tag(language)
        self._is_off = all_variants
        self._families: dict[tuple[Axis, str], _Family] = {}
        self._seen: set[int] = set()
        self._cut: dict[int, list[_Family]] = {}
        self._declared: set[int] = set()
        self.revision = 0
        """Grows with each choice: a URL that was asked for before may be refused now."""
        for choice in choices:
            family = self._family(choice.axis, choice.family)
            if family is not None:
                family.taken, family.settled = set(choice.taken), set(choice.others)

    def refusal(self, url: str) -> Refusal | None:
        """Why the href `url` is not taken: `other_version`, `other_language`, or None. The start is always taken."""
        if self._is_off:
            return None
        key = url_key(url)
        slots = slots_of(url)
        self._learn(key, slots)
        if key == self._start_key:
            return None
        if hash(key) in self._declared:
            return Refusal.OTHER_LANGUAGE
        for slot in slots:
            family = self._families.get((slot.axis, slot.family))
            if family is not None and family.refuses(slot.name, hash(slot.rest)):
                return slot.axis.refusal
        for family in self._cut.get(hash(key), ()):
            if family.refuses(UNMARKED, hash(key)):
                return family.axis.refusal
        return None

    def page_language(self, url: str, language: str) -> None:
        """What a page that was fetched says of its own language (`<html lang>`); an empty one says nothing."""
        tag = language_tag(language)
        if not tag or self._is_off:
            return
        if url_key(url) == self._start_key and not self._language:
            self._language = tag
        for slot in slots_of(url):
            if slot.axis is Axis.LANGUAGE and (family := self._family(slot.axis, slot.family)):
                is_spoken = is_same_language(language_tag(slot.name), tag)
                (family.spoken if is_spoken else family.unspoken).add(slot.name)
                self._choose(family)

    def alternates(self, links: Iterable[tuple[str, str]]) -> None:
        """What a page says of its translations: pairs of hreflang and href (resolved). `x-default` says nothing."""
        if self._is_off:
            return
        tagged = [(language_tag(tag), href) for tag, href in islice(links, MAX_ALTERNATES)]
        pages: dict[str, tuple[str, list[Slot]]] = {}
        for tag, href in tagged:
            if tag not in ("", "x-default"):
                pages.setdefault(url_key(href), (tag, slots_of(href)))
        if len(pages) < 2:
            return
        tags = {key: tag for key, (tag, _) in pages.items()}
        families = [family for tag, slots in pages.values() for family in self._declare(tag, slots, tags)]
        for family in families:
            self._choose(family)
        taken = best_language(list(tags.values()), self._language or tags.get(self._start_key, ""))
        for key, (tag, slots) in pages.items():
            has_name = any(slot.axis is Axis.LANGUAGE and slot.name in self._declared_names(slot) for slot in slots)
            has_family = has_name or any(family.unmarked_tag for family in self._cut.get(hash(key), ()))
            if tag != taken and not has_family and len(self._declared) < MAX_DECLARED:
                self._declared.add(hash(key))
                self.revision += 1

    def redirected(self, url: str, target: str) -> None:
        """`url` redirected to `target`: where the one is of the variant that is taken, the other is so too."""
        if self._is_off:
            return
        names = {(slot.axis, slot.family): slot.name for slot in slots_of(target)}
        for slot in slots_of(url):
            name = names.get((slot.axis, slot.family), slot.name)
            if name != slot.name and (family := self._family(slot.axis, slot.family)):
                family.aliases[slot.name] = name
                if family.taken and slot.name in family.taken:
                    family.taken.add(name)
                    self.revision += 1

    def choices(self) -> tuple[Choice, ...]:
        """What is taken and what is left out for it."""
        return tuple(
            Choice(family.axis, family.pattern, tuple(sorted(family.taken)), tuple(sorted(family.left_out())))
            for family in self._families.values()
            if family.taken
        )

    def _learn(self, key: str, slots: list[Slot]) -> None:
        mark = hash(key)
        if mark not in self._seen and len(self._seen) < MAX_PAGES:
            self._seen.add(mark)
            for family in self._cut.get(mark, ()):
                family.note(UNMARKED, mark, has_page=True)
                self._choose(family)
        for slot in slots:
            if (named := self._family(slot.axis, slot.family)) is not None:
                self._learn_slot(named, slot)
                self._choose(named)

    def _learn_slot(self, family: _Family, slot: Slot) -> None:
        rest = hash(slot.rest)
        families = self._cut.get(rest)
        if families is None:
            if len(self._cut) >= MAX_PAGES:
                return
            families = self._cut[rest] = []
        if family not in families:
            families.append(family)
        family.note(slot.name, rest, has_page=slot.has_page)
        if slot.has_page and rest in self._seen:
            family.note(UNMARKED, rest, has_page=True)

    def _declare(self, tag: str, slots: list[Slot], tags: dict[str, str]) -> Iterator[_Family]:
        """Note a translation in the family that names it, with the language of its page without a name, if it has one."""
        for slot in slots:
            if slot.axis is not Axis.LANGUAGE or not is_same_language(language_tag(slot.name), tag):
                continue
            if family := self._family(slot.axis, slot.family):
                family.declared.add(slot.name)
                family.unmarked_tag = tags.get(slot.rest, family.unmarked_tag)
                self._learn_slot(family, slot)
                yield family

    def _declared_names(self, slot: Slot) -> set[str]:
        family = self._families.get((slot.axis, slot.family))
        return family.declared if family else set()

    def _family(self, axis: Axis, pattern: str) -> _Family | None:
        family = self._families.get((axis, pattern))
        if family is None and len(self._families) < MAX_FAMILIES:
            family = self._families[axis, pattern] = _Family(axis, pattern, self._own.get((axis, pattern)))
        return family

    def _choose(self, family: _Family) -> None:
        if not family.taken and (name := family.choice(self._language, len(self._seen))) is not None:
            family.taken = {name, family.aliases.get(name, name)}
            self.revision += 1


@dataclass(slots=True, eq=False)
class _Family:
    """The names that were met at one place, and which pages each of them has. A page is the hash of its URL without the
    name; the names that have it are bits of a number."""

    axis: Axis
    pattern: str
    own: str | None
    bits: dict[str, int] = field(default_factory=lambda: {UNMARKED: 1})
    pages: dict[int, int] = field(default_factory=dict)
    met: dict[str, int] = field(default_factory=dict)
    """Pages of each name, front pages aside."""
    shared: dict[str, int] = field(default_factory=dict)
    """Those of them that another name has too."""
    shared_pages: int = 0
    declared: set[str] = field(default_factory=set)
    spoken: set[str] = field(default_factory=set)
    unspoken: set[str] = field(default_factory=set)
    unmarked_tag: str = ""
    aliases: dict[str, str] = field(default_factory=dict)
    settled: set[str] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)

    def note(self, name: str, page: int, *, has_page: bool) -> None:
        """`name` has this page. Noting it again changes nothing."""
        if name not in self.bits:
            if len(self.bits) >= MAX_NAMES:
                return
            self.bits[name] = 1 << len(self.bits)
        before = self.pages.get(page, 0)
        now = before | self.bits[name]
        if not has_page or now == before:
            return
        self.pages[page] = now
        self.met[name] = self.met.get(name, 0) + 1
        if before == 0:
            return
        self.shared[name] = self.shared.get(name, 0) + 1
        if before.bit_count() == 1:
            self.shared_pages += 1
            first = next(other for other, bit in self.bits.items() if bit == before)
            self.shared[first] = self.shared.get(first, 0) + 1

    def choice(self, language: str, urls_seen: int) -> str | None:
        """The name that is taken, once it is clear that these are variants."""
        names = [name for name in self.bits if name and (self._is_sharing(name) or name in self.declared)]
        has_unmarked = bool(self.unmarked_tag) or self._is_unmarked_one()
        if not self._is_evident(names, len(names) + has_unmarked, urls_seen):
            return None
        if self.own is not None:
            return self.own
        if self.axis is Axis.VERSION:
            # A version that was met by its front page only is one too, beside those that have proved to be.
            numbered = [name for name in self.bits if version_kind(name) in _NUMBERED]
            return UNMARKED if has_unmarked else best_version([*names, *numbered])
        if has_unmarked and (not language or not self.unmarked_tag):
            return UNMARKED
        tags = {self.unmarked_tag: UNMARKED} if has_unmarked else {}
        tags |= {name: name for name in names}
        return tags[best_language(list(tags), language)]

    def refuses(self, name: str, page: int) -> bool:
        """Whether a URL of this name is left out: the name as a whole, or this page, which the taken one has too."""
        if not self.taken or name in self.taken or self._is_no_language(name):
            return False
        if name != UNMARKED and self._is_left_out(name):
            return True
        taken = sum(self.bits.get(one, 0) for one in self.taken)
        is_doubtful = name == UNMARKED and self.own is None and not self.unmarked_tag
        return not is_doubtful and bool(self.pages.get(page, 0) & taken)

    def left_out(self) -> list[str]:
        return [name for name in {*self.bits, *self.settled} if name not in self.taken and self._is_left_out(name)]

    def _is_left_out(self, name: str) -> bool:
        if name in self.settled or name in self.declared:
            return True
        if name not in self.bits or name == UNMARKED or self._is_no_language(name):
            return False
        if name not in self.met:
            return self.axis is Axis.VERSION and version_kind(name) in _NUMBERED
        return self._is_sharing(name)

    def _is_sharing(self, name: str) -> bool:
        """Whether siblings have a good part of its pages. Else it is something of its own; only of languages the one may be
        far larger than its translations."""
        met, shared = self.met.get(name, 0), self.shared.get(name, 0)
        return shared > 0 and (self.axis is Axis.LANGUAGE or shared * 3 >= met)

    def _is_unmarked_one(self) -> bool:
        """Whether URLs without a name are a variant of their own: they have most of what any named one has."""
        shared = self.shared.get(UNMARKED, 0)
        most = max((count for name, count in self.met.items() if name), default=0)
        return shared >= ENOUGH and 2 * shared >= most

    def _is_evident(self, names: list[str], count: int, urls_seen: int) -> bool:
        if self.axis is Axis.VERSION:
            return count > 1 and self.shared_pages >= self._enough_versions(names, count, urls_seen)
        if len(self.declared) + bool(self.unmarked_tag) > 1:
            return True
        names = [name for name in names if not self._is_no_language(name)]
        # /ts/ and /cs/ may be programming languages: something must say that they are spoken ones.
        is_spoken = self._has_english() or any(name in self.spoken or len(name) > 2 for name in names)
        return count > 1 and bool(names) and is_spoken and self.shared_pages >= ENOUGH

    def _enough_versions(self, names: list[str], count: int, urls_seen: int) -> int:
        kinds = {version_kind(name) for name in names}
        if VersionKind.WORD in kinds and len(kinds) > 1:
            return ENOUGH
        if VersionKind.RELEASE in kinds:
            least, most = ENOUGH_RELEASES
            return min(max(count, least), most)
        enough = ENOUGH_NUMBERS if VersionKind.NUMBER in kinds else ENOUGH_MAJORS
        # A version holds the documentation, not a corner of it: v64 and v128 may be widths of a processor's vectors.
        is_corner = CORNER * sum(self.met.get(name, 0) for name in names) < urls_seen
        return MAX_PAGES if is_corner else max(enough, 2 * len(self.bits))

    def _is_no_language(self, name: str) -> bool:
        """Whether pages below it say to be in another language; where English has a name too, they may just be wrong."""
        return name in self.unspoken and name not in self.spoken and not self._has_english()

    def _has_english(self) -> bool:
        return any(is_same_language(language_tag(name), "en") for name in self.bits)
