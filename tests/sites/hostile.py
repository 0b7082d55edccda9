"""A site that misbehaves: slow, silent, looping, huge, lying, broken. Each path does one thing.

`GET /` links to all of them, or to those that are wanted. Everything stops when the site is closed; nothing here sleeps for its own sake.
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import ssl
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager

from aiohttp import web

from tests.sites import Site, run

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

HUGE_BYTES = 50 * 2**20
BOMB_MIB = 10_000
PATHS = (
    "/ok/1", "/ok/2", "/ok/3", "/slow", "/never", "/loop-a", "/chain/3", "/chain/9", "/huge", "/bomb", "/binary/pdf",
    "/binary/png", "/latin1", "/utf16", "/broken-encoding", "/broken-gzip", "/short-gzip", "/empty", "/status/404",
    "/status/429", "/status/500", "/status/503", "/flaky/2", "/truncated", "/reset", "/hang-up", "/not-http",
    "/big-header", "/many-headers", "/redirect-to?url=/ok/1", "/redirect-to?url=http%3A%2F%2F10.0.0.1%2F", "/text",
    "/no-type", "/no-type-binary", "/gzip", "/deflate", "/raw-deflate", "/unknown-encoding", "/nested-tags",
    "/many-attributes", "/xss", "/cookie",
)  # fmt: skip


def page(title: str, body: str = "") -> str:
    """A small valid page."""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><main><h1>{title}</h1>{body}</main></body></html>"
    )


@asynccontextmanager
async def hostile_site(
    robots: str | int = 404,
    host: str = "127.0.0.1",
    ssl_context: ssl.SSLContext | None = None,
    *,
    linked: Sequence[str] = PATHS,
) -> AsyncIterator[Site]:
    """The site on a free port. `robots` is the text of robots.txt, or the status that it answers; `/` links to `linked`."""
    server = _HostileServer(robots, linked)
    async with run(server.app(), host, ssl_context) as url:
        server.site.url = url
        try:
            yield server.site
        finally:
            server.closing.set()


class _HostileServer:
    def __init__(self, robots: str | int, linked: Sequence[str]) -> None:
        self.robots = robots
        self.linked = linked
        self.site = Site("")
        self.closing = asyncio.Event()

    def app(self) -> web.Application:
        app = web.Application()
        routes: dict[str, Handler] = {
            "/": self.index, "/robots.txt": self.robots_txt, "/ok/{n}": self.ok, "/slow": self.slow,
            "/never": self.never, "/loop-a": _redirect("/loop-b"), "/loop-b": _redirect("/loop-a"),
            "/chain/{n}": self.chain, "/huge": self.huge, "/bomb": self.bomb, "/status/{code}": self.status,
            "/flaky/{n}": self.flaky, "/truncated": self.truncated, "/reset": self.reset, "/hang-up": self.hang_up,
            "/redirect-to": self.redirect_to, "/not-http": self.not_http, "/xss": self.xss, "/cookie": self.cookie,
        }  # fmt: skip
        for path, handler in {**routes, **_fixed_answers()}.items():
            app.router.add_get(path, self.recorded(handler))
        return app

    def recorded(self, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            self.site.record(request)
            return await handler(request)

        return handle

    async def index(self, request: web.Request) -> web.Response:
        links = "".join(f'<li><a href="{path}">{path}</a></li>' for path in self.linked)
        return _html(page("A hostile site", f"<ul>{links}</ul>"))

    async def robots_txt(self, request: web.Request) -> web.Response:
        if isinstance(self.robots, int):
            return web.Response(status=self.robots)
        return web.Response(text=self.robots)

    async def ok(self, request: web.Request) -> web.Response:
        n = request.match_info["n"]
        body = page(f"Page {n}", f"<p>This is page {n}, and nothing is wrong with it.</p>")
        headers = {"ETag": f'"{n}"', "Last-Modified": "Wed, 21 Oct 2015 07:28:00 GMT"}
        return web.Response(text=body, content_type="text/html", headers=headers)

    async def slow(self, request: web.Request) -> web.StreamResponse:
        """Headers at once, then a byte every 50 ms for ever."""
        response = await _stream(request)
        while not await self._closed_within(0.05):
            await response.write(b".")
        return response

    async def never(self, request: web.Request) -> web.Response:
        await self.closing.wait()
        return web.Response(status=500)

    async def _closed_within(self, seconds: float) -> bool:
        try:
            await asyncio.wait_for(self.closing.wait(), seconds)
        except TimeoutError:
            return False
        return True

    async def chain(self, request: web.Request) -> web.Response:
        """N redirects, then a page."""
        n = int(request.match_info["n"])
        if n == 0:
            return _html(page("The end of the chain"))
        raise web.HTTPFound(f"/chain/{n - 1}")

    async def huge(self, request: web.Request) -> web.StreamResponse:
        """50 MB of paragraphs, without a length."""
        response = await _stream(request)
        paragraph = b"<p>" + b"huge " * 13_106 + b"</p>"
        for _ in range(HUGE_BYTES // len(paragraph) + 1):
            await response.write(paragraph)
        return response

    async def bomb(self, request: web.Request) -> web.StreamResponse:
        """About 10 MB of gzip that would become 10 GB."""
        response = await _stream(request, {"Content-Encoding": "gzip"})
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        await response.write(b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\xff")
        # A full flush forgets what came before, so the same bytes can be sent again and again.
        mebibyte = deflate.compress(b"\0" * 2**20) + deflate.flush(zlib.Z_FULL_FLUSH)
        for _ in range(BOMB_MIB):
            await response.write(mebibyte)
        return response

    async def status(self, request: web.Request) -> web.Response:
        """Any status; 429 names its Retry-After in seconds, 503 as a date of long ago, `?retry_after=` overrides."""
        code = int(request.match_info["code"])
        waits = {429: "7", 503: "Wed, 21 Oct 2015 07:28:00 GMT"}
        wait = request.query.get("retry_after", waits.get(code))
        return web.Response(status=code, text=page(f"Status {code}"), headers={"Retry-After": wait} if wait else {})

    async def flaky(self, request: web.Request) -> web.Response:
        """503 N times, then a page."""
        if self.site.counts[request.path] <= int(request.match_info["n"]):
            return web.Response(status=503, headers={"Retry-After": "1"})
        return _html(page("Here at last"))

    async def truncated(self, request: web.Request) -> web.StreamResponse:
        """Promises 1000 bytes, sends 15 and closes."""
        response = await _stream(request, {"Content-Length": "1000"})
        await response.write(b"<p>There is mor")
        _transport(request).close()
        return response

    async def reset(self, request: web.Request) -> web.Response:
        """A TCP reset instead of an answer."""
        sock: socket.socket = _transport(request).get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        _transport(request).abort()
        return web.Response()

    async def hang_up(self, request: web.Request) -> web.Response:
        """An orderly close instead of an answer."""
        _transport(request).close()
        return web.Response()

    async def not_http(self, request: web.Request) -> web.Response:
        _transport(request).write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        _transport(request).close()
        return web.Response()

    async def redirect_to(self, request: web.Request) -> web.Response:
        # Raw, as a broken or malicious site would send it: aiohttp would tidy the Location.
        return web.Response(status=302, headers={"Location": request.query["url"]})

    async def cookie(self, request: web.Request) -> web.Response:
        response = _html(page("Cookie", request.headers.get("Cookie", "none")))
        response.set_cookie("track", "me")
        return response

    async def xss(self, request: web.Request) -> web.Response:
        return _html(
            page(
                "&lt;script&gt;alert(1)&lt;/script&gt;",
                "<p>Text <script>alert(2)</script><img src=x onerror=alert(3)> "
                '<a href="javascript:alert(4)">a link</a> &lt;script&gt;alert(5)&lt;/script&gt;</p>'
                '<pre><code>&lt;img src=x onerror=alert(6)&gt;</code></pre><svg onload="alert(7)"></svg>',
            )
        )


def _fixed_answers() -> dict[str, Handler]:
    """Paths that always answer the same bytes."""
    html = {"Content-Type": "text/html"}
    utf8 = page("Compressed").encode()
    squeezed = gzip.compress(utf8, mtime=0)
    raw, raw_utf8 = zlib.compressobj(wbits=-15), page("Compressed by raw deflate").encode()
    umlauts = page("Umlauts").replace('<meta charset="utf-8">', "").replace("Umlauts", "Äpfel und Öl")
    return {
        "/binary/pdf": _fixed(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n", html),
        "/binary/png": _fixed(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\1\0\0\0\1", html),
        "/binary/nul": _fixed(b"\x01\x02\x00\x00" * 64, html),
        "/latin1": _fixed(umlauts.encode("latin-1"), {"Content-Type": "text/html; charset=ISO-8859-1"}),
        "/utf16": _fixed(umlauts.replace("Öl", "Öl in zwei Bytes").encode("utf-16"), html),
        "/broken-encoding": _fixed(b"<!doctype html><p>caf\xe9 \xff\xfe \xc3( end</p>", {"Content-Type": UTF8}),
        "/broken-gzip": _fixed(b"this is not gzip", {**html, "Content-Encoding": "gzip"}),
        "/short-gzip": _fixed(squeezed[: len(squeezed) // 2], {**html, "Content-Encoding": "gzip"}),
        "/gzip": _fixed(squeezed, {**html, "Content-Encoding": "gzip"}),
        "/two-gzips": _fixed(squeezed + squeezed + b"\0" * 8, {**html, "Content-Encoding": "x-gzip"}),
        "/deflate": _fixed(
            zlib.compress(page("Compressed by deflate").encode()), {**html, "Content-Encoding": "deflate"}
        ),
        "/raw-deflate": _fixed(raw.compress(raw_utf8) + raw.flush(), {**html, "Content-Encoding": "deflate"}),
        "/unknown-encoding": _fixed(utf8, {**html, "Content-Encoding": "br"}),
        "/empty": _fixed(b"", html),
        "/text": _fixed(b"just text", {"Content-Type": "text/plain; charset=utf-8"}),
        "/no-type": _fixed(page("No type").encode(), {}),
        "/no-type-binary": _fixed(b"\x00\x01\x02\x03", {}),
        "/big-header": _fixed(utf8, {**html, "X-Big": "x" * 70_000}),
        "/many-headers": _fixed(utf8, {**html, **{f"X-{n}": "x" for n in range(300)}}),
        "/nested-tags": _fixed(page("Nested", "<ul><li>" * 5_000 + "deep" + "</li></ul>" * 5_000).encode(), html),
        "/many-attributes": _fixed(page("Attributes", f"<p {_attributes(40_000)}>text</p>").encode(), html),
    }


UTF8 = "text/html; charset=utf-8"


def _attributes(count: int) -> str:
    return " ".join(f'a{n}="{n}"' for n in range(count))


def _html(text: str) -> web.Response:
    return web.Response(text=text, content_type="text/html")


def _redirect(target: str) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        raise web.HTTPFound(target)

    return handle


def _fixed(body: bytes, headers: dict[str, str]) -> Handler:
    async def handle(request: web.Request) -> web.Response:
        response = web.Response(body=body, headers=headers)
        if "Content-Type" not in headers:
            # aiohttp would name one by itself.
            response.headers["Content-Type"] = ""
        return response

    return handle


async def _stream(request: web.Request, headers: dict[str, str] | None = None) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": UTF8, **(headers or {})})
    await response.prepare(request)
    return response


def _transport(request: web.Request) -> asyncio.Transport:
    transport = request.transport
    if transport is None:
        raise ConnectionResetError
    assert isinstance(transport, asyncio.Transport)
    return transport
