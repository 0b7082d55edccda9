"""The rules of a parse: its steps, one load for all, what is tried again and how. The browser is a script here."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from gleanery import errors
from gleanery.engine.events import ChangeFeed
from gleanery.engine.retry import Retry
from gleanery.handlers.parse.recovery import POLICY
from gleanery.knowledge.extract_pool import ExtractPool
from gleanery.model import Task, TaskStatus, utc_now
from gleanery.model.parses import Inspected, Meaning
from gleanery.store.embedded import EmbeddedStore
from tests.engine.stage import Stage
from tests.handlers.parsed import Asked, Parsing, Show, ShownPage, parsing, shown

URL = "https://a.test/"


@pytest.fixture
async def pool() -> AsyncIterator[ExtractPool]:
    async with ExtractPool(1, 20.0, is_warm=False) as it:
        yield it


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    feed = ChangeFeed()
    async with EmbeddedStore(tmp_path / "gleanery.db", feed.publish) as store:
        yield Stage(store, feed, tmp_path)


@pytest.fixture
async def parses(stage: Stage, pool: ExtractPool) -> AsyncIterator[Parsing]:
    async with parsing(stage, pool) as it:
        yield it


async def told(stage: Stage, task: Task, kind: str) -> list[dict[str, Any]]:
    rows = await stage.tasks.events(task.task_id, after=None, before=None, limit=500)
    return [dict(row.data) for row in rows if row.type == kind]


def at_first(error: Exception, times: int = 1) -> Show:
    """Fails so many times, then shows the page."""

    async def show(asked: Asked, before: int) -> ShownPage:
        if before < times:
            raise error
        return await shown(asked, before)

    return show


async def test_a_parse_tells_its_steps_and_keeps_its_page(parses: Parsing, stage: Stage) -> None:
    async with parses.worker():
        task = await parses.parse(URL, include_dom=True)
    assert task.status is TaskStatus.COMPLETED
    assert task.progress.percentage == 100.0
    assert [data["stage"] for data in await told(stage, task, "stage_started")] == [
        "checking_cache",
        "acquiring_browser",
        "navigating_to_page",
        "extracting_dom",
        "identifying_elements",
        "semantic_analysis",
        "capturing_screenshot",
    ]
    assert (task.browser_session_id, task.memory_usage_mb) == ("ctx_1", 42.2)
    assert task.result is not None
    parse = await stage.store.parses.get(task.task_id)
    assert parse.page is not None
    assert task.result == {
        "web_page_id": parse.page.web_page_id,
        "url": URL,
        "final_url": f"{URL}#end",
        "title": "A page",
        "kind": parse.page.summary.kind,
        "http_status": 200,
        "element_count": 1,
        "form_count": 0,
        "table_count": 0,
        "screenshot_url": f"/api/v1/web-pages/{parse.page.web_page_id}/screenshot",
        "cache_hit": False,
        "cache_age_seconds": None,
        "processing_time_ms": task.result["processing_time_ms"],
        "attempts": 1,
    }
    page = await parses.page(task)
    assert page["elements"][0]["name"] == "Go"
    assert "Words to read here." in page["meaning"]["markdown"]
    assert page["incidents"]["console"][0]["text"] == "oops"
    assert page["timing"]["navigation_ms"] == 100.0
    assert (page["screenshot"]["width"], page["screenshot"]["is_full_page"]) == (1280, True)
    assert await stage.store.parses.screenshot(parse.page.web_page_id) == b"\x89PNG"
    [stored] = await told(stage, task, "web_page_stored")
    assert (stored["title"], stored["elements"], stored["status_code"]) == ("A page", 1, 200)


async def test_percentages_are_those_of_the_steps(parses: Parsing, stage: Stage) -> None:
    seen: dict[str, float] = {}
    stage.feed.listen(lambda changes: seen.update({c.task.progress.stage: c.task.progress.percentage for c in changes}))
    async with parses.worker():
        await parses.parse(screenshot=False)
    assert {stage: seen[stage] for stage in ("acquiring_browser", "navigating_to_page", "extracting_dom")} == {
        "acquiring_browser": 5.0,
        "navigating_to_page": 20.0,
        "extracting_dom": 40.0,
    }
    assert seen["identifying_elements"] == 60.0
    assert "capturing_screenshot" not in seen


async def test_places_in_line_are_told(parses: Parsing, stage: Stage) -> None:
    parses.browser.places = (3, 2, 1, 0)
    async with parses.worker():
        task = await parses.parse()
    places = [data["place"] for data in await told(stage, task, "task_progressed")]
    assert places[0] == 3
    assert places == sorted(places, reverse=True), "those that could be told before the next one came"


async def test_without_a_screenshot(parses: Parsing, stage: Stage) -> None:
    async with parses.worker():
        task = await parses.parse(screenshot=False)
    assert task.result is not None
    assert task.result["screenshot_url"] is None
    assert (await parses.page(task))["screenshot"] is None


async def test_an_equal_request_is_answered_by_the_page_that_is_kept(parses: Parsing) -> None:
    async with parses.worker():
        first = await parses.parse("https://a.test/b?x=1&y=2")
        second = await parses.parse("https://a.test/b?y=2&x=1&utm_source=z#part", timeout_seconds=5)
    assert len(parses.browser.asked) == 1
    assert first.result is not None
    assert second.result is not None
    assert second.result["web_page_id"] == first.result["web_page_id"]
    assert second.result["cache_hit"] is True
    assert second.result["cache_age_seconds"] >= 0
    assert second.progress.percentage == 100.0


@pytest.mark.parametrize(
    "options",
    [
        {"full_page": False},
        {"wait_for": "h1"},
        {"viewport": {"width": 400, "height": 800}},
        {"include_dom": True},
        {"headers": {"X-A": "1"}},
        {"cookies": [{"name": "a", "value": "1"}]},
        {"user_agent": "me"},
        {"wait_until": "load"},
    ],
)
async def test_another_request_is_another_load(parses: Parsing, options: dict[str, Any]) -> None:
    async with parses.worker():
        await parses.parse()
        await parses.parse(**options)
    assert len(parses.browser.asked) == 2


async def test_headers_count_whatever_their_case_and_order(parses: Parsing) -> None:
    async with parses.worker():
        await parses.parse(headers={"X-A": "1", "X-B": "2"})
        await parses.parse(headers={"x-b": "2", "x-a": "1"})
        await parses.parse(headers={"x-b": "2", "x-a": "2"})
    assert len(parses.browser.asked) == 2


async def test_many_equal_requests_at_once_are_one_load(parses: Parsing) -> None:
    tasks = [await parses.ask() for _ in range(8)]
    async with parses.worker(concurrency=8):
        ended = [await parses.stage.ended(task) for task in tasks]
    assert len(parses.browser.asked) == 1
    assert {task.status for task in ended} == {TaskStatus.COMPLETED}
    assert sorted(task.result["cache_hit"] for task in ended if task.result) == [False, *[True] * 7]


async def test_requests_to_load_anew_share_what_was_begun_after_them(parses: Parsing) -> None:
    async with parses.worker():
        await parses.parse()
    tasks = [await parses.ask(force_refresh=True) for _ in range(4)]
    async with parses.worker():
        ended = [await parses.stage.ended(task) for task in tasks]
        assert len(parses.browser.asked) == 2, "one for them all, and not the one before them"
        later = await parses.parse(force_refresh=True)
    assert [task.result["cache_hit"] for task in ended if task.result] == [False, True, True, True]
    assert later.result is not None
    assert later.result["cache_hit"] is False
    assert len(parses.browser.asked) == 3


async def test_a_page_that_expired_is_loaded_again(parses: Parsing) -> None:
    async with parses.worker():
        await parses.parse()
        parses.clock.jump(3599)
        await parses.parse()
        assert len(parses.browser.asked) == 1
        parses.clock.jump(2)
        await parses.parse()
    assert len(parses.browser.asked) == 2


async def test_its_own_page_of_an_attempt_that_was_lost_answers_a_task(parses: Parsing, stage: Stage) -> None:
    """As when the process dies between keeping the page and the end."""
    async with parses.worker():
        task = await parses.parse(force_refresh=True)
    parse = await stage.store.parses.get(task.task_id)
    assert parse.page is not None
    assert await stage.store.parses.usable(parse.page.cache_key, at=None, began_after=task.created_at) == parse.page


async def test_secrets_reach_the_page_and_nothing_else(parses: Parsing, stage: Stage) -> None:
    headers = {"Authorization": "Bearer s3cret"}
    cookies = [{"name": "sid", "value": "c00kie", "path": "/x", "http_only": True}]
    async with parses.worker():
        task = await parses.parse(headers=headers, cookies=cookies)
    [asked] = parses.browser.asked
    assert asked.guise.headers == (("Authorization", "Bearer s3cret"),)
    assert [(c.name, c.value, c.path, c.is_http_only) for c in asked.guise.cookies] == [("sid", "c00kie", "/x", True)]
    rows = await stage.tasks.events(task.task_id, after=None, before=None, limit=500)
    said = f"{task}{rows}{await parses.page(task)}"
    assert "s3cret" not in said
    assert "c00kie" not in said
    assert task.payload["headers"] == {"Authorization": "•••"}


SLOW = errors.TimedOut(URL, "slow", seconds=30)
CRASHED = errors.RenderFailed(URL, "crashed", reason="crashed")
LOST = errors.RenderFailed(URL, "lost", reason="browser_lost")
BLOCKED = errors.PageBlocked(URL, "no", status=403, reason="denied", retry_after=None)
HEAVY = errors.PageTooHeavy(URL, "fat", limit="memory_mb", max=512)
WINDOWS = errors.PageTooHeavy(URL, "windows", limit="pages", max=10)
REFUSED = errors.RenderFailed(URL, "bad selector", reason="selector")
REFUSED.can_retry = False


@pytest.mark.parametrize(
    ("error", "action", "times"),
    [
        (SLOW, "retry_with_longer_timeout", 1),
        (TimeoutError(), "retry_with_longer_timeout", 1),
        (CRASHED, "restart_browser_and_retry", 3),
        (LOST, "restart_browser_and_retry", 3),
        (BLOCKED, "rotate_user_agent_and_retry", 2),
        (HEAVY, "cleanup_and_retry", 1),
        (errors.BrowserUnavailable(URL, "it dies at once", retry_after=43), "wait_for_browser_and_retry", 3),
    ],
)
def test_what_is_done_about_an_error(error: Exception, action: str, times: int) -> None:
    rng, done = random.Random(1), list[str]()
    while (retry := POLICY.decide(error, len(done), rng, recoveries=done)) is not None:
        assert retry.rule is not None
        done.append(retry.rule.name)
    assert done == [action] * times


@pytest.mark.parametrize(
    "error",
    [
        WINDOWS,
        REFUSED,
        errors.NotHtml(URL, "a picture"),
        errors.AddressForbidden(URL, "private"),
        errors.HttpStatus(URL, 404, "Not Found"),
        errors.BrowserUnavailable(URL, "none"),
        errors.TooLarge(URL, "large"),
    ],
)
def test_what_is_not_tried_again(error: Exception) -> None:
    assert POLICY.decide(error, 0, random.Random(1)) is None


def test_what_passes_by_itself_is_tried_again_without_ado() -> None:
    retry = POLICY.decide(errors.HttpStatus(URL, 503, "Busy", retry_after=9), 0, random.Random(1))
    assert retry == Retry(9.0)


async def test_more_time_after_a_time_out_and_only_once(stage: Stage, pool: ExtractPool) -> None:
    async with parsing(stage, pool, show=at_first(SLOW, 5)) as parses, parses.worker():
        task = await parses.parse(timeout_seconds=7)
    assert task.status is TaskStatus.FAILED
    assert task.error is not None
    assert task.error.code == "timed_out"
    assert [asked.request.timeout_seconds for asked in parses.browser.asked] == [7.0, 14.0]
    assert [data["action"] for data in await told(stage, task, "task_retry_scheduled")] == ["retry_with_longer_timeout"]


async def test_a_browser_that_is_given_a_rest_is_waited_for(stage: Stage, pool: ExtractPool) -> None:
    shut = errors.BrowserUnavailable(URL, "The browser can't be started: it dies at once.", retry_after=43.0)
    async with parsing(stage, pool, show=at_first(shut)) as parses, parses.worker():
        task = await parses.ask()
        await stage.told(task.task_id, "task_retry_scheduled", 1)
        waiting = await stage.tasks.get(task.task_id)
        assert (waiting.status, waiting.recoveries) == (TaskStatus.QUEUED, ("wait_for_browser_and_retry",))
        [said] = await told(stage, task, "task_retry_scheduled")
        assert waiting.run_at is not None
        assert said["run_at"] == waiting.run_at.isoformat()
        assert 30 < (waiting.run_at - utc_now()).total_seconds() <= 43


async def test_the_context_of_a_page_that_never_came_is_known(stage: Stage, pool: ExtractPool) -> None:
    async with parsing(stage, pool, show=at_first(errors.NotHtml(URL, "a picture"))) as parses, parses.worker():
        task = await parses.parse()
    assert (task.status, task.browser_session_id) == (TaskStatus.FAILED, "ctx_1")


async def test_a_limit_is_never_longer_than_the_longest(stage: Stage, pool: ExtractPool) -> None:
    async with parsing(stage, pool, show=at_first(SLOW)) as parses, parses.worker():
        task = await parses.parse(timeout_seconds=200)
    assert task.status is TaskStatus.COMPLETED
    assert [asked.request.timeout_seconds for asked in parses.browser.asked] == [200.0, 300.0]


async def test_another_user_agent_after_being_turned_away(stage: Stage, pool: ExtractPool) -> None:
    async with parsing(stage, pool, show=at_first(BLOCKED, 9)) as parses, parses.worker():
        task = await parses.parse()
    assert task.status is TaskStatus.FAILED
    assert task.error is not None
    assert (task.error.code, task.error.details["reason"]) == ("page_blocked", "denied")
    agents = [asked.guise.user_agent for asked in parses.browser.asked]
    assert agents[0] is None, "the honest one"
    assert len(set(agents)) == 3
    assert all(agent.startswith("Mozilla/5.0") for agent in agents[1:] if agent)


async def test_a_crash_is_followed_by_another_try_and_both_are_told(stage: Stage, pool: ExtractPool) -> None:
    async def show(asked: Asked, before: int) -> ShownPage:
        return ShownPage(asked.url, fails_at="elements" if before == 0 else "", error=CRASHED)

    async with parsing(stage, pool, show=show) as parses, parses.worker():
        task = await parses.parse()
    assert task.status is TaskStatus.COMPLETED
    assert task.recoveries == ("restart_browser_and_retry",)
    assert task.last_error is not None
    assert task.last_error.code == "render_failed"
    assert parses.browser.open_now == 0
    assert task.result is not None
    assert task.result["attempts"] == 2


@pytest.mark.parametrize("html", ["", "<html><body></body></html>"])
async def test_a_page_with_nothing_to_read_is_a_page(stage: Stage, pool: ExtractPool, html: str) -> None:
    async def show(asked: Asked, _: int) -> ShownPage:
        return ShownPage(asked.url, html_text=html)

    async with parsing(stage, pool, show=show) as parses, parses.worker():
        task = await parses.parse()
    assert task.status is TaskStatus.COMPLETED
    assert (await parses.page(task))["meaning"]["markdown"] == ""


async def test_a_document_too_large_for_the_extractor_is_told(stage: Stage, pool: ExtractPool) -> None:
    async def show(asked: Asked, _: int) -> ShownPage:
        return ShownPage(asked.url, fails_at="html", error=errors.TooLarge(URL, "large"))

    async with parsing(stage, pool, show=show) as parses, parses.worker():
        task = await parses.parse()
    meaning = (await parses.page(task))["meaning"]
    assert (meaning["markdown"], len(meaning["notes"])) == ("", 1)


async def test_a_cancel_closes_the_page(stage: Stage, pool: ExtractPool) -> None:
    is_open = asyncio.Event()

    async def show(asked: Asked, before: int) -> ShownPage:
        is_open.set()
        await asyncio.Event().wait()
        return await shown(asked, before)

    async with parsing(stage, pool, show=show) as parses, parses.worker():
        task = await parses.ask()
        await is_open.wait()
        await stage.tasks.request_cancel(task.task_id)
        ended = await stage.ended(task)
        assert ended.status is TaskStatus.CANCELLED
        assert parses.browser.open_now == 0


async def test_the_oldest_pages_make_room(stage: Stage, pool: ExtractPool) -> None:
    async with AsyncExitStack() as stack:
        parses = await stack.enter_async_context(parsing(stage, pool, cache_bytes=1))
        await stack.enter_async_context(parses.worker())
        first = await parses.parse(URL)
        second = await parses.parse(f"{URL}b")
    assert (await stage.store.parses.get(first.task_id)).page is None
    assert (await stage.store.parses.get(second.task_id)).page is not None


async def test_time_left_goes_by_the_last_loads(parses: Parsing) -> None:
    async with parses.worker():
        await parses.parse()
    estimates = parses.handler._parts.estimates
    estimates._looked_at = float("-inf")
    assert await estimates.left_seconds("navigation") < 2.0, "and not by the first guess"
    waiting = [await parses.ask(f"{URL}{n}") for n in range(5)]
    each = await estimates.left_seconds("browser")
    assert await estimates.duration_seconds(waiting[-1]) == pytest.approx(each * 3), "two at once, four before it"


async def test_a_second_look_at_what_a_page_means_is_kept(stage: Stage, pool: ExtractPool) -> None:
    async def sharpen(inspected: Inspected, meaning: Meaning) -> Meaning:
        assert inspected.head.title == "A page"
        return meaning.model_copy(update={"by": "model", "model": "m", "summary": "It is sharper."})

    async with parsing(stage, pool, sharpen=sharpen) as parses, parses.worker():
        task = await parses.parse()
    meaning = (await parses.page(task))["meaning"]
    assert (meaning["by"], meaning["model"], meaning["summary"]) == ("model", "m", "It is sharper.")
    assert "Words to read here." in meaning["markdown"]
