"""All that the rules find out about a page."""

from __future__ import annotations

from gleanery.knowledge.meaning.actions import calls_to_action
from gleanery.knowledge.meaning.facts import Facts
from gleanery.knowledge.meaning.forms import meanings_of_forms
from gleanery.knowledge.meaning.kinds import kind_of
from gleanery.knowledge.meaning.main_content import MainContent
from gleanery.knowledge.meaning.menus import menus_of
from gleanery.knowledge.meaning.pages import pagination_of
from gleanery.knowledge.meaning.regions import regions_of
from gleanery.knowledge.meaning.summary import summary_of
from gleanery.model.parses import Inspected, Meaning, Navigation


def meaning_of(inspected: Inspected, navigation: Navigation, main: MainContent) -> Meaning:
    """What the page is for, what can be done on it and what its parts are. Pure; takes some milliseconds for 2,000 elements."""
    facts = Facts(inspected, navigation, main)
    forms = meanings_of_forms(facts)
    menus = menus_of(facts)
    pagination = pagination_of(facts)
    kind = kind_of(facts, forms, menus, pagination)
    return Meaning(
        kind=kind.kind,
        confidence=kind.confidence,
        reasons=kind.reasons,
        summary=summary_of(facts),
        regions=regions_of(facts),
        forms=forms,
        menus=menus,
        pagination=pagination,
        calls_to_action=calls_to_action(facts, forms),
        markdown=main.markdown,
        word_count=main.word_count,
    )
