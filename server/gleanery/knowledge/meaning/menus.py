"""Menus: which links belong together, and where they lead: through the site, its section, the page, or up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from gleanery.knowledge.meaning.action_words import ACTS, Act
from gleanery.knowledge.meaning.facts import Facts, types_of
from gleanery.knowledge.meaning.hints import MenuKind, kind_by_hints
from gleanery.knowledge.meaning.pages import page_number
from gleanery.knowledge.page_head import absolute
from gleanery.model.parses import InteractiveElement, Landmark, Link, NavigationMenu

MOST_LINKS = 100
_MOST_MENUS = 30
_CONTENTS_SHARE = 0.6
_NARROW = 0.36
_SKIPS_WITHIN = 8
_DEEPER = 12
_LONGEST_URL = 2_000
_FEWEST: Mapping[MenuKind, int] = {"breadcrumbs": 1, "contents": 3, "footer": 2, "section": 3, "primary": 3}


def link_of(element: InteractiveElement, facts: Facts) -> Link:
    is_current = bool(element.states.get("current")) or (
        facts.is_this_page(element.href) and not facts.leads_within(element.href)
    )
    return Link(label=element.name, href=element.href or "", element_id=element.element_id, is_current=is_current)


def menus_of(facts: Facts) -> tuple[NavigationMenu, ...]:
    """In the order of the page; breadcrumbs that only its data has come last."""
    menus = [*_skips(facts), *_marked(facts)]
    menus += _hinted(facts, has_primary=any(menu.kind == "primary" for menu in menus))
    if not any(menu.kind == "breadcrumbs" for menu in menus):
        menus += _breadcrumbs_in_data(facts)
    return tuple(menus[:_MOST_MENUS])


def _skips(facts: Facts) -> Iterator[NavigationMenu]:
    """Links at the beginning of the page that lead over its head. They are often out of sight until they have the focus."""
    first = [element for element in facts.inspected.elements[:_SKIPS_WITHIN] if "#" in (element.href or "")]
    skips = [element for element in first if Act.SKIP in facts.acts(element)]
    if skips:
        yield _menu("skip", "", None, skips, facts)


def _marked(facts: Facts) -> Iterator[NavigationMenu]:
    """Those that are landmarks: navigation, and the links of the page's footer."""
    has_primary = False
    for landmark in facts.inspected.dom.landmarks:
        mine = [each for each in facts.by_landmark.get(landmark.landmark_id, ()) if each.href and each.name]
        if landmark.role not in ("navigation", "contentinfo") or len(mine) < (
            1 if landmark.role == "navigation" else 2
        ):
            continue
        if is_pager(landmark, mine):
            continue
        kind = _kind(landmark, mine, facts, has_primary=has_primary)
        has_primary = has_primary or kind == "primary"
        yield _menu(kind, landmark.name, landmark.landmark_id, mine, facts)


def _hinted(facts: Facts, *, has_primary: bool) -> Iterator[NavigationMenu]:
    """Those that only the names of their classes tell, on pages without landmarks: neighbours with the same name for a menu."""
    for kind, links in _neighbours(facts):
        if len(links) < _FEWEST[kind] or is_pager(None, links):
            continue
        if kind == "primary" and has_primary:
            kind = "other"
        has_primary = has_primary or kind == "primary"
        yield _menu(kind, "", None, links, facts)


def _neighbours(facts: Facts) -> Iterator[tuple[MenuKind, list[InteractiveElement]]]:
    """Runs of links of one kind. A few that lie deeper, as in a contents list of several levels, don't end one."""
    kind: MenuKind | None = None
    run: list[InteractiveElement] = []
    between: list[InteractiveElement] = []
    for link in facts.links:
        found = None if facts.is_in(link, "navigation", "contentinfo") else kind_by_hints(link.hints)
        if found is None and kind == "contents" and len(between) < _DEEPER:
            between.append(link)
        elif found == kind:
            run += [*between, link] if found is not None else []
            between = []
        else:
            if kind is not None:
                yield kind, run
            kind, run, between = found, [link] if found is not None else [], []
    if kind is not None:
        yield kind, run


def is_pager(landmark: Landmark | None, links: Sequence[InteractiveElement]) -> bool:
    """Whether it leads through the pages of a list: that is told as pagination."""
    if landmark is not None and Act.PAGES in ACTS.find(landmark.name):
        return True
    numbers = sum(page_number(link.name) is not None for link in links)
    return numbers >= 2 and numbers >= len(links) / 2


def _kind(landmark: Landmark, links: list[InteractiveElement], facts: Facts, *, has_primary: bool) -> MenuKind:
    named = ACTS.find(landmark.name)
    hinted = ACTS.find_in_code(links[0].hints)
    if Act.BREADCRUMBS in named or (Act.BREADCRUMBS in hinted and len(links) <= 10):
        return "breadcrumbs"
    in_page = sum(facts.leads_within(link.href) for link in links)
    if Act.CONTENTS in named or in_page >= max(2, _CONTENTS_SHARE * len(links)):
        return "contents"
    around = facts.roles_around(landmark.landmark_id)
    if "contentinfo" in around:
        return "footer"
    if _is_aside(landmark, facts) or not around.isdisjoint(("complementary", "main")):
        return "section"
    return "other" if has_primary else "primary"


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
    url = absolute(href[:_LONGEST_URL], facts.navigation.final_url) or "" if isinstance(href, str) else ""
    return Link(label=label.strip()[:200], href=url, is_current=url == "" or facts.is_this_page(url))
