"""`gleanery crawl` as a process, against real sites and real servers: what it prints and how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.cli.command import environment, run, started
from tests.cli.conftest import page
from tests.sites import Site
from tests.sites import run as run_site


@asynccontextmanager
async def endless_site() -> AsyncIterator[tuple[str, asyncio.Event]]:
    """A start page that links to one that never answers; the event tells that it was asked for."""
    asked, never = asyncio.Event(), asyncio.Event()

    async def start(_: web.Request) -> web.Response:
        return web.Response(
            text=page("Start", '<p>Long enough to be read.</p><a href="/slow">slow</a>'), content_type="text/html"
        )

    async def slow(_: web.Request) -> web.Response:
        asked.set()
        await never.wait()
        return web.Response()

    app = web.Application()
    app.add_routes([web.get("/", start), web.get("/slow", slow)])
    async with run_site(app, "127.0.0.1") as url:
        yield url, asked


async def test_json_is_every_event_once_and_the_task(env: dict[str, str], site: Site, server: str) -> None:
    ended = await run(env, "crawl", site.url, "--json", "--tag", "w")
    *events, last = ended.json_lines
    task = last["task"]
    assert (ended.code, ended.err) == (0, "")
    assert [event["seq"] for event in events] == list(range(1, task["last_seq"] + 1))
    assert all(set(event) == {"seq", "at", "type", "message", "data", "task_id"} for event in events)
    assert {event["task_id"] for event in events} == {task["task_id"]}
    assert [event["type"] for event in events][:2] == ["task_queued", "task_started"]
    assert events[-1]["type"] == "task_completed"
    assert sorted(event["data"]["url"] for event in events if event["type"] == "page_stored") == [
        f"{site.url}/",
        f"{site.url}/turning.html",
    ]
    assert (task["status"], task["result"]["pages"], task["payload"]["tags"]) == ("completed", 2, ["w"])


async def test_alone_it_runs_a_server_of_its_own_and_search_finds(env: dict[str, str], site: Site) -> None:
    ended = await run(env, "crawl", site.url, "--max-depth", "5")
    assert (ended.code, ended.err) == (0, "")
    assert re.search(r"^\d\d:\d\d:\d\d 200 /turning.html · 1 chunk · 1 code block", ended.out, re.M)
    assert re.search(r"^Completed: 2 pages, 2 chunks, 1 code examples in \d+\.\d s$", ended.out, re.M)
    found = await run(env, "search", "turned", "by", "ninety", "degrees", "--limit", "1")
    lines = found.out.splitlines()
    assert (found.code, found.err) == (0, "")
    assert re.fullmatch(r"1\. Turning  \S+", lines[0])
    assert lines[1].startswith(f"    {site.url}/turning.html")
    assert "How a widget is turned by ninety degrees." in found.out
    code = await run(env, "search", "widget.turn", "--code", "--language", "python", "--json")
    assert [hit["code"] for hit in json.loads(code.out)["hits"]] == ["widget.turn(degrees=90)\n"]


async def test_failed_pages_are_3_and_listed_by_reason(
    env: dict[str, str], site: Site, site_dir: Path, server: str
) -> None:
    (site_dir / "turning.html").unlink()
    ended = await run(env, "crawl", site.url, "--quiet")
    lines = ended.out.splitlines()
    assert (ended.code, ended.err) == (3, "")
    assert lines[0].startswith("Completed: 1 pages, 1 chunks, 0 code examples, 1 failed in ")
    assert lines[1] == f"  http_404 {'█' * 16} 1  such as {site.url}/turning.html"
    assert re.fullmatch(r"Each URL and why: gleanery tasks urls tsk_\w+", lines[2])
    assert re.fullmatch(r"Try only these again: gleanery tasks retry tsk_\w+ --only-failed", lines[3])
    assert re.fullmatch(rf'Search it: gleanery search "…" --source src_\w+, or in the browser at {server}/', lines[4])


async def test_what_was_left_out_is_counted_by_reason(env: dict[str, str], site: Site, server: str) -> None:
    ended = await run(env, "crawl", site.url, "--quiet", "--max-depth", "1", "--exclude", "/turning*")
    lines = ended.out.splitlines()
    assert (ended.code, ended.err) == (0, "")
    assert lines[0].startswith("Completed: 1 pages, 1 chunks, 0 code examples, 1 skipped in ")
    assert lines[1] == f"  excluded {'█' * 16} 1  It matches an exclude pattern."


async def test_nothing_at_all_is_1(env: dict[str, str], site: Site, server: str) -> None:
    ended = await run(env, "crawl", f"{site.url}/nowhere.html", "--quiet")
    assert ended.code == 1
    assert ended.err == "gleanery: The site answered 404 Not Found. (http_404)\n"


@pytest.mark.parametrize(("url", "code"), [("https://", "invalid_url"), ("http://10.0.0.1/", "address_forbidden")])
async def test_a_bad_url_is_2(env: dict[str, str], server: str, url: str, code: str) -> None:
    ended = await run(env, "crawl", url)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("gleanery: url: ")
    assert ended.err.count("\n") == 1


async def test_a_wrong_key_is_told(env: dict[str, str], tmp_path: Path) -> None:
    async with started(env | {"GLEANERY_API_KEYS": "right"}, "serve", "--port", "0") as process:
        url = await _ready(process)
        wrong = environment(tmp_path / "other", GLEANERY_API_KEYS="wrong")
        ended = await run(wrong, "tasks", "--server", url)
        assert (ended.code, ended.err) == (1, "gleanery: This API key is not one of the server's. (unauthorized)\n")
        assert (await run(env | {"GLEANERY_API_KEYS": "right"}, "tasks")).code == 0
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 30) == 0


async def test_cancelled_is_4(env: dict[str, str], server: str) -> None:
    async with endless_site() as (url, asked), started(env, "crawl", url, "--json") as process:
        assert process.stdout is not None
        first = json.loads(await process.stdout.readline())
        await asyncio.wait_for(asked.wait(), 30)
        cancelled = await run(env, "tasks", "cancel", first["task_id"])
        assert cancelled.code == 0
        out, _ = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 4
        assert json.loads(out.splitlines()[-1])["task"]["status"] == "cancelled"


async def test_ctrl_c_leaves_it_to_the_server(env: dict[str, str], server: str) -> None:
    async with endless_site() as (url, asked), started(env, "crawl", url) as process:
        await asyncio.wait_for(asked.wait(), 30)
        process.send_signal(signal.SIGINT)
        _, err = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == 130
        told = re.search(r"goes on on the server\. .* stop it: gleanery tasks cancel (tsk_\w+)", err.decode())
        assert told is not None
        task = json.loads((await run(env, "tasks", "show", told[1], "--json")).out)["task"]
        assert task["status"] == "running"


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
async def test_alone_a_signal_puts_it_back(env: dict[str, str], number: signal.Signals, code: int) -> None:
    async with endless_site() as (url, asked), started(env, "crawl", url) as process:
        await asyncio.wait_for(asked.wait(), 30)
        process.send_signal(number)
        _, err = await asyncio.wait_for(process.communicate(), 30)
        assert process.returncode == code
        told = re.search(r"goes on at the next start: gleanery tasks watch (tsk_\w+)", err.decode())
        assert told is not None
        assert "Traceback" not in err.decode()
        task = json.loads((await run(env, "tasks", "show", told[1], "--json")).out)["task"]
        assert task["status"] == "queued"


async def test_no_wait_leaves_at_once(env: dict[str, str], site: Site, server: str) -> None:
    ended = await run(env, "crawl", site.url, "--no-wait")
    told = re.fullmatch(r"Started (tsk_\w+)\. Follow it: gleanery tasks watch \1\n", ended.out)
    assert told is not None
    watched = await run(env, "tasks", "watch", told[1], "--json", "--quiet")
    assert watched.code == 0
    assert [line["task"]["status"] for line in watched.json_lines] == ["completed"]


async def test_a_reader_that_leaves_is_no_crash(env: dict[str, str], site: Site, server: str) -> None:
    read, write = os.pipe()
    os.close(read)
    try:
        async with started(env, "crawl", site.url, stdout=write) as process:
            _, err = await asyncio.wait_for(process.communicate(), 30)
    finally:
        os.close(write)
    assert (process.returncode, err) == (1, b"")


async def _ready(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    told = re.match(r"gleanery is ready on (http://127\.0\.0\.1:\d+) ", line)
    assert told is not None, line
    return told[1]
