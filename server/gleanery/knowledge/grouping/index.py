"""`TemplateIndex`: the template that a text fits, among many, and those that it nearly fits."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence

from gleanery.knowledge.grouping.template import Template

EDGE = 12
"""Characters of a template's beginning or end that are looked up, where it has no whole words."""
EDGE_WORDS = 6
MOST_RELATED = 32
"""Groups that begin (or end) alike and are looked at once more."""


class TemplateIndex:
    """Looks up by a word that few templates have, so that a text is compared with hardly any that it does not fit."""

    def __init__(self, templates: Mapping[str, Template]) -> None:
        self._templates = templates
        self._texts = {one.constants[0]: group_id for group_id, one in templates.items() if not one.slots}
        open_templates = {group_id: one for group_id, one in templates.items() if one.slots}
        keys = {group_id: one.keys() for group_id, one in open_templates.items()}
        counts = Counter(key for some in keys.values() for key in some)
        self._by_key: dict[str, list[str]] = defaultdict(list)
        self._by_edge: dict[str, list[str]] = defaultdict(list)
        self._others = list[str]()
        for group_id, template in open_templates.items():
            if keys[group_id]:
                self._by_key[min(keys[group_id], key=lambda key: (counts[key], key))].append(group_id)
            elif len(template.constants[0]) >= EDGE:
                self._by_edge[template.constants[0][:EDGE]].append(group_id)
            else:
                self._others.append(group_id)
        self._edges: tuple[dict[str, list[str]], dict[str, list[str]]] = (defaultdict(list), defaultdict(list))
        for group_id, template in templates.items():
            for edge, found in zip(_edges(template.constants[0], template.constants[-1]), self._edges, strict=True):
                if edge:
                    found[edge].append(group_id)

    def find(self, text: str) -> str | None:
        """The group of the template that says most about the text, of those that it fits."""
        if (known := self._texts.get(text)) is not None:
            return known
        candidates = [*self._others, *self._by_edge.get(text[:EDGE], ())]
        for key in self._by_key.keys() & set(text.split()):
            candidates += self._by_key[key]
        fitting = [one for one in candidates if self._templates[one].match(text) is not None]
        return max(fitting, key=lambda one: (self._templates[one].characters, one), default=None)

    def related(self, texts: Iterable[str]) -> Sequence[str]:
        """Groups whose texts begin or end like one of these."""
        found: dict[str, None] = {}
        seen = set[tuple[int, str]]()
        for text in texts:
            for side, edge in enumerate(_edges(text, text)):
                if edge and (side, edge) not in seen:
                    seen.add((side, edge))
                    found.update(dict.fromkeys(self._edges[side].get(edge, ())[-MOST_RELATED:]))
        return list(found)


def _edges(first: str, last: str) -> tuple[str, str]:
    """The first and the last few words; empty where there are fewer. Where words aren't told apart, characters."""
    head, tail = first[:200].split()[:EDGE_WORDS], last[-200:].split()[-EDGE_WORDS:]
    return (
        " ".join(head) if len(head) == EDGE_WORDS else first[:EDGE] if len(first) >= EDGE else "",
        " ".join(tail) if len(tail) == EDGE_WORDS else last[-EDGE:] if len(last) >= EDGE else "",
    )
