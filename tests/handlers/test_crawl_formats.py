"""Documents that are no web pages, met in a crawl: PDFs, Markdown, notebooks, Word files, descriptions of APIs."""

from __future__ import annotations

import asyncio
import json
from contextlib import AsyncExitStack
from typing import Any

import pytest

from tests.api.client import Client
from tests.conftest import StartServer
from tests.handlers.crawled import STORED, ends_of, pages_of, rows_of, skipped
from tests.knowledge.documents_made import Text, docx, paragraph, pdf
from tests.sites.written import Answer, Answers, html, markdown, text_of, written_site

BINARY = "application/octet-stream"


def notebook(name: str) -> str:
    cells: list[dict[str, Any]] = [
        {"cell_type": "markdown", "metadata": {}, "source": [f"# {name}\n", "\n", text_of(name)]},
        {"cell_type": "code", "metadata": {}, "source": ["x = 1\n", "print(x)"], "outputs": [], "execution_count": 1},
    ]
    metadata = {"language_info": {"name": "python"}}
    return json.dumps({"nbformat": 4, "nbformat_minor": 5, "metadata": metadata, "cells": cells})


def openapi(*names: str) -> str:
    """An API with a GET for each of these names."""
    paths = {
        f"/{name}": {
            "get": {"operationId": name, "summary": f"Get {name}", "description": text_of(name), "responses": {}}
        }
        for name in names
    }
    return json.dumps({"openapi": "3.1.0", "info": {"title": "Fruit API", "version": "1"}, "paths": paths})


def operation(path: str, name: str) -> str:
    return f"{path}#/paths/~1{name}/get"


async def test_linked_documents_are_pages(client: Client) -> None:
    links = ("a.pdf", "b.md", "c.ipynb", "d.docx", "e.rst", "f.txt", "g.png", "h.json", "i", "j.pdf", "k.zip", "l")
    answers: Answers = {
        "/": html("Start", links),
        "/a.pdf": Answer(pdf([[Text(72, 700, text_of("A")[:90])]], title="A"), "application/pdf"),
        "/b.md": markdown("B", "[on](m)"),
        "/c.ipynb": Answer(notebook("C"), "application/x-ipynb+json"),
        "/d.docx": Answer(docx(paragraph("D", "Heading1") + paragraph(text_of("D"))), BINARY),
        "/e.rst": Answer(f"E\n=\n\n{text_of('E')}\n", "text/plain"),
        "/i": Answer(pdf([[Text(72, 700, text_of("I")[:90])]]), BINARY),
        "/j.pdf": Answer(b"\x00\x01 no PDF at all" * 20, "application/pdf"),
        "/l": Answer(b"GIF89a" + bytes(100), "image/gif"),
        "/m": html("M"),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        rows = await rows_of(client, crawl, site)
        pages = await pages_of(client, crawl, site)
        assert {"/f.txt", "/g.png", "/h.json", "/k.zip"}.isdisjoint(site.counts)
    assert {path: (row["state"], row["reason"]) for path, row in rows.items()} == {
        "/": STORED,
        "/a.pdf": STORED,
        "/b.md": STORED,
        "/c.ipynb": STORED,
        "/d.docx": STORED,
        "/e.rst": STORED,
        "/f.txt": skipped("not_a_document"),
        "/g.png": skipped("not_a_document"),
        "/h.json": skipped("not_a_document"),
        "/i": STORED,
        "/j.pdf": skipped("not_html"),
        "/k.zip": skipped("not_a_document"),
        "/l": skipped("not_html"),
        "/m": STORED,
    }
    assert {
        path: page["title"] for path, page in pages.items() if path in ("/a.pdf", "/b.md", "/c.ipynb", "/d.docx")
    } == {
        "/a.pdf": "A",
        "/b.md": "B",
        "/c.ipynb": "C",
        "/d.docx": "D",
    }
    examples = await client.every(f"/sources/{crawl.source_id}/code-examples")
    assert [(row["url"].removeprefix(site.url), row["language"], row["code"]) for row in examples] == [
        ("/c.ipynb", "python", "x = 1\nprint(x)")
    ]


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/openapi.json", "application/json"),
        ("/api/swagger-v2.yaml", "text/yaml"),
        ("/openapi/fruit.yml", "text/plain"),
    ],
)
async def test_a_linked_description_of_an_api_gives_a_page_for_each_operation(
    client: Client, path: str, kind: str
) -> None:
    answers: Answers = {"/": html("Start", (path,)), path: Answer(openapi("apples", "pears"), kind)}
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        rows = await rows_of(client, crawl, site)
        pages = await pages_of(client, crawl, site)
        assert site.counts[path] == 1
    assert {path: (row["state"], row["origin"], row["depth"]) for path, row in rows.items()} == {
        "/": ("stored", "start", 0),
        path: ("stored", "link", 1),
        operation(path, "apples"): ("stored", "part", 2),
        operation(path, "pears"): ("stored", "part", 2),
    }
    assert crawl.task["result"]["pages"] == 4
    assert pages[operation(path, "pears")]["title"] == "Get pears (GET /pears)"
    assert text_of("pears") in pages[operation(path, "pears")]["markdown"]
    stages = crawl.task["progress"]["stages"]
    assert {name: count["done"] for name, count in stages.items()} == dict.fromkeys(stages, 4)


