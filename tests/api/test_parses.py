"""Parses over a real server with a real browser: what is answered, shown, kept, and refused at the door."""

from __future__ import annotations

import json
import platform
import struct
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from tests.api.client import Client, Reply
from tests.conftest import StartServer
from tests.sites.parsed import ParsedSite, parsed_site

pytestmark = pytest.mark.browser

PARSE = "/web-pages/parse"


@pytest.fixture
async def site() -> AsyncIterator[ParsedSite]:
    async with parsed_site() as it:
        yield it


async def parse(client: Client, url: str, **options: Any) -> dict[str, Any]:
    """Start one, see it to its end, and read it."""
    reply = await client.post(PARSE, {"url": url, **options})
    assert reply.status == 202, reply
    await client.ended(reply.body["task_id"])
    return await client.one(f"/web-pages/{reply.body['task_id']}")


async def png(client: Client, id_: str, **headers: str) -> tuple[int, Mapping[str, str], bytes]:
    async with client.session.get(f"{client.url}/api/v1/web-pages/{id_}/screenshot", headers=headers) as reply:
        return reply.status, reply.headers, await reply.read()


async def test_a_page_is_parsed(client: Client, site: ParsedSite) -> None:
    started = await client.post(PARSE, {"url": f"{site.url}/moved", "include_dom": True})
    assert started.status == 202
    task_id = started.body["task_id"]
    assert started.headers["Location"] == f"/api/v1/web-pages/{task_id}"
    assert started.body["status"] == "queued"
    assert 0 < started.body["estimated_duration_seconds"] < 60
    ended = await client.ended(task_id)
    assert ended.status == "completed"
    parsed = await client.one(f"/web-pages/{task_id}")
    page = parsed.pop("page")
    assert parsed == {
        "task_id": task_id,
        "web_page_id": ended.task["result"]["web_page_id"],
        "url": f"{site.url}/moved",
        "final_url": f"{site.url}/login",
        "status": "completed",
        "error": None,
        "attempts": [],
        "queue_position": None,
        "title": "Sign in",
        "kind": "login",
        "http_status": 200,
        "element_count": 3,
        "cache_hit": False,
        "cache_age_seconds": None,
        "is_kept": True,
        "screenshot_url": f"/api/v1/web-pages/{parsed['web_page_id']}/screenshot",
        "created_at": ended.task["created_at"],
        "parsed_at": parsed["parsed_at"],
        "expires_at": parsed["expires_at"],
        "processing_time_ms": parsed["processing_time_ms"],
        "browser_session_id": ended.task["browser_session_id"],
        "memory_usage_mb": ended.task["memory_usage_mb"],
    }
    assert parsed["browser_session_id"].startswith("ctx_")
    assert parsed["memory_usage_mb"] > 1
    assert [(e["role"], e["name"]) for e in page["elements"]] == [
        ("textbox", "E-mail"),
        ("textbox", "Password"),
        ("button", "Sign in"),
    ]
    assert page["navigation"]["redirects"] == [f"{site.url}/login"]
    assert "wombat society" in page["meaning"]["markdown"]
    [form] = page["meaning"]["forms"]
    assert (form["purpose"], [field["purpose"] for field in form["fields"]]) == ("login", ["email", "current-password"])
    assert page["dom"]["tree"] is not None
    assert all(page["timing"][f"{step}_ms"] > 0 for step in ("browser", "navigation", "dom", "elements", "screenshot"))
    stages = [event["data"]["stage"] for event in ended.events if event["type"] == "stage_started"]
    assert stages[0] == "checking_cache"
    assert stages[-1] == "capturing_screenshot"


async def test_it_says_honestly_who_asks(client: Client, site: ParsedSite) -> None:
    parsed = await parse(client, f"{site.url}/login", screenshot=False)
    [sent] = site.of("/login")
    assert sent["User-Agent"].startswith("gleanery/")
    assert sent["User-Agent"] == parsed["page"]["navigation"]["user_agent"]
    told = {name.lower(): value for name, value in sent.items()}
    assert told["sec-ch-ua-platform"] == f'"{platform.system()}"'


