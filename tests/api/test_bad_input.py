"""Bad input: every wrong request gets its status, a stable code, and the name of the field that is wrong."""

from __future__ import annotations

import base64
import json
from typing import Any

from tests.api.client import API, Client
from tests.conftest import StartServer

GOOD_URL = "https://docs.example.org/"

BAD_URLS = [
    ("", "invalid_field"),
    ("   ", "invalid_url"),
    ("not a url", "invalid_url"),
    ("docs.example.org/guide", "invalid_url"),
    ("localhost:8000/x", "invalid_url"),
    ("//docs.example.org/", "invalid_url"),
    ("https://exa mple.org/", "invalid_url"),
    ("https://docs.example.org:99999/", "invalid_url"),
    ("https://docs.example.org/\u0000", "invalid_url"),
    (f"https://docs.example.org/{'x' * 2048}", "invalid_field"),
    ("https://", "missing_host"),
    ("http:///path", "missing_host"),
    ("ftp://docs.example.org/", "unsupported_scheme"),
    ("file:///etc/passwd", "unsupported_scheme"),
    ("javascript:alert(1)", "unsupported_scheme"),
    ("data:text/html,x", "unsupported_scheme"),
    ("https://user:secret@docs.example.org/", "url_has_userinfo"),
    ("https://user@docs.example.org/", "url_has_userinfo"),
    ("\ud800", "invalid_field"),
]

PRIVATE_URLS = [
    "http://127.0.0.1/",
    "http://127.1/",
    "http://2130706433/",
    "http://0x7f000001/",
    "http://0177.0.0.1/",
    "http://127.0.0.1./",
    "http://[::1]/",
    "http://[::ffff:127.0.0.1]/",
    "http://[::127.0.0.1]/",
    "http://[64:ff9b::7f00:1]/",
    "http://[fe80::1]/",
    "http://[fd00::1]/",
    "http://[fec0::1]/",
    "http://0.0.0.0/",
    "http://10.0.0.1/",
    "http://172.16.0.1/",
    "http://192.168.1.1/",
    "http://169.254.169.254/latest/meta-data/",
    "http://168.63.129.16/",
    "http://100.64.0.1/",
    "http://192.0.0.192/",
    "http://224.0.0.1/",
    "http://255.255.255.255/",
    "http://localhost/",
    "http://LOCALHOST:8181/",
    "http://localhost./",
    "http://app.localhost/",
    "http://１２７.0.0.1/",
]

BAD_FIELDS: list[tuple[dict[str, Any], str]] = [
    ({"url": None}, "url"),
    ({"url": 7}, "url"),
    ({"url": [GOOD_URL]}, "url"),
    ({"max_depth": -1}, "max_depth"),
    ({"max_depth": 101}, "max_depth"),
    ({"max_depth": "deep"}, "max_depth"),
    ({"max_depth": 1.5}, "max_depth"),
    ({"max_depth": None}, "max_depth"),
    ({"max_pages": 0}, "max_pages"),
    ({"max_pages": 1_000_001}, "max_pages"),
    ({"max_pages": 10**30}, "max_pages"),
    ({"priority": -1}, "priority"),
    ({"priority": 101}, "priority"),
    ({"render": "telepathy"}, "render"),
    ({"include": "*.html"}, "include"),
    ({"include": [""]}, "include.0"),
    ({"include": ["  "]}, "include"),
    ({"include": ["x" * 513]}, "include.0"),
    ({"include": ["*"] * 101}, "include"),
    ({"exclude": [7]}, "exclude.0"),
    ({"exclude": ["  "]}, "exclude"),
    ({"tags": [" "]}, "tags.0"),
    ({"tags": ["x" * 65]}, "tags.0"),
    ({"tags": ["a"] * 51}, "tags"),
    ({"knowledge_type": ""}, "knowledge_type"),
    ({"extract_code": "perhaps"}, "extract_code"),
    ({"depth": 3}, "depth"),
    ({"source_id": "src_x"}, "source_id"),
    ({"__proto__": {}}, "__proto__"),
]

