"""A refresh of a real site through the whole server: what it changed, to those who ask and to a webhook; queries against both."""

from __future__ import annotations

import json
from pathlib import Path

from tests.api.client import API, Client
from tests.conftest import ServePages
from tests.sites.receiver import receiver


def page(title: str, body: str) -> str:
    return f"<!doctype html><html><head><title>{title}</title></head><body><main><h1>{title}</h1>{body}</main></body></html>"


def turning(by: str) -> str:
    code = f'<pre><code class="language-python">widget.turn("{by}")\n</code></pre>'
    text = "<p>How a widget is turned, told at some length for those who never did it.</p>"
    return page("Turning", f'{text}<h2 id="do">Do it</h2><p>It is turned by {by} degrees.</p>{code}')


LINKS = '<p>All about widgets. See <a href="turning.html">turning</a> and <a href="gears.html">gears</a>.</p>'
FILES = {
    "index.html": page("Widgets", LINKS),
    "turning.html": turning("ninety"),
    "gears.html": page("Gears", "<p>Gears are what moves a widget from within, and must be oiled.</p>"),
}


async def refresh(client: Client, source_id: str, **options: object) -> None:
    reply = await client.post(f"/sources/{source_id}/refresh", options)
    assert reply.status == 202, reply
    ended = await client.ended(str(reply.body["task_id"]))
    assert ended.status == "completed", ended.task["error"]


async def test_what_a_refresh_changed(client: Client, serve_pages: ServePages, tmp_path: Path) -> None:
    site = await serve_pages(FILES)
    source_id = (await client.crawl(site.url)).source_id
    query = {"query": "how many degrees is a widget turned", "expected": ["/turning.html"]}
    assert (await client.post(f"/sources/{source_id}/queries", query)).status == 201
    (tmp_path / "site" / "turning.html").write_text(turning("eighty"))
    (tmp_path / "site" / "index.html").write_text(page("Widgets", LINKS + '<p>And <a href="oil.html">oil</a>.</p>'))
    (tmp_path / "site" / "oil.html").write_text(page("Oil", "<p>Oil keeps the gears of a widget going for years.</p>"))
    async with receiver() as there:
        await refresh(client, source_id, webhook_url=there.url)
        await there.heard(2)
        told, ended = (json.loads(call.body) for call in there.calls)
    assert [told["type"], ended["type"]] == ["source.changed", "task.completed"]
    assert told["data"]["pages"] == {"added": 1, "changed": 2, "removed": 0}
    newest = (await client.every(f"/sources/{source_id}/changes"))[0]
    assert (newest["number"], newest["base"], newest["is_visible"]) == (2, 1, True)
    assert newest["pages"] == told["data"]["pages"]
    rows = await client.every(f"/sources/{source_id}/changes/2")
    assert {(row["change"], row["url"].rsplit("/", 1)[1]) for row in rows} == {
        ("changed", ""), ("changed", "turning.html"), ("added", "oil.html"),
    }  # fmt: skip
    assert [(row["page_id"], row["change"]) for row in rows] == [
        (row["page_id"], row["change"]) for row in told["data"]["changes"]
    ]
    (page_id,) = [row["page_id"] for row in rows if row["url"].endswith("turning.html")]
    diff = await client.one(f"/sources/{source_id}/changes/2/pages/{page_id}")
    (section,) = diff["sections"]
    assert (section["changes"], section["heading_path"], section["anchor"]) == (["changed"], ["Turning", "Do it"], "do")
    (code,) = diff["code_examples"]
    assert (code["old_code"], code["code"]) == ('widget.turn("ninety")\n', 'widget.turn("eighty")\n')
    feed = await client.call("GET", f"{API}/sources/{source_id}/changes.json")
    assert [item["title"] for item in json.loads(feed.body)["items"]] == ["1 page added, 2 changed"]


async def test_saved_queries_are_run_on_demand_against_both_states(
    client: Client, serve_pages: ServePages, tmp_path: Path
) -> None:
    site = await serve_pages(FILES)
    source_id = (await client.crawl(site.url)).source_id
    query = {"query": "oil lubricant", "expected": ["/oil.html"]}
    assert (await client.post(f"/sources/{source_id}/queries", query)).status == 201
    (tmp_path / "site" / "index.html").write_text(page("Widgets", LINKS + '<p>And <a href="oil.html">oil</a>.</p>'))
    (tmp_path / "site" / "oil.html").write_text(page("Oil", "<p>Oil is the lubricant of all widgets.</p>"))
    await refresh(client, source_id)
    now = (await client.post(f"/sources/{source_id}/evaluate", {})).body
    assert (now["generation"], now["mrr"], now["results"][0]["unknown"]) == (2, 1.0, [])
    then = (await client.post(f"/sources/{source_id}/evaluate", {"generation": 1})).body
    assert (then["generation"], then["mrr"], then["results"][0]["unknown"]) == (1, 0.0, ["/oil.html"])


async def test_a_refresh_that_loses_the_page_of_a_saved_query_waits_for_somebody(
    client: Client, serve_pages: ServePages, tmp_path: Path
) -> None:
    site = await serve_pages(FILES)
    source_id = (await client.crawl(site.url)).source_id
    query = {"query": "ninety degrees", "expected": ["/turning.html"]}
    assert (await client.post(f"/sources/{source_id}/queries", query)).status == 201
    (tmp_path / "site" / "turning.html").write_text(
        page("Moved", "<p>What was here is elsewhere now, sorry for that.</p>")
    )
    reply = await client.post(f"/sources/{source_id}/refresh", {})
    ended = await client.ended(str(reply.body["task_id"]))
    assert (ended.status, ended.task["error"]["code"]) == ("failed", "refresh_rejected")
    assert "1 of 1 saved queries don't find their page any more: “ninety degrees”." in ended.task["error"]["message"]
    newest = (await client.every(f"/sources/{source_id}/changes"))[0]
    assert (newest["number"], newest["state"], newest["is_visible"]) == (2, "rejected", False)
    (kept,) = await client.every(f"/sources/{source_id}/evaluations")
    assert (kept["generation"], kept["task_id"], kept["mrr"]) == (2, ended.task_id, 0.0)
    assert (await client.post(f"/sources/{source_id}/evaluate", {})).body["mrr"] == 1.0
    assert (await client.post(f"/sources/{source_id}/generations/2/activate", {})).status == 200
    assert (await client.post(f"/sources/{source_id}/evaluate", {})).body["mrr"] == 0.0
