"""How a page is made up: how much there is to read, and how much of it are links and forms."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from gleanery.knowledge.meaning.action_words import Act
from gleanery.knowledge.meaning.facts import Facts
from gleanery.model.parses import FormMeaning, FormPurpose, NavigationMenu, Pagination

SHORT, LONG = 150, 350
"""Words. What is shorter than the first is hardly read; what is longer than the second is there to be read."""

_MANY_FIELDS = 5
_LINKED = re.compile(r"(?<!!)\[[^\[\]]+\]\(")
_SEARCHES = frozenset({FormPurpose.SEARCH, FormPurpose.FILTER, FormPurpose.CONSENT})


@dataclass
class Shape:
    facts: Facts
    forms: Sequence[FormMeaning]
    menus: Sequence[NavigationMenu]
    pagination: Pagination | None

    @cached_property
    def words(self) -> int:
        return self.facts.main.word_count

    @cached_property
    def is_short(self) -> bool:
        return self.words < SHORT

    @cached_property
    def is_long(self) -> bool:
        return self.words >= LONG

    @cached_property
    def links(self) -> int:
        """Those in the content: in what was found to be the main part, where there is one."""
        main = self.facts.main
        return len(_LINKED.findall(main.markdown)) if main.is_found else len(self.facts.content_links)

    @cached_property
    def own_forms(self) -> Mapping[str, FormMeaning]:
        """The forms in the content, by their purposes; the surest of each."""
        found: dict[str, FormMeaning] = {}
        for form in self.forms:
            fields = [self.facts.elements[each.element_id] for each in form.fields]
            if any(each.is_visible and self.facts.is_content(each) for each in fields):
                known = found.get(form.purpose)
                if known is None or form.confidence > known.confidence:
                    found[form.purpose] = form
        return found

    @cached_property
    def share_of_forms(self) -> float:
        """How much of the page its forms are. Terms of use make a long page of a form with many fields."""
        share = 1.0 if self.is_short else 0.1 if self.is_long else 0.35
        fields = max((len(form.fields) for form in self.own_forms.values() if form.purpose not in _SEARCHES), default=0)
        return max(share, 0.5) if fields >= _MANY_FIELDS else share

    @cached_property
    def button_acts(self) -> Mapping[Act, int]:
        counts: dict[Act, int] = {}
        for button in self.facts.buttons:
            for act in self.facts.acts(button):
                counts[act] = counts.get(act, 0) + 1
        return counts

    @cached_property
    def says(self) -> frozenset[Act]:
        """What the title and the first heading speak of."""
        return self.facts.title_acts | self.facts.heading_acts

    def weight_of(self, *purposes: FormPurpose) -> float:
        """How sure it is that a form in the content is one of these."""
        return max((form.confidence for each in purposes if (form := self.own_forms.get(each))), default=0.0)