async def test_its_screenshot_is_a_png_of_that_size(client: Client, site: ParsedSite) -> None:
    parsed = await parse(client, f"{site.url}/login", viewport={"width": 800, "height": 600}, full_page=False)
    status, headers, body = await png(client, parsed["task_id"])
    assert (status, headers["Content-Type"]) == (200, "image/png")
    assert headers["Content-Disposition"] == "inline"
    assert headers["Content-Security-Policy"] == "default-src 'none'; sandbox"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert body[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", body[16:24]) == (800, 600)
    assert parsed["page"]["screenshot"]["width"] == 800
    again = await png(client, parsed["web_page_id"], **{"If-None-Match": headers["ETag"]})
    assert (again[0], again[2]) == (304, b"")


async def test_an_equal_request_has_the_same_page_at_once(client: Client, site: ParsedSite) -> None:
    first = await parse(client, f"{site.url}/login", screenshot=False)
    second = await parse(client, f"{site.url}/login#top", screenshot=False)
    assert len(site.of("/login")) == 1
    assert (second["cache_hit"], second["web_page_id"]) == (True, first["web_page_id"])
    assert second["cache_age_seconds"] > 0
    assert second["page"] == first["page"]
    assert (await client.one(f"/web-pages/{first['web_page_id']}"))["task_id"] == first["task_id"]
    assert (await png(client, first["task_id"]))[0] == 404
    anew = await parse(client, f"{site.url}/login", screenshot=False, force_refresh=True)
    assert (anew["cache_hit"], len(site.of("/login"))) == (False, 2)


async def test_parses_are_listed(client: Client, site: ParsedSite) -> None:
    ids = [(await parse(client, f"{site.url}{path}", screenshot=False))["task_id"] for path in ("/login", "/gone")]
    rows = await client.every("/web-pages", limit=1)
    assert [row["task_id"] for row in rows] == ids[::-1]
    assert rows[0]["http_status"] == 404
    assert "page" not in rows[0]
    assert [row["task_id"] for row in await client.every(f"/web-pages?url={site.url}/login%23x")] == ids[:1]
    assert await client.every("/web-pages?status=failed,queued") == []
    for query, field in (("url=nonsense", "url"), ("status=done", "status"), ("cursor=x", "cursor")):
        reply = await client.get(f"/web-pages?{query}")
        assert (reply.status, reply.error["details"]["field"]) == (422, field)


async def test_a_page_that_says_404_is_a_page(client: Client, site: ParsedSite) -> None:
    parsed = await parse(client, f"{site.url}/gone", screenshot=False)
    assert (parsed["status"], parsed["http_status"], parsed["kind"]) == ("completed", 404, "error")


async def test_what_is_no_page_fails_at_once(client: Client, site: ParsedSite) -> None:
    parsed = await parse(client, f"{site.url}/file")
    assert (parsed["status"], parsed["error"]["code"], parsed["page"]) == ("failed", "not_html", None)
    assert [attempt["action"] for attempt in parsed["attempts"]] == ["fail_permanently"]
    assert parsed["attempts"][0]["error"] == parsed["error"]


async def test_a_selector_that_is_none_fails_at_once(client: Client, site: ParsedSite) -> None:
    parsed = await parse(client, f"{site.url}/login", wait_for="main:nope(x)")
    assert (parsed["status"], parsed["error"]["code"]) == ("failed", "render_failed")
    assert len(parsed["attempts"]) == 1


async def test_a_site_that_turns_us_away_sees_others_and_then_it_fails(client: Client, site: ParsedSite) -> None:
    parsed = await parse(client, f"{site.url}/blocked")
    assert (parsed["status"], parsed["error"]["code"]) == ("failed", "page_blocked")
    assert parsed["error"]["details"]["status"] == 403
    assert [(a["attempt"], a["action"]) for a in parsed["attempts"]] == [
        (1, "rotate_user_agent_and_retry"),
        (2, "rotate_user_agent_and_retry"),
        (3, "fail_permanently"),
    ]
    agents = [headers["User-Agent"] for headers in site.of("/blocked")]
    assert agents[0].startswith("gleanery/") or "gleanery/" in agents[0]
    assert len(set(agents)) == 3


async def test_retry_after_is_waited_for(client: Client, site: ParsedSite) -> None:
    parsed = await parse(client, f"{site.url}/blocked-once", screenshot=False)
    assert parsed["status"] == "completed"
    [attempt] = parsed["attempts"]
    assert attempt["error"]["details"]["retry_after"] == 1
    events = await client.one(f"/tasks/{parsed['task_id']}/events")
    [scheduled] = [event for event in events["items"] if event["type"] == "task_retry_scheduled"]
    assert scheduled["data"]["run_at"] > attempt["at"]


async def test_a_passing_failure_is_tried_again(client: Client, site: ParsedSite) -> None:
    parsed = await parse(client, f"{site.url}/broken-once", screenshot=False)
    assert (parsed["status"], [a["action"] for a in parsed["attempts"]]) == ("completed", ["retry"])


async def test_more_time_after_a_time_out(client: Client, site: ParsedSite) -> None:
    parsed = await parse(client, f"{site.url}/slow-once", screenshot=False, timeout_seconds=5)
    assert parsed["status"] == "completed"
    assert [a["action"] for a in parsed["attempts"]] == ["retry_with_longer_timeout"]
    assert parsed["attempts"][0]["error"]["code"] == "timed_out"


async def test_what_is_secret_is_sent_and_shown_nowhere(client: Client, site: ParsedSite, caplog: Any) -> None:
    caplog.set_level("DEBUG")
    headers, cookies = {"X-Key": "hush-hush"}, [{"name": "sid", "value": "crumbs"}]
    parsed = await parse(client, f"{site.url}/login", headers=headers, cookies=cookies)
    [sent] = site.of("/login")
    assert (sent["X-Key"], sent["Cookie"]) == ("hush-hush", "sid=crumbs")
    task = await client.one(f"/tasks/{parsed['task_id']}")
    events = await client.every(f"/tasks/{parsed['task_id']}/events")
    said = json.dumps([parsed, task, events, await client.every("/web-pages"), await client.every("/tasks")])
    assert task["payload"]["headers"] == {"X-Key": "•••"}
    for secret in ("hush-hush", "crumbs"):
        assert secret not in said
        assert secret not in caplog.text


async def test_an_idempotency_key_starts_one(client: Client, site: ParsedSite) -> None:
    body, key = {"url": f"{site.url}/login"}, {"Idempotency-Key": "one"}
    first = await client.post(PARSE, body, headers=key)
    again = await client.post(PARSE, body, headers=key)
    other = await client.post(PARSE, {**body, "full_page": False}, headers=key)
    assert (again.body["task_id"], other.status) == (first.body["task_id"], 409)
    await client.ended(first.body["task_id"])


async def test_what_waits_knows_its_place(start_server: StartServer, site: ParsedSite) -> None:
    client = await start_server(worker_concurrency=0)
    starts = [(await client.post(PARSE, {"url": f"{site.url}/{n}", "priority": n})).body for n in range(3)]
    shown = [await client.one(f"/web-pages/{start['task_id']}") for start in starts]
    assert [each["queue_position"] for each in shown] == [3, 2, 1]
    assert {(each["status"], each["page"], each["is_kept"]) for each in shown} == {("queued", None, False)}
    assert starts[0]["estimated_duration_seconds"] <= starts[2]["estimated_duration_seconds"]


async def test_unknown_ids(client: Client) -> None:
    for path in ("/web-pages/tsk_0", "/web-pages/web_0", "/web-pages/tsk_0/screenshot"):
        reply = await client.get(path)
        assert (reply.status, reply.error["code"]) == (404, "not_found")


async def test_of_this_server_the_example_alone_can_be_parsed(client: Client) -> None:
    parsed = await parse(client, f"{client.url}/example/index.html", screenshot=False)
    assert (parsed["status"], parsed["http_status"]) == ("completed", 200)
    assert parsed["page"]["incidents"]["failed_requests"] == []
    refused = await parse(client, f"{client.url}/", screenshot=False)
    assert (refused["status"], refused["error"]["code"]) == ("failed", "address_forbidden")


async def test_the_pool_is_told(client: Client, site: ParsedSite) -> None:
    await parse(client, f"{site.url}/login", screenshot=False)
    await parse(client, f"{site.url}/login", screenshot=False)
    health = (await client.call("GET", "/health/background-tasks")).body
    pool = health["page_pool"]
    assert (pool["size"], pool["waiting"], pool["pages_opened"], pool["launches"], pool["crashes"]) == (5, 0, 1, 1, 0)
    text = (await client.call("GET", "/metrics")).body
    for line in (
        'gleanery_parse_answers_total{cache="miss"} 1.0',
        'gleanery_parse_answers_total{cache="hit"} 1.0',
        'gleanery_parse_step_seconds_count{step="navigation"} 1.0',
        "gleanery_parse_pages_total 1.0",
        "gleanery_parse_browser_crashes_total 0.0",
    ):
        assert line in text, line


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"url": ""}, "url"),
    ({"url": "ftp://a.test/"}, "url"),
    ({"url": "file:///etc/passwd"}, "url"),
    ({"url": "http://10.0.0.1/"}, "url"),
    ({"url": "http://[::ffff:10.0.0.1]/"}, "url"),
    ({"url": "http://user:pass@a.test/"}, "url"),
    ({"url": "javascript:alert(1)"}, "url"),
    ({"wait_for": "div["}, "wait_for"),
    ({"wait_for": ""}, "wait_for"),
    ({"wait_for": "a >"}, "wait_for"),
    ({"wait_for": "a, , b"}, "wait_for"),
    ({"wait_for": "#"}, "wait_for"),
    ({"wait_for": "a[x='y]"}, "wait_for"),
    ({"wait_for": "div { color: red }"}, "wait_for"),
    ({"wait_for": "a\x00b"}, "wait_for"),
    ({"wait_for": "text=Go"}, "wait_for"),
    ({"wait_for": "a\\"}, "wait_for"),
    ({"viewport": {"width": 800}}, "viewport.height"),
    ({"viewport": {"width": "wide", "height": 600}}, "viewport.width"),
    ({"viewport": {"width": 800, "height": 600, "depth": 1}}, "viewport.depth"),
    ({"viewport": "huge"}, "viewport"),
    ({"headers": []}, "headers"),
    ({"headers": {"X-A": 1}}, "headers.X-A"),
    ({"cookies": [1]}, "cookies.0"),
    ({"cookies": [{"name": "a", "value": "1"}] * 51}, "cookies"),
    ({"full_page": 2}, "full_page"),
    ({"include_dom": None}, "include_dom"),
    ({"wait_until": "never"}, "wait_until"),
    ({"timeout_seconds": 0}, "timeout_seconds"),
    ({"timeout_seconds": 301}, "timeout_seconds"),
    ({"timeout_seconds": "soon"}, "timeout_seconds"),
    ({"viewport": {"width": 199, "height": 600}}, "viewport.width"),
    ({"viewport": {"width": 3841, "height": 600}}, "viewport.width"),
    ({"viewport": {"width": 800, "height": 4097}}, "viewport.height"),
    ({"viewport": {"width": 800, "height": 0}}, "viewport.height"),
    ({"headers": {"X-A": "1\r\nX-B: 2"}}, "headers.X-A"),
    ({"headers": {"X-A": "1\x00"}}, "headers.X-A"),
    ({"headers": {"X-A": "→"}}, "headers.X-A"),
    ({"headers": {"X A": "1"}}, "headers"),
    ({"headers": {"X-A\r\nX-B": "1"}}, "headers"),
    ({"headers": {"": "1"}}, "headers"),
    ({"headers": {"Host": "b.test"}}, "headers.Host"),
    ({"headers": {"content-length": "1"}}, "headers.content-length"),
    ({"headers": {"Cookie": "a=b"}}, "headers.Cookie"),
    ({"headers": {"Connection": "close"}}, "headers.Connection"),
    ({"headers": {"Transfer-Encoding": "chunked"}}, "headers.Transfer-Encoding"),
    ({"headers": {"Sec-Fetch-Site": "none"}}, "headers.Sec-Fetch-Site"),
    ({"headers": {"Proxy-Authorization": "x"}}, "headers.Proxy-Authorization"),
    ({"headers": {"User-Agent": "x"}}, "headers.User-Agent"),
    ({"headers": {"X-A": "1", "x-a": "2"}}, "headers.x-a"),
    ({"headers": {"X-A": "1" * 9000}}, "headers.X-A"),
    ({"headers": {"X-A": "é"}}, "headers.X-A"),
    ({"headers": {"X-A": " 1"}}, "headers.X-A"),
    ({"headers": {"Content-Type": "a/b"}}, "headers.Content-Type"),
    ({"headers": {f"X-{n}": "1" for n in range(51)}}, "headers"),
    ({"cookies": [{"name": "a b", "value": "1"}]}, "cookies.0.name"),
    ({"cookies": [{"name": "a", "value": "1;2"}]}, "cookies.0.value"),
    ({"cookies": [{"name": "a", "value": "1\r\n"}]}, "cookies.0.value"),
    ({"cookies": [{"name": "a", "value": "1", "path": "x"}]}, "cookies.0.path"),
    ({"cookies": [{"name": "a", "value": "1", "domain": "b.test"}]}, "cookies.0.domain"),
    ({"cookies": [{"name": "a", "value": "1", "domain": "test"}]}, "cookies.0.domain"),
    ({"cookies": [{"name": "__Secure-a", "value": "1"}]}, "cookies.0.name"),
    ({"cookies": [{"name": "a"}]}, "cookies.0.value"),
    ({"user_agent": "a\r\nX: y"}, "user_agent"),
    ({"user_agent": "  "}, "user_agent"),
    ({"priority": 101}, "priority"),
    ({"webhook_url": "nonsense"}, "webhook_url"),
    ({"webhook_url": "http://10.0.0.1/"}, "webhook_url"),
    ({"scripts": ["alert(1)"]}, "scripts"),
)


