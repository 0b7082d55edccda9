"""How much of a page is read. What is left out is said in the notes."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass

MAX_HEIGHT = 16_384
"""Pixels of a page that its picture shows at most, from the top."""


@dataclass(frozen=True, slots=True)
class InspectLimits:
    """Counts of things, and of characters for what holds text (`name` to `json_ld_characters`). `picture` is the height of
    the tallest picture, in pixels; of a page that leaves out what is not scrolled to, parts are laid out until they have
    `shown` elements."""

    walked: int = 200_000
    shown: int = 30_000
    elements: int = 2000
    listeners: int = 2000
    listening: int = 200
    options: int = 100
    landmarks: int = 200
    headings: int = 500
    forms: int = 100
    tables: int = 50
    rows: int = 200
    columns: int = 30
    frames: int = 50
    nodes: int = 5000
    # Times three (a page, its frames, theirs), and twice that in JSON: readers of JSON go no deeper than 200.
    tree_depth: int = 30
    meta: int = 200
    alternates: int = 100
    json_ld: int = 20
    name: int = 300
    value: int = 1000
    href: int = 2000
    attribute: int = 200
    tree_text: int = 200
    cell: int = 300
    tables_text: int = 256 * 1024
    json_ld_characters: int = 64 * 1024
    picture: int = MAX_HEIGHT

    def as_script(self) -> str:
        """As an object of JavaScript, its names in the way of that language."""
        return json.dumps({_camel(name): number for name, number in asdict(self).items()})


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.capitalize() for word in rest)
