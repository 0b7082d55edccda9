"""Anchors: the URL fragment that leads to a heading."""

from __future__ import annotations

from collections.abc import Iterator

from gleanery.knowledge.document import Element
from gleanery.knowledge.inline import is_permalink

_SECTION_TAGS = frozenset({"section", "div", "article", "header", "hgroup", "a", "li", "ul", "span"})
_LEVELS = 5


class Anchors:
    """Finds the anchors of one document's headings. It remembers where children stand: a flat page has thousands."""

    def __init__(self) -> None:
        self._places: dict[Element, dict[Element, int]] = {}

    def of(self, heading: Element) -> str:
        """The heading's id, that of its permalink or of an anchor in it, or what stands for it before or around it.

        Empty when there is none.
        """
        if heading.get("id"):
            return heading.get("id")
        for inner in _within(heading):
            if inner.tag == "a" and is_permalink(inner) and "#" in inner.get("href"):
                return inner.get("href").partition("#")[2]
            if inner.get("id") or (inner.tag == "a" and inner.get("name")):
                return inner.get("id") or inner.get("name")
        return self._before(heading)

    def _before(self, heading: Element) -> str:
        """The id of an empty element right before the heading, or of a container that the heading is the first thing in."""
        element = heading
        for _, parent in zip(range(_LEVELS), heading.ancestors(), strict=False):
            for place in range(self._place(parent, element) - 1, -1, -1):
                sibling = parent.children[place]
                if isinstance(sibling, str):
                    if not sibling.isspace():
                        return ""
                elif not sibling.is_dropped:
                    if sibling.size:
                        return ""
                    if sibling.get("id") or (sibling.tag == "a" and sibling.get("name")):
                        return sibling.get("id") or sibling.get("name")
            if parent.tag not in _SECTION_TAGS or parent.get("id"):
                return parent.get("id") if parent.tag in _SECTION_TAGS else ""
            element = parent
        return ""

    def _place(self, parent: Element, child: Element) -> int:
        places = self._places.get(parent)
        if places is None:
            places = {e: place for place, e in enumerate(parent.children) if not isinstance(e, str)}
            self._places[parent] = places
        return places[child]


def _within(heading: Element) -> Iterator[Element]:
    """The elements in a heading, its permalink too, that was dropped for being no content."""
    for child in heading.children:
        if not isinstance(child, str):
            yield child
            yield from _within(child)