async def test_data_that_only_is_called_openapi_is_skipped(client: Client) -> None:
    answers: Answers = {"/": html("Start", ("openapi.json",)), "/openapi.json": Answer('{"a": 1}', "application/json")}
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        assert await ends_of(client, crawl, site) == {"/": STORED, "/openapi.json": skipped("not_html")}


@pytest.mark.parametrize("most", [2, 3, 5])
async def test_max_pages_counts_the_pages_of_a_document(client: Client, most: int) -> None:
    names = tuple(f"op{n}" for n in range(6))
    links = ("openapi.json", *(f"p{n}" for n in range(6)))
    answers: Answers = {
        "/": html("Start", links),
        "/openapi.json": Answer(openapi(*names), "application/json"),
        **{f"/p{n}": html(f"p{n}") for n in range(6)},
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/", max_pages=most)
        ends = await ends_of(client, crawl, site)
    assert list(ends.values()).count(STORED) == crawl.task["result"]["pages"] == most
    assert set(ends.values()) == {STORED, skipped("page_limit")}


async def test_the_document_alone_is_one_page(client: Client) -> None:
    async with written_site({"/openapi.json": Answer(openapi("apples", "pears"), "application/json")}) as site:
        crawl = await client.crawl(f"{site.url}/openapi.json", max_pages=1)
        ends = await ends_of(client, crawl, site)
        whole = await client.crawl(f"{site.url}/openapi.json")
        assert len(await pages_of(client, whole, site)) == 3
    assert ends == {
        "/openapi.json": STORED,
        operation("/openapi.json", "apples"): skipped("page_limit"),
        operation("/openapi.json", "pears"): skipped("page_limit"),
    }


async def test_an_unchanged_description_keeps_its_operations(client: Client) -> None:
    answers: Answers = {
        "/": html("Start", ("openapi.json",)),
        "/openapi.json": Answer(openapi("apples", "pears"), "application/json", is_dated=True),
    }
    async with written_site(answers) as site:
        first = await client.crawl(f"{site.url}/")
        chunks = {row["chunk_id"] for row in await client.every(f"/sources/{first.source_id}/chunks")}
        second = await client.crawl(f"{site.url}/")
        assert await ends_of(client, second, site) == await ends_of(client, first, site)
        assert {row["chunk_id"] for row in await client.every(f"/sources/{first.source_id}/chunks")} == chunks
    assert second.task["result"]["pages"] == 4


async def test_one_description_under_two_urls_gives_its_operations_once(client: Client) -> None:
    answers: Answers = {
        "/": html("Start", ("v1/openapi.json", "openapi.json")),
        "/openapi.json": Answer(openapi("apples"), "application/json"),
        "/v1/openapi.json": Answer(status=302, headers={"Location": "/openapi.json"}),
    }
    async with written_site(answers) as site:
        crawl = await client.crawl(f"{site.url}/")
        ends = await ends_of(client, crawl, site)
        pages = await pages_of(client, crawl, site)
    assert set(pages) == {"/", "/openapi.json", operation("/openapi.json", "apples")}
    assert ends[operation("/openapi.json", "apples")] == STORED
    both = [ends["/openapi.json"], ends["/v1/openapi.json"]]
    assert sorted(both, key=str) == sorted([STORED, skipped("duplicate")], key=str)


async def test_a_death_among_the_operations_costs_none_and_doubles_none(start_server: StartServer) -> None:
    names = tuple(f"op{n}" for n in range(40))
    answers: Answers = {"/openapi.json": Answer(openapi(*names), "application/json")}
    async with written_site(answers) as site:
        async with AsyncExitStack() as first:
            client = await start_server(until=first)
            task_id = (await client.start(f"{site.url}/openapi.json"))["task_id"]
            await client.until_stored(task_id, 5)
        client = await start_server()
        async with asyncio.timeout(30):
            crawl = await client.ended(task_id)
        ends = await ends_of(client, crawl, site)
        pages = await pages_of(client, crawl, site)
    assert ends == {"/openapi.json": STORED, **{operation("/openapi.json", name): STORED for name in names}}
    assert len(pages) == 41
    told = [event["data"]["url"] for event in crawl.events if event["type"] == "page_stored"]
    assert len(told) == len(set(told)) == 41
