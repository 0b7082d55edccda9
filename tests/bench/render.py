"""Measures rendering: gleanery's browser and crawl4ai's `arun_many` on the pages of one app, with the same Chromium.

    python -m tests.bench render [--pages N] [--only NAME ...]

The app is served by this process; each contender runs in its own, one after the other, four pages at a time, the first
four not counted. A page counts when all of its sections are there: gleanery finds out by itself when it has come to
rest, crawl4ai is told what to wait for. CPU is that of the whole tree: Python, Playwright's driver, Chromium.

    gleanery        plain rendering, on tabs that are reused
    gleanery-wait   with a selector to wait for, so through crawl4ai on our Chromium
    crawl4ai-html   arun_many, HTML only (prefetch)
    crawl4ai        arun_many as it comes, with Markdown
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from tests.sites.apps import app_site

CONTENDERS = ("gleanery", "gleanery-wait", "crawl4ai-html", "crawl4ai")
HEADER = (
    f"{'':14} {'complete':>9} {'pages/s':>8} {'CPU ms':>7} {'python':>7} {'driver':>7} {'chromium':>8} {'lag p99':>8}"
)


def line(name: str, row: Mapping[str, Any]) -> str:
    """A row of the table: CPU in ms for one page, the loop's lag in ms."""
    cpu = {kind: 1000 * seconds / row["pages"] for kind, seconds in row["cpu"].items()}
    return (
        f"{name:14} {row['complete']:4}/{row['pages']:<4} {row['pages'] / row['seconds']:8.1f} {sum(cpu.values()):7.0f} "
        f"{cpu['python']:7.0f} {cpu['driver']:7.0f} {cpu['chromium']:8.0f} {row['lag']['p99']:8.1f}"
    )


async def run(name: str, pages: int) -> Mapping[str, Any]:
    async with app_site() as site:
        urls = [f"{site.url}/app/{n}" for n in range(pages + 4)]
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.bench.render_child", name, *urls, stdout=subprocess.PIPE
        )
        out, _ = await child.communicate()
        if child.returncode:
            raise SystemExit(f"{name} ended with {child.returncode}")
        row: Mapping[str, Any] = json.loads(out.splitlines()[-1])
        return row


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench render", description=__doc__.partition("\n")[0])
    parser.add_argument("--pages", type=int, default=60)
    parser.add_argument("--only", nargs="+", choices=CONTENDERS, default=CONTENDERS, metavar="NAME")
    asked = parser.parse_args(arguments)
    print(HEADER)
    for name in asked.only:
        print(line(name, asyncio.run(run(name, asked.pages))), flush=True)


if __name__ == "__main__":
    main()
