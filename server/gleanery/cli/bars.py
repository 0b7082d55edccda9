"""A task as live bars in the terminal: one for each stage, with rate, time left, current URL and the last problems.

Everything that came from the web is a rich Text of cleaned characters: neither escape sequences nor markup are obeyed.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from gleanery.api import task_shapes
from gleanery.cli.client import Update
from gleanery.cli.safe_text import one_line
from gleanery.model import EventType, TaskStatus

_DRAW_SECONDS = 0.15
_BAR_WIDTH = 32
_PROBLEMS = 3
_LOGGED: Mapping[str, str] = {
    EventType.SITE_SURVEYED: "cyan",
    EventType.RENDERING_CHOSEN: "cyan",
    EventType.PAGE_FAILED: "red",
    EventType.WARNING_RAISED: "red",
    EventType.TASK_FAILED: "red",
    EventType.TASK_RETRY_SCHEDULED: "red",
    EventType.TASK_RESUMED: "red",
}
"""What stays to be read above the bars, and how it is coloured."""
STATUS_STYLES = {
    TaskStatus.QUEUED: "yellow",
    TaskStatus.RUNNING: "cyan",
    TaskStatus.PAUSED: "yellow",
    TaskStatus.COMPLETED: "green",
    TaskStatus.FAILED: "red",
    TaskStatus.CANCELLED: "magenta",
}


@dataclass(frozen=True)
class Picture:
    """What the bars show."""

    title: str
    status: TaskStatus
    progress: task_shapes.ProgressShape
    problems: Sequence[str] = ()
    is_connected: bool = True


def draw(picture: Picture) -> RenderableType:
    """The picture as lines: title, bars, rate and time left, current URL, problems."""
    progress = picture.progress
    head = Text(f"{picture.status} ", style=f"bold {STATUS_STYLES[picture.status]}").append(
        one_line(picture.title), style="bold"
    )
    lines: list[RenderableType] = [_cut(head), _cut(Text(_pace(progress), style="dim"))]
    if progress.stages:
        lines.insert(1, _stages(progress))
    if progress.current_url and not picture.status.is_final:
        lines.append(_cut(Text("→ " + one_line(progress.current_url), style="cyan")))
    lines.extend(_cut(Text("! " + one_line(problem), style="yellow")) for problem in picture.problems)
    if not picture.is_connected:
        lines.append(Text("reconnecting…", style="bold yellow"))
    return Group(*lines)


def _stages(progress: task_shapes.ProgressShape) -> Table:
    """A row each: a bar where the total is known, else just the count."""
    table = Table.grid(padding=(0, 1))
    for name, stage in progress.stages.items():
        bar = Text("") if stage.total is None else _bar(stage.done, stage.total)
        count = f"{stage.done}" if stage.total is None else f"{stage.done} / {stage.total}"
        table.add_row(Text(one_line(name)), bar, Text(count))
    return table


def _bar(done: int, total: int) -> ProgressBar:
    bar = ProgressBar(total=max(1, total), completed=done, width=_BAR_WIDTH)
    # The theme's own colours are lost on terminals with 16 colours.
    bar.style, bar.complete_style, bar.finished_style = "bright_black", "cyan", "green"
    return bar


def _pace(progress: task_shapes.ProgressShape) -> str:
    parts = [f"{progress.percentage:.0f} %"]
    if progress.rate_per_second is not None:
        parts.append(f"{progress.rate_per_second:.1f}/s")
    if progress.eta_seconds is not None:
        parts.append(f"{duration(progress.eta_seconds)} left")
    parts.extend(
        f"{count} {word}" for count, word in ((progress.failed, "failed"), (progress.skipped, "skipped")) if count
    )
    return " · ".join(parts)


def _cut(text: Text) -> Text:
    text.no_wrap, text.overflow = True, "ellipsis"
    return text


def duration(seconds: float) -> str:
    """`seconds` for people: `8 s`, `3 min 20 s`, `2 h 05 min`."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


class Bars:
    """The `View` of a terminal. Use it as an async context manager: it draws while it is open."""

    def __init__(self, title: str, console: Console | None = None) -> None:
        self._console = console or Console(highlight=False, markup=False, emoji=False)
        self._live = Live(console=self._console, auto_refresh=False)
        self._title = title
        self._picture: Picture | None = None
        self._problems: deque[str] = deque(maxlen=_PROBLEMS)
        self._is_connected = True
        self._drawing: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Bars:
        self._live.start()
        self._drawing = asyncio.create_task(self._draw_forever())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._drawing is not None:
            self._drawing.cancel()
            await asyncio.gather(self._drawing, return_exceptions=True)
        self._draw()
        self._live.stop()

    def update(self, update: Update) -> None:
        for event in update.events:
            line = one_line(event.message)
            if style := _LOGGED.get(event.type):
                self._live.console.print(Text(f"{event.at.astimezone():%H:%M:%S} {line}", style=style), soft_wrap=True)
            if event.type in (EventType.PAGE_FAILED, EventType.PAGE_RETRY_SCHEDULED, EventType.WARNING_RAISED):
                self._problems.append(line)
        self._show(update.status, update.progress)

    def dropped(self) -> None:
        self._is_connected = False

    def restored(self) -> None:
        self._is_connected = True

    def ended(self, task: task_shapes.TaskShape) -> None:
        self._problems.clear()  # they stand above, and in the summary
        self._is_connected = True
        self._show(task.status, task.progress)

    def _show(self, status: TaskStatus, progress: task_shapes.ProgressShape) -> None:
        self._picture = Picture(self._title, status, progress)

    async def _draw_forever(self) -> None:
        while True:
            self._draw()
            await asyncio.sleep(_DRAW_SECONDS)

    def _draw(self) -> None:
        waiting = Text("reconnecting…" if not self._is_connected else "connecting…")
        shown = self._picture
        if shown is not None:
            shown = Picture(shown.title, shown.status, shown.progress, tuple(self._problems), self._is_connected)
        self._live.update(waiting if shown is None else draw(shown), refresh=True)
