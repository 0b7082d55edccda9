"""Tabs: which elements of a page are the panels of a set of tabs, and what each panel's tab says.

Two ways to write them are read, whatever the generator: ARIA (`role="tab"` and `role="tabpanel"`, joined by ids or by
their order), and radio buttons with a <label> each whose panels stand beside or below them in the same order.
"""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

from gleanery.knowledge.document import Document, Element, StartTag

_MOST_TABS = 300
_NEAR = 3
_LABEL_CHARS = 80
_PANE = re.compile(r"(?:^|\s)tab-?pane(?:l)?(?:\s|$)")
_TARGETS = ("aria-controls", "href", "data-target", "data-bs-target", "id")
_SWITCHES = frozenset({"tab", "pill"})


@dataclass(slots=True)
class Tabs:
    """`labels` has the label of each panel, `switches` what only selects one."""

    labels: dict[Element, str] = field(default_factory=dict)
    switches: list[Element] = field(default_factory=list)


def find_tabs(document: Document) -> Tabs:
    """The tabs of a page. To be called before anything is dropped of it: labels are often buttons."""
    tabs = Tabs()
    starts = {start for start in document.start_tags if _is_tab(start) or _is_panel(start) or _is_radio(start)}
    if not starts:
        return tabs
    concerned = [element for element in document.elements if element.start in starts][: 2 * _MOST_TABS]
    _read_aria(
        [e for e in concerned if _is_tab(e.start)][:_MOST_TABS], [e for e in concerned if _is_panel(e.start)], tabs
    )
    radios = [e for e in concerned if _is_radio(e.start)][:_MOST_TABS]
    if len(radios) > 1:
        _read_radios(document, radios, tabs)
    return tabs


def show_panels(tabs: Tabs) -> None:
    """Bring back panels that were dropped for being hidden, and leave out what switches between them."""
    for panel in tabs.labels:
        panel.restore()
    for switch in tabs.switches:
        switch.drop()


def _is_tab(start: StartTag) -> bool:
    toggle = start.get("data-toggle") or start.get("data-bs-toggle")
    return start.get("role") == "tab" or toggle in _SWITCHES


def _is_panel(start: StartTag) -> bool:
    return start.get("role") == "tabpanel" or bool(_PANE.search(start.get("class")))


def _is_radio(start: StartTag) -> bool:
    return start.name == "input" and start.get("type") == "radio"


def _read_aria(switches: list[Element], panels: list[Element], tabs: Tabs) -> None:
    names: dict[str, str] = {}
    for switch in switches:
        for attribute in _TARGETS:
            names.setdefault(switch.get(attribute).lstrip("#"), _label(switch))
    names.pop("", None)
    for panel in panels:
        own = panel.get("aria-label") or panel.get("data-label")
        label = names.get(panel.get("aria-labelledby")) or names.get(panel.get("id")) or own
        if label:
            tabs.labels[panel] = label[:_LABEL_CHARS]
    _join_by_order(switches, panels, tabs)
    if tabs.labels:
        tabs.switches += [_list_of(switch) for switch in switches]


def _join_by_order(switches: list[Element], panels: list[Element], tabs: Tabs) -> None:
    """Where no ids join them, the panels near a list of tabs are its own when they are as many as the tabs."""
    groups: dict[Element, list[Element]] = defaultdict(list)
    for switch in switches:
        groups[_list_of(switch)].append(switch)
    for holder, group in groups.items():
        for _, ancestor in zip(range(_NEAR), holder.ancestors(), strict=False):
            near = [p for p in panels if p not in tabs.labels and _is_outermost_in(p, ancestor)]
            if near:
                if len(near) == len(group):
                    tabs.labels |= {panel: _label(switch) for panel, switch in zip(near, group, strict=True)}
                break


def _is_outermost_in(panel: Element, ancestor: Element) -> bool:
    """Whether the panel stands in `ancestor` with no other panel between."""
    for element in panel.ancestors():
        if element is ancestor:
            return True
        if _is_panel(element.start):
            return False
    return False


def _list_of(switch: Element) -> Element:
    """The list of tabs that this one is in."""
    for _, ancestor in zip(range(_NEAR), switch.ancestors(), strict=False):
        if ancestor.get("role") == "tablist" or ancestor.tag in ("ul", "ol"):
            return ancestor
    return switch


def _read_radios(document: Document, radios: list[Element], tabs: Tabs) -> None:
    labels = {e.get("for"): e for e in document.elements if e.tag == "label" and e.get("for")}
    groups: dict[tuple[str, Element | None], list[Element]] = defaultdict(list)
    for radio in radios:
        groups[radio.get("name"), radio.parent].append(radio)
    for (_, parent), group in groups.items():
        own = [labels.get(radio.get("id")) for radio in group]
        if parent is None or len(group) < 2:
            continue
        named = [label for label in own if label is not None]
        panels = _panels_beside(parent, named) if len(named) == len(group) else []
        for panel, label in zip(panels, named, strict=False):
            tabs.labels[panel] = _label(label)
        if panels:
            tabs.switches += named


def _panels_beside(parent: Element, labels: list[Element]) -> list[Element]:
    """As many elements as there are `labels`: beside the radio buttons of `parent`, or in the one element that stands
    beside them or beside `parent`."""
    switches = set(labels) | {ancestor for label in labels for ancestor in label.ancestors()}

    def others(holder: Element) -> list[Element]:
        return [e for e in holder.elements() if e.tag != "input" and e not in switches]

    panels = others(parent)
    if not panels and parent.parent is not None and parent.tag not in ("form", "fieldset"):
        panels = others(parent.parent)
        if len(panels) != 1:
            return []
    if len(panels) == 1:
        panels = others(panels[0])
    return panels if len(panels) == len(labels) and all(panel.size for panel in panels) else []


def _label(element: Element) -> str:
    text = element.line() or element.get("data-title") or element.get("title") or element.get("aria-label")
    title = element.get("title")
    # A pictogram says nothing.
    return (title if title and not re.search(r"\w\w", text) else text)[:_LABEL_CHARS]
