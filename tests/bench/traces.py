"""Grouping of instructions into templates: how right it is, beside Drain3, and what it costs.

Every kind of made instructions is a set of 394 texts of 30 templates (`traces_made.py`); the groups are made as the server
makes them, batch by batch. Drain3 runs in all its settings on the same texts, and its best mean counts. With `--texts` the
time of so many texts of all kinds together, in one process.
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections.abc import Callable, Sequence
from statistics import fmean

from gleanery.knowledge.grouping.grouper import Grouper
from tests.bench.traces_drain import SETTINGS, drain
from tests.bench.traces_made import HELD_OUT, TUNED, Made, dataset
from tests.bench.traces_score import Score, score

BATCH = 1_000
Scored = dict[str, list[Score]]


def grouped(texts: Sequence[str], batch: int = BATCH) -> tuple[list[str], list[str]]:
    """The group of each text and its template, texts coming in batches."""
    numbers = itertools.count()
    grouper = Grouper([], lambda: f"g{next(numbers)}")
    found = list[str]()
    members: dict[str, set[int]] = {}
    for start in range(0, len(texts), batch):
        some = texts[start : start + batch]
        added = grouper.add(some)
        found += added.assigned
        for number, group_id in enumerate(added.assigned, start):
            members.setdefault(group_id, set()).add(number)
        for old, new in added.gone.items():
            moved = members.pop(old, set())
            members.setdefault(new, set()).update(moved)
            for number in moved:
                found[number] = new
        again = set().union(*(members.pop(group_id, set()) for group_id in added.reread))
        fits = grouper.assign({texts[number] for number in again})
        for number in again:
            found[number] = fits.get(texts[number], found[number])
            members.setdefault(found[number], set()).add(number)
        grouper.recount({group_id: len(some) for group_id, some in members.items()})
    return found, [str(grouper.groups[group_id].template) for group_id in found]


def scored(data: Sequence[Made], run: Callable[[Sequence[str]], tuple[Sequence[object], Sequence[str]]]) -> Score:
    groups, templates = run([one.text for one in data])
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    return score([one.template for one in data], [numbers[group] for group in groups], templates)


def compare(seeds: int, with_drain: bool) -> None:
    for title, kinds in (("tuned on", TUNED), ("held out", HELD_OUT)):
        own: Scored = {}
        theirs: dict[object, Scored] = {setting: {} for setting in SETTINGS if with_drain}
        for name, kind in kinds.items():
            for seed in range(1, seeds + 1):
                data = dataset(kind, seed)
                own.setdefault(name, []).append(scored(data, grouped))
                for setting in SETTINGS if with_drain else ():
                    found = scored(data, lambda texts, setting=setting: drain(texts, setting))  # type: ignore[misc]
                    theirs[setting].setdefault(name, []).append(found)
        print(
            f"\n{title}\n\n| kind | contender | GA | FGA | FTA | PTA | RTA | right texts |\n|---|---|---|---|---|---|---|---|"
        )
        best = max(theirs, key=lambda setting: _mean(theirs[setting], "ga"), default=None)
        for name in kinds:
            print(_row(name, "gleanery", own[name]))
            if best is not None:
                print(_row("", "Drain3", theirs[best][name]))
        print(_row("**all**", "gleanery", list(itertools.chain(*own.values()))))
        if best is not None:
            print(_row("", f"Drain3 ({best})", list(itertools.chain(*theirs[best].values()))))
            at = max(theirs, key=lambda setting: _mean(theirs[setting], "fta"))
            print(
                _row("", f"Drain3, best in templates ({at})", list(itertools.chain(*theirs[at].values()))), flush=True
            )


def _mean(found: Scored, name: str) -> float:
    return fmean(getattr(one, name) for one in itertools.chain(*found.values()))


def _row(kind: str, contender: str, found: Sequence[Score]) -> str:
    names = ("ga", "fga", "fta", "pta", "rta", "ta")
    figures = " | ".join(f"{fmean(getattr(one, name) for one in found):.3f}" for name in names)
    return f"| {kind} | {contender} | {figures} |"


def measure(count: int, batch: int, templates: int = 15) -> None:
    """CPU time of many texts of all kinds, in batches, with what is read anew after splits."""
    kinds = {**TUNED, **HELD_OUT}
    share = count // len(kinds)
    data = [
        one
        for number, kind in enumerate(kinds.values())
        for one in dataset(kind, 100 + number, templates=templates, most=share * 2 // 5)
    ][: count * 2]
    random.Random(1).shuffle(data)
    texts = (
        list(itertools.islice(itertools.cycle([one.text for one in data]), count))
        if len(data) < count
        else [one.text for one in data[:count]]
    )
    began = time.process_time()
    groups, found = grouped(texts, batch)
    seconds = time.process_time() - began
    by_text = {one.text: one.template for one in data}
    numbers = {group: number for number, group in enumerate(dict.fromkeys(groups))}
    result = score([by_text[text] for text in texts], [numbers[group] for group in groups], found)
    words = fmean(len(text.split()) for text in texts[:5000])
    print(
        f"{count:,} texts ({len(set(texts)):,} distinct, {words:.0f} words each), {len(numbers):,} groups of"
        f" {len(set(by_text.values())):,} templates: {seconds:.1f} s CPU, GA {result.ga:.3f}, right texts {result.ta:.3f}",
        flush=True,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5, help="sets of each kind")
    parser.add_argument("--alone", action="store_true", help="without Drain3")
    parser.add_argument("--texts", type=int, nargs="*", default=[], help="measure the time of so many texts instead")
    parser.add_argument("--batch", type=int, default=5_000, help="texts that come at once")
    parser.add_argument("--templates", type=int, default=15, help="templates of each of the kinds, for --texts")
    arguments = parser.parse_args()
    if arguments.texts:
        for count in arguments.texts:
            measure(count, arguments.batch, arguments.templates)
        return
    compare(arguments.seeds, with_drain=not arguments.alone)


if __name__ == "__main__":
    main()
