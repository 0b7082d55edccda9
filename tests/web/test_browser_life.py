"""The browser's life: it is started when needed, started again when it dies, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from gleanery import errors
from gleanery.web.browser.process import NICENESS
from gleanery.web.browser.supervisor import Browser, RenderRequest
from gleanery.web.fetch import Document
from tests.niceness import group_niceness
from tests.sites import Site
from tests.sites.apps import app_site
from tests.web.browsers import QUICK, a_browser, browser_processes, needs_browser, until

pytestmark = [pytest.mark.browser, needs_browser]

FROZEN_SOON = replace(QUICK, silence_seconds=15.0)
LONG = RenderRequest(timeout_seconds=100)


def signalled(kind: str, number: signal.Signals) -> None:
    for process, its_kind in browser_processes().items():
        if its_kind == kind:
            process.send_signal(number)


async def all_gone(processes: set[psutil.Process]) -> bool:
    _gone, left = await asyncio.to_thread(psutil.wait_procs, processes, timeout=60)
    return not [process for process in left if process.status() != psutil.STATUS_ZOMBIE]


async def started(browser: Browser, site: Site, paths: list[str]) -> list[asyncio.Task[Document]]:
    """Pages in the middle of being loaded."""
    await browser.render(f"{site.url}/late")
    site.asked.clear()
    tasks = [asyncio.create_task(browser.render(f"{site.url}{path}", LONG)) for path in paths]
    await asyncio.wait_for(site.asked.wait(), 60)
    return tasks


async def test_the_browser_lets_the_loop_go_first(tmp_path: Path) -> None:
    async with app_site() as site, a_browser(tmp_path) as browser:
        await browser.render(f"{site.url}/app/1")
        running = {process.pid: kind for process, kind in browser_processes().items()}
        assert {"driver", "browser", "renderer"} <= set(running.values())
        nicer = min(19, os.nice(0) + NICENESS)
        own = {kind: os.getpriority(os.PRIO_PROCESS, pid) for pid, kind in running.items()}
        assert (own["driver"], own["browser"]) == (nicer, nicer), "where it may, Chromium gives its others their own"
        groups = {group_niceness(pid) for pid, kind in running.items() if kind != "driver"}
        assert groups <= {None, NICENESS}, "Chromium's session is its own"
        assert group_niceness(os.getpid()) in (None, 0), "and ours has not stepped back"


async def test_nothing_is_started_before_the_first_page_and_nothing_is_left(tmp_path: Path) -> None:
    async with app_site() as site:
        async with a_browser(tmp_path) as browser:
            assert (browser.is_running, browser_processes()) == (False, {})
            await asyncio.gather(*(browser.render(f"{site.url}/app/{n}") for n in range(30)))
            assert (browser.is_running, browser.launches, browser.pages_rendered) == (True, 1, 30)
            processes = set(browser_processes())
            assert len(processes) >= 4
            await until(lambda: browser.memory_mb > 10)
        assert await all_gone(processes)
        assert browser_processes() == {}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("kind", "number"),
    [
        ("browser", signal.SIGKILL),
        ("driver", signal.SIGKILL),
        ("browser", signal.SIGSTOP),
        ("driver", signal.SIGSTOP),
    ],
)
async def test_a_browser_that_dies_or_freezes_is_replaced_and_no_page_is_lost(
    tmp_path: Path, kind: str, number: signal.Signals
) -> None:
    async with app_site() as site:
        async with a_browser(tmp_path, FROZEN_SOON) as browser:
            tasks = await started(browser, site, [f"/app/{n}" for n in range(6)])
            processes = set(browser_processes())
            signalled(kind, number)
            documents = await asyncio.gather(*tasks)
            assert [f"<title>Page {n}</title>".encode() in document.body for n, document in enumerate(documents)] == [
                True
            ] * 6
            assert (browser.launches, browser.crashes) == (2, 1)
            processes |= set(browser_processes())
        assert await all_gone(processes)


async def test_a_page_that_crashes_costs_only_itself(tmp_path: Path) -> None:
    async with app_site() as site, a_browser(tmp_path) as browser:
        (task,) = await started(browser, site, ["/endless"])
        await until(lambda: "renderer" in browser_processes().values())
        signalled("renderer", signal.SIGKILL)
        with pytest.raises(errors.RenderFailed) as caught:
            await task
        assert caught.value.can_retry
        await browser.render(f"{site.url}/app/1")
        assert (browser.launches, browser.crashes) == (1, 0)


async def test_a_page_that_takes_too_much_memory_is_ended(tmp_path: Path) -> None:
    limits = replace(QUICK, page_memory_mb=200)
    asked = RenderRequest(wait_for=".never", timeout_seconds=100)
    async with app_site() as site, a_browser(tmp_path, limits) as browser:
        with pytest.raises(errors.PageTooHeavy) as caught:
            await browser.render(f"{site.url}/memory", asked)
        assert (caught.value.details["limit"], caught.value.details["max"]) == ("memory_mb", 200)
        await browser.render(f"{site.url}/app/1")
        assert (browser.launches, browser.crashes) == (1, 0)


async def test_a_browser_that_has_grown_is_replaced(tmp_path: Path) -> None:
    async with app_site() as site, a_browser(tmp_path, replace(QUICK, memory_mb=1)) as browser:
        await browser.render(f"{site.url}/late")
        await until(lambda: not browser.is_running)
        await browser.render(f"{site.url}/late")
        assert (browser.launches, browser.crashes) == (2, 0)


async def test_a_browser_is_replaced_after_so_many_pages(tmp_path: Path) -> None:
    limits = replace(QUICK, max_pages=1, pages_per_browser=3)
    async with app_site() as site, a_browser(tmp_path, limits) as browser:
        for n in range(7):
            await browser.render(f"{site.url}/app/{n}")
        assert (browser.launches, browser.crashes) == (3, 0)


async def test_a_browser_without_work_is_closed(tmp_path: Path) -> None:
    async with app_site() as site, a_browser(tmp_path, replace(QUICK, idle_seconds=0)) as browser:
        await browser.render(f"{site.url}/late")
        processes = set(browser_processes())
        await until(lambda: not browser.is_running)
        assert await all_gone(processes)
        assert (browser.launches, browser.crashes, browser.memory_mb) == (1, 0, 0.0)


async def test_a_cancelled_page_is_closed_at_once_and_frees_its_place(tmp_path: Path) -> None:
    async with app_site() as site, a_browser(tmp_path, replace(QUICK, max_pages=1)) as browser:
        (task,) = await started(browser, site, ["/endless"])
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await browser.render(f"{site.url}/app/1")
        await until(lambda: browser.pages_open == 0)
        assert (browser.launches, browser.crashes) == (1, 0)


async def test_no_more_pages_are_open_than_allowed(tmp_path: Path) -> None:
    async with app_site() as site, a_browser(tmp_path, replace(QUICK, max_pages=2)) as browser:
        tasks = [asyncio.create_task(browser.render(f"{site.url}/never", LONG)) for _ in range(5)]
        await until(lambda: site.counts["/never"] == 2)
        assert (browser.pages_open, browser.pages_waiting) == (2, 3)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await until(lambda: browser.pages_open == 0)
        assert site.counts["/never"] == 2


async def test_a_cancelled_start_leaves_nothing_behind(tmp_path: Path) -> None:
    async with app_site() as site:
        async with a_browser(tmp_path) as browser:
            task = asyncio.create_task(browser.render(f"{site.url}/late"))
            await until(lambda: "driver" in browser_processes().values())
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert browser_processes() == {}


async def test_nothing_outlives_a_server_that_is_killed(tmp_path: Path) -> None:
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.web.browser_child", str(tmp_path), stdout=asyncio.subprocess.PIPE
    )
    assert child.stdout is not None
    assert await child.stdout.readline() == b"ready\n"
    processes = browser_processes(child.pid)
    assert {"driver", "browser", "renderer"} <= set(processes.values())
    child.kill()
    await child.wait()
    assert await all_gone(set(processes))


async def test_a_browser_that_cant_start_is_named_and_not_tried_for_ever(tmp_path: Path) -> None:
    starts, executable = tmp_path / "starts", tmp_path / "chromium"
    executable.write_text(f"#!/bin/sh\necho >> '{starts}'\nexit 1\n")
    executable.chmod(0o755)
    async with a_browser(tmp_path, executable=executable) as browser:
        with pytest.raises(errors.BrowserUnavailable) as caught:
            await browser.render("http://127.0.0.1/")
        assert (caught.value.code, caught.value.can_retry) == ("browser_unavailable", False)
        assert "the browser can't be started" in caught.value.message
        assert 55 < caught.value.details["retry_after"] <= 60
        tried = starts.read_text()
        with pytest.raises(errors.BrowserUnavailable):
            await browser.render("http://127.0.0.1/")
        assert starts.read_text() == tried != "", "nothing is started again for a minute"
        assert (browser.launches, browser.is_running, browser.pages_open <= 1) == (0, False, True)


async def test_a_missing_browser_is_named(tmp_path: Path) -> None:
    async with a_browser(tmp_path, executable=tmp_path / "none") as browser:
        assert browser.find() is None
        with pytest.raises(errors.BrowserUnavailable) as caught:
            await browser.render("http://127.0.0.1/")
        assert caught.value.details["reason"] == f"{tmp_path / 'none'} is no program"


async def test_the_browser_sees_no_secrets_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    async with app_site() as site, a_browser(tmp_path) as browser:
        await browser.render(f"{site.url}/late")
        seen = [process.environ() for process, kind in browser_processes().items() if kind == "browser"]
        assert [("OPENAI_API_KEY" in env, env["HOME"]) for env in seen] == [(False, str(tmp_path / "browser"))]


async def test_crawl4ai_keeps_its_folder_with_ours(tmp_path: Path) -> None:
    """In a process of its own: where it keeps it is settled when it is imported."""
    code = (
        "import asyncio, sys, pathlib\n"
        "from tests.web.browsers import a_browser\n"
        "from tests.sites.apps import app_site\n"
        "from gleanery.web.browser.supervisor import RenderRequest\n"
        "async def main():\n"
        "    async with app_site() as site, a_browser(pathlib.Path(sys.argv[1])) as browser:\n"
        "        assert 'playwright' not in sys.modules and 'crawl4ai' not in sys.modules\n"
        "        await browser.render(site.url + '/late')\n"
        "        assert 'playwright' in sys.modules and 'crawl4ai' not in sys.modules\n"
        "        await browser.render(site.url + '/late', RenderRequest(scripts=('1',)))\n"
        "asyncio.run(main())\n"
    )
    home = tmp_path / "home"
    home.mkdir()
    child = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, str(tmp_path / "data"), env={"HOME": str(home), "PATH": "/usr/bin:/bin", "PYTHONPATH": "server:."},
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await child.communicate()
    assert (child.returncode, out, err) == (0, b"", b"")
    assert (tmp_path / "data" / "browser" / ".crawl4ai").is_dir()
    assert list(home.iterdir()) == []
