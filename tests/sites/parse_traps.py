"""Pages that do not want to be parsed: each `/NAME` does one thing to whoever shows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.sites import Site, run

ELEMENTS = 100_000


def _page(name: str, body: str = "", script: str = "") -> str:
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title></head><body><main><h1>{name}</h1>'
        f"<p>There are words to be read here.</p><button>Go</button>{body}</main><script>{script}</script></body></html>"
    )


_SCRIPTS = {
    "spins": "for (;;) {}",
    "spins-later": "addEventListener('load', () => setTimeout(() => { for (;;) {} }, 20));",
    "asks-in-a-loop": "for (;;) alert('again');",
    "asks-for-ever": "setInterval(() => { alert('a'); confirm('b'); prompt('c'); print(); }, 5);",
    "wanders": "location.href = '/wanders?' + Math.random();",
    "reloads": "location.reload();",
    "keeps-its-reader": "addEventListener('beforeunload', (e) => { e.preventDefault(); e.returnValue = 'stay'; });"
    "setTimeout(() => { location.href = '/other'; }, 10);",
    "fills-memory": "const held = []; setInterval(() => held.push(new Uint8Array(50e6).fill(7)), 10);",
    "opens-windows": "for (let n = 0; n < 60; n++) { const a = document.createElement('a'); a.href = '/other?' + n;"
    "a.target = '_blank'; document.body.append(a); a.click(); window.open('/other?w' + n); }",
    "asks-for-much": "for (let n = 0; n < 3000; n++) fetch('/nothing?' + n).catch(() => {});",
    "says-much": "setInterval(() => { for (let n = 0; n < 500; n++) console.error('noise ' + n); }, 5);",
    "pushes-history": "setInterval(() => history.pushState(0, '', '/pushed?' + Math.random()), 1);",
    "downloads": "location.href = '/file';",
    "goes-to-a-script": "setTimeout(() => { location.href = 'javascript:document.write(1)'; }, 10);",
    "goes-to-data": "location.href = 'data:text/html,x';",
    "goes-to-a-file": "location.href = 'file:///etc/passwd';",
    "grows": "setInterval(() => { for (let n = 0; n < 200; n++) document.body.append(document.createElement('a')); }, 5);",
    "works-aside": "for (let n = 0; n < 4; n++) new Worker(URL.createObjectURL(new Blob(['for (;;) {}'])));",
    "breaks-everything": "for (const p of [Array, Object, String, Map, Promise, Element, Node, Document, JSON, Reflect]) {"
    "for (const o of [p, p.prototype]) if (o) for (const k of Object.getOwnPropertyNames(o)) {"
    "try { o[k] = () => { throw 1; }; } catch {} } }",
}
_BODIES = {
    "elements": '<div><a href="/a">x</a></div>' * (ELEMENTS // 2),
    "deep": "<div>" * 30_000 + "deep",
    "unbroken": "".join(f'<a href="/{n}">x{n}</a>' for n in range(120_000)),
    "tall": '<div style="height: 3000000px">tall</div>',
    "wide": '<div style="width: 3000000px">wide</div>',
    "frames": '<iframe src="/frames?1"></iframe><iframe src="/frames?2"></iframe>',
    "names": '<button aria-label="{0}" title="{0}">{0}</button><a href="/{0}">x</a>'.format("n" * 1_000_000),
    "options": "<select>" + "<option>o</option>" * 50_000 + "</select>",
    "heavy": "<table>{}</table>".format("<tr><td>c</td><td>d</td></tr>" * 200_000),
    "waits-for-a-picture": '<img src="/never" alt="">',
}  # fmt: skip


def _file() -> web.Response:
    return web.Response(
        body=b"PK\x03\x04",
        content_type="application/octet-stream",
        headers={"Content-Disposition": "attachment; filename=a.zip"},
    )


@asynccontextmanager
async def trapping_site(host: str = "127.0.0.1") -> AsyncIterator[Site]:
    site, end = Site(""), asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        site.record(request)
        name = request.path.removeprefix("/")
        match name:
            case "never":
                await end.wait()
                raise web.HTTPNotFound
            case "drips":
                return await _drips(request, end)
            case "file":
                return _file()
            case "to-a-file":
                raise web.HTTPFound("/file")
            case "in-circles":
                raise web.HTTPFound("/in-circles")
            case "challenge" | "old-challenge":
                body = '<form id="challenge-form" action="/x"></form>'
                status = 503 if name == "old-challenge" else 200
                return web.Response(text=_page("Just a moment...", body), status=status, content_type="text/html")
            case "too-many":
                return web.Response(status=429, headers={"Retry-After": "1"}, text="slow down")
            case _ if name in _BODIES:
                return web.Response(text=_page(name, _BODIES[name]), content_type="text/html")
            case _:
                return web.Response(text=_page(name, script=_SCRIPTS.get(name, "")), content_type="text/html")

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    async with run(app, host) as url:
        site.url = url
        try:
            yield site
        finally:
            end.set()


async def _drips(request: web.Request, end: asyncio.Event) -> web.StreamResponse:
    """A document that never ends, a word at a time."""
    response = web.StreamResponse(headers={"Content-Type": "text/html"})
    await response.prepare(request)
    await response.write(b"<!doctype html><title>Drips</title><p>")
    while not end.is_set():
        try:
            await response.write(b"drip ")
            async with asyncio.timeout(0.1):
                await end.wait()
        except TimeoutError:
            continue
        except ConnectionError:
            break
    return response
