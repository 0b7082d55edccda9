"""The queue as it is seen in the browser: figures, states over time, what waits and failed, workers, schedules, webhooks."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from playwright.async_api import Locator, Page, expect

from tests.api.client import API, Client
from tests.e2e.server_process import ServerProcess
from tests.sites.receiver import Answer, receiver

pytestmark = [pytest.mark.browser, pytest.mark.e2e]

LATER = "2100-01-01T00:00:00Z"
QUICK = {"steps": 1, "seconds": 0}
BREAKS = {"steps": 1, "seconds": 0, "fail_at": 1}
LONG = {"steps": 1000, "seconds": 60}

Open = Callable[..., Awaitable[Client]]


@pytest.fixture
def serve(tmp_path: Path, stack: AsyncExitStack) -> Open:
    """Starts a server with these settings; a client of it."""

    async def serve(**settings: str) -> Client:
        server = ServerProcess(tmp_path / "data", **settings)
        await server.start()
        stack.push_async_callback(server.stop)
        return Client(server.url, await stack.enter_async_context(aiohttp.ClientSession()))

    return serve


async def made(client: Client, title: str, **fields: Any) -> str:
    reply = await client.post("/tasks", {"task_type": "test", "payload": QUICK, "title": title, **fields})
    assert reply.status == 202, reply
    return str(reply.body["task_id"])


async def failed(client: Client, title: str, **fields: Any) -> str:
    task_id = await made(client, title, payload=BREAKS, max_retries=0, **fields)
    await client.ended(task_id)
    return task_id


async def titles(rows: Locator) -> list[str]:
    return [text.split("\n")[0] for text in await rows.locator("[data-row-link]").all_inner_texts()]


def figure(page: Page, label: str) -> Locator:
    return page.locator(".figures > div").filter(has=page.locator("dt", has_text=re.compile(f"^{label}$"))).locator("b")


SUMS = """sums => {
    const rows = [...document.querySelectorAll('[data-testid=ends] tbody tr')];
    return sums.every((sum, column) => rows.reduce((all, { cells }) => all + Number(cells[column + 1].textContent), 0) === sum);
}"""


async def test_figures_and_states_over_time(page: Page, serve: Open) -> None:
    client = await serve()
    for n in range(3):
        await client.ended(await made(client, f"Quick {n}"))
    await failed(client, "Broken")
    await made(client, "Later", run_at=LATER)
    await made(client, "Long", payload=LONG)
    await page.goto(f"{client.url}/queue")
    for label, value in (("Queued", "1"), ("Due now", "0"), ("Running", "1"), ("Failed", "1"), ("Oldest due", "–")):
        await expect(figure(page, label)).to_have_text(value)
    await expect(figure(page, "Throughput")).to_have_text("4 per hour")
    await expect(page.get_by_role("link", name="Queue 1 failed")).to_be_visible()
    for plot, last in (("levels", ["1", "1", "0"]), ("ends", None)):
        there = page.get_by_test_id(plot)
        await there.get_by_text("As a table").click()
        rows = there.locator("tbody tr")
        await expect(rows).to_have_count(60)
        if last is not None:
            await expect(rows.last.locator("td")).to_have_text(last)
        else:
            await page.wait_for_function(SUMS, arg=[3, 1, 0])
    await expect(page.get_by_role("img", name="3 completed, 1 failed, 0 cancelled")).to_be_visible()
    await page.get_by_role("button", name="24 hours").click()
    await expect(page.get_by_text("Ended in each 24 min")).to_be_visible()
    await expect(page).to_have_url(re.compile(re.escape("?window=24h") + "$"))
    await page.reload()
    await expect(page.get_by_role("button", name="24 hours")).to_have_attribute("aria-pressed", "true")
    await page.get_by_text("By task type and queue").click()
    row = page.get_by_role("region", name="By task type").locator("tbody tr")
    await expect(row).to_have_count(1)
    assert (await row.locator("th, td").all_inner_texts())[:7] == ["test", "1", "1", "0", "3", "1", "0"]
    assert await page.evaluate("window.__violations") == []


async def test_what_waits_is_shown_as_it_will_run_and_can_be_steered(page: Page, serve: Open) -> None:
    client = await serve(GLEANERY_WORKER_CONCURRENCY="1")
    breaks = await made(client, "Breaks", payload=BREAKS, max_retries=9)
    await client.until(breaks, lambda event: event["type"] == "task_started")
    blocker = await made(client, "Blocker", payload=LONG, priority=90)
    await client.until(blocker, lambda event: event["type"] == "task_started")
    first = await made(client, "First", priority=70, run_at=LATER)
    await made(client, "Second", depends_on=[first], priority=60)
    await made(client, "Third", priority=20)
    await made(client, "Apart", priority=10, queue_name="slow")
    await page.goto(f"{client.url}/queue")
    rows = page.get_by_test_id("waiting-row")
    await expect(rows).to_have_count(5)
    assert await titles(rows) == ["First", "Second", "Breaks", "Third", "Apart"]
    await expect(rows.nth(2)).to_contain_text(re.compile(r"attempt \d+ of 10, (again in|due)"))
    second = rows.nth(1)
    await expect(second).to_contain_text("waits for 1 task")
    await expect(second.get_by_role("link", name="First")).to_have_attribute("href", f"/activity/{first}")
    await page.get_by_label("Priority of Apart").fill("95")
    await page.get_by_label("Priority of Apart").press("Enter")
    await expect(rows.first).to_contain_text("Apart")
    assert await titles(rows) == ["Apart", "First", "Second", "Breaks", "Third"]
    await page.get_by_role("button", name="Cancel Third").click()
    await page.get_by_role("button", name="Cancel?").click()
    await expect(rows).to_have_count(4)
    await page.get_by_test_id("cancel-all").click()
    await expect(rows).to_have_count(4)
    await page.get_by_test_id("cancel-all").click()
    await expect(page.get_by_text("Nothing waits")).to_be_visible()
    assert (await client.one("/tasks/counts"))["by_status"]["queued"] == 0
    assert (await client.one(f"/tasks/{blocker}"))["status"] == "running"


async def test_failed_tasks_are_selected_and_retried_in_bulk(page: Page, serve: Open) -> None:
    client = await serve()
    broken = [await failed(client, f"Broken {n}") for n in range(5)]
    orphan = await made(client, "Orphan", depends_on=[broken[0]])
    await client.ended(orphan)
    await page.goto(f"{client.url}/queue?tab=failed")
    rows = page.get_by_test_id("failed-row")
    await expect(rows).to_have_count(6)
    assert await titles(rows) == ["Orphan", *(f"Broken {n}" for n in (4, 3, 2, 1, 0))]
    await expect(rows.first).to_contain_text("dependency_failed")
    await expect(rows.first).to_contain_text("never ran")
    await expect(rows.nth(1)).to_contain_text("1 of 1 attempt")
    await page.get_by_role("button", name="step_failed").click()
    await expect(rows).to_have_count(5)
    await expect(page).to_have_url(re.compile(re.escape("?tab=failed&code=step_failed") + "$"))
    retry = page.get_by_test_id("retry-selected")
    await expect(retry).to_be_disabled()
    await page.get_by_label("Select Broken 3").click()
    await page.get_by_label("Select Broken 1").click(modifiers=["Shift"])
    await expect(retry).to_have_text("Retry 3 tasks")
    ends = {n: (await client.one(f"/tasks/{broken[n]}"))["last_seq"] for n in range(5)}
    await retry.click()
    await expect(page.get_by_text("3 tasks queued again.")).to_be_visible()
    for n in (1, 2, 3):
        await client.ended(broken[n], after=ends[n])
    assert {n: (await client.one(f"/tasks/{broken[n]}"))["last_seq"] for n in (0, 4)} == {0: ends[0], 4: ends[4]}
    await page.get_by_role("button", name="step_failed").click()
    await expect(rows).to_have_count(6)
    await page.get_by_label("Select Orphan").check()
    await retry.click()
    await expect(page.get_by_text("0 tasks queued again, 1 other could not be")).to_be_visible()


async def test_all_that_fit_are_retried_and_old_ones_removed(page: Page, serve: Open) -> None:
    client = await serve()
    ids = [await made(client, f"Broken {n}", payload=BREAKS, max_retries=0) for n in range(102)]
    for task_id in ids:
        await client.ended(task_id)
    await page.goto(f"{client.url}/queue?tab=failed")
    rows = page.get_by_test_id("failed-row")
    await expect(rows).to_have_count(100)
    await page.get_by_label("Select all shown").check()
    await page.get_by_role("button", name="Select all that fit").click()
    await page.get_by_role("button", name="Retry all that fit").click()
    await expect(page.get_by_text("102 tasks queued again.")).to_be_visible()
    await expect(page.get_by_role("tab", name="Failed 102")).to_be_visible()
    await page.get_by_role("button", name="Remove old tasks…").click()
    found = page.get_by_test_id("prunable")
    await expect(found).to_have_text("No task is that old.")
    await page.get_by_label("and ended at least so many days ago").fill("0")
    await expect(found).to_have_text(re.compile("102 tasks with .* lines of log would go."))
    await page.get_by_test_id("prune").click()
    assert (await client.one("/tasks/counts"))["by_status"]["failed"] == 102, "only counted so far"
    await page.get_by_test_id("prune").click()
    await expect(found).to_have_text(re.compile("102 tasks with .* lines of log removed."))
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("No task has failed.")).to_be_visible()


async def test_workers_are_shown(page: Page, serve: Open) -> None:
    client = await serve(GLEANERY_WORKER_CONCURRENCY="3")
    await made(client, "Long", payload=LONG)
    await page.goto(f"{client.url}/queue")
    await page.get_by_role("tab", name="Waiting").press("ArrowRight")
    await page.get_by_role("tab", name="Failed").press("ArrowRight")
    await expect(page.get_by_role("tab", name="Workers 1")).to_be_focused()
    worker = page.get_by_test_id("worker")
    await expect(worker).to_have_count(1)
    await expect(worker).to_contain_text("1 of 3")
    await expect(worker).to_contain_text("crawl")
    await expect(page).to_have_url(re.compile(re.escape("?tab=workers") + "$"))
    await page.go_back()
    await expect(page.get_by_role("tab", name="Failed")).to_have_attribute("aria-selected", "true")


async def test_a_schedule_is_made_run_paused_changed_and_deleted(page: Page, serve: Open) -> None:
    client = await serve()
    await page.goto(f"{client.url}/queue?tab=schedules")
    await expect(page.get_by_text("Nothing recurs yet.")).to_be_visible()
    await page.get_by_role("button", name="New schedule").click()
    await page.get_by_label("Any task").check()
    await page.get_by_label("Task type", exact=True).select_option("test")
    payload = page.get_by_label("Payload, as JSON")
    await payload.fill('{"steps": 1,')
    await expect(page.get_by_text("This is not a JSON object yet.")).to_be_visible()
    await expect(page.get_by_role("button", name="Make schedule")).to_be_disabled()
    await payload.fill('{"steps": 1, "seconds": 0}')
    await page.get_by_label("By cron").check()
    await page.get_by_label("Cron", exact=True).fill("61 * * * *")
    await page.get_by_label("Name", exact=True).fill("Heartbeat")
    await page.get_by_role("button", name="Make schedule").click()
    await expect(page.get_by_role("alert")).to_be_visible()
    await expect(page.get_by_role("dialog")).to_contain_text("cron")
    await page.get_by_label("Every so often").check()
    await page.get_by_label("How many").fill("6")
    await page.get_by_label("Unit").select_option("hours")
    await page.get_by_role("button", name="Make schedule").click()
    row = page.get_by_test_id("schedule")
    await expect(row).to_contain_text("every 6 hours")
    await expect(row).to_contain_text(re.compile("in (6 h|5 h 59 min)"))
    await expect(row).to_contain_text("did not run yet")
    await row.get_by_role("button", name="Run now").click()
    await expect(row.get_by_test_id("status")).to_have_attribute("data-status", "completed")
    await row.get_by_role("button", name="Pause Heartbeat").click()
    await expect(row).to_contain_text("Paused")
    [schedule] = (await client.one("/schedules"))["items"]
    assert (schedule["is_paused"], schedule["interval_seconds"], schedule["payload"]) == (
        True,
        21_600,
        {"steps": 1, "seconds": 0},
    )
    await page.goto(f"{client.url}/queue?tab=schedules&open={schedule['schedule_id']}")
    await page.get_by_label("Name", exact=True).fill("Pulse")
    await page.get_by_role("button", name="Save").click()
    await expect(row).to_contain_text("Pulse")
    await row.get_by_role("button", name="Delete Pulse").click()
    await row.get_by_role("button", name="Delete?").click()
    await expect(page.get_by_text("Nothing recurs yet.")).to_be_visible()


async def test_a_schedule_crawls_a_source_as_it_was_crawled(page: Page, serve: Open) -> None:
    client = await serve()
    crawl = await client.crawl(f"{client.url}/example/", max_pages=1, tags=["docs"])
    assert crawl.status == "completed"
    await page.goto(f"{client.url}/queue?tab=schedules&open=new")
    await page.get_by_label("Source", exact=True).select_option(crawl.source_id)
    await page.get_by_role("button", name="Make schedule").click()
    await expect(page.get_by_test_id("schedule")).to_contain_text("every day")
    [schedule] = (await client.one("/schedules"))["items"]
    assert (schedule["task_type"], schedule["interval_seconds"]) == ("crawl", 86_400)
    payload = schedule["payload"]
    assert (payload["url"], payload["max_pages"], payload["tags"]) == (f"{client.url}/example/", 1, ["docs"])
    assert "refresh_every" not in payload


async def test_webhook_calls_are_shown_and_sent_again(page: Page, serve: Open) -> None:
    client = await serve()
    async with receiver() as there:
        there.always(Answer(410))
        await client.ended(await made(client, "Told", webhook_url=f"{there.url}/hook"))
        await there.heard(1)
        await page.goto(f"{client.url}/queue?tab=webhooks")
        row = page.get_by_test_id("delivery")
        await expect(row).to_contain_text("Given up")
        await expect(row).to_contain_text("task.completed")
        await expect(row).to_contain_text("1 attempt")
        await expect(page.get_by_role("tab", name="Webhooks 1")).to_be_visible()
        await row.get_by_role("button", name=f"{there.url.removeprefix('http://')}/hook", exact=True).click()
        await expect(page.get_by_role("dialog")).to_contain_text('"title": "Told"')
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await expect(page).not_to_have_url(re.compile("open="))
        there.always(Answer(204))
        await row.get_by_role("button", name="Send again").click()
        await there.heard(2)
        await expect(row).to_contain_text("Delivered")
        await page.get_by_role("button", name="Given up").click()
        await expect(page.get_by_text("No call is in this state.")).to_be_visible()
        assert (await client.call("GET", f"{API}/webhooks/deliveries?state=delivered")).body["items"]
