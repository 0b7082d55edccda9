"""A small site that a test rewrites between crawls, and a server on which a page that vanished is gone at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import aiohttp

from tests.api.client import Client
from tests.e2e.server_process import ServerProcess
from tests.sites.static import serve_directory


def html(title: str, body: str) -> str:
    return f'<!doctype html><html lang="en"><title>{title}</title><main><h1>{title}</h1>{body}</main></html>'


@dataclass(frozen=True)
class Source:
    """A crawled site: `refresh` writes files over it (None: takes one away) and crawls it again."""

    server: ServerProcess
    client: Client
    folder: Path
    site_url: str
    source_id: str

    async def refresh(self, files: Mapping[str, str | None]) -> None:
        write(self.folder, files)
        reply = await self.client.post(f"/sources/{self.source_id}/refresh", {"force": True, "full": True})
        assert (await self.client.ended(reply.body["task_id"])).status == "completed"

    async def page_id(self, name: str) -> str:
        pages = await self.client.every(f"/sources/{self.source_id}/pages")
        (page_id,) = [str(page["page_id"]) for page in pages if page["url"].endswith(f"/{name}")]
        return page_id

    async def page_url(self, name: str, after: str = "") -> str:
        """The address of a page in the UI."""
        return f"{self.server.url}/sources/{self.source_id}/pages/{await self.page_id(name)}{after}"


def write(folder: Path, files: Mapping[str, str | None]) -> None:
    folder.mkdir(exist_ok=True)
    for name, text in files.items():
        if text is None:
            (folder / name).unlink()
        else:
            (folder / name).write_text(text)


@asynccontextmanager
async def crawled(folder: Path, files: Mapping[str, str]) -> AsyncIterator[Source]:
    """A server of its own and a source of these files; `index.html` links to them unless it is given."""
    links = "".join(f'<li><a href="{name}">{name}</a></li>' for name in files)
    write(folder / "site", {"index.html": html("Start", f"<p>All the pages of it.</p><ul>{links}</ul>"), **files})
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(serve_directory(folder / "site"))
        server = ServerProcess(folder / "data", GLEANERY_VANISHED_GRACE_DAYS="0")
        await server.start()
        stack.push_async_callback(server.stop)
        client = Client(server.url, await stack.enter_async_context(aiohttp.ClientSession()))
        crawl = await client.crawl(f"{site.url}/")
        assert crawl.status == "completed"
        yield Source(server, client, folder / "site", site.url, crawl.source_id)