BAD_SEARCHES: list[tuple[dict[str, Any], str]] = [
    ({}, "query"),
    ({"query": ""}, "query"),
    ({"query": "  "}, "query"),
    ({"query": "x" * 2001}, "query"),
    ({"query": ["x"]}, "query"),
    ({"query": "\ud800"}, "query"),
    ({"query": "x", "limit": 0}, "limit"),
    ({"query": "x", "limit": 101}, "limit"),
    ({"query": "x", "source_id": 7}, "source_id"),
    ({"query": "x", "colour": "red"}, "colour"),
]


async def refused(client: Client, body: dict[str, Any], path: str = "/knowledge/add") -> dict[str, Any]:
    """The error of a POST that must be refused with 422."""
    reply = await client.post(path, body)
    assert reply.status == 422, reply
    error = reply.error
    assert error["details"]["reason"]
    return error


async def test_urls_that_are_none(client: Client) -> None:
    for url, code in BAD_URLS:
        error = await refused(client, {"url": url})
        assert (error["code"], error["details"]["field"]) == (code, "url"), url
    assert await client.every("/tasks") == []
    assert await client.every("/sources") == []


async def test_private_addresses_in_any_spelling(start_server: StartServer) -> None:
    client = await start_server(allow_addresses="")
    for url in PRIVATE_URLS:
        error = await refused(client, {"url": url})
        assert (error["code"], error["details"]["field"]) == ("address_forbidden", "url"), url
    assert await client.every("/tasks") == []
    assert await client.every("/sources") == []


async def test_what_the_operator_allows_is_that_address_alone(start_server: StartServer) -> None:
    client = await start_server(allow_addresses="10.1.2.3", worker_concurrency=0)
    assert (await client.post("/knowledge/add", {"url": "http://10.1.2.3/"})).status == 202
    for url in ("http://10.1.2.4/", "http://127.0.0.1/", "http://[::ffff:10.1.2.4]/"):
        assert (await refused(client, {"url": url}))["code"] == "address_forbidden"


async def test_fields_of_a_start(client: Client) -> None:
    for fields, name in BAD_FIELDS:
        error = await refused(client, {"url": GOOD_URL, **fields})
        assert (error["code"], error["details"]["field"]) == ("invalid_field", name), fields
    assert (await refused(client, {}))["details"]["field"] == "url"
    assert await client.every("/tasks") == []
    assert await client.every("/sources") == []


async def test_fields_of_searches(client: Client) -> None:
    for path in ("/search", "/search/code"):
        for body, name in BAD_SEARCHES:
            error = await refused(client, body, path)
            assert error["details"]["field"] == name, (path, body)
    assert (await refused(client, {"query": "x", "mode": "psychic"}, "/search"))["details"]["field"] == "mode"
    assert (await refused(client, {"query": "x", "tags": [""]}, "/search"))["details"]["field"] == "tags.0"
    assert (await refused(client, {"query": "x", "language": "y" * 65}, "/search/code"))["details"][
        "field"
    ] == "language"


async def test_only_failed_is_the_only_only(client: Client) -> None:
    error = await refused(client, {"only": "stored"}, "/tasks/tsk_x/retry")
    assert error["details"]["field"] == "only"


NO_OBJECTS = [
    b"{",
    b"{'url': 'x'}",
    b'{"url": "x"} trailing',
    b"url=x",
    b"\xff\xfe",
    b"[1, 2]",
    b'"text"',
    b"null",
    b"7",
    b"[" * 100_000,
]


async def test_a_body_that_is_no_json_object_is_400(client: Client) -> None:
    headers = {"Content-Type": "application/json; charset=utf-8"}
    for path in ("/knowledge/add", "/search", "/search/code"):
        for body in NO_OBJECTS:
            reply = await client.call("POST", f"{API}{path}", data=body, headers=headers)
            assert (reply.status, reply.error["code"]) == (400, "bad_request"), (path, body[:30])


async def test_another_content_type_is_400(client: Client) -> None:
    body = json.dumps({"url": GOOD_URL}).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data"):
        reply = await client.call("POST", f"{API}/knowledge/add", data=body, headers={"Content-Type": kind})
        assert (reply.status, reply.error["code"]) == (400, "bad_request")
        assert kind in reply.error["message"]


