"""A server that is killed between any two searches and questions of a report, and while it is printed: what was done stays, and
nothing is done twice."""

from __future__ import annotations

import asyncio
import os
import stat
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.api.client import Client
from tests.conftest import ServePages
from tests.e2e.server_process import ServerProcess
from tests.sites.chat_server import Fault, chat_server
from tests.sites.handbook import BACKUP, ENCRYPTED, SITE, Auditor, told
from tests.sites.openai_api import openai_api
from tools.ground import browser as ground_browser

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CONTROLS = 3


async def test_no_answer_is_paid_twice(tmp_path: Path, serve_pages: ServePages) -> None:
    site = await serve_pages(SITE)
    control = {"title": "Encryption", "text": "Data is encrypted at rest.", "queries": ["encryption at rest disk"]}
    controls = [{"id": f"H-{number}", **control} for number in range(CONTROLS)]
    auditor = Auditor()
    async with chat_server(auditor) as model, aiohttp.ClientSession() as session:

        def answered(control: str, passages: Mapping[int, str]) -> dict[str, Any]:
            """The question after this one gets no answer, until the server is killed."""
            if control != f"H-{CONTROLS - 1}":
                model.fail_with(Fault.HANG)
            return told("partly", *((number, ENCRYPTED) for number in passages))

        auditor.answer = answered
        process = ServerProcess(
            tmp_path / "killed",
            GLEANERY_CHAT_MODEL="gpt-test",
            GLEANERY_ENRICH=",",
            GLEANERY_CHAT_CONCURRENCY="1",
            OPENAI_BASE_URL=model.base_url,
            OPENAI_API_KEY="sk-test",
        )
        await process.start()
        client = Client(process.url, session)
        try:
            await client.crawl(f"{site.url}/")
            framework = {"id": "house", "version": "1", "title": "House", "controls": controls}
            assert (await client.post("/compliance/frameworks", framework)).status == 201
            model.fail_with(Fault.HANG)
            started = (await client.post("/compliance/reports", {"framework_id": "house"})).body
            for _ in range(CONTROLS):
                async with asyncio.timeout(60):
                    await model.hanging.get()
                await process.kill()
                await process.start()
            await client.ended(started["task_ids"]["report"])
            report = await client.one(f"/compliance/reports/{started['report_id']}")
        finally:
            await process.kill()
    assert [each["assessment"]["verdict"] for each in report["controls"]] == ["partly"] * CONTROLS
    assert Counter(auditor.asked) == {f"H-{number}": 1 for number in range(CONTROLS)}
    assert len(model.requests) == 2 * CONTROLS, "each was asked once without an answer, which nobody is charged for"
    assert report["tokens"] == CONTROLS * 120


async def test_no_evidence_is_looked_for_twice_once_it_is_kept(tmp_path: Path, serve_pages: ServePages) -> None:
    site = await serve_pages(SITE)
    words = ["nightly backup", "encryption of disks", "restore each month"]
    controls = [{"id": f"H-{at}", "title": "T", "text": "X", "queries": [query]} for at, query in enumerate(words)]
    async with openai_api() as embeddings, aiohttp.ClientSession() as session:
        process = ServerProcess(
            tmp_path / "killed",
            GLEANERY_EMBEDDER="openai",
            GLEANERY_BROWSER=str(tmp_path / "none"),
            OPENAI_BASE_URL=embeddings.base_url,
            OPENAI_API_KEY="sk-test",
        )
        await process.start()
        client = Client(process.url, session)
        try:
            await client.crawl(f"{site.url}/")
            framework = {"id": "house", "version": "1", "title": "House", "controls": controls}
            assert (await client.post("/compliance/frameworks", framework)).status == 201
            embeddings.hangs_on = words[0]
            started = (await client.post("/compliance/reports", {"framework_id": "house"})).body
            for kept, following in enumerate([*words[1:], None]):
                async with asyncio.timeout(60):
                    await embeddings.hanging.wait()
                embeddings.hanging.clear()
                await process.kill()
                embeddings.hangs_on = following
                await process.start()
                half = await client.one(f"/compliance/reports/{started['report_id']}")
                assert [each["evidence"] is not None for each in half["controls"]][:kept] == [True] * kept
            await client.ended(started["task_ids"]["report"])
            asked = Counter(text for request in embeddings.requests for text in request.input if text in words)
            report = await client.one(f"/compliance/reports/{started['report_id']}")
            again = (await client.post("/compliance/reports", {"framework_id": "house"})).body
            await client.ended(again["task_ids"]["report"])
            undisturbed = await client.one(f"/compliance/reports/{again['report_id']}")
        finally:
            await process.kill()
    assert asked == dict.fromkeys(words, 2), "once without an answer, once with"
    assert report["status"] == "completed"
    assert evidence(report) == evidence(undisturbed)
    assert all(evidence(report))


