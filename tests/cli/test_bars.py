"""The picture of a running task, and the command on a real terminal."""

from __future__ import annotations

import asyncio
import os
import pty
import re
from io import StringIO
from pathlib import Path

from rich.console import Console

from gleanery.api import task_shapes
from gleanery.cli.bars import Bars, Picture, draw, duration
from gleanery.cli.client import Update
from gleanery.model import TaskStatus
from tests.cli.command import run, started
from tests.cli.scripted import AT, shape
from tests.sites import Site


def drawn(picture: Picture) -> list[str]:
    out = StringIO()
    Console(file=out, width=60, highlight=False).print(draw(picture))
    return [line.rstrip() for line in out.getvalue().splitlines()]


def progress(**fields: object) -> task_shapes.ProgressShape:
    return shape().progress.model_copy(update=fields)


def test_known_totals_are_bars_and_unknown_ones_are_counts() -> None:
    stages = {
        "discovered": task_shapes.StageShape(done=12, total=None),
        "stored": task_shapes.StageShape(done=5, total=10),
    }
    lines = drawn(
        Picture(
            "https://example.org/",
            TaskStatus.RUNNING,
            progress(
                stages=stages, rate_per_second=2.5, eta_seconds=200.0, failed=1, current_url="https://example.org/a"
            ),
        )
    )
    assert lines == [
        "running https://example.org/",
        "discovered                                  12",
        "stored     " + "━" * 16 + " " * 17 + "5 / 10",
        "40 % · 2.5/s · 3 min 20 s left · 1 failed",
        "→ https://example.org/a",
    ]


def test_neither_markup_nor_escapes_of_a_page_are_obeyed() -> None:
    picture = Picture(
        "[red]t[/red]\x1b[2J", TaskStatus.RUNNING, progress(stages={}), ["[link=x]a\u202eb"], is_connected=False
    )
    assert drawn(picture) == ["running [red]t[/red]␛[2J", "40 %", "! [link=x]a<U+202E>b", "reconnecting…"]


def test_what_was_chosen_stays_above_the_bars() -> None:
    out = StringIO()
    bars = Bars("t", Console(file=out, width=60, highlight=False))
    told = [
        task_shapes.EventShape(seq=seq, at=AT, type=kind, message=f"{kind} said", data={})
        for seq, kind in enumerate(["page_stored", "site_surveyed", "rendering_chosen", "page_skipped"], 1)
    ]
    bars.update(Update(0, 4, told, TaskStatus.RUNNING, progress()))
    assert [line.partition(" ")[2] for line in out.getvalue().splitlines()] == [
        "site_surveyed said",
        "rendering_chosen said",
    ]


def test_durations() -> None:
    assert [duration(n) for n in (0.4, 59, 60, 3599, 3600, 7500)] == [
        "0 s",
        "59 s",
        "1 min 00 s",
        "59 min 59 s",
        "1 h 00 min",
        "2 h 05 min",
    ]


async def on_terminal(env: dict[str, str], *args: str) -> tuple[int, str]:
    """Exit code and output of the command with a terminal as its standard output."""
    ours, theirs = pty.openpty()
    try:
        async with started(env | {"COLUMNS": "100"}, *args, stdout=theirs) as process:
            os.close(theirs)
            output, _ = await asyncio.gather(asyncio.to_thread(_read_all, ours), asyncio.wait_for(process.wait(), 60))
            assert process.returncode is not None
            return process.returncode, output
    finally:
        os.close(ours)


def _read_all(terminal: int) -> str:
    parts: list[bytes] = []
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # EIO: nobody holds the other side any more
            part = b""
        if not part:
            return b"".join(parts).decode()
        parts.append(part)


async def test_a_terminal_sees_bars_failures_and_the_summary(
    env: dict[str, str], site: Site, site_dir: Path, server: str
) -> None:
    (site_dir / "turning.html").unlink()
    code, output = await on_terminal(env, "crawl", site.url)
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", output)
    assert code == 3
    assert re.search(r"\d\d:\d\d:\d\d http_404 /turning.html · The site answered 404 Not Found\.", plain)
    assert re.search(r"stored +━+ 1 / 1", plain)
    assert "Completed: 1 pages, 1 chunks, 0 code examples, 1 failed in " in plain
    assert output.rfind("\x1b[?25h") > output.rfind("\x1b[?25l")  # the cursor is back


async def test_a_list_on_a_terminal_keeps_ids_whole(env: dict[str, str], site: Site, server: str) -> None:
    task_id = (await run(env, "crawl", site.url, "--json", "--quiet")).json_lines[0]["task"]["task_id"]
    code, output = await on_terminal(env, "tasks")
    assert code == 0
    assert f"{task_id}  completed  100 %  crawl  " in output
