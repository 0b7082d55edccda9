"""The list of tasks under load, as the browser feels it: 200 tasks of which each tells of ten steps a second."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Any

import aiohttp
from playwright.async_api import BrowserContext, Page

from tests.e2e.server_process import ServerProcess
from tests.ui.driving import received

TASKS = 200
STEP_SECONDS = 0.1

_WATCH = """() => {
    const far = row => { const box = row.getBoundingClientRect(); return box.top > innerHeight + 250 || box.bottom < -250; };
    const seen = window.__load = { frames: [], near: 0, far: 0, isOn: true };
    let last = performance.now();
    const frame = now => { seen.frames.push(now - last); last = now; if (seen.isOn) requestAnimationFrame(frame); };
    requestAnimationFrame(frame);
    new MutationObserver(changes => {
        const rows = new Set();
        for (const { target } of changes) {
            const row = (target.nodeType === 1 ? target : target.parentElement)?.closest('[data-task-id]');
            if (row) rows.add(row);
        }
        for (const row of rows) far(row) ? seen.far += 1 : seen.near += 1;
    }).observe(document.querySelector('main'), { subtree: true, childList: true, characterData: true, attributes: true });
}"""
_READ = (
    "() => { window.__load.isOn = false; return { ...window.__load, nodes: document.querySelectorAll('*').length } }"
)


@dataclass(frozen=True, slots=True)
class Load:
    """What came and what it cost."""

    seconds: float
    events: int
    """Events that the server wrote."""
    messages: int
    message_bytes: int
    frame_p95_ms: float
    main_thread_percent: float
    heap_mb: float
    """After a garbage collection."""
    near_rows_drawn: int
    """How often a row in view changed in the document."""
    far_rows_drawn: int
    nodes: int


async def start_tasks(server: ServerProcess) -> list[str]:
    """All of them run at once: the server must have as many places."""
    body = {"task_type": "test", "payload": {"steps": 100_000, "seconds": STEP_SECONDS}}
    async with aiohttp.ClientSession(server.url) as session:

        async def add(number: int) -> str:
            async with session.post("/api/v1/tasks", json={**body, "title": f"Task {number}"}) as reply:
                assert reply.status == 202, await reply.text()
                return str((await reply.json())["task_id"])

        return [await add(number) for number in range(TASKS)]


async def measure(context: BrowserContext, page: Page, server: ServerProcess, seconds: float) -> Load:
    """Opens the list and watches it for so long."""
    frames = received(page)
    await page.goto(f"{server.url}/activity")
    await page.get_by_test_id("task-row").nth(TASKS - 1).wait_for(state="attached")
    await page.locator("[data-status=running]").nth(TASKS - 1).wait_for(state="attached", timeout=60_000)
    devtools = await context.new_cdp_session(page)
    await devtools.send("Performance.enable")
    await page.evaluate(_WATCH)
    frames.clear()
    loop = asyncio.get_running_loop()
    began, before, wrote = loop.time(), await _metrics(devtools), await _events(server)
    await asyncio.sleep(seconds)
    lasted, after, written = loop.time() - began, await _metrics(devtools), await _events(server)
    came = list(frames)
    seen: Any = await page.evaluate(_READ)
    await devtools.send("HeapProfiler.collectGarbage")
    heap = (await _metrics(devtools))["JSHeapUsedSize"]
    deltas = sorted(seen["frames"])
    return Load(
        seconds=lasted,
        events=written - wrote,
        messages=len(came),
        message_bytes=sum(map(len, came)),
        frame_p95_ms=deltas[int(len(deltas) * 0.95)],
        main_thread_percent=100
        * (after["TaskDuration"] - before["TaskDuration"])
        / (after["Timestamp"] - before["Timestamp"]),
        heap_mb=heap / 1e6,
        near_rows_drawn=seen["near"],
        far_rows_drawn=seen["far"],
        nodes=seen["nodes"],
    )


async def _metrics(devtools: Any) -> dict[str, float]:
    reply = await devtools.send("Performance.getMetrics")
    return {metric["name"]: metric["value"] for metric in reply["metrics"]}


async def _events(server: ServerProcess) -> int:
    tasks: Any = (await server.get(f"/api/v1/tasks?limit={TASKS}"))["items"]
    return sum(task["last_seq"] for task in tasks)
