"""The OpenAPI document and its readable page: complete against what the server really routes, valid, self-contained."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from gleanery.api.live_shapes import MESSAGES
from tests.api.client import API, Client
from tests.api.sites import SMALL
from tests.conftest import ServePages
from tools import wire_types

Document = dict[str, Any]
METHODS = {"get", "put", "post", "patch", "delete"}
JSON_TYPES = {"string", "integer", "number", "boolean", "array", "object", "null"}


@pytest.fixture
async def document(client: Client) -> Document:
    reply = await client.call("GET", "/openapi.json")
    assert (reply.status, reply.headers["Content-Type"].partition(";")[0]) == (200, "application/json")
    body: Document = reply.body
    return body


def operations(document: Document) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield path, method, operation


def schemas_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of the document that stands where a schema may stand."""
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from schemas_in(child)


def test_the_frame_is_openapi_3_1(document: Document) -> None:
    assert document["openapi"] == "3.1.0"
    assert document["info"]["title"] == "gleanery"
    assert document["info"]["version"]
    assert set(document["components"]) == {"schemas", "securitySchemes"}
    schemes = document["components"]["securitySchemes"]
    assert all(name in schemes for requirement in document["security"] for name in requirement)


def test_the_ui_has_the_shapes_of_this_server(document: Document) -> None:
    assert wire_types.DOCUMENT.read_text("utf-8") == wire_types.text_of(document), "`make wire-types` makes it anew"


