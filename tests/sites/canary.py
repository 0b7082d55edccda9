"""A page that tries everything a page can to reach a canary: a server whose token must never be seen outside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from aiohttp import web

from tests.sites import run

TOKEN = "canary-7f3a91c2"

# Each way is named by the path that it asks the canary for.
_MARKUP = """
<script src="CANARY/script"></script> <img src="CANARY/image"> <img srcset="CANARY/srcset 1x">
<iframe src="CANARY/iframe"></iframe> <iframe srcdoc="<img src='CANARY/srcdoc'>"></iframe>
<iframe src="data:text/html,<img src='CANARY/data-frame'>"></iframe>
<iframe src="/refresh"></iframe> <iframe src="/redirect?to=CANARY/redirected-frame"></iframe>
<iframe src="FILE"></iframe> <iframe src="view-source:CANARY/view-source"></iframe>
<embed type="application/pdf" src="CANARY/embed"> <object data="CANARY/object"></object>
<video src="CANARY/video" poster="CANARY/poster" preload="auto"></video> <audio src="CANARY/audio" preload="auto"></audio>
<link rel="stylesheet" href="CANARY/stylesheet"> <link rel="preload" as="image" href="CANARY/preload">
<link rel="prefetch" href="CANARY/prefetch"> <link rel="modulepreload" href="CANARY/modulepreload">
<link rel="icon" href="CANARY/icon"> <link rel="manifest" href="CANARY/manifest">
<link rel="preconnect" href="CANARY"> <link rel="dns-prefetch" href="http://prefetched.test:PORT">
<style>@import url("CANARY/css-import"); body { background: url("CANARY/css-url") }
@font-face { font-family: x; src: url("CANARY/font") } p { font-family: x }</style>
<svg><use href="CANARY/svg-use#x"></use><image href="CANARY/svg-image"/></svg> <p>Text.</p>
<img src="/redirect?to=CANARY/redirected-image"> <img src="http://private.test:PORT/private-name">
<img src="http://[::ffff:127.0.0.1]:PORT/mapped"> <img src="http://0x7f.1:PORT/hex">
<img src="http://localhost:PORT/localhost">
<form id="form" action="CANARY/form" method="post" target="there"><input name="a" value="b"></form>
<iframe name="there"></iframe>
<a id="ping" href="#here" ping="CANARY/ping">x</a>
<script type="speculationrules">{"prefetch": [{"source": "list", "urls": ["CANARY/speculated"]}]}</script>
"""
_SCRIPT = """
const until = (start, ms) => new Promise(done => { setTimeout(done, ms); try { start(done); } catch { done(); } });
const asked = url => fetch(url).then(r => r.text()).then(t => document.body.append(t), () => {});
const xhr = done => {
    const x = new XMLHttpRequest(); x.onloadend = done; x.open('POST', 'CANARY/xhr'); x.send('x');
};
const socket = done => { const s = new WebSocket('ws://127.0.0.1:PORT/websocket'); s.onclose = s.onerror = done; };
const events = done => { const e = new EventSource('CANARY/eventsource'); e.onerror = () => { e.close(); done(); }; };
const worker = done => {
    const w = new Worker(URL.createObjectURL(new Blob([
        "fetch('CANARY/worker-fetch').catch(() => {}).finally(() => { try { importScripts('CANARY/worker-import'); } "
        + "catch {} postMessage(1); });"])));
    w.onmessage = done;
};
const service = async () => {
    const controlled = new Promise(done => { navigator.serviceWorker.oncontrollerchange = done; });
    await navigator.serviceWorker.register('/worker.js');
    await controlled;
    await asked('/through-worker');
};
const ice = urls => done => {
    const peer = new RTCPeerConnection({iceServers: [{urls, username: 'a', credential: 'b'}]});
    peer.createDataChannel('x');
    peer.onicegatheringstatechange = () => peer.iceGatheringState === 'complete' && done();
    peer.createOffer().then(offer => peer.setLocalDescription(offer));
};
const transport = async () => {
    await new WebTransport('https://127.0.0.1:PORT/webtransport').ready.catch(() => {});
};
// Each ends by what comes of it. Candidates of a peer are waited for where nothing may come: some time, and no longer.
const tries = [
    asked('CANARY/fetch'), asked('FILE'), fetch('CANARY/no-cors', {mode: 'no-cors'}).catch(() => {}),
    fetch('CANARY/keepalive', {method: 'POST', keepalive: true, mode: 'no-cors', body: 'x'}).catch(() => {}),
    import('CANARY/module').catch(() => {}), transport().catch(() => {}),
    until(xhr, 20000), until(socket, 20000), until(events, 20000), until(worker, 20000),
    until(ice(['stun:127.0.0.1:PORT', 'stun:localhost:PORT']), 1500),
    until(ice(['turn:127.0.0.1:PORT?transport=udp', 'turn:127.0.0.1:PORT?transport=tcp']), 1500),
    until(ice(['turns:127.0.0.1:PORT?transport=tcp']), 1500),
];
navigator.sendBeacon('CANARY/beacon', 'x');
document.getElementById('form').submit();
document.getElementById('ping').click();
window.open('CANARY/opened'); window.open('view-source:CANARY/opened-source'); window.open('FILE');
new Image().src = 'CANARY/made-image';
// The service worker comes last: from then on it answers for the page.
const all = [...tries, new Promise(done => addEventListener('load', done))];
Promise.all(all).then(service).catch(() => {}).then(() => { window.allTried = true; });
"""
_SERVICE_WORKER = """
addEventListener('install', event => event.waitUntil(skipWaiting()));
addEventListener('activate', event => event.waitUntil(clients.claim()));
addEventListener('fetch', event => event.respondWith(
    fetch('CANARY/service-worker').catch(() => new Response('refused'))));
