"""A folder served as a documentation site."""

from __future__ import annotations

import mimetypes
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from aiohttp import web

from tests.sites import Site, run

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serve_directory(path: Path, host: str = "127.0.0.1") -> AsyncIterator[Site]:
    """Serves the files below `path`: index.html for a directory (301 to its slash), 404 for the rest."""
    site = Site("")
    app = web.Application()
    app.router.add_get("/{path:.*}", handler(path.resolve(), site))
    async with run(app, host) as url:
        site.url = url
        yield site


def handler(root: Path, site: Site) -> Handler:
    """Answers with the files below `root`, and records in `site`."""

    async def handle(request: web.Request) -> web.StreamResponse:
        site.record(request)
        file = (root / request.match_info["path"]).resolve()
        if not file.is_relative_to(root):
            raise web.HTTPNotFound
        if file.is_dir():
            if not request.path.endswith("/"):
                raise web.HTTPMovedPermanently(f"{request.path}/")
            file = file / "index.html"
        if not file.is_file():
            raise web.HTTPNotFound
        return web.FileResponse(file, headers={"Content-Type": _content_type(file)})

    return handle


def _content_type(file: Path) -> str:
    kind, _ = mimetypes.guess_type(file.name)
    # No charset for HTML: a real file server leaves it to the document.
    return kind or "application/octet-stream"
