"""`Grouper`: groups that stay the same while texts arrive.

A text that fits a known template costs little more than finding that template. The others are clustered, together with
samples of the groups that they may belong to; whatever a sample says of its group holds for the group: a group goes on in
the cluster that has most of its samples.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

from gleanery.knowledge.grouping.cluster import Cluster, clusters_of
from gleanery.knowledge.grouping.index import TemplateIndex
from gleanery.knowledge.grouping.template import Template

MOST_SAMPLES = 24
MOST_SAMPLE_CHARACTERS = 60_000
"""Of all samples of a group together, but for the first two."""
SAMPLES_ASKED = 8
"""Samples that speak for a group of which it isn't asked whether it is several."""
LEAST_OF_SPLIT = 3
"""Samples that a part needs for a group to be split."""
FIRST_CHECK = 8
"""Texts of a group at which it is asked whether it is several; then whenever they have doubled."""


class GroupEventType(StrEnum):
    CREATED = "created"
    CHANGED = "changed"
    SPLIT = "split"
    MERGED = "merged"


@dataclass(frozen=True)
class GroupEvent:
    """What happened to a group. `others` are the groups that came of it (split) or that went into it (merged)."""

    type: GroupEventType
    group_id: str
    template: Template
    others: tuple[str, ...] = ()


@dataclass(frozen=True)
class Group:
    """A template and what is remembered of its texts. `count` counts them, `checked_at` is the count at the last check."""

    group_id: str
    template: Template
    samples: tuple[str, ...]
    count: int
    checked_at: int = 0

    @property
    def is_due(self) -> bool:
        return self.count >= max(FIRST_CHECK, 2 * self.checked_at)


@dataclass(frozen=True)
class Added:
    """`assigned` has the group of each text. The texts that were in a group of `reread` before must be assigned anew: it
    was split, or merged into another."""

    assigned: tuple[str, ...]
    events: tuple[GroupEvent, ...]
    reread: frozenset[str]
    gone: Mapping[str, str] = field(default_factory=dict)
    """Merged groups, and what they are part of now."""


class Grouper:
    """Groups of texts. `new_id` names new ones."""

    def __init__(self, groups: Iterable[Group], new_id: Callable[[], str]) -> None:
        self.groups = {group.group_id: group for group in groups}
        self._new_id = new_id
        self._index = TemplateIndex({group.group_id: group.template for group in self.groups.values()})

    def add(self, texts: Sequence[str]) -> Added:
        """Every text into its group. The order of the texts matters little, their number not at all."""
        weights = Counter(texts)
        found = self.assign(list(weights))
        for text, group_id in found.items():
            self._note(group_id, text, weights[text])
        missed = [text for text in weights if text not in found]
        due = [group.group_id for group in self.groups.values() if group.is_due]
        events, reread, gone = list[GroupEvent](), set[str](), dict[str, str]()
        if missed or due:
            events, reread, gone = self._regroup(missed, weights, due, found)
        assigned = tuple(_final(found[text], gone) for text in texts)
        if reread:
            again = self.assign([text for text in weights if found[text] in reread])
            assigned = tuple(again.get(text, group_id) for text, group_id in zip(texts, assigned, strict=True))
        return Added(assigned, tuple(events), frozenset(reread), gone)

    def assign(self, texts: Iterable[str]) -> dict[str, str]:
        """Text → group, of those that fit a known template; nothing is noted."""
        return {text: group_id for text in texts if (group_id := self._index.find(text)) is not None}

    def recount(self, counts: Mapping[str, int]) -> None:
        """How many texts each of these groups has, after texts were assigned anew."""
        for group_id, count in counts.items():
            if group_id in self.groups:
                self.groups[group_id] = replace(self.groups[group_id], count=count)

    def _note(self, group_id: str, text: str, times: int) -> None:
        group = self.groups[group_id]
        count = group.count + times
        samples = group.samples
        if text not in samples and group.template.slots:
            samples = _sampled(samples, text, count)
        self.groups[group_id] = replace(group, samples=samples, count=count)

    def _regroup(
        self, missed: Sequence[str], weights: Mapping[str, int], due: Sequence[str], found: dict[str, str]
    ) -> tuple[list[GroupEvent], set[str], dict[str, str]]:
        asked = [sample for group_id in due for sample in self.groups[group_id].samples[:1]]
        related = dict.fromkeys([*due, *self._index.related([*missed, *asked])])
        owners: dict[str, str] = {}
        new = set(missed)
        wanted = set(due)
        for group_id in related:
            for sample in self.groups[group_id].samples[: None if group_id in wanted else SAMPLES_ASKED]:
                if sample not in new:  # it may have been a sample that its group's template outgrew
                    owners.setdefault(sample, group_id)
        pool = [*owners, *missed]
        clusters = clusters_of(pool, [self._weight(text, owners, weights) for text in pool])
        work = _Regrouping(self.groups, owners, pool, set(due), self._new_id)
        for cluster in work.ordered(clusters):
            group_id = work.place(cluster)
            for member in cluster.members:
                text = pool[member]
                if text not in owners:
                    found[text] = group_id
                    group = self.groups[group_id]
                    count = group.count + weights[text]
                    self.groups[group_id] = replace(group, samples=_sampled(group.samples, text, count), count=count)
        work.finish()
        for group_id in due:
            if group_id in self.groups:
                self.groups[group_id] = replace(self.groups[group_id], checked_at=self.groups[group_id].count)
        self._index = TemplateIndex({group.group_id: group.template for group in self.groups.values()})
        gone = {group_id: _final(group_id, work.gone) for group_id in work.gone}
        return work.events, {_final(group_id, gone) for group_id in work.reread}, gone

    def _weight(self, text: str, owners: Mapping[str, str], weights: Mapping[str, int]) -> int:
        """How often a text came: of a known group that is told only where it has one text."""
        if text not in owners:
            return weights[text]
        group = self.groups[owners[text]]
        return group.count if len(group.samples) == 1 else 1