def evidence(report: dict[str, Any]) -> list[list[str]]:
    return [[passage["chunk_id"] for passage in control["evidence"]] for control in report["controls"]]


@pytest.mark.browser
async def test_a_report_whose_printing_was_killed_is_printed_again(
    tmp_path: Path, serve_pages: ServePages, stack: AsyncExitStack
) -> None:
    site = await serve_pages(SITE)
    browser, started_at = stubborn_browser(tmp_path)
    process = ServerProcess(tmp_path / "killed", GLEANERY_BROWSER=str(browser))
    await process.start()
    stack.push_async_callback(process.kill)
    client = Client(process.url, await stack.enter_async_context(aiohttp.ClientSession()))
    await client.crawl(f"{site.url}/")
    assert (await client.post("/compliance/frameworks", framework_of_two())).status == 201
    started = (await client.post("/compliance/reports", {"framework_id": "house"})).body
    for kills in (1, 2):
        await asyncio.to_thread(started_at.read_text)  # comes back when the browser begins
        await process.kill()
        if kills == 2:
            (tmp_path / "now").touch()
        await process.start()
    ended = await client.ended(started["task_ids"]["report"])
    report = await client.one(f"/compliance/reports/{started['report_id']}")
    assert (ended.status, report["status"]) == ("completed", "completed")
    assert report["formats"] == ["html", "json", "markdown", "pdf"]
    assert [event["type"] for event in ended.events].count("task_completed") == 1
    for name in ("evidence", "analysis"):
        events = (await client.one(f"/tasks/{started['task_ids'][name]}/events?limit=500"))["items"]
        assert [event["type"] for event in events].count("task_started") == 1, "what had ended did not run again"
    assert [each["report_id"] for each in await client.every("/compliance/reports")] == [started["report_id"]]
    assert BACKUP in (await client.get(f"/compliance/reports/{started['report_id']}/file")).body


def framework_of_two() -> dict[str, Any]:
    controls: Sequence[dict[str, Any]] = [
        {"id": "H-1", "title": "Backups", "text": "X", "queries": ["nightly backup restore"]},
        {"id": "H-2", "title": "Encryption", "text": "X", "queries": ["encryption at rest"]},
    ]
    return {"id": "house", "version": "1", "title": "House", "controls": controls}


def stubborn_browser(folder: Path) -> tuple[Path, Path]:
    """A browser that says through a pipe that it was started, and goes no further until `now` is there. The program, the pipe."""
    real = ground_browser.find(os.environ)
    assert real is not None, "no browser: `make test` installs one"
    pipe, program = folder / "started", folder / "stubborn"
    os.mkfifo(pipe)
    program.write_text(
        f"""#!{sys.executable}
import os, sys, time
if not os.path.exists({str(folder / "now")!r}):
    with open({str(pipe)!r}, "w") as told:
        told.write("begun")
    parent = os.getppid()
    while os.getppid() == parent:
        time.sleep(0.05)
    sys.exit(1)
os.execv({str(real)!r}, [{str(real)!r}, *sys.argv[1:]])
"""
    )
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    return program, pipe
