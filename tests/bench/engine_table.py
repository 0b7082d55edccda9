"""The table of the engine benchmark: figures of all contenders, how they compare with gleanery's, and what is met."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

OWN = "gleanery"


@dataclass(frozen=True)
class Measure:
    """One row: the `key` of a figure and what it is. Of a rate more is better, of a time less."""

    key: str
    title: str
    is_rate: bool = False
    is_compared: bool = True

    def times_better(self, own: float, other: float) -> float:
        """How many times better gleanery is; below 1 it is worse."""
        return own / other if self.is_rate else other / own

    def show(self, value: float) -> str:
        return f"{value:,.0f}" if self.is_rate else f"{value:.2f}"


def markdown(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table that is aligned as plain text too."""
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        first, *others = zip(cells, widths, strict=True)
        padded = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in others)]
        return f"| {' | '.join(padded)} |"

    return "\n".join([line(head), f"|{'|'.join('-' * (width + 2) for width in widths)}|", *map(line, rows)])


def verdicts(measures: Sequence[Measure], figures: Mapping[str, Mapping[str, float]]) -> tuple[str, bool]:
    """The table, a line for each comparison that gleanery loses or wins, and whether it wins all."""
    own = figures[OWN]
    others = [name for name in figures if name != OWN]
    shown = [measure for measure in measures if measure.key in own]
    rows, lost, won = list[list[str]](), list[str](), 0
    for measure in shown:
        cells = [measure.title, measure.show(own[measure.key])]
        for name in others:
            cells.append(measure.show(figures[name][measure.key]))
            if not measure.is_compared:
                cells.append("")
                continue
            times = measure.times_better(own[measure.key], figures[name][measure.key])
            cells.append(f"{times:.1f}" if times >= 1 else f"**{times:.2f}**")
            won += times > 1
            if times <= 1:
                lost.append(f"NOT MET: ahead of {name} in {measure.key}: {1 / times:.1f} times behind")
        rows.append(cells)
    head = ["", OWN, *(cell for name in others for cell in (name, "gleanery ×"))]
    told = [f"met: ahead in {won} of {won + len(lost)} comparisons", *lost]
    return "\n".join([markdown(head, rows), "", *told]), not lost