async def test_a_body_above_a_mebibyte_is_413(client: Client) -> None:
    for path in ("/knowledge/add", "/search"):
        reply = await client.post(path, {"url": GOOD_URL, "query": "x" * 2**20})
        assert (reply.status, reply.error["code"]) == (413, "too_large"), path
    fits = await client.post("/search", {"query": "x" * (2**20 - 1000)})
    assert fits.status == 422


BAD_QUERIES = [
    ("limit=0", "limit"),
    ("limit=501", "limit"),
    ("limit=-1", "limit"),
    ("limit=ten", "limit"),
    ("limit=1e2", "limit"),
    ("limit=", "limit"),
    ("limit=٣", "limit"),
    (f"limit={'9' * 30}", "limit"),
    ("cursor=%00", "cursor"),
    ("cursor=hello", "cursor"),
    ("cursor=%C3%A4", "cursor"),
]


async def test_query_strings_of_listings(client: Client) -> None:
    for path in ("/tasks", "/sources", "/sources/src_x/pages", "/sources/src_x/chunks"):
        for query, field in BAD_QUERIES:
            reply = await client.get(f"{path}?{query}")
            assert (reply.status, reply.error["details"]["field"]) == (422, field), (path, query)


MADE_UP_KEYS: list[Any] = [
    {},
    "x",
    7,
    None,
    [],
    [1],
    [1, 2, 3],
    ["x", "y"],
    [2**80],
    [10**400, "x"],
    [True],
    [[1], "x"],
    [1.0, 2],
    ["\ud800"],
    [1.0, "\ud800"],
    [float("nan"), "x"],
    [-1],
]


async def test_made_up_cursors_are_never_a_500(start_server: StartServer) -> None:
    client = await start_server(worker_concurrency=0)
    started = await client.start(GOOD_URL)
    source, task = f"/sources/{started['source_id']}", f"/tasks/{started['task_id']}"
    listings = ["/tasks", "/sources", *(f"{source}/{name}" for name in ("pages", "chunks", "code-examples"))]
    for key in MADE_UP_KEYS:
        cursor = base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")
        for path in (*listings, f"{task}/pages", f"{task}/events"):
            reply = await client.get(f"{path}?cursor={cursor}")
            assert reply.status in (200, 422), (path, key, reply)
            if reply.status == 422:
                assert reply.error["details"]["field"] == "cursor"


async def test_unknown_states_are_named(client: Client) -> None:
    reply = await client.get("/tasks?status=running,asleep")
    assert (reply.status, reply.error["details"]["field"]) == (422, "status")
    assert "queued" in reply.error["message"]


async def test_an_idempotency_key_has_1_to_255_characters(client: Client) -> None:
    for key in ("", "x" * 256):
        reply = await client.post("/knowledge/add", {"url": GOOD_URL}, headers={"Idempotency-Key": key})
        assert (reply.status, reply.error["details"]["field"]) == (422, "Idempotency-Key")
    assert await client.every("/tasks") == []


async def test_bytes_in_queries_that_are_no_text_are_never_a_500(client: Client) -> None:
    for query in ("task_type=%ff%00", "task_type=%F0%9F", "status=%00"):
        assert (await client.get(f"/tasks?{query}")).status in (200, 422), query


QUERIES = [
    '"',
    '"unbalanced',
    "AND",
    "a OR",
    "NEAR(a b)",
    "title:x",
    "x*",
    "^x",
    "-x",
    "(((",
    "{a b}",
    "'; DROP TABLE page; --",
    "%_%",
    "\0",
    "💥",
    "日本語",
    "--help",
]


async def test_any_text_is_a_query(start_server: StartServer) -> None:
    client = await start_server(worker_concurrency=0)
    await client.start(GOOD_URL)
    for path in ("/search", "/search/code"):
        for query in QUERIES:
            reply = await client.post(path, {"query": query})
            assert (reply.status, reply.body.get("hits")) == (200, []), (path, query, reply)