class _Regrouping:
    """Clusters → groups, known ones first. Changes `groups`."""

    def __init__(
        self,
        groups: dict[str, Group],
        owners: Mapping[str, str],
        pool: Sequence[str],
        due: set[str],
        new_id: Callable[[], str],
    ) -> None:
        self.events = list[GroupEvent]()
        self.reread = set[str]()
        self.gone = dict[str, str]()
        self._groups = groups
        self._owners = owners
        self._pool = pool
        self._due = due
        self._new_id = new_id
        self._parts: dict[str, list[str]] = defaultdict(list)
        self._placed = set[str]()

    def ordered(self, clusters: Sequence[Cluster]) -> Sequence[Cluster]:
        """Those that have most samples of a group first, so that it goes on in them."""
        return sorted(clusters, key=lambda cluster: -sum(self._known(cluster).values()))

    def _known(self, cluster: Cluster) -> Counter[str]:
        texts = (self._pool[member] for member in cluster.members)
        return Counter(self._owners[text] for text in texts if text in self._owners)

    def place(self, cluster: Cluster) -> str:
        """The group that a cluster is: one that goes on, or a new one."""
        known = self._known(cluster)
        free = [group_id for group_id in known if group_id not in self._placed]
        if not free:
            return self._new(cluster, known)
        first = max(free, key=lambda group_id: (self._groups[group_id].count, group_id))
        self._placed.update(free)
        self._go_on(first, cluster)
        if merged := tuple(group_id for group_id in free if group_id != first):
            self._merge(first, merged)
        return first

    def _new(self, cluster: Cluster, known: Counter[str]) -> str:
        """Samples of groups that go on elsewhere are a split only when it was asked for, and several say so."""
        origin, samples = known.most_common(1)[0] if known else ("", 0)
        if known and (origin not in self._due or samples < LEAST_OF_SPLIT):
            if len(cluster.members) == sum(known.values()):
                return origin
        elif known:
            group_id = self._create(cluster)
            self._parts[origin].append(group_id)
            return group_id
        return self._create(cluster)

    def _create(self, cluster: Cluster) -> str:
        group_id = self._new_id()
        texts = [self._pool[member] for member in cluster.members if self._pool[member] in self._owners]
        self._groups[group_id] = Group(group_id, cluster.template, tuple(texts[:MOST_SAMPLES]), 0)
        self.events.append(GroupEvent(GroupEventType.CREATED, group_id, cluster.template))
        return group_id

    def _go_on(self, group_id: str, cluster: Cluster) -> None:
        group = self._groups[group_id]
        if cluster.template == group.template:
            return
        # What is left out of the cluster must still fit, unless the group is to be split.
        if group_id not in self._due and any(cluster.template.match(sample) is None for sample in group.samples):
            if group.template.slots and all(
                group.template.match(self._pool[member]) is not None for member in cluster.members
            ):
                return
            self.reread.add(group_id)
        self._groups[group_id] = replace(group, template=cluster.template)
        self.events.append(GroupEvent(GroupEventType.CHANGED, group_id, cluster.template))

    def _merge(self, into: str, merged: Sequence[str]) -> None:
        group = self._groups[into]
        for group_id in merged:
            other = self._groups.pop(group_id)
            self.gone[group_id] = into
            for sample in other.samples:
                group = replace(group, samples=_sampled(group.samples, sample, len(group.samples) + 1))
            group = replace(group, count=group.count + other.count)
        self._groups[into] = group
        self.events.append(GroupEvent(GroupEventType.MERGED, into, group.template, tuple(merged)))

    def finish(self) -> None:
        """Tell of the splits; what was in a split group is read anew, and its samples are those that still fit."""
        for origin, parts in self._parts.items():
            into = _final(origin, self.gone)
            group = self._groups[into]
            samples = tuple(sample for sample in group.samples if group.template.match(sample) is not None)
            self._groups[into] = replace(group, samples=samples)
            self.reread.update([into, *parts])
            self.events.append(GroupEvent(GroupEventType.SPLIT, into, group.template, tuple(parts)))


def _sampled(samples: tuple[str, ...], text: str, count: int) -> tuple[str, ...]:
    """A text among the samples: each of a group's texts is there with the same chance, as far as there is room."""
    if len(samples) >= 2 and sum(map(len, samples)) + len(text) > MOST_SAMPLE_CHARACTERS:
        return samples
    if len(samples) < MOST_SAMPLES:
        return (*samples, text)
    place = random.Random(f"{count} {text[:40]}").randrange(max(count, MOST_SAMPLES))
    if place >= MOST_SAMPLES:
        return samples
    return (*samples[:place], text, *samples[place + 1 :])


def _final(group_id: str, gone: Mapping[str, str]) -> str:
    while group_id in gone:
        group_id = gone[group_id]
    return group_id
