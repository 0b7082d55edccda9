"""A tour of every view, light and dark, wide and narrow: no rule of accessibility broken, no policy, nothing run or fetched
that a crawled page put there. Each view is kept as a picture under `test-results/screens/`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Page, ViewportSize, expect

from tests.e2e.server_process import ServerProcess
from tests.ui.seeding import Seeded, SeededParses, SeededStories, seeded, seeded_parses, seeded_stories

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

ROOT = Path(__file__).parents[2]
SCREENS = ROOT / "test-results" / "screens"
AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
SIZES: dict[str, ViewportSize] = {"wide": {"width": 1280, "height": 900}, "narrow": {"width": 390, "height": 844}}
# What is broken, with where: enough to find it.
BROKEN = """async () => {
    const rules = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'];
    const { violations } = await axe.run(document, { runOnly: rules, resultTypes: ['violations'] });
    return violations.map(({ id, nodes }) => `${id}: ${nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(' | ')}`);
}"""
PARSED_TABS = ("elements", "outline", "forms", "tables", "meaning", "content", "incidents", "json")
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


def views(seed: Seeded) -> dict[str, str]:
    """Every view by name, with its path."""
    source, page = f"/sources/{seed.source_id}", f"/sources/{seed.source_id}/pages/{seed.page_id}"
    tabs = ("pages", "code", "changes", "history", "queries", "storage", "settings")
    return {
        "search": "/search?q=wombats+feeding",
        "search-empty": "/search",
        "search-nothing": "/search?q=zyzzyva",
        "search-code": "/search?q=feed&show=code",
        "sources": "/sources",
        **{f"source-{tab}": f"{source}?tab={tab}" for tab in tabs},
        **{f"page-{tab}": f"{page}?tab={tab}" for tab in ("text", "code", "versions", "about")},
        "page-chunks": f"{page}?chunks=shown",
        "page-hostile": f"/sources/{seed.hostile_source_id}/pages/{seed.hostile_page_id}",
        "source-hostile": f"/sources/{seed.hostile_source_id}",
        "activity": "/activity",
        "task-completed": f"/activity/{seed.completed}",
        "task-pages": f"/activity/{seed.completed}?tab=pages",
        "task-settings": f"/activity/{seed.completed}?tab=settings",
        "task-failed": f"/activity/{seed.failed}",
        "task-problems": f"/activity/{seed.failed}?tab=problems",
        "task-running": f"/activity/{seed.running}",
        "task-paused": f"/activity/{seed.paused}",
        "task-demo": f"/activity/{seed.demo_failed}",
        "task-unknown": "/activity/tsk_00000000000000000000",
        **{f"queue-{tab}": f"/queue?tab={tab}" for tab in ("waiting", "failed", "workers", "schedules", "webhooks")},
        "traces": "/traces",
        "traces-place": "/traces?project=zoo&path=%2Ffeeding",
        "traces-group": f"/traces/{seed.group_id}",
        **{f"traces-{tab}": f"/traces/{seed.group_id}?tab={tab}" for tab in ("traces", "implementations", "history")},
        "reports": "/reports",
        "report": f"/reports/{seed.report_id}",
        "report-control": f"/reports/{seed.report_id}?control=Z-1",
        **{f"report-{tab}": f"/reports/{seed.report_id}?tab={tab}" for tab in ("gaps", "changes")},
        "settings": "/settings",
        "not-there": "/no/such/page",
    }


def parse_views(seed: SeededParses) -> dict[str, str]:
    """Every view of parses by name, with its path."""
    return {
        "parse": "/parse",
        "parse-again": f"/parse?again={seed.done}",
        **{f"parsed-{tab}": f"/parse/{seed.done}?tab={tab}&element=e3" for tab in PARSED_TABS},
        "parsed-failed": f"/parse/{seed.failed}",
        "parsed-running": f"/parse/{seed.running}",
        "parsed-unknown": "/parse/tsk_00000000000000000000",
        "task-parse": f"/activity/{seed.done}",
    }


def story_views(seed: SeededStories) -> dict[str, str]:
    """Every view of stories by name, with its path."""
    return {
        "stories": "/stories",
        "stories-attention": "/stories?show=attention",
        "stories-workspaces": "/stories?tab=workspaces",
        **{f"story-{tab}": f"/stories/{seed.undecided}?tab={tab}" for tab in ("changes", "findings", "steps")},
        **{f"story-{view}": f"/stories/{seed.undecided}?view={view}" for view in ("before", "after")},
        "story-conflict": f"/stories/{seed.conflict}",
        "story-failed": f"/stories/{seed.failed}",
    }


async def test_every_view_keeps_every_rule(page: Page, server: ServerProcess) -> None:
    async with seeded(server) as seed:
        await _tour(page, server, {"first-run": "/", **views(seed)})


async def test_every_view_of_a_parse_keeps_every_rule(page: Page, server: ServerProcess) -> None:
    async with seeded_parses(server) as seed:
        await _tour(page, server, parse_views(seed))


async def test_every_view_of_a_story_keeps_every_rule(page: Page, tmp_path: Path) -> None:
    async with seeded_stories(tmp_path / "data") as seed:
        await _tour(page, seed.server, story_views(seed))


async def _tour(page: Page, server: ServerProcess, paths: Mapping[str, str]) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    axe = AXE.read_text("utf-8")
    broken: dict[str, Any] = {}
    for name, path in paths.items():
        reply = await page.goto(f"{server.url}{path}")
        assert reply is not None
        assert reply.headers["content-security-policy"] == CSP
        await expect(page.locator("h1").first).to_be_attached()
        await expect(page.locator(".loading")).to_have_count(0)
        await page.evaluate(axe)
        broken |= await _looked_at(page, name)
        if violations := await page.evaluate("window.__violations"):
            broken[f"{name}: policy"] = violations
        if await page.evaluate("window.__xss") is not None:
            broken[f"{name}: ran"] = True
    assert not broken, _lines(broken)
    assert [url for url in asked if not url.startswith((server.url, "data:", "blob:"))] == []


async def _looked_at(page: Page, name: str) -> dict[str, Any]:
    """A picture of each theme and width, and what is broken there."""
    found: dict[str, Any] = {}
    for size, viewport in SIZES.items():
        await page.set_viewport_size(viewport)
        for theme in ("light", "dark"):
            await page.evaluate(f"document.documentElement.dataset.theme = '{theme}'")
            SCREENS.mkdir(parents=True, exist_ok=True)
            await page.screenshot(path=SCREENS / f"{name}-{size}-{theme}.png")
            # A page that opens where it was asked to would have what the header hides judged as too small to press.
            await page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
            if rules := await page.evaluate(BROKEN):
                found[f"{name} {size} {theme}"] = rules
        if (pixels := await page.evaluate(SIDEWAYS)) > 0:
            found[f"{name} {size}: wider than the window"] = pixels
    return found


def _lines(broken: dict[str, Any]) -> str:
    return "\n".join(f"{where}: {what}" for where, what in broken.items())


async def test_the_empty_server_keeps_every_rule(page: Page, server: ServerProcess) -> None:
    axe = AXE.read_text("utf-8")
    broken: dict[str, Any] = {}
    paths = {
        "first-run": "/",
        "no-sources": "/sources",
        "no-search": "/search",
        "no-tasks": "/activity",
        "no-queue": "/queue",
        "no-parses": "/parse",
        "no-traces": "/traces",
        "no-reports": "/reports",
        "no-stories": "/stories",
        "no-workspaces": "/stories?tab=workspaces",
    }
    for name, path in paths.items():
        await page.goto(f"{server.url}{path}")
        await expect(page.locator("h1").first).to_be_attached()
        await expect(page.locator(".loading")).to_have_count(0)
        await page.evaluate(axe)
        broken |= await _looked_at(page, name)
    assert not broken, _lines(broken)
