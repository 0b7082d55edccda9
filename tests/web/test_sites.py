"""The test sites themselves: other tests rely on what they serve and count."""

from __future__ import annotations

from pathlib import Path

import aiohttp

from gleanery.web.fetch import Fetcher
from tests.sites.hostile import PATHS, hostile_site
from tests.sites.static import serve_directory


async def test_a_folder_is_served_as_a_site(tmp_path: Path, fetcher: Fetcher) -> None:
    (tmp_path / "guide").mkdir()
    (tmp_path / "guide" / "index.html").write_text("<h1>Guide</h1>")
    (tmp_path / "style.css").write_text("p {}")
    async with serve_directory(tmp_path) as site:
        document = await fetcher.fetch(f"{site.url}/guide")
        assert (document.url, document.body) == (f"{site.url}/guide/", b"<h1>Guide</h1>")
        assert (document.content_type, document.charset) == ("text/html", None)
        assert (await fetcher.fetch_any(f"{site.url}/style.css")).content_type == "text/css"
        async with aiohttp.ClientSession() as session, session.get(f"{site.url}/..%2f..%2fetc/passwd") as answer:
            assert answer.status == 404
        assert site.requests[:3] == ["/guide", "/guide/", "/style.css"]
        assert site.counts["/guide/"] == 1


async def test_the_hostile_site_links_to_every_trouble(fetcher: Fetcher) -> None:
    async with hostile_site() as site:
        body = (await fetcher.fetch(site.url)).body.decode()
    assert [path for path in PATHS if f'<a href="{path}">' not in body] == []
