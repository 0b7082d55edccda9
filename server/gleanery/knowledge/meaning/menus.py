"""Menus: which links belong together, and where they lead: through the site, its section, the page, or up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Literal
from urllib.parse import urljoin

from gleanery.knowledge.meaning.action_words import ACTS, Act
from gleanery.knowledge.meaning.facts import Facts, types_of
from gleanery.knowledge.meaning.pages import page_number
from gleanery.model.parses import InteractiveElement, Landmark, Link, NavigationMenu

MenuKind = Literal["primary", "section", "contents", "breadcrumbs", "footer", "skip", "other"]

MOST_LINKS = 100
_MOST_MENUS = 30
_CONTENTS_SHARE = 0.6
_NARROW = 0.36
_SKIPS_WITHIN = 8


def link_of(element: InteractiveElement, facts: Facts) -> Link:
    is_current = bool(element.states.get("current")) or (
        "#" not in (element.href or "") and facts.is_this_page(element.href)
    )
    return Link(label=element.name, href=element.href or "", element_id=element.element_id, is_current=is_current)


def menus_of(facts: Facts) -> tuple[NavigationMenu, ...]:
    """In the order of the page; breadcrumbs that only its data has come last."""
    menus = [*_skips(facts), *_marked(facts)]
    if not any(menu.kind == "breadcrumbs" for menu in menus):
        menus += _breadcrumbs_in_data(facts)
    return tuple(menus[:_MOST_MENUS])


def _skips(facts: Facts) -> Iterator[NavigationMenu]:
    """Links at the beginning of the page that lead over its head. They are often out of sight until they have the focus."""
    first = [element for element in facts.inspected.elements[:_SKIPS_WITHIN] if "#" in (element.href or "")]
    skips = [element for element in first if Act.SKIP in ACTS.find(element.name)]
    if skips:
        yield _menu("skip", "", None, skips, facts)


def _marked(facts: Facts) -> Iterator[NavigationMenu]:
    """Those that are landmarks: navigation, and the links of the page's footer."""
    links: dict[str, list[InteractiveElement]] = {}
    for link in facts.links:
        if link.landmark_id is not None:
            links.setdefault(link.landmark_id, []).append(link)
    has_primary = False
    for landmark in facts.inspected.dom.landmarks:
        mine = links.get(landmark.landmark_id, [])
        if landmark.role not in ("navigation", "contentinfo") or len(mine) < (
            1 if landmark.role == "navigation" else 2
        ):
            continue
        if is_pager(landmark, mine):
            continue
        kind = _kind(landmark, mine, facts, has_primary=has_primary)
        has_primary = has_primary or kind == "primary"
        yield _menu(kind, landmark.name, landmark.landmark_id, mine, facts)


def is_pager(landmark: Landmark, links: Sequence[InteractiveElement]) -> bool:
    """Whether it leads through the pages of a list: that is told as pagination."""
    if Act.PAGES in ACTS.find(landmark.name):
        return True
    numbers = sum(page_number(link.name) is not None for link in links)
    return numbers >= 2 and numbers >= len(links) / 2


def _kind(landmark: Landmark, links: list[InteractiveElement], facts: Facts, *, has_primary: bool) -> MenuKind:
    named = ACTS.find(landmark.name)
    hinted = ACTS.find(links[0].hints)
    if Act.BREADCRUMBS in named or (Act.BREADCRUMBS in hinted and len(links) <= 10):
        return "breadcrumbs"
    in_page = sum(_leads_within(link, facts) for link in links)
    if Act.CONTENTS in named or in_page >= max(2, _CONTENTS_SHARE * len(links)):
        return "contents"
    around = facts.landmarks_around(landmark)
    if landmark.role == "contentinfo" or any(mark.role == "contentinfo" for mark in around):
        return "footer"
    if _is_aside(landmark, facts) or any(mark.role in ("complementary", "main") for mark in around):
        return "section"
    return "other" if has_primary else "primary"


def _leads_within(link: InteractiveElement, facts: Facts) -> bool:
    return "#" in (link.href or "") and facts.is_this_page(link.href)


def _is_aside(landmark: Landmark, facts: Facts) -> bool:
    """Whether it stands in a column beside the content, rather than across the page."""
    box, width = landmark.box, facts.inspected.page_size.width
    return box is not None and width > 0 and 0 < box.width < _NARROW * width and box.height > 1.5 * box.width


def _menu(
    kind: MenuKind, name: str, landmark_id: str | None, links: Sequence[InteractiveElement], facts: Facts
) -> NavigationMenu:
    return NavigationMenu(
        kind=kind,
        name=name,
        landmark_id=landmark_id,
        links=tuple(link_of(link, facts) for link in links[:MOST_LINKS]),
        link_count=len(links),
    )


def _breadcrumbs_in_data(facts: Facts) -> Iterator[NavigationMenu]:
    """https://schema.org/BreadcrumbList, as JSON-LD."""
    for thing in facts.json_ld:
        items = thing.get("itemListElement")
        if "BreadcrumbList" in types_of(thing) and isinstance(items, list):
            links = [link for item in items[:MOST_LINKS] if (link := _crumb(item, facts)) is not None]
            if links:
                yield NavigationMenu(kind="breadcrumbs", links=tuple(links), link_count=len(links))
                return


def _crumb(item: Any, facts: Facts) -> Link | None:
    """An item names its page itself, or has it as a thing or as its id."""
    if not isinstance(item, dict):
        return None
    thing = item.get("item")
    inner: Mapping[str, Any] = thing if isinstance(thing, dict) else {"@id": thing}
    label = item.get("name") or inner.get("name")
    href = inner.get("@id") or inner.get("url")
    if not isinstance(label, str) or not label.strip():
        return None
    url = urljoin(facts.navigation.final_url, href) if isinstance(href, str) else ""
    if not url.startswith(("http://", "https://")):
        url = ""
    return Link(label=label.strip()[:200], href=url, is_current=url == "" or facts.is_this_page(url))
