"""Where a value begins and ends: the marks of a list's items were aligned as constants, and go back to the slot."""

from __future__ import annotations

import re
from collections.abc import Sequence

from gleanery.knowledge.grouping.template import Template, template_of

_BULLET = re.compile(r"(?:^|(?<=\n))[ \t]*(?:[-*•+]|1[.)])[ \t]+$")
_BETWEEN = re.compile(r"\n[ \t]*(?:[-*•+]|\d+[.)])[ \t]+")
MOST_TEXTS = 50


def with_whole_values(template: Template, texts: Sequence[str]) -> Template:
    """The template with the items of a list, and the mark of its first one, inside one slot. It fits the same texts."""
    changed = _joined(template)
    rows = [changed.match(text) for text in texts[:MOST_TEXTS]]
    read = [row for row in rows if row is not None]
    if not changed.slots or len(read) < len(rows) or not read:
        return template
    constants = list(changed.constants)
    for slot, column in enumerate(zip(*read, strict=True)):
        mark = _BULLET.search(constants[slot])
        if mark is not None and sum(_BETWEEN.search(value) is not None for value in column) * 2 >= len(column):
            constants[slot] = constants[slot].removesuffix(mark[0])
    changed = Template(tuple(constants))
    if any(not constant for constant in constants[1:-1]) or any(changed.match(text) is None for text in texts):
        return template
    return changed


def _joined(template: Template) -> Template:
    """Slots with only the mark of a list's next item between them are one list."""
    pieces: list[str | None] = [template.constants[0]]
    for constant in template.constants[1:-1]:
        pieces += (None, None if _BETWEEN.fullmatch(constant) else constant)
    return template_of([*pieces, None, template.constants[-1]]) if template.slots else template
