"""What a crawl does: scope, limits, redirects, keys, reasons, retries, cancelling, crawling again, deleting."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from tests.api.client import Client, Crawl
from tests.api.sites import SMALL, GatedSite, gated_ring, page, ring
from tests.conftest import ServePages, StartServer
from tests.sites import Site, run
from tests.sites.hostile import hostile_site


@pytest.fixture
async def site(serve_pages: ServePages) -> Site:
    return await serve_pages(SMALL)


@pytest.fixture
async def gated() -> AsyncIterator[GatedSite]:
    async with gated_ring(16) as site:
        yield site


async def stored(client: Client, crawl: Crawl, site: Site) -> set[str]:
    """Paths of the pages that the crawl's source holds."""
    rows = await client.every(f"/sources/{crawl.source_id}/pages")
    paths = [row["url"].removeprefix(site.url) for row in rows]
    assert len(set(paths)) == len(paths)
    return set(paths)


OFFERS = {
    f"/{name}": 1
    for name in ("robots.txt", "sitemap.xml", "sitemap_index.xml", "sitemap.xml.gz", "llms.txt", "llms-full.txt")
}


def types(crawl: Crawl) -> list[str]:
    return [event["type"] for event in crawl.events]


async def test_the_story_of_a_small_crawl(client: Client, site: Site) -> None:
    crawl = await client.crawl(f"{site.url}/index.html")
    assert crawl.status == "completed"
    assert await stored(client, crawl, site) == {f"/{name}" for name in SMALL}
    assert types(crawl)[:4] == ["task_queued", "task_started", "stage_started", "stage_started"]
    assert types(crawl)[-1] == "task_completed"
    assert sorted(types(crawl)[4:-1]) == [
        "page_failed",
        *["page_stored"] * 5,
        "site_surveyed",
        "source_published",
        "task_step_completed",
    ]
    assert site.pages == {"/gone.html": 1} | {f"/{name}": 1 for name in SMALL}
    assert {path: count for path, count in site.counts.items() if path not in site.pages} == OFFERS
    result = crawl.task["result"]
    assert {name: result[name] for name in ("pages", "failed", "skipped", "code_examples", "embedded_pages")} == {
        "pages": 5,
        "failed": 1,
        "skipped": 2,
        "code_examples": 1,
        "embedded_pages": 0,
    }
    assert result["reasons"] == {"http_404": 1, "other_host": 1, "not_a_document": 1}
    assert (result["generation"], result["saved"]["pages_unchanged"]) == (1, 0)
    assert crawl.events[-1]["data"] == {"result": result}
    stages = crawl.task["progress"]["stages"]
    assert stages == {
        "discovered": {"done": 6, "total": 6},
        **{name: {"done": 5, "total": 5} for name in ("fetched", "extracted", "chunked", "stored")},
    }


async def test_a_source_has_its_name_and_its_task_also_when_the_crawl_ends_right_after_its_first_page(
    client: Client, site: Site, tmp_path: Path
) -> None:
    """Of the source only its generations can be written for a while, so the attempt ends where it is to be named."""
    database = sqlite3.connect(tmp_path / "data" / "gleanery.db", isolation_level=None)
    database.execute(
        "CREATE TRIGGER unnamed BEFORE UPDATE OF last_task_id ON source BEGIN SELECT RAISE(ABORT, 'not now'); END"
    )
    task_id = (await client.start(f"{site.url}/index.html"))["task_id"]
    async for event in client.follow(task_id):
        if event["type"] == "task_retry_scheduled":
            database.execute("DROP TRIGGER unnamed")
    database.close()
    crawl = await client.ended(task_id)
    assert (crawl.status, types(crawl).count("page_stored")) == ("completed", 5)
    source = await client.one(f"/sources/{crawl.source_id}")
    assert (source["title"], source["last_task_id"]) == ("Start", task_id)


