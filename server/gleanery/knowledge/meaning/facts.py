"""What the rules look at: a page's elements by what they are and where they stand, its words, and what it says of itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from gleanery.knowledge.meaning.action_words import ACTS, Act
from gleanery.knowledge.meaning.hints import kind_by_hints
from gleanery.knowledge.meaning.main_content import MainContent
from gleanery.model.parses import Box, Inspected, InteractiveElement, Landmark, Navigation

_BUTTON_ROLES = frozenset({"button", "menuitem"})
_MOST_TYPES = 60
_MOST_OUTER = 100
_LABEL = 50  # characters that a button or link that asks for something has at most
_MARK = 2
_NONE: frozenset[Act] = frozenset()
# Around the content: what stands there stands on every page of the site.
_AROUND = frozenset({"banner", "contentinfo", "navigation", "complementary"})


def is_inside(inner: Box | None, outer: Box | None) -> bool:
    """Whether the middle of `inner` lies in `outer`."""
    if inner is None or outer is None:
        return False
    x, y = inner.x + inner.width / 2, inner.y + inner.height / 2
    return outer.x <= x <= outer.x + outer.width and outer.y <= y <= outer.y + outer.height


def around(boxes: Sequence[Box]) -> Box | None:
    """The smallest box that holds them all."""
    if not boxes:
        return None
    left, top = min(box.x for box in boxes), min(box.y for box in boxes)
    right = max(box.x + box.width for box in boxes)
    bottom = max(box.y + box.height for box in boxes)
    return Box(x=left, y=top, width=right - left, height=bottom - top)


@dataclass
class Facts:
    inspected: Inspected
    navigation: Navigation
    main: MainContent

    @cached_property
    def elements(self) -> Mapping[str, InteractiveElement]:
        return {element.element_id: element for element in self.inspected.elements}

    @cached_property
    def visible(self) -> tuple[InteractiveElement, ...]:
        return tuple(element for element in self.inspected.elements if element.is_visible)

    @cached_property
    def links(self) -> tuple[InteractiveElement, ...]:
        return tuple(element for element in self.visible if element.href and element.name)

    @cached_property
    def buttons(self) -> tuple[InteractiveElement, ...]:
        return tuple(element for element in self.visible if element.role in _BUTTON_ROLES)

    @cached_property
    def _roles(self) -> Mapping[str | None, frozenset[str]]:
        """The roles of each landmark and of those that it lies in."""
        marks = self.inspected.dom.landmarks
        outer = [mark for mark in marks if mark.box is not None][:_MOST_OUTER]
        return {
            mark.landmark_id: frozenset((mark.role, *(other.role for other in outer if _holds(other, mark))))
            for mark in marks
        }

    @cached_property
    def by_landmark(self) -> Mapping[str | None, Sequence[InteractiveElement]]:
        """The visible elements of each landmark, without those of landmarks in it."""
        found: dict[str | None, list[InteractiveElement]] = {}
        for element in self.visible:
            found.setdefault(element.landmark_id, []).append(element)
        return found

    def roles_around(self, landmark_id: str | None) -> frozenset[str]:
        return self._roles.get(landmark_id, frozenset())

    def is_in(self, element: InteractiveElement, *roles: str) -> bool:
        return not self.roles_around(element.landmark_id).isdisjoint(roles)

    def is_content(self, element: InteractiveElement) -> bool:
        """Whether it belongs to this page rather than to the frame that all pages of the site have."""
        roles = self.roles_around(element.landmark_id)
        if "main" in roles:
            return True
        return roles.isdisjoint(_AROUND) and (element.href is None or kind_by_hints(element.hints) is None)

    def acts(self, element: InteractiveElement) -> frozenset[Act]:
        """What its name speaks of, if that is short enough to ask for something."""
        return self._acts.get(element.element_id, _NONE)

    @cached_property
    def speaking(self) -> tuple[InteractiveElement, ...]:
        """The visible elements whose names speak of something, or are no more than a mark."""
        acts = self._acts
        return tuple(each for each in self.visible if each.element_id in acts or 0 < len(each.name) <= _MARK)

    @cached_property
    def _acts(self) -> Mapping[str, frozenset[Act]]:
        named = (
            (each.element_id, ACTS.find(each.name)) for each in self.inspected.elements if 0 < len(each.name) <= _LABEL
        )
        return {element_id: frozenset(acts) for element_id, acts in named if acts}

    @cached_property
    def content_links(self) -> tuple[InteractiveElement, ...]:
        return tuple(link for link in self.links if self.is_content(link))

    @cached_property
    def path(self) -> str:
        return urlsplit(self.navigation.final_url).path

    @cached_property
    def query(self) -> Mapping[str, str]:
        return dict(parse_qsl(urlsplit(self.navigation.final_url).query)[:50])

    @cached_property
    def path_acts(self) -> frozenset[Act]:
        return frozenset(ACTS.find_in_code(self.path[-200:]))

    @cached_property
    def title_acts(self) -> frozenset[Act]:
        return frozenset(ACTS.find(self.inspected.head.title))

    @cached_property
    def heading(self) -> str:
        """The first heading of the highest level that there is in the content."""
        headings = self.inspected.dom.headings
        return min(headings, key=lambda heading: heading.level).text if headings else ""

    @property
    def has_title(self) -> bool:
        return any(heading.level == 1 for heading in self.inspected.dom.headings)

    @cached_property
    def heading_acts(self) -> frozenset[Act]:
        return frozenset(ACTS.find(self.heading))

    @cached_property
    def json_ld(self) -> tuple[Mapping[str, Any], ...]:
        """The things that the page describes in JSON-LD, those of a graph one by one."""
        return tuple(_things(self.inspected.head.json_ld))

    @cached_property
    def types(self) -> frozenset[str]:
        """The names of their types, without the vocabulary's."""
        return frozenset(name for thing in self.json_ld for name in types_of(thing))

    @cached_property
    def og_type(self) -> str:
        return self.inspected.head.open_graph.get("og:type", "").strip().lower()

    def meta(self, *names: str) -> str:
        return next((value for name in names if (value := self.inspected.head.meta.get(name, "")).strip()), "")

    def is_this_page(self, href: str | None) -> bool:
        return bool(href) and _plain(str(href)) == self._plain_url

    def leads_within(self, href: str | None) -> bool:
        """Whether it leads to a place within this page."""
        return "#" in (href or "") and not _is_route(str(href)) and self.is_this_page(href)

    @cached_property
    def _plain_url(self) -> str:
        return _plain(self.navigation.final_url)


