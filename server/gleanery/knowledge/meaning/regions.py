"""The parts of a page that a person would point at."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from gleanery.knowledge.meaning.action_words import ACTS, Act
from gleanery.knowledge.meaning.facts import Facts, around
from gleanery.model.parses import InteractiveElement, Landmark, Region

RegionKind = Literal["header", "navigation", "main", "sidebar", "footer", "dialog", "banner", "search"]

_MOST_REGIONS = 40
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
    mine = [element for element in facts.visible if element.landmark_id == mark.landmark_id]
    if mark.role in ("dialog", "alertdialog", "region", "form", "complementary") and _is_about_cookies(mark, mine):
        kind = "banner"
    if kind is None:
        return None
    summary = _summary(mark.link_count, mark.text_characters, mine)
    return Region(kind=kind, name=mark.name, landmark_id=mark.landmark_id, box=mark.box, summary=summary)


def _is_about_cookies(mark: Landmark, mine: Sequence[InteractiveElement]) -> bool:
    said = {act for element in mine for act in ACTS.find(element.name)}
    can_accept = Act.ACCEPT in said
    return can_accept and (Act.REJECT in said or Act.COOKIES in said or Act.COOKIES in ACTS.find(mark.name))


def _cookie_notice(facts: Facts) -> Iterator[Region]:
    """Its buttons, close together, where they stand in no landmark of their own."""
    said = [
        (element, frozenset(ACTS.find(element.name))) for element in facts.visible if element.role in ("button", "link")
    ]
    buttons = [element for element, acts in said if acts & {Act.ACCEPT, Act.REJECT} and len(element.name) <= 40]
    about = any(Act.COOKIES in acts for _, acts in said) or any(
        Act.COOKIES in ACTS.find(each.hints) for each in buttons
    )
    can_choose = any(Act.REJECT in ACTS.find(each.name) for each in buttons)
    can_accept = any(Act.ACCEPT in ACTS.find(each.name) for each in buttons)
    if can_accept and (about or can_choose):
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