async def test_bad_input_is_refused_by_the_fields_name(client: Client) -> None:
    for asked, field in REFUSED:
        reply = await client.post(PARSE, {"url": "http://www.a.test/", **asked})
        assert (reply.status, named(reply)) == (422, field), asked
    assert await client.every("/tasks") == []


def named(reply: Reply) -> str:
    """The field, without which of the forms of a value that has several."""
    field: str = reply.error["details"]["field"]
    return field.removesuffix(".function-after[_check(), url]")


@pytest.mark.parametrize(
    ("selector", "word"),
    [
        ("a:has-text('Go')", ":has-text"),
        ("div:visible", ":visible"),
        ("ul >> nth=0", ">>"),
        ("text=Go", "text="),
        (" xpath=//a", "xpath="),
        ("//main", "//"),
    ],
)
async def test_what_only_playwright_knows_is_named(client: Client, selector: str, word: str) -> None:
    reply = await client.post(PARSE, {"url": "http://www.a.test/", "wait_for": selector})
    reason = f"is not a CSS selector: {word} is known to Playwright, not to CSS"
    assert (reply.status, reply.error["details"]) == (422, {"field": "wait_for", "reason": reason})


async def test_a_viewport_in_a_word_is_told_the_word(client: Client) -> None:
    reply = await client.post(PARSE, {"url": "http://www.a.test/", "viewport": "huge"})
    assert reply.error["message"] == 'viewport: must be an object of width and height, or "vary"'