def types_of(thing: Mapping[str, Any]) -> tuple[str, ...]:
    named = thing.get("@type", ())
    names = named if isinstance(named, list) else [named]
    return tuple(name.rpartition("/")[2].rpartition(":")[2] for name in names if isinstance(name, str))


def _things(values: Sequence[Any]) -> Iterator[Mapping[str, Any]]:
    """Breadth first, a few levels deep: what is nested deeper is about other pages."""
    level: list[Any] = list(values)
    found = 0
    for _ in range(3):
        below: list[Any] = []
        for value in level:
            if isinstance(value, list):
                below += value[:_MOST_TYPES]
            elif isinstance(value, dict) and found < _MOST_TYPES:
                if "@type" in value:
                    found += 1
                    yield value
                graph = value.get("@graph")
                below += graph[:_MOST_TYPES] if isinstance(graph, list) else []
                below += [value[name] for name in ("mainEntity", "mainEntityOfPage", "breadcrumb") if name in value]
        level = below


def _holds(outer: Landmark, inner: Landmark) -> bool:
    if outer is inner or outer.frame_id != inner.frame_id or outer.box is None or inner.box is None:
        return False
    is_larger = outer.box.width * outer.box.height > inner.box.width * inner.box.height
    return is_larger and is_inside(inner.box, outer.box)


def _is_route(url: str) -> bool:
    """Whether its fragment names a page that a script draws (`#/inbox`, `#!/inbox`)."""
    return url.partition("#")[2].startswith(("/", "!/"))


def _plain(url: str) -> str:
    return (url if _is_route(url) else url.partition("#")[0]).rstrip("/")