"""


@dataclass(slots=True)
class Canary:
    """What reached it: the paths that were asked for, every TCP connection, every datagram."""

    port: int = 0
    paths: set[str] = field(default_factory=set)
    connections: int = 0
    datagrams: int = 0


class _Datagrams(asyncio.DatagramProtocol):
    def __init__(self, canary: Canary) -> None:
        self._canary = canary

    def datagram_received(self, data: bytes, address: object) -> None:
        self._canary.datagrams += 1


@asynccontextmanager
async def canary() -> AsyncIterator[Canary]:
    """It sings on one port of 127.0.0.1, by TCP and UDP: whatever it is asked, it answers its token."""
    made = Canary()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        made.connections += 1
        try:
            line = (await reader.readuntil(b"\r\n\r\n")).split(b" ")
            made.paths.add(line[1].decode().lstrip("/") if len(line) > 1 else "?")
            body = f"<p>{TOKEN}</p>"
            writer.write(
                f"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nAccess-Control-Allow-Origin: *\r\n"
                f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n{body}".encode()
            )
        except (asyncio.IncompleteReadError, asyncio.LimitOverrunError, ConnectionError):
            made.paths.add("?")
        finally:
            writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    made.port = server.sockets[0].getsockname()[1]
    transport, _ = await asyncio.get_running_loop().create_datagram_endpoint(
        lambda: _Datagrams(made), local_addr=("127.0.0.1", made.port)
    )
    try:
        yield made
    finally:
        transport.close()
        server.close()


@asynccontextmanager
async def hunting_site(canary: Canary, file: Path, host: str) -> AsyncIterator[str]:
    """A site whose page `/` hunts the canary in every way there is, and `file` on the disk; yields its URL.

    `window.allTried` is true when every way has been tried.
    """

    def filled(text: str) -> str:
        address = f"http://127.0.0.1:{canary.port}"
        return text.replace("CANARY", address).replace("PORT", str(canary.port)).replace("FILE", file.as_uri())

    def fixed(text: str, kind: str = "text/html") -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handle(request: web.Request) -> web.Response:
            return web.Response(text=filled(text), content_type=kind)

        return handle

    async def redirect(request: web.Request) -> web.Response:
        return web.Response(status=302, headers={"Location": request.query["to"]})

    app = web.Application()
    page = f'<!doctype html><title>Hunt</title><link rel="icon" href="data:,"><body>{_MARKUP}<script>{_SCRIPT}</script>'
    app.router.add_get("/", fixed(page))
    app.router.add_get("/refresh", fixed('<meta http-equiv="refresh" content="0; url=CANARY/refreshed">'))
    app.router.add_get("/redirect", redirect)
    app.router.add_get("/worker.js", fixed(_SERVICE_WORKER, "text/javascript"))
    app.router.add_get("/through-worker", fixed("none"))
    async with run(app, host) as url:
        yield url
