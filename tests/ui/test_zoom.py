"""Every view at 320 px and at 200 % zoom, in forced colours and with reduced motion: nothing is cut off, nothing is told by
colour alone, nothing moves. Each view is kept as a picture under `test-results/zoom/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, Page, ViewportSize, expect

from tests.e2e.server_process import ServerProcess
from tests.ui.seeding import seeded, seeded_parses, seeded_stories
from tests.ui.test_tour import parse_views, story_views, views

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

PICTURES = Path(__file__).parents[2] / "test-results" / "zoom"
# 640×450 is what a window of 1280×900 holds at 200 % zoom.
SIZES: dict[str, ViewportSize] = {"320": {"width": 320, "height": 640}, "zoom": {"width": 640, "height": 450}}
# What reaches beyond the window and can't be scrolled to, or is cut off within a box that doesn't scroll. Text that ends in
# "…" is left out: it was meant to, and is told in full elsewhere.
CUT_OFF = """() => {
    const wide = document.documentElement.clientWidth, found = [];
    const style = element => getComputedStyle(element);
    const isScrollable = element => ['auto', 'scroll'].includes(style(element).overflowX);
    for (const element of document.querySelectorAll('main *, nav *')) {
        if (element.closest('svg svg, svg *, .sr') || !element.checkVisibility({ visibilityProperty: true })) continue;
        const box = element.getBoundingClientRect();
        if (box.width === 0 || box.height === 0) continue;
        let frame = element.parentElement, scrolls = isScrollable(element);
        for (; frame !== null && !scrolls; frame = frame.parentElement) scrolls = frame !== document.body && isScrollable(frame);
        const name = `${element.tagName.toLowerCase()}.${element.getAttribute('class') ?? ''}: ${element.textContent.slice(0, 40)}`;
        const isOut = !scrolls && (box.right > wide + 1 || box.left < -1);
        if (isOut) found.push(`${name} at ${Math.round(box.left)} to ${Math.round(box.right)}`);
        const { overflowX, overflowY, textOverflow, webkitLineClamp } = style(element);
        const isMeant = textOverflow === 'ellipsis' || webkitLineClamp !== 'none' || element.matches('.track, iframe, input');
        if (!isMeant && overflowX === 'hidden' && element.scrollWidth > element.clientWidth + 1) found.push(`${name} cut at the side`);
        if (!isMeant && overflowY === 'hidden' && element.scrollHeight > element.clientHeight + 1) found.push(`${name} cut below`);
    }
    return found.slice(0, 4);
}"""
STRUCTURE = """() => {
    const found = [];
    const shown = selector => [...document.querySelectorAll(selector)].filter(element => element.checkVisibility());
    if (shown('main').length !== 1) found.push('not one main');
    if (shown('h1').length !== 1) found.push('not one h1');
    for (const nav of shown('nav')) {
        const name = nav.getAttribute('aria-label') ?? document.getElementById(nav.getAttribute('aria-labelledby') ?? '')?.textContent;
        if (!name) found.push('a nav without a name');
    }
    let before = 0;
    for (const heading of shown('h1, h2, h3, h4, h5, h6')) {
        const level = Number(heading.tagName[1]);
        if (level > before + 1) found.push(`h${before} before h${level}: ${heading.textContent.slice(0, 40)}`);
        before = level;
    }
    for (const live of document.querySelectorAll('[aria-live=assertive], [role=alert]')) {
        if (live.textContent.trim() !== '') found.push(`interrupts: ${live.textContent.slice(0, 60)}`);
    }
    return found;
}"""
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


async def _open(page: Page, url: str) -> None:
    await page.goto(url)
    await expect(page.locator("h1").first).to_be_attached()
    await expect(page.locator(".loading")).to_have_count(0)


async def _picture(page: Page, name: str) -> None:
    PICTURES.mkdir(parents=True, exist_ok=True)
    await page.screenshot(path=PICTURES / f"{name}.png")


async def test_every_view_fits_a_narrow_and_a_zoomed_window(page: Page, server: ServerProcess) -> None:
    async with seeded(server) as seed:
        await _fit(page, server, views(seed))


async def test_every_view_of_a_parse_fits_a_narrow_and_a_zoomed_window(page: Page, server: ServerProcess) -> None:
    async with seeded_parses(server) as seed:
        await _fit(page, server, parse_views(seed))


async def test_every_view_of_a_story_fits_a_narrow_and_a_zoomed_window(page: Page, tmp_path: Path) -> None:
    async with seeded_stories(tmp_path / "data") as seed:
        await _fit(page, seed.server, story_views(seed))


async def _fit(page: Page, server: ServerProcess, paths: Mapping[str, str]) -> None:
    broken: dict[str, Any] = {}
    for name, path in paths.items():
        await _open(page, f"{server.url}{path}")
        if found := await page.evaluate(STRUCTURE):
            broken[f"{name}: structure"] = found
        for size, viewport in SIZES.items():
            await page.set_viewport_size(viewport)
            await _picture(page, f"{name}-{size}")
            if (pixels := await page.evaluate(SIDEWAYS)) > 0:
                broken[f"{name} {size}: wider than the window"] = pixels
            if found := await page.evaluate(CUT_OFF):
                broken[f"{name} {size}: cut off"] = found
    assert broken == {}


# What the eye can tell apart where only the system's colours are left: paint and lines of each element.
LOOKS = """elements => {
    const told = ['background-color', 'background-image', 'border-bottom-color', 'border-bottom-width', 'border-left-color',
        'outline-style', 'stroke-dasharray'];
    return elements.map(element => told.map(name => getComputedStyle(element).getPropertyValue(name)).join(' / '));
}"""
# Each pair is to be seen, and its two sides are to differ.
PAIRS = {
    "search": [(".hit mark", ".hit h2 a")],
    "source-pages": [("[role=tab][aria-selected=true]", "[role=tab][aria-selected=false]")],
    "task-running": [
        (".track", ".track .fill"),
        (".nav a[aria-current]:not(.brand)", ".nav a:not([aria-current])"),
    ],
    "task-completed": [(".track", ".track .fill")],
    "task-failed": [(".btn.pri", ".fail .btn")],
    "page-versions": [(".version-list a[aria-current]", ".version-list a:not([aria-current])")],
    "parsed-elements": [
        (".element[aria-selected=true]", ".element[aria-selected=false]"),
        (".times-bar", ".times-bar i"),
    ],
    "queue-waiting": [(".chip[aria-pressed=true]", ".chip[aria-pressed=false]")],
}


# Text on the system's highlight, unless it is said to be readable there, gets a plate behind it that hides it.
PLATED = """() => {
    const probe = document.body.appendChild(document.createElement('b'));
    probe.style.backgroundColor = 'Highlight';
    const highlight = getComputedStyle(probe).backgroundColor;
    probe.remove();
    return [...document.querySelectorAll('body *')].filter(element => {
        const { backgroundColor, forcedColorAdjust } = getComputedStyle(element);
        return backgroundColor === highlight && forcedColorAdjust !== 'none' && element.innerText.trim() !== '';
    }).map(element => element.outerHTML.slice(0, 120));
}"""


async def test_forced_colours_leave_what_matters_to_be_told_apart(chromium: Browser, server: ServerProcess) -> None:
    async with seeded(server) as seed:
        await _tell_apart(chromium, server, views(seed))


async def test_forced_colours_leave_what_matters_of_a_parse_to_be_told_apart(
    chromium: Browser, server: ServerProcess
) -> None:
    async with seeded_parses(server) as seed:
        await _tell_apart(chromium, server, parse_views(seed))


async def _tell_apart(chromium: Browser, server: ServerProcess, paths: Mapping[str, str]) -> None:
    context = await chromium.new_context(forced_colors="active", viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    alike: list[str] = []
    for name, path in paths.items():
        await _open(page, f"{server.url}{path}")
        await _picture(page, f"{name}-forced")
        alike += [f"{name}: unreadable: {each}" for each in await page.evaluate(PLATED)]
        for one, other in PAIRS.get(name, ()):
            looks = [(await page.locator(each).evaluate_all(LOOKS))[:1] for each in (one, other)]
            if not looks[0] or not looks[1] or looks[0] == looks[1]:
                alike.append(f"{name}: {one} {looks[0]} and {other} {looks[1]}")
        if name == "task-running":
            await page.emulate_media(color_scheme="dark")
            await _picture(page, f"{name}-dark-forced")
    await context.close()
    assert alike == []


async def test_with_reduced_motion_nothing_moves(chromium: Browser, server: ServerProcess) -> None:
    context = await chromium.new_context(reduced_motion="reduce", viewport={"width": 1280, "height": 900})
    page = await context.new_page()
    moving: dict[str, Any] = {}
    async with seeded(server) as seed:
        paths = views(seed)
        for name in ("search", "sources", "activity", "task-running", "task-paused", "queue-waiting"):
            await _open(page, f"{server.url}{paths[name]}")
            await expect(page.get_by_test_id("connection")).to_have_attribute("data-state", "live")
            if found := await page.evaluate("document.getAnimations().map(each => each.animationName ?? 'transition')"):
                moving[name] = found
    await context.close()
    assert moving == {}
