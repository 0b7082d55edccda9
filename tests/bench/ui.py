"""What 200 tasks, each writing ten lines a second to its log, cost a browser that shows their list and hears all the lines.

    python -m tests.bench ui [--seconds S]

A real server runs all tasks at once, a headless Chromium shows `/activity`. The frames' time is that between two calls of
requestAnimationFrame, the main thread's share is the browser's own count (TaskDuration), the heap is taken after a garbage
collection. Exit code 1 when a bound is missed: 34 ms a frame (p95), 25 % of the main thread, 40 MB of heap, 2,000 lines a second.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import sys
import tempfile
from pathlib import Path

from playwright.async_api import async_playwright

from tests.e2e.server_process import ServerProcess
from tests.ui.load import TASKS, Load, measure
from tools.ground import browser as ground_browser

FRAME_MS, MAIN_THREAD_PERCENT, HEAP_MB, EVENTS_PER_SECOND = 34, 25, 40, 2_000


async def _run(seconds: float) -> Load:
    executable = ground_browser.find(os.environ)
    if executable is None:
        raise SystemExit("no browser: `make browser` installs one")
    with tempfile.TemporaryDirectory() as folder:
        server = ServerProcess(Path(folder), GLEANERY_WORKER_CONCURRENCY=str(TASKS))
        await server.start()
        try:
            async with async_playwright() as playwright:
                sandbox = [] if os.getuid() else ["--no-sandbox"]
                browser = await playwright.chromium.launch(executable_path=executable, args=["--disable-gpu", *sandbox])
                context = await browser.new_context(viewport={"width": 1280, "height": 860})
                load = await measure(context, await context.new_page(), server, seconds)
                await browser.close()
                return load
        finally:
            await server.stop()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=15.0)
    load = asyncio.run(_run(parser.parse_args().seconds))
    print(f"events of {TASKS} tasks      {load.events / load.seconds:8.0f} /s   (at least {EVENTS_PER_SECOND})")
    print(f"events come to the page  {load.heard / load.seconds:8.0f} /s   (at least {EVENTS_PER_SECOND})")
    print(
        f"messages to the page     {load.messages / load.seconds:8.1f} /s, {load.message_bytes / load.seconds / 1e3:.0f} KB/s"
    )
    print(f"frame p95                {load.frame_p95_ms:8.1f} ms   (at most {FRAME_MS})")
    print(f"main thread              {load.main_thread_percent:8.1f} %    (at most {MAIN_THREAD_PERCENT})")
    print(f"heap                     {load.heap_mb:8.1f} MB   (at most {HEAP_MB})")
    print(f"rows drawn, in view      {load.near_rows_drawn / load.seconds:8.1f} /s")
    print(f"rows drawn, out of sight {load.far_rows_drawn / load.seconds:8.1f} /s")
    print(f"DOM nodes                {load.nodes:8}")
    is_light = (
        load.frame_p95_ms <= FRAME_MS and load.main_thread_percent <= MAIN_THREAD_PERCENT and load.heap_mb <= HEAP_MB
    )
    is_loaded = min(load.events, load.heard) / load.seconds >= EVENTS_PER_SECOND
    return 0 if is_light and is_loaded else 1


if __name__ == "__main__":
    sys.exit(main())
