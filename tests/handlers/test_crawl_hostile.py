"""A crawl over a site that misbehaves in every way we know: it ends, soon, with the right reason for every path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pytest

from tests.api.client import Client, Crawl
from tests.conftest import StartServer
from tests.sites.hostile import PATHS, hostile_site

ROBOTS = "User-agent: *\nDisallow: /status/429\n"

STORED = ("stored", None)
ENDS = {
    "/": STORED,
    "/ok/1": STORED,
    "/ok/2": STORED,
    "/ok/3": STORED,
    "/loop-a": ("failed", "redirect_loop"),
    "/chain/3": STORED,
    "/chain/9": ("failed", "redirect_loop"),
    "/huge": ("failed", "too_large"),
    "/bomb": ("failed", "too_large"),
    "/binary/pdf": ("failed", "extract_failed"),
    "/binary/png": ("skipped", "not_html"),
    "/latin1": STORED,
    "/utf16": STORED,
    "/broken-encoding": STORED,
    "/broken-gzip": ("failed", "broken_body"),
    "/short-gzip": ("failed", "broken_body"),
    "/empty": ("skipped", "empty_page"),
    "/status/404": ("failed", "http_404"),
    "/status/429": ("skipped", "robots_denied"),
    "/status/500": ("failed", "http_500"),
    "/status/503": ("failed", "http_503"),
    "/flaky/2": STORED,
    "/truncated": ("failed", "connect_failed"),
    "/reset": ("failed", "connect_failed"),
    "/hang-up": ("failed", "connect_failed"),
    "/not-http": ("failed", "broken_body"),
    "/big-header": ("failed", "too_large"),
    "/many-headers": ("failed", "too_large"),
    "/redirect-to?url=/ok/1": ("skipped", "duplicate"),
    "/redirect-to?url=http%3A%2F%2F10.0.0.1%2F": ("skipped", "redirect_refused"),
    "/text": STORED,
    "/no-type": STORED,
    "/no-type-binary": ("skipped", "not_html"),
    "/gzip": STORED,
    "/deflate": STORED,
    "/raw-deflate": STORED,
    "/unknown-encoding": ("failed", "broken_body"),
    "/xss": STORED,
    "/cookie": STORED,
}
SILENT = ("/slow", "/never")
TANGLED = ("/nested-tags", "/many-attributes")
"""Both end by nothing but their limits of time: to be asked for, and to be read."""


async def small(start_server: StartServer, **limits: float) -> Client:
    """A server that takes no large pages, and has time for each."""
    usual = {"fetch_timeout_seconds": 60, "extract_timeout_seconds": 60}
    return await start_server(max_page_bytes=2**20, **{**usual, **limits})


@pytest.mark.slow
async def test_every_hostile_path_ends_with_its_reason(start_server: StartServer) -> None:
    assert {*ENDS, *SILENT, *TANGLED} == {"/", *PATHS}
    client = await small(start_server)
    async with hostile_site(robots=ROBOTS, linked=[path for path in PATHS if path in ENDS]) as site:
        crawl = await client.crawl(f"{site.url}/")
        urls = await client.urls(crawl.task_id, site.url)
        attempts = {path: row["attempts"] for path, row in urls.items()}
    assert {path: (row["state"], row["reason"]) for path, row in urls.items()} == ENDS
    assert crawl.status == "completed"
    assert crawl.task["result"]["pages"] == list(ENDS.values()).count(STORED)
    assert "/status/429" not in site.counts
    assert attempts["/status/404"] == attempts["/huge"] == attempts["/broken-gzip"] == 1
    assert attempts["/status/500"] == attempts["/truncated"] == 4
    assert site.counts["/flaky/2"] == attempts["/flaky/2"] == 3
    assert site.counts["/status/404"] == 1
    await check_stories(crawl)
    await check_texts(client, crawl, {path: row["page_id"] for path, row in urls.items() if row["page_id"]})


@pytest.mark.slow
@pytest.mark.parametrize(
    ("paths", "limit", "end"),
    [
        (SILENT, {"fetch_timeout_seconds": 1}, ("failed", "timed_out", 4)),
        (TANGLED, {"extract_timeout_seconds": 5}, ("failed", "extract_failed", 1)),
    ],
    ids=["silent", "tangled"],
)
async def test_what_has_no_end_ends_by_its_limit_of_time(
    start_server: StartServer, paths: Sequence[str], limit: Mapping[str, float], end: tuple[str, str, int]
) -> None:
    client = await small(start_server, **limit)
    async with hostile_site(linked=paths) as site:
        crawl = await client.crawl(f"{site.url}/")
        urls = await client.urls(crawl.task_id, site.url)
    ends = {path: (row["state"], row["reason"], row["attempts"]) for path, row in urls.items() if path in paths}
    assert ends == dict.fromkeys(paths, end)
    assert crawl.status == "completed"
    await check_stories(crawl)


async def check_stories(crawl: Crawl) -> None:
    """Each failure says in a sentence what happened, and no number is missing among the events."""
    assert [event["seq"] for event in crawl.events] == list(range(1, crawl.task["last_seq"] + 1))
    for event in crawl.events:
        if event["type"] in ("page_failed", "page_skipped"):
            assert event["data"]["reason"]
            assert event["message"].strip()


async def check_texts(client: Client, crawl: Crawl, pages: dict[str, str]) -> None:
    """What came in a strange wrapping is stored as it was meant."""
    for path, text in (
        ("/latin1", "Äpfel und Öl"),
        ("/utf16", "Äpfel und Öl"),
        ("/broken-encoding", "caf"),
        ("/gzip", "Compressed"),
        ("/deflate", "Compressed"),
        ("/raw-deflate", "Compressed"),
        ("/cookie", "none"),
        ("/flaky/2", "Here at last"),
        ("/chain/3", "The end of the chain"),
    ):
        assert text in (await client.one(f"/pages/{pages[path]}"))["markdown"], path
    xss = await client.one(f"/pages/{pages['/xss']}")
    assert "alert(2)" not in xss["markdown"]
    assert "javascript:" not in xss["markdown"]
    hits = (await client.post("/search", {"query": "nothing wrong", "source_id": crawl.source_id})).body["hits"]
    assert {hit["title"] for hit in hits} == {"Page 1", "Page 2", "Page 3"}


@pytest.mark.parametrize("robots", [500, 503, 429])
async def test_robots_txt_that_is_down_stops_the_crawl_before_the_first_page(
    start_server: StartServer, robots: int
) -> None:
    client = await start_server(robots_patience_seconds=1.5)
    async with hostile_site(robots=robots) as site:
        task_id = (await client.start(f"{site.url}/ok/1"))["task_id"]
        event = await client.until(task_id, lambda event: event["type"] == "warning_raised")
        assert event["data"]["code"] == "robots_unreachable"
        assert "Asking again in 1 s" in event["message"]
        event = await client.until(task_id, lambda event: event["type"] == "task_retry_scheduled")
        assert event["data"]["error"]["code"] == "robots_unreachable"
        assert set(site.counts) == {"/robots.txt"}
        await client.put(f"/tasks/{task_id}/cancel")


async def test_a_cancel_does_not_wait_for_a_silent_site(start_server: StartServer) -> None:
    """Expected: it ends while the site is silent, which only the limit of time would end."""
    client = await start_server(fetch_timeout_seconds=600)
    async with hostile_site() as site:
        task_id = (await client.start(f"{site.url}/never"))["task_id"]
        await client.until(task_id, lambda event: event["data"].get("stage") == "crawling")
        while "/never" not in site.counts:
            site.asked.clear()
            await site.asked.wait()
        await client.put(f"/tasks/{task_id}/cancel")
        assert (await client.ended(task_id)).status == "cancelled"


async def test_a_429_is_tried_again_no_sooner_than_the_site_asks(start_server: StartServer) -> None:
    client = await small(start_server)
    async with hostile_site() as site:
        task_id = (await client.start(f"{site.url}/status/429"))["task_id"]
        event = await client.until(task_id, lambda event: event["type"] == "page_retry_scheduled")
        assert event["data"]["in_seconds"] >= 7
        assert (event["data"]["reason"], event["data"]["attempt"]) == ("http_429", 1)
        await client.put(f"/tasks/{task_id}/cancel")
        assert (await client.ended(task_id)).status == "cancelled"


async def test_what_is_forbidden_is_not_dialled_behind_a_redirect(start_server: StartServer) -> None:
    client = await small(start_server)
    async with hostile_site() as site:
        crawl = await client.crawl(f"{site.url}/redirect-to?url=http%3A%2F%2F10.0.0.1%2F")
    assert (crawl.status, crawl.task["error"]["code"]) == ("failed", "address_forbidden")
