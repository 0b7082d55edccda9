"""A crawl over bombs: each ends with a reason that has a name, and the page after each of them is stored."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.handlers.vitals import watched
from tests.sites.bombs import SECRET, bomb_site

STORED = ("stored", None)
TOO_COMPLEX = ("failed", "extract_failed")
TOO_LARGE = ("failed", "too_large")
TIMED_OUT = ("failed", "timed_out")
ENDS = {
    "attributes": TOO_COMPLEX,
    "one-attribute": STORED,
    "nested-tags": TOO_COMPLEX,
    "unclosed-tags": TOO_COMPLEX,
    "nested-lists": TOO_COMPLEX,
    "nested-quotes": TOO_COMPLEX,
    "nested-tables": TOO_COMPLEX,
    "huge-code": TOO_LARGE,
    "large-code": STORED,
    "huge-title": STORED,
    "wide-table": STORED,
    "spans": STORED,
    "comments": TOO_COMPLEX,
    "brackets": TOO_COMPLEX,
    "entities": STORED,
    "headings": STORED,
    "blocks": STORED,
    "laughs.xhtml": STORED,
    "laughs-api": STORED,
    "laughs-api#/paths/~1laugh/get": STORED,
    "unzips.docx": TOO_COMPLEX,
    "inflates.pdf": ("skipped", "empty_page"),
    "deep.ipynb": TOO_COMPLEX,
    "deep.md": STORED,
    "gzip": TOO_LARGE,
    "endless-body": TOO_LARGE,
    "endless-header": TOO_LARGE,
    "endless-headers": TOO_LARGE,
    "drip-body": TIMED_OUT,
    "drip-header": TIMED_OUT,
}
MOST_LAG_SECONDS = 0.2
"""The site's own work is in it, which sends and compresses tens of megabytes."""
MOST_MB = 150.0


@pytest.mark.slow
async def test_every_bomb_ends_with_its_reason_and_costs_no_other_page(
    start_server: StartServer, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text(SECRET)
    client = await start_server(fetch_timeout_seconds=4, extract_timeout_seconds=20)
    await client.crawl(f"{client.url}/example/", render="http", max_pages=3)  # what any first crawl takes is no bomb's
    async with bomb_site(secret.as_uri()) as site, watched() as vitals:
        crawl = await client.crawl(f"{site.url}/", render="http")
        urls = await client.urls(crawl.task_id, site.url)
        asked = dict(site.counts)
    ends = {path: (row["state"], row["reason"]) for path, row in urls.items()}
    bombs = {path.removeprefix("/bombs/"): end for path, end in ends.items() if path.startswith("/bombs/")}
    assert bombs == ENDS
    assert {path: end for path, end in ends.items() if not path.startswith("/bombs/")} == {
        "/": STORED,
        **{f"/after/{name}.html": STORED for name in ENDS if "#" not in name},
    }
    assert crawl.status == "completed"
    assert {asked[f"/bombs/{name}"] for name, end in ENDS.items() if end == TIMED_OUT} == {4}
    assert {asked[f"/bombs/{name}"] for name, end in ENDS.items() if end != TIMED_OUT and "#" not in name} == {1}
    no_secret(tmp_path / "data")
    [survey] = [event["data"] for event in crawl.events if event["type"] == "site_surveyed"]
    assert {place["url"].removeprefix(site.url): (place["outcome"], place["reason"]) for place in survey["tried"]} == {
        "/sitemap.xml": ("found", "has_dtd"),
        "/gzipped.xml.gz": ("not_usable", "not_a_sitemap"),
        "/feed.xml": ("not_usable", "not_a_feed"),
        "/llms.txt": ("found", None),
        "/llms-full.txt": ("not_there", "http_404"),
    }
    assert vitals.rss_mb < MOST_MB
    assert vitals.lag(0.99) < MOST_LAG_SECONDS


def no_secret(data: Path) -> None:
    """No entity was followed to the disk: what stands there is nowhere in the database, nor in its log."""
    files = list(data.glob("gleanery.db*"))
    assert files
    for file in files:
        assert SECRET.encode() not in file.read_bytes()
