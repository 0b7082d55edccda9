"""What browsers are given: the UI, the API's docs, the bundled example site, with the security headers of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Any

from aiohttp import web

from gleanery.api.http import Handler
from gleanery.api.openapi import page

UI_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": UI_CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
_DOCS_CSS = """
:root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;margin:0}main{max-width:60rem;margin:auto;padding:1.5rem}
table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border-bottom:1px solid #8884;padding:.3rem .5rem;text-align:left;vertical-align:top}
h2{margin-top:2.5rem;font-size:1.1rem}code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}
"""


def ui_folder() -> Path | None:
    """The built UI: in the installed package, else in the checkout; None where it has not been built."""
    package = Path(str(resources.files("gleanery")))
    for folder in (package / "ui", package.parents[1] / "ui" / "dist"):
        if (folder / "index.html").is_file():
            return folder
    return None


def example_folder() -> Path:
    """The bundled example: the project's own documentation as a small site."""
    return Path(str(resources.files("gleanery"))) / "example"


def add_pages(app: web.Application, openapi: Mapping[str, Any]) -> None:
    """Routes for everything outside the API. The UI's catch-all comes last."""
    spec, docs = json.dumps(openapi), page(openapi)

    async def serve_spec(_: web.Request) -> web.Response:
        return web.Response(text=spec, content_type="application/json")

    async def serve_docs(_: web.Request) -> web.Response:
        return web.Response(text=docs, content_type="text/html", headers=HEADERS)

    async def serve_css(_: web.Request) -> web.Response:
        return web.Response(text=_DOCS_CSS, content_type="text/css")

    app.router.add_get("/openapi.json", serve_spec)
    app.router.add_get("/docs", serve_docs)
    app.router.add_get("/docs.css", serve_css)
    app.router.add_get("/example/{path:.*}", _files(example_folder()))
    folder = ui_folder()
    app.router.add_get("/{path:(?!api/|ws/|socket\\.io/).*}", _ui(folder) if folder else _no_ui)


def _inside(folder: Path, path: str) -> Path | None:
    """The file at `path` in `folder`; None for what is not there or leads out of it."""
    file = (folder / path).resolve()
    if file.is_dir():
        file /= "index.html"
    return file if file.is_relative_to(folder.resolve()) and file.is_file() else None


def _files(folder: Path) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        file = _inside(folder, request.match_info["path"])
        if file is None:
            raise web.HTTPNotFound
        return web.FileResponse(file, headers={"X-Content-Type-Options": "nosniff"})

    return serve


def _ui(folder: Path) -> Handler:
    async def serve(request: web.Request) -> web.StreamResponse:
        path = request.match_info["path"]
        is_asset = path.startswith("assets/")
        file = _inside(folder, path)
        if file is None and (is_asset or "." in path.rsplit("/", 1)[-1]):
            raise web.HTTPNotFound
        # Names of assets hold their hash; any other path that names no file is a route of the UI's own.
        cache = "public, max-age=31536000, immutable" if is_asset else "no-cache"
        return web.FileResponse(file or folder / "index.html", headers={**HEADERS, "Cache-Control": cache})

    return serve


async def _no_ui(request: web.Request) -> web.StreamResponse:
    if request.path != "/":
        raise web.HTTPNotFound
    text = (
        "gleanery is running. The web UI has not been built ('make setup' builds it); the API is described at /docs.\n"
    )
    return web.Response(text=text)
