"""A site of bombs: documents that are small, or look so, and cost whoever reads them without end.

Each `/bombs/NAME` does one thing, and `/after/NAME.html` is a plain page. `/` links to both, in turn.
"""

from __future__ import annotations

import asyncio
import io
import json
import zipfile
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.sites import Site, run

SECRET = "the-secret-of-the-disk"
MEBIBYTES = 4_000

_LAUGHS = "<!DOCTYPE {root} [<!ENTITY a0 'ha'>" + "".join(
    f"<!ENTITY a{n} '{f'&a{n - 1};' * 10}'>" for n in range(1, 11)
)
_LAUGHS += "<!ENTITY file SYSTEM 'FILE'>]>"


def html(title: str, body: str) -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )


def _xhtml() -> str:
    return (
        '<?xml version="1.0"?>' + _LAUGHS.format(root="html") + '<html xmlns="http://www.w3.org/1999/xhtml"><head>'
        "<title>Laughs</title></head><body><main><h1>Laughs</h1><p>Entities: &a10; and &file; end.</p></main></body></html>"
    )


def _docx() -> bytes:
    """A Word document of a few kilobytes that unpacks to 200 MB."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr("word/document.xml", b"<w:document>" + b" " * 200_000_000)
    return made.getvalue()


def _yaml() -> str:
    """Aliases of aliases: 10¹² strings in a kilobyte."""
    lines = [
        "openapi: 3.1.0",
        "info: {title: Laughs, version: '1'}",
        "x0: &x0 [ha, ha, ha, ha, ha, ha, ha, ha, ha, ha]",
    ]
    lines += [f"x{n}: &x{n} [{', '.join([f'*x{n - 1}'] * 10)}]" for n in range(1, 12)]
    return "\n".join([*lines, "paths: {/laugh: {get: {summary: Laugh, responses: *x11}}}"])


def _pdf() -> bytes:
    """A PDF whose one stream inflates to 200 MB of page."""
    squeezer = zlib.compressobj(9)
    stream = b"".join(squeezer.compress(b"(x) Tj " * 150_000) for _ in range(200)) + squeezer.flush()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 100 100] /Contents 4 0 R >>",
        b"<< /Length %d /Filter /FlateDecode >>\nstream\n" % len(stream) + stream + b"\nendstream",
    ]
    body = b"".join(b"%d 0 obj\n" % number + text + b"\nendobj\n" for number, text in enumerate(objects, 1))
    return b"%PDF-1.7\n" + body + b"trailer << /Root 1 0 R >>\n%%EOF"


_DEEP = 50_000
HTML_BOMBS = {
    "attributes": lambda: html("Attributes", f"<p {' '.join(f'a{n}=1' for n in range(40_000))}>text</p>"),
    "one-attribute": lambda: html("One attribute", f"<p title='{'x' * 3_000_000}'>text</p>"),
    "nested-tags": lambda: html("Nested tags", "<div>" * _DEEP + "deep" + "</div>" * _DEEP),
    "unclosed-tags": lambda: html("Unclosed tags", "<b><i><font>" * _DEEP + "deep"),
    "nested-lists": lambda: html("Nested lists", "<ul><li>item" * 5_000 + "</li></ul>" * 5_000),
    "nested-quotes": lambda: html("Nested quotes", "<blockquote><p>said" * 5_000),
    "nested-tables": lambda: html("Nested tables", "<table><tr><td>cell" * 5_000),
    "huge-code": lambda: html("Huge code", "<pre>" + "line of code\n" * 1_600_000 + "</pre>"),
    "huge-title": lambda: html("t" * 3_000_000, "<p>text</p>"),
    "wide-table": lambda: html("Wide table", f"<table><tr>{'<td>1' * 50_000}</tr><tr>{'<td>2' * 50_000}</tr></table>"),
    "spans": lambda: html("Spans", "<table>" + "<tr><td rowspan=65534 colspan=1000>x" * 200 + "</table>"),
    "comments": lambda: html("Comments", "<!--" * 500_000),
    "brackets": lambda: html("Brackets", "<" * 1_000_000),
    "large-code": lambda: html("Large code", "<pre>" + "line of code\n" * 700_000 + "</pre>"),
    "entities": lambda: html("Entities", "&amp" * 1_000_000),
    "headings": lambda: html("Headings", "<h2>One heading</h2>" * 50_000),
    "blocks": lambda: html("Blocks", "<pre><code>a = 1</code></pre>" * 50_000),
}
"""Documents of HTML, made when they are asked for. Those above 10 MiB are too large as they are."""


@asynccontextmanager
async def bomb_site(secret_file: str, host: str = "127.0.0.1") -> AsyncIterator[Site]:
    """The site; its entities also name the file at the URI `secret_file`."""
    bombs = _Bombs(secret_file)
    app = web.Application()
    app.router.add_get("/{path:.*}", bombs.answer)
    async with run(app, host) as url:
        bombs.site.url = url
        try:
            yield bombs.site
        finally:
            bombs.closing.set()


class _Bombs:
    def __init__(self, secret_file: str) -> None:
        self.site = Site("")
        self.closing = asyncio.Event()
        self._file = secret_file
        # Made ahead: whoever measures the loop measures the crawl, not the making.
        self._bodies = {
            **{name: ("text/html", make().encode()) for name, make in HTML_BOMBS.items()},
            "laughs.xhtml": ("application/xhtml+xml", _xhtml().replace("FILE", secret_file).encode()),
            "laughs-api": ("application/yaml", _yaml().encode()),
            "unzips.docx": ("application/vnd.openxmlformats-officedocument.wordprocessingml.document", _docx()),
            "inflates.pdf": ("application/pdf", _pdf()),
            "deep.ipynb": ("application/x-ipynb+json", b'{"nbformat": 4, "cells": [' + b"[" * 200_000),
            "deep.md": ("text/markdown", b"# Deep\n\n" + b"> " * 20_000 + b"text\n\n" + b"[" * 50_000 + b"a"),
        }
        self._streams = {
            "gzip": self._gzip,
            "endless-body": self._endless_body,
            "endless-header": self._endless_header,
            "endless-headers": self._endless_headers,
            "drip-body": self._drip_body,
            "drip-header": self._drip_header,
        }

    @property
    def names(self) -> list[str]:
        return [*self._bodies, *self._streams]

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.site.record(request)
        folder, _, name = request.path.lstrip("/").partition("/")
        if folder == "bombs" and name in self._bodies:
            kind, body = self._bodies[name]
            return web.Response(body=body, content_type=kind)
        if folder == "bombs" and name in self._streams:
            return await self._streams[name](request)
        if folder == "after":
            return _html(html(f"After {name}", f"<p>This page comes after the bomb {name} and is as it should be.</p>"))
        return self._offer(request.path)

    def _offer(self, path: str) -> web.Response:
        """The start, and what a crawl looks for by itself: bombs too."""
        match path:
            case "/":
                links = "".join(
                    f"<p><a href='/bombs/{n}'>{n}</a> <a href='/after/{n}.html'>{n}</a></p>" for n in self.names
                )
                return _html(html("Bombs", f"<link rel=alternate type='application/rss+xml' href='/feed.xml'>{links}"))
            case "/robots.txt":
                return web.Response(
                    text="Sitemap: /sitemap.xml\nSitemap: /gzipped.xml.gz\n" + "Disallow: /x*y*z*\n" * 20_000
                )
            case "/sitemap.xml" | "/feed.xml":
                root, item = ("urlset", "url><loc") if path == "/sitemap.xml" else ("rss", "item><link")
                end = "/".join(reversed(f"><{item}".split("><"))).replace("/", "></")
                text = (
                    f"<?xml version='1.0'?>{_LAUGHS.format(root=root)}<{root}><{item}>/&a10;&file;<{end[1:]}></{root}>"
                )
                return web.Response(text=text.replace("FILE", self._file), content_type="application/xml")
            case "/gzipped.xml.gz":
                squeezer = zlib.compressobj(9, zlib.DEFLATED, 31)
                body = b"".join(squeezer.compress(b"<!-- -->" * 2**17) for _ in range(300)) + squeezer.flush()
                return web.Response(body=body, content_type="application/gzip")
            case "/llms.txt":
                return web.Response(text="# Bombs\n\n" + "- [" * 200_000)
        raise web.HTTPNotFound

    async def _gzip(self, request: web.Request) -> web.StreamResponse:
        """Four megabytes that would become four gigabytes."""
        response = await _stream(request, {"Content-Encoding": "gzip"})
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        await response.write(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff")
        mebibyte = deflate.compress(b"\0" * 2**20) + deflate.flush(zlib.Z_FULL_FLUSH)
        for _ in range(MEBIBYTES):
            await response.write(mebibyte)
        return response

    async def _endless_body(self, request: web.Request) -> web.StreamResponse:
        response = await _stream(request)
        while not self.closing.is_set():
            await response.write(b"<p>" + b"more " * 13_106 + b"</p>")
        return response

    async def _endless_header(self, request: web.Request) -> web.StreamResponse:
        """One header that never ends."""
        return await self._raw(request, b"HTTP/1.1 200 OK\r\nX-Long: ", b"x" * 65_536, 0.0)

    async def _endless_headers(self, request: web.Request) -> web.StreamResponse:
        return await self._raw(request, b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n" * 5_000, 0.0)

    async def _drip_header(self, request: web.Request) -> web.StreamResponse:
        """A byte of a header now and then, always in time."""
        return await self._raw(request, b"HTTP/1.1 200 OK\r\nX-Slow: ", b"x", 0.1)

    async def _drip_body(self, request: web.Request) -> web.StreamResponse:
        start = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nConnection: close\r\n\r\n<p>"
        return await self._raw(request, start, b"x", 0.1)

    async def _raw(self, request: web.Request, start: bytes, piece: bytes, pause: float) -> web.StreamResponse:
        transport = request.transport
        assert isinstance(transport, asyncio.Transport)
        transport.write(start)
        while not transport.is_closing() and not self.closing.is_set():
            if transport.get_write_buffer_size() < 2**20:
                transport.write(piece)
            try:
                async with asyncio.timeout(pause or 0.001):
                    await self.closing.wait()
            except TimeoutError:
                continue
        transport.abort()
        return web.Response()


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html")


async def _stream(request: web.Request, headers: dict[str, str] | None = None) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/html; charset=utf-8", **(headers or {})})
    await response.prepare(request)
    return response


def openapi(reference: str) -> str:
    """A description whose parts are elsewhere."""
    operation = {
        "summary": "Look elsewhere",
        "requestBody": {"$ref": reference},
        "responses": {"200": {"$ref": reference}},
    }
    info = {"title": "Elsewhere", "version": "1"}
    return json.dumps(
        {"openapi": "3.1.0", "info": info, "paths": {"/a": {"get": operation}, "/b": {"$ref": reference}}}
    )
