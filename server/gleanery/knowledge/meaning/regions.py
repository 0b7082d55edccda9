"""The parts of a page that a person would point at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from gleanery.knowledge.meaning.action_words import ACTS, Act
from gleanery.knowledge.meaning.facts import Facts, around
from gleanery.knowledge.meaning.lexicon import words_of
from gleanery.model.parses import InteractiveElement, Landmark, Region

RegionKind = Literal["header", "navigation", "main", "sidebar", "footer", "dialog", "banner", "search"]

_MOST_REGIONS = 40
_ANSWERS = frozenset({Act.ACCEPT, Act.REJECT})
_ANSWER_WORDS = 5
_BY_ROLE: Mapping[str, RegionKind] = {
    "banner": "header",
    "navigation": "navigation",
    "main": "main",
    "complementary": "sidebar",
    "contentinfo": "footer",
    "search": "search",
    "dialog": "dialog",
    "alertdialog": "dialog",
}


def regions_of(facts: Facts) -> tuple[Region, ...]:
    """In the order of the page: its landmarks, and the notice about cookies where none of them is it."""
    regions = [region for mark in facts.inspected.dom.landmarks if (region := _region(mark, facts)) is not None]
    if not any(region.kind == "banner" for region in regions):
        regions += _cookie_notice(facts)
    return tuple(regions[:_MOST_REGIONS])


def _region(mark: Landmark, facts: Facts) -> Region | None:
    kind = _BY_ROLE.get(mark.role)
    mine = facts.by_landmark.get(mark.landmark_id, ())
    if mark.role in ("dialog", "alertdialog", "region", "form", "complementary") and _is_about_cookies(
        mark, mine, facts
    ):
        kind = "banner"
    if kind is None:
        return None
    summary = _summary(mark.link_count, mark.text_characters, mine)
    return Region(kind=kind, name=mark.name, landmark_id=mark.landmark_id, box=mark.box, summary=summary)


def _is_about_cookies(mark: Landmark, mine: Sequence[InteractiveElement], facts: Facts) -> bool:
    said = {act for element in mine for act in facts.acts(element)}
    can_accept = Act.ACCEPT in said
    return can_accept and (Act.REJECT in said or Act.COOKIES in said or Act.COOKIES in ACTS.find(mark.name))


def _cookie_notice(facts: Facts) -> Iterator[Region]:
    """Its buttons, where they stand in no landmark of their own: one to accept, and one to refuse or a word of cookies."""
    answers = [
        each for each in facts.visible if facts.acts(each) & _ANSWERS and len(words_of(each.name)) <= _ANSWER_WORDS
    ]
    buttons = [each for each in answers if each.role == "button" or Act.COOKIES in ACTS.find_in_code(each.hints)]
    said = frozenset(act for each in buttons for act in facts.acts(each))
    is_about = Act.REJECT in said or any(
        Act.COOKIES in ACTS.find_in_code(f"{each.name} {each.hints}") for each in buttons
    )
    if Act.ACCEPT in said and is_about:
        box = around([each.box for each in buttons if each.box is not None])
        yield Region(kind="banner", name="Cookies", box=box, summary=_summary(0, 0, buttons))


def _summary(links: int, characters: int, mine: Sequence[InteractiveElement]) -> str:
    """What there is in it, in words."""
    buttons = sum(element.role == "button" for element in mine)
    fields = sum(element.tag in ("input", "select", "textarea") and element.role != "button" for element in mine)
    parts = [
        _counted(links, "link"),
        _counted(buttons, "button"),
        _counted(fields, "field"),
        _counted(round(characters, -2), "character") if characters >= 100 else "",
    ]
    return ", ".join(part for part in parts if part)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}" if number else ""
