"""Where texts that begin alike part: into several templates, or into the values of one.

Read from the first token (or, turned round, from the last), texts go along together until they part. Values are all
different there, or short, or they come together again. Templates go on in a few ways, each for some words and for many texts.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from gleanery.knowledge.grouping.tokens import is_word

NEXT = 5
"""So many tokens tell the ways apart."""
LEAST_WORDS = 4
"""Words that a way is constant for, at least; less is a value, and so is what nothing follows."""
MOST_WORDS = 60
"""More, where the ways come together again, is a document that comes in many texts."""
TOGETHER = 3
LEAST_TEXTS = 4
LEAST_SHARE = 0.1
ENOUGH_TEXTS = 24
"""Texts that go one way, where others have values: so many do, or a share of all, or more than would by chance."""
LEAST_COVERED = 0.6
NO_BOUND = 2**31
LEAST_INSIDE = 3
"""Texts of a way, where both ends are alike."""
MOST_COMPARED = 12
AT_END = 2
MOST_OF_VALUES = 0.8
"""Share of the texts in such ways that must come together in one run."""
VALUES = {"0", "{}"}
"""Kinds of tokens that say nothing of the template."""
MOST_ASKED = 40
LEAST_ELSEWHERE = 0.15

Words = list[str]
Run = tuple[str, ...]


@dataclass(frozen=True)
class Part:
    """Texts that begin alike for `words` tokens and then have values."""

    texts: tuple[int, ...]
    words: int


def parts_of(words: Sequence[Words], texts: Sequence[int], most_inside: int = NO_BOUND) -> Iterator[Part]:
    """All of the texts, in parts. `words` are the tokens without white space of every text.

    Where some words are common, more ways than `most_inside` are values: for texts that are alike at their other end too.
    """
    waiting = [list(texts)]
    while waiting:
        here = waiting.pop()
        common = _common([words[text] for text in here])
        ways, run = _ways(words, here, common) if len(here) > 1 else ([], None)
        if ways and most_inside < NO_BOUND and _count(words[here[0]][:common]) >= LEAST_WORDS:
            ways = [way for way in ways if len(way) >= LEAST_INSIDE] if len(ways) <= most_inside else []
        taken = {text for way in ways for text in way}
        rest = [text for text in here if text not in taken]
        for part in _by_run(words, rest, common, run):
            yield Part(tuple(part), common)
        waiting += ways


def _ways(words: Sequence[Words], texts: Sequence[int], common: int) -> tuple[list[list[int]], Run | None]:
    """The ways on that are of templates; the texts of no way have values here. With the run in which most of the ways that
    are values come together."""
    found = defaultdict[Run, list[int]](list)
    for text in texts:
        found[tuple(words[text][common : common + NEXT])].append(text)
    groups = [(way, _words_on([words[text] for text in way], common)) for way in found.values() if len(way) > 1]
    long = [
        (way, on)
        for way, on in groups
        if _count(on) >= LEAST_WORDS and (VALUES & set(on) or any(len(words[text]) > common + len(on) for text in way))
    ]
    is_covered = sum(len(way) for way, _ in long) >= LEAST_COVERED * len(texts)
    least = 2 if is_covered else max(LEAST_TEXTS, min(LEAST_SHARE * len(texts), ENOUGH_TEXTS))
    long = sorted(((way, on) for way, on in long if len(way) >= least), key=lambda one: -len(one[0]))
    kept, runs = list[list[int]](), Counter[Run]()
    for way, on in long:
        run = _run_together(on, [other for _, other in groups if other is not on])
        if run is not None:
            runs[run] += len(way)
        elif not _comes_elsewhere(words, on, set(texts).difference(way), common):
            kept.append(way)
    if len(kept) == 1 and len(kept[0]) == len(texts):
        return [], None
    common_run = max(runs, key=lambda run: runs[run], default=None)
    is_shared = common_run is not None and runs[common_run] >= MOST_OF_VALUES * sum(runs.values())
    return kept, common_run if is_shared else None


def _by_run(words: Sequence[Words], rest: list[int], common: int, run: Run | None) -> Iterator[list[int]]:
    """The texts that have a value here and then go on alike, and those that go on in other ways."""
    if run is None or not rest:
        if rest:
            yield rest
        return
    alike = [text for text in rest if _has(words[text], run, common)]
    others = sorted(set(rest) - set(alike))
    if len(others) < LEAST_TEXTS:
        yield rest
        return
    yield alike
    yield others


def _has(words: Words, run: Run, start: int) -> bool:
    at = start
    while True:
        try:
            at = words.index(run[0], at)
        except ValueError:
            return False
        if tuple(words[at : at + len(run)]) == run:
            return True
        at += 1


def _run_together(on: Words, others: Sequence[Words]) -> Run | None:
    """The run in which another way goes on alike, after what is a value by its length in one of them."""
    ordered = sorted(others, key=len)
    for other in ordered[-MOST_COMPARED:] + ordered[:-MOST_COMPARED][:MOST_COMPARED]:
        for meeting, most in ((_same_end, MOST_WORDS), (_meeting, NO_BOUND)):
            own, its, run = meeting(on, other)
            if own and its and (min(own, its) < LEAST_WORDS or own > most):
                return run
    return None


def _same_end(on: Words, other: Words) -> tuple[int, int, Run]:
    """How many words of each come before the end that both have, and how that begins; 0 where there is none."""
    same = 0
    while same < min(len(on), len(other)) and on[-1 - same] == other[-1 - same]:
        same += 1
    end = on[len(on) - same :]
    runs = (tuple(end[at : at + AT_END]) for at in range(same - AT_END + 1))
    run = next((run for run in runs if not VALUES & set(run) and any(map(is_word, run))), None)
    if run is None:
        return 0, 0, ()
    return _count(on[: len(on) - same]), _count(other[: len(other) - same]), run


def _comes_elsewhere(words: Sequence[Words], on: Words, others: Collection[int], start: int) -> bool:
    """Whether the way begins as the other texts go on at times: with a piece of a value that is made of few."""
    run = tuple(on[:LEAST_WORDS])
    asked = sorted(others)[:: max(1, len(others) // MOST_ASKED)]
    return sum(_has(words[text], run, start) for text in asked) > LEAST_ELSEWHERE * len(asked)


def _meeting(on: Words, other: Words) -> tuple[int, int, Run]:
    """How many words of each come before the first run that both have, and that; 0 where there is none, or nothing before."""
    places = {tuple(other[at : at + TOGETHER]): at for at in reversed(range(len(other) - TOGETHER + 1))}
    for at in range(len(on) - TOGETHER + 1):
        run = tuple(on[at : at + TOGETHER])
        if (there := places.get(run)) is not None and not VALUES & set(run):
            return _count(on[:at]), _count(other[:there]), run
    return 0, 0, ()


def _words_on(texts: Sequence[Words], common: int) -> Words:
    """What these texts have in common after that."""
    return texts[0][common : common + _common([words[common:] for words in texts])]


def _common(texts: Sequence[Words]) -> int:
    """How many tokens all begin with: as many as the first and the last in order do."""
    first, last = min(texts), max(texts)
    for at, (left, right) in enumerate(zip(first, last, strict=False)):
        if left != right:
            return at
    return min(len(first), len(last))


def _count(tokens: Words) -> int:
    return sum(map(is_word, tokens))
