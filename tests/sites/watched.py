"""Pages that keep something, ask something, open something or go wrong while somebody looks into them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.sites import Site, run
from tests.sites.apps import html, script

# Looks for what was kept here before, then keeps something of every kind. `/keeps?again` is where it goes on to, so that
# it finds its own.
_KEEPS = """
const found = [];
const look = async (name, is) => { try { if (await is()) found.push(name); } catch (error) { found.push(`${name}: ${error}`); } };
const base = () => new Promise((done, fail) => {
  const asked = indexedDB.open('kept', 1);
  let isNew = false;
  asked.onupgradeneeded = () => { isNew = true; };
  asked.onsuccess = () => { asked.result.close(); done(!isNew); };
  asked.onerror = fail;
});
const get = (user) => new Promise((done) => {
  const request = new XMLHttpRequest();
  request.open('GET', '/private', true, user, user && 'secret');
  request.onloadend = () => done(request.status);
  request.send();
});
(async () => {
  await look('cookie', () => document.cookie.includes('plain='));
  await look('server cookie', async () => (await (await fetch('/cookies')).text()).includes('hidden='));
  await look('local storage', () => localStorage.getItem('kept'));
  await look('session storage', () => sessionStorage.getItem('kept'));
  await look('database', base);
  await look('cache', () => caches.has('kept'));
  await look('http cache', async () => {
    try { return (await fetch('/cached', {cache: 'only-if-cached', mode: 'same-origin'})).ok; } catch { return false; }
  });
  await look('http login', async () => location.search && await get() === 200);
  await look('service worker', async () => (await navigator.serviceWorker.getRegistrations()).length);
  await look('permission', async () => (await navigator.permissions.query({name: 'geolocation'})).state === 'granted');
  document.cookie = 'plain=1; max-age=3600';
  localStorage.setItem('kept', '1');
  sessionStorage.setItem('kept', '1');
  await caches.open('kept');
  await (await fetch('/cached')).text();
  await get('wombat');
  await Promise.race([navigator.serviceWorker.register('/worker.js').catch(() => {}), new Promise(d => setTimeout(d, 50))]);
  if (location.search === '?go') location.replace('/keeps?again');
  else document.body.innerHTML = `<p id="found">${found.join(', ') || 'nothing'}</p>`;
})();
"""

PAGES = {
    "/keeps": script(_KEEPS, ""),
    "/plain": html("<main><h1>Plain</h1><p>Text.</p></main>", "<style>h1 { color: rgb(1, 2, 3) }</style>"),
    "/console": script(
        "console.log('not told'); console.warn('careful', 1); console.error('x'.repeat(3000));"
        "console.assert(false, 'untrue'); setTimeout(() => { null.missing; }, 0); Promise.reject(new Error('alone'));"),
    "/console-flood": script("for (let n = 0; n < 5000; n++) console.error(`line ${n}`)"),
    "/console-for-ever": script("setInterval(() => { for (let n = 0; n < 50; n++) console.error('again') }, 1)"),
    "/console-held": script("const say = console.error;"
                            "setInterval(() => { for (let n = 0; n < 50; n++) say('again') }, 1)"),
    "/broken-parts": html(
        '<img src="/status/404"><img src="http://nowhere.invalid/a.png"><script src="http://10.0.0.1/a.js"></script>'
        '<link rel="stylesheet" href="/status/500"><p>Here</p>'),
    "/asks": script(
        "alert('one'); confirm({toString: () => 'two'}); prompt(); print(); Notification.requestPermission();"
        "navigator.geolocation.getCurrentPosition(() => {}, () => {});"
        "navigator.mediaDevices.getUserMedia({video: true}).catch(() => {});"
        "document.body.innerHTML = `<p>${confirm('three')} ${prompt('four')}</p>`"),
    "/asks-in-a-frame": html('<iframe srcdoc="<script>alert(\'inside\')</script>"></iframe>'),
    "/asks-for-ever": script("setInterval(() => alert('again'), 5)", "<p>Asks</p>"),
    "/asks-without-end": script("while (true) confirm('again')"),
    "/leaves-with-a-question": script(
        "addEventListener('beforeunload', e => { e.preventDefault(); e.returnValue = 'stay'; });"
        # Chromium lets a page ask only after somebody has touched it; Playwright's first look at it counts as that.
        "const waiting = setInterval(() => { if (navigator.userActivation.hasBeenActive)"
        " { clearInterval(waiting); location.href = '/plain'; } }, 10)"),
    "/says-it-was-asked": script("console.debug('0'.repeat(32) + 'alert\\nnever')"),
    "/opens": script("window.open('/plain?one'); window.open('/never?two'); window.open('about:blank')", "<p>Opens</p>"),
    "/opens-many": script("for (let n = 0; n < 11; n++) window.open('/plain?' + n)"),
    "/opens-for-ever": script("while (true) window.open('/plain')"),
    "/downloads": script("const a = document.createElement('a'); a.href = '/file'; document.body.append(a); a.click()",
                         "<p>Downloads</p>"),
    "/fills": script("window.kept = []; setInterval(() => kept.push(new Uint8Array(2 ** 23).fill(1)), 5)", "<p>Fills</p>"),
    "/fills-at-once": script("const kept = []; for (;;) kept.push(new Uint8Array(2 ** 24).fill(1))"),
    "/goes": script("setTimeout(() => { location.href = new URL(location).searchParams.get('to') }, 30)"),
    "/keeps-asking": script("setInterval(() => fetch('/cached'), 30)", "<p>Asks</p>"),
    "/picture": html('<img id="picture" src="/dot.png" alt="A dot"><button disabled>Go</button>'),
    "/forever": script("setInterval(() => { location.href = '/forever?' + Math.random() }, 30)"),
}  # fmt: skip

DOT = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8cfc0f01f00050001ff"
    "89993d1d0000000049454e44ae426082"
)


@asynccontextmanager
async def watched_site(host: str = "127.0.0.1") -> AsyncIterator[Site]:
    """`PAGES`, and answers beside them that are asked for by path and query."""
    site = Site("")
    closing = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        site.record(request)
        if request.path == "/never":
            await closing.wait()
        return _answer(request)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    async with run(app, host) as url:
        site.url = url
        try:
            yield site
        finally:
            closing.set()


def _answer(request: web.Request) -> web.StreamResponse:
    path = request.path
    if path in PAGES:
        return web.Response(text=PAGES[path], content_type="text/html")
    if path.startswith("/status/"):
        status = int(path.removeprefix("/status/"))
        kind = "application/json" if "json" in request.query else "text/html"
        text = "" if "empty" in request.query else html(f"<h1>Status {status}</h1>")
        headers = {"Retry-After": "7"}
        if "mitigated" in request.query:
            headers["CF-Mitigated"] = "challenge"
        return web.Response(status=status, text=text, content_type=kind, headers=headers)
    return _fixed(request)


def _fixed(request: web.Request) -> web.StreamResponse:
    match request.path:
        case "/redirect":
            return web.Response(status=302, headers={"Location": request.query["to"]})
        case "/links":
            images = "".join(f'<img src="{url}">' for url in request.query.getall("image", []))
            frames = "".join(f'<iframe src="{url}"></iframe>' for url in request.query.getall("frame", []))
            return web.Response(text=html(f"<p>Links</p>{images}{frames}"), content_type="text/html")
        case "/policy":
            headers = {"Content-Security-Policy": "default-src 'none'; sandbox", **_OPENER}
            return web.Response(text=html("<p>Strict</p>"), content_type="text/html", headers=headers)
        case "/dot.png":
            return web.Response(body=DOT, content_type="image/png")
        case "/file":
            return web.Response(body=b"\0" * 100, content_type="application/octet-stream")
        case "/cookies":
            headers = {"Set-Cookie": "hidden=1; HttpOnly; Path=/"}
            return web.Response(text=request.headers.get("Cookie", ""), headers=headers)
        case "/cached":
            return web.Response(text="kept", headers={"Cache-Control": "max-age=3600"})
        case "/private":
            is_known = request.headers.get("Authorization", "").startswith("Basic ")
            return web.Response(status=200 if is_known else 401, headers={} if is_known else _LOGIN)
        case "/worker.js":
            return web.Response(text="", content_type="text/javascript")
    raise web.HTTPNotFound


_LOGIN = {"WWW-Authenticate": 'Basic realm="private"'}
_OPENER = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
