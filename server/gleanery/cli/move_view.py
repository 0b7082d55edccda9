"""How far a move is: as two bars on a terminal, as lines elsewhere, and nothing for scripts."""

from __future__ import annotations

import contextlib
import time
from argparse import Namespace
from contextlib import AbstractContextManager

from rich.console import Console
from rich.live import Live

from gleanery.api.task_shapes import ProgressShape, StageShape
from gleanery.cli.bars import Picture, draw
from gleanery.cli.watch import is_live_terminal
from gleanery.model import TaskStatus
from gleanery.store.moving.ends import Listener, Step

_DRAW_SECONDS = 0.15


def view(args: Namespace, title: str) -> AbstractContextManager[Listener]:
    if args.json:
        return contextlib.nullcontext(Silent())
    return _Bars(title) if is_live_terminal() else contextlib.nullcontext(_Lines())


class Silent:
    """Says nothing."""

    def begin(self, rows: int) -> None:
        pass

    def done(self, step: Step, table: str, rows: int) -> None:
        pass


class _Lines:
    """A line for each step with a table."""

    def __init__(self) -> None:
        self._now: tuple[Step, str] | None = None
        self._rows = 0

    def begin(self, rows: int) -> None:
        print(f"Moving {rows} rows.", flush=True)

    def done(self, step: Step, table: str, rows: int) -> None:
        if self._now != (step, table):
            self._print()
            self._now, self._rows = (step, table), 0
        self._rows += rows

    def _print(self) -> None:
        match self._now:
            case None:
                return
            case Step.INDEXED, _:
                print("indexes made", flush=True)
            case step, table if self._rows:
                print(f"{step} {table}: {self._rows} rows", flush=True)


class _Bars:
    """The same as two bars, with the table at which it is."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._live = Live(console=Console(highlight=False, markup=False, emoji=False), auto_refresh=False)
        self._total = 0
        self._done = dict.fromkeys(Step, 0)
        self._began = self._drawn = time.monotonic()
        self._at = ""

    def __enter__(self) -> _Bars:
        self._live.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._draw()
        self._live.stop()

    def begin(self, rows: int) -> None:
        self._total = rows
        self._began = time.monotonic()

    def done(self, step: Step, table: str, rows: int) -> None:
        self._done[step] += rows
        at = "indexes" if step is Step.INDEXED else f"{step} {table}"
        if time.monotonic() - self._drawn > _DRAW_SECONDS or step is Step.INDEXED:
            self._at = at
            self._draw()

    def _draw(self) -> None:
        self._drawn = time.monotonic()
        whole = self._done[Step.COMPARED] == self._total
        done = self._done[Step.COPIED] + self._done[Step.COMPARED]
        stages = {
            str(step): StageShape(done=self._done[step], total=self._total) for step in (Step.COPIED, Step.COMPARED)
        }
        rate = done / max(0.001, self._drawn - self._began)
        progress = ProgressShape(
            percentage=100 * done / max(1, 2 * self._total),
            stage=self._at,
            stages=stages,
            message="",
            eta_seconds=(2 * self._total - done) / rate if rate and not whole else None,
            rate_per_second=rate,
            current_url=None if whole else self._at,
            failed=0,
            skipped=0,
        )
        status = TaskStatus.COMPLETED if whole else TaskStatus.RUNNING
        self._live.update(draw(Picture(self._title, status, progress)), refresh=True)
