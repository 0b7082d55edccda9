"""`gleanery serve --crawl URL`, which is what `make run URL=…` does."""

from __future__ import annotations

from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.e2e.server_process import ServerProcess
from tests.sites.gated import gated_site

pytestmark = pytest.mark.e2e


async def test_it_crawls_at_once_and_says_where_to_watch(tmp_path: Path, stack: AsyncExitStack) -> None:
    server = ServerProcess(tmp_path / "data")
    async with gated_site(3, open_to=3) as (site, _):
        await server.start("--crawl", f"{site.url}/guide/")
        stack.push_async_callback(server.stop)
        said = await server.line()
        prefix = f"Crawling {site.url}/guide/: watch it on {server.url}/activity/"
        assert said.startswith(prefix)
        task = await server.get(f"/api/v1/tasks/{said.removeprefix(prefix)}")
        assert task["title"] == f"{site.url}/guide/"