async def test_every_url_has_its_reason(client: Client, site: Site) -> None:
    crawl = await client.crawl(f"{site.url}/index.html", exclude=["/a.html"], max_depth=1)
    urls = await client.urls(crawl.task_id, site.url)
    assert {path: (row["state"], row["reason"], row["depth"]) for path, row in urls.items()} == {
        "/index.html": ("stored", None, 0),
        "/a.html": ("skipped", "excluded", 1),
        "/b.html": ("stored", None, 1),
        "/deep/c.html": ("stored", None, 1),
        "/gone.html": ("failed", "http_404", 1),
        "/deep/d.html": ("skipped", "too_deep", 2),
    }
    row = urls["/b.html"]
    assert (row["found_on"], row["attempts"], row["status_code"]) == (f"{site.url}/index.html", 1, 200)
    assert (row["chunks"], row["code_examples"]) == (1, 1)
    assert (await client.one(f"/pages/{row['page_id']}"))["url"] == f"{site.url}/b.html"


@pytest.mark.parametrize(
    ("options", "wanted"),
    [
        ({"max_depth": 0}, {"/index.html"}),
        ({"max_depth": 1}, {"/index.html", "/a.html", "/b.html", "/deep/c.html"}),
        ({"max_depth": 2}, {"/index.html", "/a.html", "/b.html", "/deep/c.html", "/deep/d.html"}),
        ({"include": ["/deep/**"]}, {"/index.html", "/deep/c.html", "/deep/d.html"}),
        ({"include": ["a.html"]}, {"/index.html", "/a.html"}),
        ({"exclude": ["/deep/**"]}, {"/index.html", "/a.html", "/b.html"}),
        ({"include": ["*.html"], "exclude": ["b.html", "c.html"]}, {"/index.html", "/a.html"}),
    ],
)
async def test_depth_include_and_exclude(
    client: Client, site: Site, options: dict[str, object], wanted: set[str]
) -> None:
    crawl = await client.crawl(f"{site.url}/index.html", **options)
    assert await stored(client, crawl, site) == wanted
    assert set(site.pages) - {"/gone.html"} == wanted


@pytest.mark.parametrize("most", [1, 2, 7, 20])
async def test_max_pages_is_exact(client: Client, serve_pages: ServePages, most: int) -> None:
    site = await serve_pages(ring(15))
    crawl = await client.crawl(f"{site.url}/index.html", max_pages=most)
    taken = min(most, 16)
    assert len(await stored(client, crawl, site)) == crawl.task["result"]["pages"] == taken
    assert sum(site.pages.values()) == taken, "nothing is fetched beyond the limit but what tells of the site"
    assert crawl.task["result"]["reasons"].get("page_limit", 0) == 16 - taken
    assert crawl.task["progress"]["percentage"] == 100


async def test_a_crawl_stays_in_the_folder_of_its_start(client: Client, serve_pages: ServePages) -> None:
    site = await serve_pages({**SMALL, "deep/index.html": page("Deep", links=("c.html", "../a.html", "/b.html"))})
    crawl = await client.crawl(f"{site.url}/deep/")
    assert await stored(client, crawl, site) == {"/deep/", "/deep/c.html", "/deep/d.html"}
    urls = await client.urls(crawl.task_id, site.url)
    assert (urls["/a.html"]["reason"], urls["/b.html"]["reason"]) == ("outside_path", "outside_path")


async def test_spellings_of_a_url_are_one_page(client: Client, serve_pages: ServePages) -> None:
    spellings = (
        "a.html#x",
        "./a.html",
        "%61.html",
        "a.html?",
        "a.html?utm_source=y",
        "x/../a.html",
        "a.html?gclid=1",
        "./",
    )
    site = await serve_pages({"index.html": page("Start", links=spellings), "a.html": page("A")})
    crawl = await client.crawl(f"{site.url}/index.html")
    assert await stored(client, crawl, site) == {"/index.html", "/a.html"}
    assert site.pages == {"/index.html": 1, "/a.html": 1}


