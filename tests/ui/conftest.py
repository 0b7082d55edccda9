"""A real browser and a real server for the tests of the web UI."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from tests.e2e.server_process import ServerProcess
from tools.ground import browser as ground_browser

WATCH_VIOLATIONS = """
window.__violations = [];
document.addEventListener('securitypolicyviolation', e => window.__violations.push(e.violatedDirective + ' ' + e.blockedURI));
"""


PATIENCE_MS = 30_000
"""What a page is waited for before a test fails, on a machine with other work too."""


@pytest.fixture(scope="session", autouse=True)
def patience() -> None:
    expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="session")
def browser_path() -> Path:
    found = ground_browser.find(os.environ)
    assert found is not None, "no browser: `make test` installs one"
    return found


@pytest.fixture
async def chromium(browser_path: Path) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        sandbox = [] if os.getuid() else ["--no-sandbox"]
        browser = await playwright.chromium.launch(executable_path=browser_path, args=["--disable-gpu", *sandbox])
        yield browser
        await browser.close()


@pytest.fixture
async def context(chromium: Browser) -> AsyncIterator[BrowserContext]:
    context = await chromium.new_context(viewport={"width": 1280, "height": 860})
    await context.add_init_script(WATCH_VIOLATIONS)
    yield context
    await context.close()


@pytest.fixture
async def page(context: BrowserContext) -> Page:
    return await context.new_page()


@pytest.fixture
async def server(tmp_path: Path, stack: AsyncExitStack) -> ServerProcess:
    server = ServerProcess(tmp_path / "data")
    await server.start()
    stack.push_async_callback(server.stop)
    return server
