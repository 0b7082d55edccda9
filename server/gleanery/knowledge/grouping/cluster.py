"""Texts → clusters with their templates, in one go."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from gleanery.knowledge.grouping.align import align
from gleanery.knowledge.grouping.branches import NO_BOUND, Part, parts_of
from gleanery.knowledge.grouping.divide import variants_of
from gleanery.knowledge.grouping.edges import with_whole_values
from gleanery.knowledge.grouping.kinship import is_document, kin, symbols_of
from gleanery.knowledge.grouping.shared import Pairs
from gleanery.knowledge.grouping.template import Template
from gleanery.knowledge.grouping.tokens import is_word, kind_of, tokens_of

MOST_SAMPLES = 24
MOST_SAMPLE_TOKENS = 40_000
ROUNDS = 3
MISSES_TAKEN = 8
LEAST_WORDS = 4
LEAST_WORDS_OF_TWO = 6
LEAST_EDGE_WORDS = 3
MOST_INSIDE = 6
LEAST_EDGE_CHARACTERS = 8
LEAST_SHARE = 0.3
PAIRS_WITHIN = 10
FRESH_WITHIN = 0.95
LEAST_COVERED = 0.8
"""Share of texts that begin and end alike which must be of a part each to be parted by their middle."""
MOST_COMPARED = 8
MOST_DEPTH = 12
MOST_ASKED = 60


@dataclass(frozen=True)
class Cluster:
    """`members` are the places of its texts, ascending."""

    template: Template
    members: tuple[int, ...]


def clusters_of(texts: Sequence[str], weights: Sequence[int] | None = None) -> list[Cluster]:
    """Every text in one cluster. The texts are distinct; a weight says how often each came."""
    if not texts:
        return []
    return _Clustering(texts, weights or [1] * len(texts)).all()


class _Clustering:
    def __init__(self, texts: Sequence[str], weights: Sequence[int]) -> None:
        self._texts = texts
        self._weights = weights
        self._tokens = [tokens_of(text) for text in texts]
        self._words = [[kind_of(token) for token in tokens if not token.isspace()] for tokens in self._tokens]
        self._turned = [words[::-1] for words in self._words]
        self._pairs = Pairs(self._words)

    def all(self) -> list[Cluster]:
        found = list[Cluster]()
        loose = list[int]()
        for head in parts_of(self._words, range(len(self._texts))):
            for tail in parts_of(self._turned, head.texts, self._most_inside(head)):
                if (
                    len(tail.texts) > 1
                    and self._common_words(tail.texts[0], head.words, tail.words) >= LEAST_EDGE_WORDS
                ):
                    found += self._of(tail.texts, 0)
                else:
                    loose += tail.texts
        return self._with_kin(found + list(self._weak(sorted(loose), 0)))

    def _with_kin(self, clusters: list[Cluster]) -> list[Cluster]:
        """The clusters with those as one that were parted by what is left out at times, or by a value that came often."""
        texts = [[self._texts[text] for text in cluster.members[:MOST_ASKED]] for cluster in clusters]
        joined = set[int]()
        for family in kin([cluster.template for cluster in clusters], texts):
            members = sorted(text for number in family for text in clusters[number].members)
            template, fitting = self._aligned(members)
            if len(fitting) == len(members) and self._is_strong(template, fitting):
                clusters.append(Cluster(template, tuple(members)))
                joined.update(family)
        return [cluster for number, cluster in enumerate(clusters) if number not in joined]

    def _most_inside(self, head: Part) -> int:
        """How many templates texts can be that begin alike, and end alike in part."""
        return MOST_INSIDE if self._common_words(head.texts[0], head.words, 0) >= LEAST_EDGE_WORDS else NO_BOUND

    def _common_words(self, text: int, head: int, tail: int) -> int:
        words = self._words[text]
        return sum(map(is_word, [*words[:head], *words[len(words) - tail :]]))

    def _single(self, text: int) -> Cluster:
        return Cluster(Template((self._texts[text],)), (text,))

    def _of(self, members: Sequence[int], depth: int) -> Iterator[Cluster]:
        """The clusters among texts that share something."""
        if len(members) == 1 or depth > MOST_DEPTH:
            yield from map(self._single, members)
            return
        if parts := self._parts_within(members):
            for part in parts:
                yield from self._of(part, depth + 1)
            return
        template, fitting = self._aligned(members)
        if not self._is_strong(template, fitting):
            yield from self._weak(members, depth)
            return
        missed = sorted(set(members) - set(fitting))
        if missed:
            yield from self._of(missed, depth + 1)
        if variants := self._variants(template, fitting):
            for variant in variants:
                yield from self._of(variant, depth + 1)
            return
        yield Cluster(template, tuple(fitting))

    def _parts_within(self, members: Sequence[int]) -> list[list[int]]:
        """Texts that begin and end alike, by what they have in the middle; empty where that is nothing, or only values."""
        parts = self._pairs.parts(members, PAIRS_WITHIN, FRESH_WITHIN)
        covered = {text for part in parts for text in part}
        if len(parts) < 2 or len(covered) < LEAST_COVERED * len(members):
            return []
        found = [symbols_of(align([self._tokens[text] for text in part[:MOST_COMPARED]])) for part in parts[:2]]
        if is_document(*found):
            return []
        rest = [text for text in members if text not in covered]
        return [*parts, rest] if rest else parts

    def _weak(self, members: Sequence[int], depth: int) -> Iterator[Cluster]:
        """Texts that share a phrase and no template: those that share more, and the rest one by one."""
        parts = self._pairs.parts(members)
        taken = {text for part in parts for text in part}
        for part in parts:
            yield from self._of(part, depth + 1)
        yield from (self._single(text) for text in members if text not in taken)

    def _aligned(self, members: Sequence[int]) -> tuple[Template, list[int]]:
        """The template of some of the texts, and all that fit it; those that don't are taken in, as far as that helps."""
        sample = self._sample(members)
        template, fitting = Template(("",)), list[int]()
        for _ in range(ROUNDS):
            template = align([self._tokens[text] for text in sample])
            read = {text: template.match(self._texts[text]) for text in members}
            fitting = [text for text, values in read.items() if values is not None]
            missed = [text for text, values in read.items() if values is None and text not in sample]
            if not missed:
                break
            sample = [*sample, *missed[:: max(1, len(missed) // MISSES_TAKEN)][:MISSES_TAKEN]]
        texts = [self._texts[text] for text in fitting]
        return with_whole_values(template, texts), fitting

    def _sample(self, members: Sequence[int]) -> list[int]:
        """Short texts, whose values hold the fewest accidents, and some of all lengths."""
        ordered = sorted(members, key=lambda text: (len(self._tokens[text]), text))
        half = MOST_SAMPLES // 2
        rest = ordered[half:]
        chosen = ordered[:half] + rest[:: max(1, -(-len(rest) // half))]
        sample, tokens = list[int](), 0
        for text in chosen:
            tokens += len(self._tokens[text])
            if tokens > MOST_SAMPLE_TOKENS and len(sample) >= 2:
                break
            sample.append(text)
        return sample

    def _is_strong(self, template: Template, fitting: Sequence[int]) -> bool:
        """Whether the texts have so much in common that it was written once."""
        if template.words < (LEAST_WORDS_OF_TWO if len(fitting) < 3 else LEAST_WORDS):
            return False
        shortest = min((len(self._texts[text]) for text in fitting), default=0)
        edges = len(template.constants[0]) + len(template.constants[-1])
        return edges >= LEAST_EDGE_CHARACTERS or template.characters >= LEAST_SHARE * shortest

    def _variants(self, template: Template, fitting: Sequence[int]) -> list[list[int]]:
        values = [template.match(self._texts[text]) or () for text in fitting]
        rows = variants_of(values, [self._weights[text] for text in fitting])
        return [[fitting[row] for row in variant] for variant in rows]
