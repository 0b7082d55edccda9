"""Search over REST: several sources at once, what can be filtered by, what a hit tells of itself."""

from __future__ import annotations

from tests.api.client import Client
from tests.conftest import ServePages


def _page(title: str, text: str, code: str = "") -> str:
    block = f'<pre><code class="language-python">{code}</code></pre>' if code else ""
    return (
        f'<!doctype html><html lang="en"><title>{title}</title><main><h1>{title}</h1><p>{text}</p>{block}</main></html>'
    )


async def test_several_sources_and_what_they_have(client: Client, serve_pages: ServePages) -> None:
    site = await serve_pages(
        {
            "a/index.html": _page("First", "A wombat eats grass.", "feed()"),
            "b/index.html": _page("Second", "A wombat sleeps."),
            "c/index.html": _page("Third", "A wombat digs."),
        }
    )
    crawls = [await client.crawl(f"{site.url}/{name}/", tags=[name, "all"]) for name in "abc"]
    first, second, third = (crawl.source_id for crawl in crawls)

    async def found(**filters: object) -> set[str]:
        reply = await client.post("/search", {"query": "wombat", **filters})
        return {hit["source_id"] for hit in reply.body["hits"]}

    assert await found() == {first, second, third}
    assert await found(source_ids=[first, second]) == {first, second}
    assert await found(source_ids=[first], source_id=third) == {first, third}
    linked = await client.one(f"/search?q=wombat&source_id={first}&source_id={second}")
    assert {hit["source_id"] for hit in linked["hits"]} == {first, second}
    code = await client.post("/search/code", {"query": "feed", "source_ids": [second, third]})
    assert code.body["hits"] == []

    facets = await client.one("/search/facets")
    assert {(one["source_id"], one["pages"]) for one in facets["sources"]} == {(first, 1), (second, 1), (third, 1)}
    assert facets["tags"] == [{"value": "all", "count": 3}, *({"value": tag, "count": 1} for tag in "abc")]
    assert facets["kinds"] == [{"value": "documentation", "count": 3}]
    assert facets["languages"] == [{"value": "en", "count": 3}]
    assert facets["code_languages"] == [{"value": "python", "count": 1}]
    of_two = await client.one(f"/search/facets?source_id={second}&source_id={third}")
    assert (of_two["kinds"], of_two["code_languages"]) == ([{"value": "documentation", "count": 2}], [])
    assert len(of_two["sources"]) == 3
    unknown = await client.call("GET", "/api/v1/search/facets?source_id=src_no")
    assert (unknown.status, unknown.error["code"]) == (404, "not_found")


async def test_a_hit_says_where_it_stands_in_its_page(client: Client, serve_pages: ServePages) -> None:
    site = await serve_pages({"index.html": _page("Emoji 🦘", "Before it: 👩‍👩‍👧 and more. The wombat 有袋类 eats.")})
    await client.crawl(f"{site.url}/")
    (hit,) = (await client.post("/search", {"query": "wombat"})).body["hits"]
    page = await client.one(f"/pages/{hit['page_id']}")
    assert page["markdown"][hit["start"] : hit["end"]] == hit["content"]
    assert [hit["content"][start:end] for start, end in hit["highlights"]] == ["wombat"]
