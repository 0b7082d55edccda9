"""The list of tasks under load, as the browser feels it: 200 tasks, each of which writes ten lines a second to its log.

The page shows the list, and all 200 logs come to it beside that, over a line of their own: more than any screen asks for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aiohttp
from playwright.async_api import BrowserContext, Page

from tests.e2e.server_process import ServerProcess
from tests.ui.driving import received

TASKS = 200
LINES = 5
STEP_SECONDS = 0.4
"""Less than half a second, since writing takes its time too: ten lines a second and a few more."""

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

# Engine.IO and Socket.IO by hand: 0 opens, 2 is a ping, 40 connects, 42 is an event, 43 the answer to one.
_FOLLOW = r"""ids => new Promise(followed => {
    const logs = window.__logs = {}, early = [];
    const take = ({ progressId, prevSeq, events }) => {
        const log = logs[progressId];
        if (prevSeq > log.last) log.broken += 1;
        for (const { seq } of events) {
            if (seq <= log.last) continue;
            if (seq !== log.last + 1) log.broken += 1;
            log.last = seq;
            log.heard += 1;
        }
    };
    const answered = ({ progressId, firstSeq, lastSeq, events }) => {
        logs[progressId] = { first: firstSeq, last: lastSeq, heard: events.length, broken: 0 };
        if (Object.keys(logs).length < ids.length) return;
        early.splice(0).forEach(take);
        followed();
    };
    const line = new WebSocket(`${location.origin.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`);
    line.onmessage = ({ data }) => {
        const [kind] = /^\d\d?/.exec(data), body = () => JSON.parse(data.replace(/^\d+/, ''));
        if (kind.startsWith('0')) line.send('40');
        if (kind === '2') line.send('3');
        if (kind === '40') ids.forEach((id, at) => line.send(`42${at}["subscribe_to_progress",{"progressId":"${id}"}]`));
        if (kind === '43') answered(body()[0]);
        if (kind === '42') Object.keys(logs).length < ids.length ? early.push(body()[1]) : take(body()[1]);
    };
})"""


@dataclass(frozen=True, slots=True)
class Log:
    """The log of a task, as it came to the page: from `first` to `last`, so many lines, so many of them out of place."""

    first: int
    last: int
    heard: int
    broken: int


@dataclass(frozen=True, slots=True)
class Load:
    """What came and what it cost."""

    seconds: float
    events: int
    """Events that the server wrote."""
    heard: int
    """Events that came to the page."""
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
    payload = {"steps": 100_000, "seconds": STEP_SECONDS, "lines": LINES}
    async with aiohttp.ClientSession(server.url) as session:

        async def add(number: int) -> str:
            body = {"task_type": "test", "payload": payload, "title": f"Task {number}"}
            async with session.post("/api/v1/tasks", json=body) as reply:
                assert reply.status == 202, await reply.text()
                return str((await reply.json())["task_id"])

        return [await add(number) for number in range(TASKS)]


async def open_list(page: Page, server: ServerProcess, task_ids: Sequence[str]) -> None:
    """Shows the list and follows the logs of all tasks in the same page."""
    await page.goto(f"{server.url}/activity")
    await page.get_by_test_id("task-row").nth(TASKS - 1).wait_for(state="attached")
    await page.locator("[data-status=running]").nth(TASKS - 1).wait_for(state="attached", timeout=60_000)
    await page.evaluate(_FOLLOW, list(task_ids))


async def measure(context: BrowserContext, page: Page, server: ServerProcess, seconds: float) -> Load:
    """Watches the open list for so long."""
    task_ids = await start_tasks(server)
    frames = received(page)
    await open_list(page, server, task_ids)
    devtools = await context.new_cdp_session(page)
    await devtools.send("Performance.enable")
    await page.evaluate(_WATCH)
    frames.clear()
    loop = asyncio.get_running_loop()
    began, before, wrote, had = loop.time(), await _metrics(devtools), await _events(server), await _heard(page)
    await asyncio.sleep(seconds)
    lasted, after, written = loop.time() - began, await _metrics(devtools), await _events(server)
    came, has = list(frames), await _heard(page)
    seen: Any = await page.evaluate(_READ)
    await devtools.send("HeapProfiler.collectGarbage")
    heap = (await _metrics(devtools))["JSHeapUsedSize"]
    deltas = sorted(seen["frames"])
    return Load(
        seconds=lasted,
        events=written - wrote,
        heard=has - had,
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


async def logs(page: Page) -> dict[str, Log]:
    """The logs of all tasks, by task."""
    found: dict[str, dict[str, int]] = await page.evaluate("window.__logs")
    return {task_id: Log(**log) for task_id, log in found.items()}


async def cancel_all(server: ServerProcess) -> None:
    """Asks all that run to stop."""
    async with aiohttp.ClientSession(server.url) as session, session.post("/api/v1/tasks/cancel", json={}) as reply:
        assert reply.status == 200, await reply.text()


async def last_seqs(server: ServerProcess) -> dict[str, int]:
    """The number of the last line of each log, by task."""
    tasks: Any = (await server.get(f"/api/v1/tasks?limit={TASKS}"))["items"]
    return {task["task_id"]: task["last_seq"] for task in tasks}


async def _metrics(devtools: Any) -> dict[str, float]:
    reply = await devtools.send("Performance.getMetrics")
    return {metric["name"]: metric["value"] for metric in reply["metrics"]}


async def _heard(page: Page) -> int:
    return sum(log.heard for log in (await logs(page)).values())


async def _events(server: ServerProcess) -> int:
    return sum((await last_seqs(server)).values())
