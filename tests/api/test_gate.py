"""Who may come in: API keys on every guarded door, and the guards against other sites' pages."""

from __future__ import annotations

import aiohttp
import pytest

from tests.api.client import API, Client
from tests.conftest import StartServer

KEY = {"Authorization": "Bearer right-key"}
GUARDED = [
    ("GET", f"{API}/tasks"),
    ("GET", f"{API}/sources"),
    ("POST", f"{API}/knowledge/add"),
    ("POST", f"{API}/search"),
    ("DELETE", f"{API}/sources/src_x"),
    ("GET", f"{API}/nothing"),
    ("GET", "/ws/tasks/tsk_x/status"),
]
OPEN = ["/health", "/openapi.json", "/docs", "/"]


@pytest.fixture
async def locked(start_server: StartServer) -> Client:
    return await start_server(api_keys="other-key, right-key")


WRONG_KEYS = [
    {},
    {"Authorization": "Bearer wrong"},
    {"Authorization": "Bearer "},
    {"Authorization": "Bearer right-keyx"},
    {"Authorization": "Basic right-key"},
    {"Authorization": "right-key"},
    {"X-API-Key": "wrong"},
    {"X-API-Key": "right-key, other-key"},
    {"Authorization": "Bearer sch\u00f6n"},
]


async def test_no_key_or_a_wrong_one_is_401_everywhere(locked: Client) -> None:
    for method, path in GUARDED:
        for headers in WRONG_KEYS:
            reply = await locked.call(method, path, headers=headers)
            assert (reply.status, reply.error["code"]) == (401, "unauthorized"), (method, path, headers)


async def test_each_key_opens(locked: Client) -> None:
    for headers in (KEY, {"Authorization": "bearer other-key"}, {"X-API-Key": "right-key"}):
        assert (await locked.get("/tasks", headers=headers)).status == 200
        assert (await locked.get("/tasks/tsk_no", headers=headers)).status == 404


async def test_health_docs_and_the_ui_need_no_key(locked: Client) -> None:
    for path in OPEN:
        assert (await locked.call("GET", path)).status == 200, path
    assert (await locked.call("GET", "/health")).body["needs_key"] is True


async def test_a_key_in_the_query_opens_websockets_alone(locked: Client) -> None:
    socket = await locked.call("GET", "/ws/tasks/tsk_no/status?key=right-key")
    assert socket.status == 404
    assert (await locked.get("/tasks?key=right-key")).status == 401


async def test_keys_never_come_back(locked: Client) -> None:
    for path in ("/health", "/openapi.json", "/docs", f"{API}/tasks"):
        reply = await locked.call("GET", path, headers={"Authorization": "Bearer right-keyx"})
        assert "right-key" not in str(reply.body), path


async def test_without_keys_the_host_must_be_loopback(client: Client) -> None:
    port = client.url.rsplit(":", 1)[1]
    for host in (
        "evil.example",
        f"evil.example:{port}",
        "10.0.0.1",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
    ):
        for path in ("/health", f"{API}/tasks", "/", "/docs"):
            reply = await client.call("GET", path, headers={"Host": host})
            assert (reply.status, reply.error["code"]) == (403, "forbidden"), (host, path)
    for host in (f"127.0.0.1:{port}", f"localhost:{port}", f"[::1]:{port}", "gleanery.localhost"):
        assert (await client.call("GET", f"{API}/tasks", headers={"Host": host})).status == 200, host


async def test_with_keys_any_host_may_be_named(locked: Client) -> None:
    assert (await locked.get("/tasks", headers={**KEY, "Host": "docs.intern"})).status == 200


async def test_another_origin_is_refused(client: Client) -> None:
    for origin in ("https://evil.example", "null", "http://127.0.0.1:1", "http://127.0.0.1.evil.example"):
        for method, path in (
            ("POST", f"{API}/knowledge/add"),
            ("GET", f"{API}/tasks"),
            ("GET", "/ws/tasks/tsk_x/status"),
        ):
            reply = await client.call(method, path, headers={"Origin": origin})
            assert (reply.status, reply.error["code"]) == (403, "forbidden"), (origin, path)


async def test_our_own_origin_is_let_in(client: Client) -> None:
    assert (await client.get("/tasks", headers={"Origin": client.url})).status == 200


async def test_another_origin_can_start_nothing(client: Client) -> None:
    """What a page elsewhere can send without asking first: a form or text, with its own Origin."""
    body = '{"url": "https://docs.example.org/"}'
    headers = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    assert (await client.call("POST", f"{API}/knowledge/add", data=body, headers=headers)).status == 403
    assert await client.every("/tasks") == []


async def test_a_page_elsewhere_can_read_nothing(client: Client) -> None:
    """No answer carries CORS headers."""
    async with aiohttp.ClientSession() as session, session.options(f"{client.url}{API}/tasks") as reply:
        assert reply.status == 405
        assert not [name for name in reply.headers if name.lower().startswith("access-control")]