def test_every_operation_is_whole(document: Document) -> None:
    ids = [operation["operationId"] for _, _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    for path, method, operation in operations(document):
        assert method in METHODS, path
        assert operation["summary"], path
        assert operation["tags"], path
        in_path = [p["name"] for p in operation["parameters"] if p["in"] == "path"]
        assert in_path == re.findall(r"{(\w+)}", path)
        assert all(p["required"] for p in operation["parameters"] if p["in"] == "path")
        names = [(p["in"], p["name"]) for p in operation["parameters"]]
        assert len(set(names)) == len(names), path
        responses = operation["responses"]
        assert [status for status in responses if status.startswith("2")], path
        assert all(re.fullmatch(r"[1-5]\d\d", status) and answer["description"] for status, answer in responses.items())
        assert ("requestBody" in operation) <= ({"413", "422", "400"} <= set(responses)), path


def test_every_reference_leads_somewhere(document: Document) -> None:
    names = document["components"]["schemas"]
    found = {value["$ref"] for value in schemas_in(document) if isinstance(value.get("$ref"), str)}
    assert found
    assert {ref.removeprefix("#/components/schemas/") for ref in found} <= set(names)
    used = {ref.rsplit("/", 1)[1] for ref in found}
    assert used | {message.__name__ for message in MESSAGES} == set(names)


def test_schemas_are_json_schema_2020_12(document: Document) -> None:
    for name, schema in document["components"]["schemas"].items():
        for part in schemas_in(schema):
            kind = part.get("type")
            if isinstance(kind, str):
                assert kind in JSON_TYPES, name
            assert "nullable" not in part, f"{name}: a word of OpenAPI 3.0"
            assert isinstance(part.get("exclusiveMinimum", 0), int | float), name
            if isinstance(part.get("properties"), dict) and isinstance(part.get("required"), list):
                assert set(part["required"]) <= set(part["properties"]), name


async def test_what_is_described_is_routed(client: Client, document: Document) -> None:
    """Every described operation reaches its handler: an unknown id or a wrong field, never "nothing here" or a 405."""
    for path, method, _ in operations(document):
        reply = await client.call(method.upper(), re.sub(r"{\w+}", "x_no", path))
        is_form = path.endswith(("/upload", "/import", ".jsonl"))  # which take no JSON
        assert reply.status in (200, 204, 404, 422) or (is_form and reply.status == 400), (method, path, reply)
        if reply.status == 404:
            assert reply.error["message"].startswith("There is no "), (method, path)


def by_id(document: Document, path: str) -> set[str]:
    """The methods of the paths that fit this one too, its last part read as an id."""
    head, _, _ = path.rpartition("/")
    return {
        method
        for other, methods in document["paths"].items()
        if other != path and re.fullmatch(re.escape(head) + r"/\{\w+\}", other)
        for method in methods
    }


async def test_what_is_routed_is_described(client: Client, document: Document) -> None:
    """No path of the API takes a method beside those that are described."""
    for path, methods in document["paths"].items():
        if not path.startswith(API):
            continue
        for method in METHODS - set(methods):
            reply = await client.call(method.upper(), re.sub(r"{\w+}", "x_no", path))
            if method in by_id(document, path):
                continue
            assert reply.status == 405, (method, path)
            allowed = {name.lower() for name in reply.headers["Allow"].split(", ")} - {"head"}
            # A fixed name (tasks/stats) may also be read as an id, by the methods of the path with the id.
            assert set(methods) <= allowed <= set(methods) | by_id(document, path), path


async def test_the_table_of_routes_stands(document: Document) -> None:
    """The routes that clients rely on; a new one is added here."""
    described = {f"{method.upper()} {path.removeprefix(API)}" for path, method, _ in operations(document)}
    assert described >= {
        "POST /knowledge/add",
        "GET /knowledge/status/{task_id}",
        "GET /sources",
        "GET /sources/{source_id}",
        "DELETE /sources/{source_id}",
        "GET /sources/{source_id}/pages",
        "GET /sources/{source_id}/chunks",
        "GET /sources/{source_id}/code-examples",
        "GET /pages/{page_id}",
        "POST /search",
        "POST /search/code",
        "GET /tasks",
        "GET /tasks/{task_id}",
        "GET /tasks/{task_id}/events",
        "GET /tasks/{task_id}/pages",
        "PUT /tasks/{task_id}/cancel",
        "POST /tasks/{task_id}/retry",
        "GET /health",
    }


def shape_of(document: Document, path: str, method: str, status: str) -> dict[str, Any]:
    content = document["paths"][path][method]["responses"][status]["content"]
    ref = content["application/json"]["schema"]["$ref"]
    shape: dict[str, Any] = document["components"]["schemas"][ref.rsplit("/", 1)[1]]
    return shape


async def test_answers_have_the_described_fields(client: Client, document: Document, serve_pages: ServePages) -> None:
    site = await serve_pages(SMALL)
    crawl = await client.crawl(f"{site.url}/index.html")
    page = (await client.every(f"/sources/{crawl.source_id}/pages"))[0]
    bodies = {
        "/tasks": await client.one("/tasks"),
        "/tasks/{task_id}": crawl.task,
        "/tasks/{task_id}/events": await client.one(f"/tasks/{crawl.task_id}/events"),
        "/tasks/{task_id}/pages": await client.one(f"/tasks/{crawl.task_id}/pages"),
        "/knowledge/status/{task_id}": await client.one(f"/knowledge/status/{crawl.task_id}"),
        "/sources": await client.one("/sources"),
        "/sources/{source_id}": await client.one(f"/sources/{crawl.source_id}"),
        "/sources/{source_id}/chunks": await client.one(f"/sources/{crawl.source_id}/chunks"),
        "/sources/{source_id}/code-examples": await client.one(f"/sources/{crawl.source_id}/code-examples"),
        "/pages/{page_id}": await client.one(f"/pages/{page['page_id']}"),
    }
    for path, body in bodies.items():
        shape = shape_of(document, f"{API}{path}", "get", "200")
        assert set(body) == set(shape["properties"]), path
        if "items" in body:
            row = document["components"]["schemas"][shape["properties"]["items"]["items"]["$ref"].rsplit("/", 1)[1]]
            assert all(set(item) == set(row["properties"]) for item in body["items"]), path
            assert body["items"], path


class Outside(HTMLParser):
    """Collects what a page would load or run."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.targets: set[str] = set()
        self.ids: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            assert not name.startswith("on"), f"{tag} has {name}"
            if name in ("src", "href", "action", "data"):
                self.targets.add(value or "")
            if name == "id":
                self.ids.add(value or "")


async def test_the_docs_page_runs_nothing_and_loads_nothing_from_outside(client: Client, document: Document) -> None:
    reply = await client.call("GET", "/docs")
    assert reply.status == 200
    assert "script-src" in reply.headers["Content-Security-Policy"]
    seen = Outside()
    seen.feed(reply.body)
    assert not seen.tags & {"script", "iframe", "object", "embed", "img", "form"}
    assert {target for target in seen.targets if not target.startswith("#")} == {"/docs.css", "/openapi.json"}
    assert {target[1:] for target in seen.targets if target.startswith("#")} <= seen.ids
    assert {operation["operationId"] for _, _, operation in operations(document)} <= seen.ids
    css = await client.call("GET", "/docs.css")
    assert (css.status, "url(" in css.body, "@import" in css.body) == (200, False, False)