async def test_the_door_of_all_types_refuses_the_same(client: Client) -> None:
    asked = {"task_type": "parse_page", "payload": {"url": "http://a.test/", "headers": {"Host": "b.test"}}}
    reply = await client.post("/tasks", asked)
    assert (reply.status, reply.error["details"]["field"]) == (422, "headers.Host")
    for size, field in (({"width": 800}, "viewport.height"), ("huge", "viewport"), ({"width": "x"}, "viewport.width")):
        reply = await client.post("/tasks", {**asked, "payload": {"url": "http://a.test/", "viewport": size}})
        assert (reply.status, reply.error["details"]["field"]) == (422, f"payload.{field}")


@pytest.mark.parametrize(
    "selector",
    [
        "main",
        "#a\\:b > .c ~ d",
        'a[href="x]"] , b:not(.c, [d])',
        "tr:nth-child(2n + 1)",
        "x-y::part(z)",
        "ul:has(> li)",
        "a[data-x='#']",
        "a[title=':visible >> text=']",
        "#text",
    ],
)
async def test_selectors_are_let_in(start_server: StartServer, selector: str) -> None:
    client = await start_server(worker_concurrency=0)
    reply = await client.post(PARSE, {"url": "http://www.a.test/", "wait_for": selector})
    assert reply.status == 202, reply
