"""A real Chromium behind the proxy: a page that tries every way out reaches nothing that it must not."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import BrowserContext, Frame, async_playwright
from playwright.async_api import Error as PlaywrightError

from gleanery.web.egress import EgressProxy, chromium_flags
from gleanery.web.guard import AddressPolicy
from tests.sites.canary import TOKEN, Canary, canary, hunting_site
from tests.web.browsers import until
from tests.web.test_egress import Names
from tools.ground import browser as ground_browser

pytestmark = pytest.mark.browser

HUNTED = """
audio beacon css-import css-url eventsource fetch font form hex iframe image keepalive localhost made-image mapped
module modulepreload no-cors opened ping poster preload private-name redirected-frame redirected-image refreshed
script service-worker srcdoc srcset stylesheet svg-image video websocket xhr
"""


@asynccontextmanager
async def context(*flags: str) -> AsyncIterator[BrowserContext]:
    path = ground_browser.find(os.environ)
    assert path is not None, "no browser: `make test` installs one"
    sandbox = () if os.getuid() else ("--no-sandbox",)
    async with async_playwright() as playwright:
        chromium = await playwright.chromium.launch(executable_path=path, args=["--disable-gpu", *sandbox, *flags])
        yield await chromium.new_context()
        await chromium.close()


@asynccontextmanager
async def hunt(
    allow: str, tmp_path: Path, is_over: Callable[[Canary, EgressProxy], bool], leave_out: str = ""
) -> AsyncIterator[tuple[Canary, EgressProxy, str]]:
    """The canary, the proxy and all that the pages showed, once a browser's page has tried every way and the hunt `is_over`:
    what a page loads beside its scripts tells them of no end.

    `allow` is what the proxy may dial, `leave_out` a flag that Chromium is not given.
    """
    secret = tmp_path / "secret.txt"
    secret.write_text(TOKEN)
    names = Names(private=["127.0.0.1"], prefetched=["127.0.0.1"])
    names.turns["localhost"] = [["127.0.0.1"]]
    async with (
        canary() as bird,
        hunting_site(bird, secret, "127.0.0.2") as url,
        EgressProxy(AddressPolicy.parse([allow]), resolver=names) as proxy,
    ):
        flags = [flag for flag in chromium_flags(proxy.port) if not leave_out or leave_out not in flag]
        async with context(*flags) as browser:
            page = await browser.new_page()
            await page.goto(url)
            await page.wait_for_function("window.allTried", timeout=120_000)
            await until(lambda: is_over(bird, proxy))
            # A frame that Chromium itself has blocked has no address, and no content to ask for.
            frames = [frame for one in browser.pages for frame in one.frames if frame.url]
            shown = "".join([await content(frame) for frame in frames])
        yield bird, proxy, shown


async def content(frame: Frame) -> str:
    """What it shows, once it is where it goes."""
    while True:
        try:
            return await frame.content()
        except PlaywrightError as error:
            if "navigating" not in error.message:
                raise
        await frame.wait_for_load_state("domcontentloaded")


async def test_no_way_leads_to_the_canary(tmp_path: Path) -> None:
    def is_over(_bird: Canary, proxy: EgressProxy) -> bool:
        return proxy.counts().refused.get("address_forbidden", 0) >= len(HUNTED.split())

    async with hunt("127.0.0.2", tmp_path, is_over) as (bird, proxy, shown):
        assert (bird.connections, bird.datagrams, bird.paths) == (0, 0, set())
        assert "<title>Hunt</title>" in shown
        assert TOKEN not in shown
        assert set(proxy.counts().refused) == {"address_forbidden"}
        assert proxy.reason(f"http://127.0.0.1:{bird.port}/") == "address_forbidden"


async def test_the_hunt_finds_what_is_not_guarded(tmp_path: Path) -> None:
    """Without this one the test above would pass for a page that tries nothing."""

    def is_over(bird: Canary, _proxy: EgressProxy) -> bool:
        return set(HUNTED.split()) <= bird.paths and bird.datagrams > 0

    async with hunt("127.0.0.0/8", tmp_path, is_over, leave_out="webrtc") as (_bird, proxy, shown):
        assert TOKEN in shown
        assert proxy.counts().refused == {}