async def test_redirects_give_one_page_under_its_last_url(client: Client) -> None:
    counts: dict[str, int] = {}

    async def answer(request: web.Request) -> web.Response:
        counts[request.path] = counts.get(request.path, 0) + 1
        moved = {"/old": "/new", "/older": "/old", "/away": "http://elsewhere.invalid/", "/out": "/outside/x"}
        if request.path in moved:
            return web.Response(status=301, headers={"Location": moved[request.path]})
        links = ("old", "older", "new", "away") if request.path == "/docs" else ()
        if request.path not in ("/docs", "/new"):
            return web.Response(status=404)
        return web.Response(text=page(request.path, links=links), content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with run(app, "127.0.0.1") as url:
        crawl = await client.crawl(f"{url}/docs", include=["/**"])
        rows = await client.every(f"/sources/{crawl.source_id}/pages")
        assert [row["url"] for row in rows] == [f"{url}/docs", f"{url}/new"]
        urls = await client.urls(crawl.task_id, url)
    states = {path: (row["state"], row["reason"]) for path, row in urls.items()}
    assert states["/away"] == ("skipped", "redirect_refused")
    assert sorted(states[path] for path in ("/old", "/older", "/new")) == [
        ("skipped", "duplicate"),
        ("skipped", "duplicate"),
        ("stored", None),
    ]
    assert crawl.task["result"]["pages"] == 2


async def test_a_start_that_redirects_takes_its_scope_along(client: Client) -> None:
    async def answer(request: web.Request) -> web.Response:
        if request.path == "/docs":
            return web.Response(status=302, headers={"Location": "/v2/guide/"})
        if request.path == "/v2/guide/":
            return web.Response(text=page("Guide", links=("one.html", "/v1/")), content_type="text/html")
        if request.path == "/v2/guide/one.html":
            return web.Response(text=page("One"), content_type="text/html")
        return web.Response(status=404)

    app = web.Application()
    app.router.add_get("/{path:.*}", answer)
    async with run(app, "127.0.0.1") as url:
        crawl = await client.crawl(f"{url}/docs")
        rows = await client.every(f"/sources/{crawl.source_id}/pages")
        assert [row["url"] for row in rows] == [f"{url}/v2/guide/", f"{url}/v2/guide/one.html"]
        assert (await client.urls(crawl.task_id, url))["/v1/"]["reason"] == "outside_path"


@pytest.mark.parametrize(
    ("path", "code"),
    [("/status/404", "http_404"), ("/empty", "empty_page"), ("/binary/png", "not_html"), ("/loop-a", "redirect_loop")],
)
async def test_a_start_that_gives_nothing_fails_the_crawl(client: Client, path: str, code: str) -> None:
    async with hostile_site() as site:
        crawl = await client.crawl(f"{site.url}{path}")
    assert (crawl.status, crawl.task["error"]["code"]) == ("failed", code)
    assert crawl.task["error"]["message"]
    assert crawl.task["result"] is None
    assert types(crawl)[-1] == "task_failed"
    assert (await client.one(f"/knowledge/status/{crawl.task_id}"))["status"] == "error"


async def test_robots_txt_that_forbids_the_start_fails_the_crawl_unasked(client: Client) -> None:
    async with hostile_site(robots="User-agent: *\nDisallow: /ok\n") as site:
        crawl = await client.crawl(f"{site.url}/ok/1")
        assert (crawl.status, crawl.task["error"]["code"]) == ("failed", "robots_denied")
        assert site.counts == {"/robots.txt": 1}


async def test_a_host_that_is_not_there(client: Client) -> None:
    crawl = await client.crawl("http://docs.invalid/")
    assert (crawl.status, crawl.task["error"]["code"]) == ("failed", "host_not_found")


async def test_a_retry_fetches_the_failed_pages_and_no_others(
    client: Client, serve_pages: ServePages, tmp_path: Path
) -> None:
    site = await serve_pages(SMALL)
    crawl = await client.crawl(f"{site.url}/index.html")
    before = site.counts.copy()
    (tmp_path / "site" / "gone.html").write_text(page("Back", links=("late.html",)))
    (tmp_path / "site" / "late.html").write_text(page("Late"))
    reply = await client.post(f"/tasks/{crawl.task_id}/retry", {"only": "failed"})
    assert (reply.status, reply.body["status"]) == (202, "queued")
    again = await client.ended(crawl.task_id, after=crawl.task["last_seq"])
    assert again.status == "completed"
    assert site.counts - before == {"/gone.html": 1, "/late.html": 1}
    assert await stored(client, again, site) == {*(f"/{name}" for name in SMALL), "/gone.html", "/late.html"}
    assert (again.task["result"]["pages"], again.task["result"]["failed"]) == (7, 0)
    assert [event["seq"] for event in again.events] == list(
        range(crawl.task["last_seq"] + 1, again.task["last_seq"] + 1)
    )


async def test_cancel_midway_keeps_what_is_stored_and_stops_fetching(client: Client, gated: GatedSite) -> None:
    task_id = (await client.start(gated.start))["task_id"]
    await gated.let(4)
    await client.until_stored(task_id, 5)
    reply = await client.put(f"/tasks/{task_id}/cancel")
    assert reply.status == 200
    crawl = await client.ended(task_id)
    assert (crawl.status, crawl.task["error"]) == ("cancelled", None)
    assert types(crawl)[-2:] == ["task_cancel_requested", "task_cancelled"]
    asked = sum(gated.site.counts.values())
    await gated.let(16)
    pages = await stored(client, crawl, gated.site)
    assert pages == {"/index.html", *(f"/p{n}.html" for n in range(4))}
    assert (
        (await client.post("/search", {"query": "word2"}))
        .body["hits"][0]["url"]
        .startswith(f"{gated.site.url}/p2.html")
    )
    assert sum(gated.site.counts.values()) == asked
    assert (await client.put(f"/tasks/{task_id}/cancel")).status == 409


async def test_a_cancelled_crawl_goes_on_where_it_stopped(client: Client, gated: GatedSite) -> None:
    task_id = (await client.start(gated.start))["task_id"]
    await gated.let(4)
    await client.until_stored(task_id, 5)
    await client.put(f"/tasks/{task_id}/cancel")
    first = await client.ended(task_id)
    await gated.let(100)
    assert (await client.post(f"/tasks/{task_id}/retry", {})).status == 202
    crawl = await client.ended(task_id, after=first.task["last_seq"])
    assert crawl.status == "completed"
    assert len(await stored(client, crawl, gated.site)) == 17
    once = ["/index.html", *(f"/p{n}.html" for n in range(4))]
    assert [gated.site.counts[path] for path in once] == [1] * 5


async def test_crawling_again_gives_the_same_source_without_doubles(
    client: Client, serve_pages: ServePages, tmp_path: Path
) -> None:
    site = await serve_pages(SMALL)
    first = await client.crawl(f"{site.url}/index.html", tags=["old"])
    chunks = {row["chunk_id"] for row in await client.every(f"/sources/{first.source_id}/chunks")}
    (tmp_path / "site" / "a.html").write_text(
        page("Apples", "<p>Apples are ripe in autumn now.</p>", links=("b.html",))
    )
    second = await client.crawl(f"{site.url}/index.html#again", tags=["new"])
    assert second.source_id == first.source_id
    assert second.task_id != first.task_id
    assert len(await stored(client, second, site)) == 5
    (source,) = await client.every("/sources")
    assert (source["tags"], source["pages"], source["last_task_id"]) == (["new"], 5, second.task_id)
    now = {row["chunk_id"] for row in await client.every(f"/sources/{first.source_id}/chunks")}
    assert len(now) == len(chunks)
    assert len(now & chunks) == len(chunks) - 1
    assert (await client.post("/search", {"query": "orchard"})).body["hits"] == []
    assert len((await client.post("/search", {"query": "autumn"})).body["hits"]) == 1


async def test_two_crawls_of_one_source_run_one_after_the_other(client: Client, gated: GatedSite) -> None:
    first = await client.start(gated.start)
    second = await client.start(gated.start)
    assert first["source_id"] == second["source_id"]
    assert first["task_id"] != second["task_id"]
    await gated.let(4)
    await client.until(first["task_id"], lambda event: event["type"] == "page_stored")
    assert (await client.one(f"/tasks/{second['task_id']}"))["status"] == "queued"
    await gated.let(100)
    one, two = await client.ended(first["task_id"]), await client.ended(second["task_id"])
    assert one.status == two.status == "completed"
    assert one.task["processing_completed_at"] <= two.task["processing_started_at"]
    assert len(await stored(client, two, gated.site)) == 17


async def test_a_deleted_source_is_gone_everywhere(client: Client, site: Site) -> None:
    crawl = await client.crawl(f"{site.url}/index.html")
    rows = await client.every(f"/sources/{crawl.source_id}/pages")
    reply = await client.delete(f"/sources/{crawl.source_id}")
    assert (reply.status, reply.body) == (204, "")
    for path in ("", "/pages", "/chunks", "/code-examples"):
        assert (await client.get(f"/sources/{crawl.source_id}{path}")).status == 404, path
    assert (await client.get(f"/pages/{rows[0]['page_id']}")).status == 404
    assert await client.every("/sources") == []
    for path, query in (("/search", "apples"), ("/search/code", "peel")):
        assert (await client.post(path, {"query": query})).body["hits"] == []
        assert (await client.post(path, {"query": query, "source_id": crawl.source_id})).status == 404
    assert (await client.delete(f"/sources/{crawl.source_id}")).status == 404
    assert (await client.one(f"/tasks/{crawl.task_id}"))["status"] == "completed"
    again = await client.crawl(f"{site.url}/index.html")
    assert again.source_id != crawl.source_id
    assert len(await stored(client, again, site)) == 5


async def test_a_source_at_work_is_not_deleted(client: Client, gated: GatedSite) -> None:
    started = await client.start(gated.start)
    reply = await client.delete(f"/sources/{started['source_id']}")
    assert (reply.status, reply.error["code"]) == (409, "wrong_state")
    await gated.let(16)
    assert (await client.ended(started["task_id"])).status == "completed"
    assert (await client.delete(f"/sources/{started['source_id']}")).status == 204


async def test_priority_decides_who_is_next(start_server: StartServer, gated: GatedSite, site: Site) -> None:
    client = await start_server(worker_concurrency=1)
    first = await client.start(gated.start)
    await client.until(first["task_id"], lambda event: event["type"] == "page_stored")
    low = await client.start(f"{site.url}/a.html", priority=10, max_depth=0)
    high = await client.start(f"{site.url}/b.html", priority=90, max_depth=0)
    await gated.let(16)
    ended = [await client.ended(task["task_id"]) for task in (first, high, low)]
    starts = [crawl.task["processing_started_at"] for crawl in ended]
    assert starts == sorted(starts)


async def test_percentage_never_goes_back_and_events_have_no_gap(client: Client, serve_pages: ServePages) -> None:
    site = await serve_pages(ring(80))
    started = await client.start(f"{site.url}/index.html")
    shown: list[float] = []
    seqs: list[int] = []
    async for event in client.follow(started["task_id"]):
        seqs.append(event["seq"])
        shown.append((await client.one(f"/tasks/{started['task_id']}"))["progress"]["percentage"])
    assert shown == sorted(shown)
    assert shown[-1] == 100
    assert seqs == list(range(1, len(seqs) + 1))


async def test_without_code_examples_the_code_stays_in_the_page(client: Client, site: Site) -> None:
    crawl = await client.crawl(f"{site.url}/index.html", extract_code=False)
    assert await client.every(f"/sources/{crawl.source_id}/code-examples") == []
    (hit,) = (await client.post("/search", {"query": "peel"})).body["hits"]
    assert "def peel(banana):" in hit["content"]
