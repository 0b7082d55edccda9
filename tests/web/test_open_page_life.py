"""Open pages that share nothing, take no more than they may, and leave nothing behind, however they end."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from gleanery import errors
from gleanery.web.browser.open_page import OpenPage
from gleanery.web.browser.supervisor import Browser, RenderRequest
from tests.sites import Site
from tests.sites.watched import watched_site
from tests.web.browsers import browser_processes, needs_browser, until
from tests.web.openings import PLAIN, POOL, QUICKLY, a_pool, inside

pytestmark = [pytest.mark.browser, needs_browser]

EVERYTHING = (
    "cookie, server cookie, local storage, session storage, database, cache, http cache, http login"  # no worker, ever
)
LONG = RenderRequest(timeout_seconds=100)


@pytest_asyncio.fixture
async def site() -> AsyncIterator[Site]:
    async with watched_site() as it:
        yield it


def renderers() -> int:
    return [*browser_processes().values()].count("renderer")


def signalled(kind: str, number: signal.Signals) -> None:
    for process, its_kind in browser_processes().items():
        if its_kind == kind:
            process.send_signal(number)


async def found(page: OpenPage) -> str:
    return await inside(page).locator("#found").inner_text()


@asynccontextmanager
async def emptied(browser: Browser) -> AsyncIterator[None]:
    """What is done within leaves no page, no context and no renderer behind."""
    yield
    await until(lambda: browser.figures.in_use == 0)
    await until(lambda: renderers() == 0)


# Isolation


async def test_a_page_finds_what_it_kept_itself(tmp_path: Path, site: Site) -> None:
    """Without this one the next would pass for a page that keeps nothing."""
    asked = RenderRequest(wait_for="#found", timeout_seconds=60)
    async with a_pool(tmp_path) as browser, browser.open(f"{site.url}/keeps?go", asked, PLAIN) as page:
        assert page.navigation.final_url == f"{site.url}/keeps?again"
        assert await found(page) == EVERYTHING


async def test_nothing_is_shared_at_once_nor_one_after_the_other(tmp_path: Path, site: Site) -> None:
    async with a_pool(tmp_path) as browser:
        async with browser.open(f"{site.url}/keeps?first", QUICKLY, PLAIN) as first:
            assert await found(first) == "nothing"
            async with browser.open(f"{site.url}/keeps?second", QUICKLY, PLAIN) as second:
                assert await found(second) == "nothing"
                assert first.session_id != second.session_id
        async with browser.open(f"{site.url}/keeps?third", QUICKLY, PLAIN) as third:
            assert await found(third) == "nothing"
        assert (browser.figures.pages_opened, browser.launches) == (3, 1)


async def test_pages_do_not_hear_each_other(tmp_path: Path, site: Site) -> None:
    listen = "window.heard = []; new BroadcastChannel('x').onmessage = e => heard.push(e.data); 1"
    async with (
        a_pool(tmp_path) as browser,
        browser.open(f"{site.url}/plain", QUICKLY, PLAIN) as one,
        browser.open(f"{site.url}/plain", QUICKLY, PLAIN) as two,
    ):
        for page in (one, two):
            await inside(page).evaluate(listen)
        await inside(one).evaluate("new BroadcastChannel('x').postMessage('from one')")
        await inside(one).wait_for_function("heard.length === 1")
        assert await inside(two).evaluate("heard") == []


# Limits


@pytest.mark.parametrize("path", ["/fills", "/fills-at-once"])
async def test_a_page_that_takes_too_much_memory_is_ended(tmp_path: Path, site: Site, path: str) -> None:
    async with a_pool(tmp_path, replace(POOL, page_memory_mb=200)) as browser, emptied(browser):
        async with browser.open(f"{site.url}/plain", LONG, PLAIN) as other:
            with pytest.raises(errors.PageTooHeavy) as caught:
                async with browser.open(f"{site.url}{path}", LONG, PLAIN):
                    await asyncio.Event().wait()
            assert (caught.value.details["limit"], caught.value.details["max"]) == ("memory_mb", 200)
            assert "<h1>Plain</h1>" in await other.html()
            assert 5 < other.peak_memory_mb < 200
        assert (browser.launches, browser.crashes) == (1, 0)


async def test_the_process_of_a_page_is_known_where_it_changes(tmp_path: Path, site: Site) -> None:
    """A page that isolates itself, and one of another site, have processes that were not there when it was opened."""
    async with watched_site("127.0.0.2") as other, a_pool(tmp_path) as browser:
        for url in (f"{site.url}/policy", f"{site.url}/redirect?to={other.url}/policy"):
            async with browser.open(url, QUICKLY, PLAIN) as page:
                known = {process.pid for process, kind in browser_processes().items() if kind == "renderer"}
                watched: set[int] = page._tab.pids  # type: ignore[attr-defined]
                assert watched & known
                assert page.peak_memory_mb > 5
            await until(lambda: renderers() == 0)


async def test_the_memory_of_a_page_that_nobody_knows_is_limited_too(tmp_path: Path, site: Site) -> None:
    """It fills up before it is known where it went."""
    async with watched_site("127.0.0.2") as other, a_pool(tmp_path, replace(POOL, page_memory_mb=200)) as browser:
        with pytest.raises(errors.PageTooHeavy):
            async with browser.open(f"{site.url}/goes?to={other.url}/fills-at-once", LONG, PLAIN):
                await asyncio.Event().wait()


async def test_a_page_that_drowns_its_console_is_ended_and_others_go_on(tmp_path: Path, site: Site) -> None:
    async with a_pool(tmp_path) as browser:
        async with browser.open(f"{site.url}/plain", LONG, PLAIN) as other:
            with pytest.raises(errors.RenderFailed) as caught:
                await held(browser, f"{site.url}/console-held")
            assert (caught.value.details["reason"], caught.value.can_retry) == ("console", False)
            assert "<h1>Plain</h1>" in await other.html()
        assert (browser.launches, browser.crashes) == (1, 0)


async def test_no_page_is_open_for_longer_than_any_may(tmp_path: Path, site: Site) -> None:
    async with a_pool(tmp_path, replace(POOL, page_seconds=1)) as browser:
        with pytest.raises(errors.TimedOut) as caught:
            async with browser.open(f"{site.url}/plain", RenderRequest(timeout_seconds=300), PLAIN):
                await asyncio.Event().wait()
        assert caught.value.details["seconds"] == 1


async def test_what_was_waited_for_when_the_time_was_over_is_named(tmp_path: Path, site: Site) -> None:
    """Also where the wait for it was to last longer than the page."""
    asked = RenderRequest(wait_for="h2", timeout_seconds=300)
    async with a_pool(tmp_path, replace(POOL, page_seconds=5)) as browser:
        with pytest.raises(errors.TimedOut) as caught:
            async with browser.open(f"{site.url}/plain", asked, PLAIN):
                pass
        assert caught.value.message == "Nothing that matches h2 was shown within 5 seconds."
        assert (caught.value.details["wait_for"], caught.value.details["seconds"]) == ("h2", 5)


async def test_the_figures_tell_how_the_pool_stands(tmp_path: Path, site: Site) -> None:
    async with a_pool(tmp_path, replace(POOL, max_pages=1)) as browser:
        assert browser.figures.launches == 0
        places: list[list[int]] = [[], []]

        async def wait_for_it(told: list[int]) -> None:
            async with browser.open(f"{site.url}/plain", QUICKLY, PLAIN, on_place=told.append):
                pass

        async with browser.open(f"{site.url}/plain", LONG, PLAIN):
            waits = [asyncio.create_task(wait_for_it(told)) for told in places]
            await until(lambda: browser.figures.waiting == 2)
            stands = browser.figures
            assert (stands.size, stands.in_use, stands.idle, stands.launches, stands.crashes) == (1, 1, 0, 1, 0)
            await until(lambda: browser.figures.memory_mb > 20)
            await until(lambda: browser.figures.cpu_percent > 0)
        await asyncio.gather(*waits)
        assert places == [[1, 0], [2, 1, 0]]
        assert browser.figures.pages_opened == 3


async def test_a_pool_without_work_closes_its_browser(tmp_path: Path, site: Site) -> None:
    async with a_pool(tmp_path, replace(POOL, idle_seconds=0)) as browser:
        async with browser.open(f"{site.url}/plain", QUICKLY, PLAIN):
            processes = set(browser_processes())
        await until(lambda: not browser.is_running)
        _gone, left = await asyncio.to_thread(psutil.wait_procs, processes, timeout=60)
        assert [process for process in left if process.status() != psutil.STATUS_ZOMBIE] == []
        assert (browser.figures.memory_mb, browser.figures.cpu_percent) == (0, 0)


# Faults


@pytest.mark.parametrize("path", ["/plain", "/never"])
@pytest.mark.parametrize(
    ("kind", "reason", "launches"),
    [("renderer", "crashed", 1), ("browser", "browser_lost", 2), ("driver", "browser_lost", 2)],
)
async def test_what_is_killed_under_a_page_is_told_and_the_next_page_is_shown(
    tmp_path: Path, site: Site, kind: str, reason: str, launches: int, path: str
) -> None:
    async with a_pool(tmp_path) as browser:
        opening = asyncio.create_task(held(browser, f"{site.url}{path}"))
        await asyncio.wait_for(site.asked.wait(), 60)
        await until(lambda: path == "/never" or browser.figures.pages_opened == 1)
        signalled(kind, signal.SIGKILL)
        with pytest.raises(errors.RenderFailed) as caught:
            await opening
        assert (caught.value.details["reason"], caught.value.can_retry) == (reason, True)
        async with browser.open(f"{site.url}/plain", QUICKLY, PLAIN) as page:
            assert "<h1>Plain</h1>" in await page.html()
        assert (browser.launches, browser.crashes) == (launches, launches - 1)


async def held(browser: Browser, url: str) -> None:
    async with browser.open(url, LONG, PLAIN):
        await asyncio.Event().wait()


@pytest.mark.parametrize("kind", ["renderer", "browser", "driver"])
async def test_a_question_to_a_page_that_was_killed_is_answered_with_why(tmp_path: Path, site: Site, kind: str) -> None:
    async def asking(browser: Browser) -> None:
        async with browser.open(f"{site.url}/plain", LONG, PLAIN) as page:
            signalled(kind, signal.SIGKILL)
            while True:
                await page.html()

    async with a_pool(tmp_path) as browser:
        with pytest.raises(errors.RenderFailed) as caught:
            await asking(browser)
        assert caught.value.details["reason"] == ("crashed" if kind == "renderer" else "browser_lost")


async def test_a_browser_that_freezes_is_replaced(tmp_path: Path, site: Site) -> None:
    async with a_pool(tmp_path, replace(POOL, silence_seconds=15.0)) as browser:
        opening = asyncio.create_task(held(browser, f"{site.url}/plain"))
        await until(lambda: browser.figures.pages_opened == 1)
        signalled("browser", signal.SIGSTOP)
        with pytest.raises(errors.RenderFailed) as caught:
            await opening
        assert caught.value.details["reason"] == "browser_lost"
        async with browser.open(f"{site.url}/plain", QUICKLY, PLAIN):
            assert (browser.launches, browser.crashes) == (2, 1)


async def test_a_browser_that_is_not_there_is_named(tmp_path: Path) -> None:
    async with a_pool(tmp_path, executable=tmp_path / "none") as browser:
        with pytest.raises(errors.BrowserUnavailable) as caught:
            async with browser.open("http://127.0.0.1/", QUICKLY, PLAIN):
                pass
        assert "retry_after" not in caught.value.details, "waiting would not help"
        await until(lambda: browser.figures.in_use == 0)


# Cancel


@pytest.mark.parametrize("path", ["/never", "/asks-without-end", "/keeps-asking", "/plain"])
async def test_a_page_that_is_cancelled_leaves_nothing(tmp_path: Path, site: Site, path: str) -> None:
    """While it is loaded, while it blocks, while it settles, while it is looked into."""
    async with a_pool(tmp_path) as browser, emptied(browser):
        task = asyncio.create_task(held(browser, f"{site.url}{path}"))
        await asyncio.wait_for(site.asked.wait(), 60)
        await until(lambda: path != "/plain" or browser.figures.pages_opened == 1)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_page_that_is_cancelled_before_it_is_there_leaves_nothing(tmp_path: Path, site: Site) -> None:
    """At whatever step of the making of its context."""
    async with a_pool(tmp_path) as browser, emptied(browser):
        async with browser.open(f"{site.url}/plain", QUICKLY, PLAIN):
            pass
        for turns in (0, 1, 2, 4, 8, 16, 32, 64, 128, 256):
            task = asyncio.create_task(held(browser, f"{site.url}/plain"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            with pytest.raises(asyncio.CancelledError):
                await task
        assert (browser.launches, browser.crashes) == (1, 0)


async def test_a_start_that_is_cancelled_leaves_nothing(tmp_path: Path, site: Site) -> None:
    async with a_pool(tmp_path) as browser:
        task = asyncio.create_task(held(browser, f"{site.url}/plain"))
        await until(lambda: "driver" in browser_processes().values())
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert browser_processes() == {}


async def test_who_waits_in_line_may_leave_it(tmp_path: Path, site: Site) -> None:
    async with a_pool(tmp_path, replace(POOL, max_pages=1)) as browser, emptied(browser):
        async with browser.open(f"{site.url}/plain", LONG, PLAIN):
            waits = [asyncio.create_task(held(browser, f"{site.url}/plain")) for _ in range(3)]
            await until(lambda: browser.figures.waiting == 3)
            for wait in waits:
                wait.cancel()
            await asyncio.wait(waits)
            assert (browser.figures.in_use, browser.figures.waiting) == (1, 0)
        assert site.counts["/plain"] == 1


async def test_a_pool_that_is_closed_under_a_page_leaves_nothing(tmp_path: Path, site: Site) -> None:
    async with a_pool(tmp_path) as browser:
        task = asyncio.create_task(held(browser, f"{site.url}/plain"))
        await until(lambda: browser.figures.pages_opened == 1)
    with pytest.raises(errors.FetchError):
        await task
    assert browser_processes() == {}
