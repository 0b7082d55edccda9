"""`refresh_every` of a crawl: a schedule that belongs to its source."""

from __future__ import annotations

import pytest

from tests.api.client import API, Client
from tests.api.sites import SMALL
from tests.conftest import ServePages


async def schedules(client: Client) -> list[dict[str, object]]:
    return list(await client.every("/schedules"))


async def test_a_crawl_that_is_to_be_refreshed_makes_one_schedule_of_its_source(
    client: Client, serve_pages: ServePages
) -> None:
    url = f"{(await serve_pages(SMALL)).url}/index.html"
    crawl = await client.crawl(url, refresh_every="24h", max_pages=7, priority=60)
    [first] = await schedules(client)
    assert (first["source_id"], first["task_type"], first["interval_seconds"]) == (crawl.source_id, "crawl", 86400.0)
    assert (first["name"], first["priority"], first["missed_ticks"]) == (f"Refresh {url}", 60, "once")
    payload = first["payload"]
    assert isinstance(payload, dict)
    assert (payload["url"], payload["max_pages"]) == (url, 7)

    run = await client.post(f"/schedules/{first['schedule_id']}/run", {})
    again = await client.ended(run.body["task_id"])
    assert (again.status, again.task["schedule_id"], again.source_id) == (
        "completed",
        first["schedule_id"],
        crawl.source_id,
    )
    assert again.task["result"]["pages"] == crawl.task["result"]["pages"]

    await client.crawl(url, refresh_every="7d")
    [second] = await schedules(client)
    assert (second["source_id"], second["interval_seconds"]) == (crawl.source_id, 7 * 86400.0)
    assert second["schedule_id"] != first["schedule_id"]


async def test_a_source_that_is_deleted_is_refreshed_no_more(client: Client, serve_pages: ServePages) -> None:
    crawl = await client.crawl(f"{(await serve_pages(SMALL)).url}/index.html", refresh_every="90m")
    assert len(await schedules(client)) == 1
    reply = await client.call("DELETE", f"{API}/sources/{crawl.source_id}")
    assert reply.status == 204
    assert await schedules(client) == []


@pytest.mark.parametrize("every", ["5", "1 fortnight", "0h", "-1d", "59", "nan"])
async def test_a_pace_that_cannot_be_is_refused_with_nothing_started(client: Client, every: str) -> None:
    reply = await client.post("/knowledge/add", {"url": "http://127.0.0.1:9/", "refresh_every": every})
    assert reply.status == 422
    assert reply.body["error"]["details"]["field"] == "refresh_every"
    assert await client.every("/sources") == []
    assert await client.every("/tasks") == []
