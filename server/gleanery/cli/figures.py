"""`gleanery tasks stats` for people: bars by state, and a table by type with times."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.text import Text

from gleanery.api import task_shapes
from gleanery.cli.bars import STATUS_STYLES, duration
from gleanery.cli.safe_text import one_line
from gleanery.model import TaskStatus

BAR_WIDTH = 32
_NONE = "-"


def lines(stats: task_shapes.TaskStatsShape) -> list[Text]:
    """The whole picture; `plain` of each line is what goes to a file."""
    return [_head(stats), *_states(stats.by_status), Text(_window(stats)), *_table(stats)]


def _head(stats: task_shapes.TaskStatsShape) -> Text:
    said = f"{sum(stats.by_status.values())} tasks, {stats.due} due now"
    if stats.oldest_due_seconds is not None:
        said += f", the oldest for {duration(stats.oldest_due_seconds)}"
    return Text(said, style="bold")


def _states(counts: Mapping[str, int]) -> list[Text]:
    most = max([1, *counts.values()])
    made = []
    for status in TaskStatus:
        count = counts.get(status, 0)
        bar = "█" * (-(-count * BAR_WIDTH // most))
        made.append(Text(f"  {status:<10} ").append(f"{bar:<{BAR_WIDTH}}", STATUS_STYLES[status]).append(f" {count}"))
    return made


def _window(stats: task_shapes.TaskStatsShape) -> str:
    ended = sum(stats.ended.values())
    return (
        f"within {duration(stats.window_seconds)}: {ended} ended ({stats.throughput_per_second:g}/s), {stats.retries}"
        f" retries, {stats.coalesced} coalesced; {stats.skipped} ticks of schedules passed over"
    )


def _table(stats: task_shapes.TaskStatsShape) -> list[Text]:
    states = [str(status) for status in TaskStatus]
    rows = [["type", *states, "waited p50/p95", "ran p50/p95"]]
    for name, counts in sorted(stats.by_type.items()):
        rows.append(
            [
                one_line(name),
                *(str(counts.get(state, 0)) for state in states),
                _spread(stats.waiting_by_type.get(name)),
                _spread(stats.running_by_type.get(name)),
            ]
        )
    return _aligned(rows) if len(rows) > 1 else []


def _spread(spread: task_shapes.SpreadShape | None) -> str:
    if spread is None or spread.p50 is None or spread.p95 is None:
        return _NONE
    return f"{_short(spread.p50)}/{_short(spread.p95)}"


def _short(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else duration(seconds)


def _aligned(rows: Sequence[Sequence[str]]) -> list[Text]:
    """Names to the left, figures to the right; the first row is the head."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    made = []
    for number, row in enumerate(rows):
        first, *rest = zip(row, widths, strict=True)
        cells = [first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)]
        made.append(Text("  ".join(cells), style="" if number else "dim"))
    return made
