"""How well a grouping did: Zhu et al., "Tools and benchmarks for automated log parsing" (ICSE-SEIP 2019) for GA; Khan et
al., "Guidelines for assessing the accuracy of log message template identification techniques" (ICSE 2022) for FTA with its
precision and recall; FGA as in Jiang et al., "Loghub-2.0" (ISSTA 2024)."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

_WORD = re.compile(r"<\*>|\w+")


@dataclass(frozen=True)
class Score:
    """Each 0 to 1. `ga`: texts in a group that is right to the last member. `fga`: F1 over groups. `pta`, `rta`: templates
    found that are right, true templates that were found; `fta` their F1. `ta`: texts whose group and template are right."""

    ga: float
    fga: float
    pta: float
    rta: float
    ta: float

    @property
    def fta(self) -> float:
        return 2 * self.pta * self.rta / (self.pta + self.rta) if self.pta + self.rta else 0.0


def words_of(template: str) -> tuple[str, ...]:
    """A template as words and slots. Where exactly a slot ends among signs and white space is not judged, and slots that touch
    are one."""
    words = list[str]()
    for word in _WORD.findall(template):
        if word != "<*>" or words[-1:] != ["<*>"]:
            words.append(word)
    return tuple(words)


def score(truth: Sequence[str], found: Sequence[int], templates: Sequence[str]) -> Score:
    """`truth` has each text's template, `found` its group, `templates` that group's template."""
    true_groups, found_groups = _groups(truth), _groups(found)
    true_sets = {members: group for group, members in true_groups.items()}
    exact = {group: members for group, members in found_groups.items() if members in true_sets}
    right = {
        group for group, members in exact.items() if words_of(templates[members[0]]) == words_of(truth[members[0]])
    }
    precision, recall = len(exact) / len(found_groups), len(exact) / len(true_groups)
    return Score(
        ga=sum(map(len, exact.values())) / len(truth),
        fga=2 * precision * recall / (precision + recall) if exact else 0.0,
        pta=len(right) / len(found_groups),
        rta=len(right) / len(true_groups),
        ta=sum(len(found_groups[group]) for group in right) / len(truth),
    )


def _groups(labels: Sequence[str | int]) -> dict[str | int, tuple[int, ...]]:
    found = defaultdict[str | int, list[int]](list)
    for at, label in enumerate(labels):
        found[label].append(at)
    return {label: tuple(members) for label, members in found.items()}
