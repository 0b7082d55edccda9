"""`POST /knowledge/preview`: what a crawl would take and skip, and why, within seconds and with nothing stored."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from tests.api.client import Client
from tests.conftest import StartServer
from tests.sites.openai_api import openai_api
from tests.sites.written import Answer, Answers, html, markdown, urlset, written_site


async def preview(client: Client, url: str, **options: Any) -> dict[str, Any]:
    reply = await client.post("/knowledge/preview", {"url": url, **options})
    assert reply.status == 200, reply
    body: dict[str, Any] = reply.body
    return body


async def test_a_site_without_lists_is_crawled_along_its_links(client: Client) -> None:
    answers: Answers = {
        "/robots.txt": "User-agent: *\nCrawl-delay: 2\nDisallow: /docs/private\n",
        "/docs/": html(
            "Start",
            (
                "a",
                "b#x",
                "b",
                "guide/c",
                "guide/d",
                "private/e",
                "/blog/",
                "https://h.invalid/",
                "x.png",
                "a?utm_source=x",
            ),
            head='<meta name="generator" content="Sphinx 7">',
        ),
    }
    async with written_site(answers) as site:
        body = await preview(client, f"{site.url}/docs/")
        assert site.counts["/docs/"] == 1
        assert site.pages == {"/docs/": 1}
    assert (body["url"], body["final_url"]) == (f"{site.url}/docs/", f"{site.url}/docs/")
    assert (body["title"], body["generator"], body["mode"]) == ("Start", "Sphinx 7", "recursive")
    assert body["robots"] == {"crawl_delay_seconds": 2.0, "sitemaps": []}
    assert body["scope"] == {
        "path": "/",
        "pages": 5,
        "children": [
            {
                "path": "/docs/",
                "pages": 5,
                "children": [{"path": "/docs/guide/", "pages": 2, "children": []}],
            }
        ],
    }
    assert body["skipped"] == {"robots_denied": 1, "outside_path": 1, "other_host": 1, "not_a_document": 1}
    assert body["examples"]["robots_denied"] == [f"{site.url}/docs/private/e"]
    estimate = body["estimate"]
    assert (estimate["pages"], estimate["is_whole"], estimate["seconds"]) == (5, False, 10.0)
    assert estimate["tokens"] > 5 * 20
    assert body["is_complete"] is True
    assert body["rendering_sign"] is None
    assert {place["outcome"] for place in body["tried"]} == {"not_there"}
    assert await client.every("/tasks") == []
    assert await client.every("/sources") == []


async def test_a_site_with_a_sitemap_is_known_whole(client: Client) -> None:
    names = [f"p{n}" for n in range(30)]
    answers: Answers = {
        "/": html("Start", ("p0", "p1")),
        "/sitemap.xml": urlset("{url}/", *(f"{{url}}/{name}" for name in names), "https://h.invalid/x"),
    }
    async with written_site(answers) as site:
        body = await preview(client, f"{site.url}/", max_pages=20)
    assert (body["mode"], body["scope"]["pages"], body["skipped"]) == ("site", 31, {"other_host": 1})
    assert (body["estimate"]["pages"], body["estimate"]["is_whole"]) == (20, True)
    [found] = [place for place in body["tried"] if place["outcome"] == "found"]
    assert (found["target"], found["found"], found["wanted"]) == ("sitemap", 32, 31)


async def test_folders_with_one_other_alone_are_no_step_of_the_tree(client: Client) -> None:
    links = ("api/v1/users/get", "api/v1/users/put", "guide/a")
    async with written_site({"/docs/en/stable/": html("Start", links)}) as site:
        body = await preview(client, f"{site.url}/docs/en/stable/")
    paths, below = list[tuple[str, int]](), [body["scope"]]
    while below:
        branch = below.pop(0)
        paths.append((branch["path"], branch["pages"]))
        below += branch["children"]
    stable = "/docs/en/stable/"
    assert paths[3:] == [
        (stable, 4),
        (f"{stable}api/", 2),
        (f"{stable}guide/", 1),
        (f"{stable}api/v1/", 2),
        (f"{stable}api/v1/users/", 2),
    ]


@pytest.mark.parametrize("options", [{"max_depth": 0}, {"max_pages": 1}])
async def test_a_single_page_is_just_that(client: Client, options: dict[str, int]) -> None:
    async with written_site({"/": html("Start", ("a",))}) as site:
        body = await preview(client, f"{site.url}/", **options)
        assert site.counts == {"/robots.txt": 1, "/": 1}
    assert (body["estimate"]["pages"], body["estimate"]["is_whole"], body["tried"]) == (1, True, [])
    assert body["scope"] == {"path": "/", "pages": 1, "children": []}


async def test_versions_and_languages_that_would_be_left_out(client: Client) -> None:
    names = ("intro", "setup", "usage")
    links = tuple(f"/{folder}/{name}" for name in names for folder in ("en", "de"))
    async with written_site({"/": html("Start", links)}) as site:
        body = await preview(client, f"{site.url}/")
        whole = await preview(client, f"{site.url}/", all_variants=True)
    assert (body["scope"]["pages"], body["skipped"]) == (4, {"other_language": 3})
    assert (whole["scope"]["pages"], whole["skipped"]) == (7, {})


async def test_a_list_as_start(client: Client) -> None:
    answers: Answers = {
        "/maps/all.xml": urlset("{url}/a", "{url}/b/c", "https://h.invalid/x"),
        "/llms.txt": "# S\n\n- [A](/a)\n- [M](/m.md)\n",
    }
    async with written_site(answers) as site:
        sitemap = await preview(client, f"{site.url}/maps/all.xml")
        llms = await preview(client, f"{site.url}/llms.txt")
        assert site.counts == {"/robots.txt": 1, "/maps/all.xml": 1, "/llms.txt": 1}
    assert (sitemap["mode"], sitemap["scope"]["pages"], sitemap["skipped"]) == ("site", 2, {"other_host": 1})
    assert (llms["mode"], llms["scope"]["pages"]) == ("site", 2)


async def test_an_app_that_shows_nothing_without_scripts_says_so(client: Client) -> None:
    shell = (
        '<!doctype html><html lang="en"><head><title>App</title></head><body><div id="root"></div>'
        '<script src="/app.js"></script></body></html>'
    )
    async with written_site({"/": shell, "/sitemap.xml": urlset("{url}/a")}) as site:
        body = await preview(client, f"{site.url}/")
    assert body["rendering_sign"]
    assert (body["title"], body["mode"], body["scope"]["pages"]) == ("", "site", 2)


async def test_a_document_that_is_no_web_page(client: Client) -> None:
    async with written_site({"/guide.md": markdown("Guide")}) as site:
        body = await preview(client, f"{site.url}/guide.md")
    assert (body["title"], body["mode"], body["estimate"]["pages"]) == ("Guide", "single", 1)


async def test_what_embedding_the_pages_would_cost(start_server: StartServer, tmp_path: Path) -> None:
    async with openai_api(dimensions=8) as api, written_site({"/": html("Start", ("a", "b"))}) as site:
        paid = await start_server(
            embedder="openai", openai_base_url=api.base_url, embedding_price_per_million=1_000_000
        )
        free = await start_server(data_dir=tmp_path / "free")
        [costly, none] = [(await preview(client, f"{site.url}/"))["estimate"] for client in (paid, free)]
    assert costly["model"].startswith("openai:text-embedding-3-small")
    assert costly["cost_usd"] == costly["tokens"] > 0
    assert costly["embed_seconds"] > 0
    assert (none["model"], none["embed_seconds"], none["cost_usd"]) == (None, 0, 0)


async def test_a_site_that_hangs_is_answered_with_what_is_known(client: Client) -> None:
    never = asyncio.Event()
    hanging = ("/sitemap.xml", "/docs/sitemap.xml", "/llms.txt", "/docs/llms.txt", "/llms-full.txt")
    answers: Answers = {"/docs/": html("Start", ("a",)), **{path: Answer(gate=never) for path in hanging}}
    async with written_site(answers) as site:
        body = await preview(client, f"{site.url}/docs/")
    assert (body["is_complete"], body["mode"], body["scope"]["pages"]) == (False, "recursive", 2)
    assert "not_asked" in {place["outcome"] for place in body["tried"]}


@pytest.mark.parametrize(
    ("path", "answer", "code"),
    [
        ("/gone", Answer(html("Gone"), status=404), "http_404"),
        ("/broken", Answer(html("Broken"), status=500), "http_500"),
        ("/picture", Answer(b"GIF89a", "image/gif"), "not_html"),
        ("/empty", Answer(""), "empty_page"),
        ("/secret", Answer(html("Secret")), "robots_denied"),
    ],
)
async def test_a_start_that_cannot_be_had(client: Client, path: str, answer: Answer, code: str) -> None:
    async with written_site({path: answer, "/robots.txt": "User-agent: *\nDisallow: /secret\n"}) as site:
        reply = await client.post("/knowledge/preview", {"url": f"{site.url}{path}"})
    assert (reply.status, reply.error["code"]) == (502, code)


@pytest.mark.parametrize(
    ("body", "code", "field"),
    [
        ({}, "invalid_field", "url"),
        ({"url": "ftp://h/"}, "unsupported_scheme", "url"),
        ({"url": "http://10.0.0.1/"}, "address_forbidden", "url"),
        ({"url": "https://h.example/", "max_depth": -1}, "invalid_field", "max_depth"),
        ({"url": "https://h.example/", "include": [""]}, "invalid_field", "include.0"),
        ({"url": "https://h.example/", "nonsense": 1}, "invalid_field", "nonsense"),
    ],
)
async def test_bad_fields_are_named(client: Client, body: dict[str, Any], code: str, field: str) -> None:
    reply = await client.post("/knowledge/preview", body)
    assert (reply.status, reply.error["code"], reply.error["details"]["field"]) == (422, code, field)


async def test_a_glob_that_is_none_is_named_before_the_site_is_asked(client: Client) -> None:
    async with written_site({"/": html("Start")}) as site:
        reply = await client.post("/knowledge/preview", {"url": f"{site.url}/", "exclude": [" "]})
        assert (reply.status, reply.error["details"]["field"]) == (422, "exclude")
        assert site.counts == {}
