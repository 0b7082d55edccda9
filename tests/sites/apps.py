"""Pages that show nothing without JavaScript, and pages whose JavaScript misbehaves. Each path does one thing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiohttp import web

from tests.sites import Site, run

SECTIONS = 20
LINKS = 60

# About as much script as a small framework brings.
_FILLER = "".join(f"function part{n}(a) {{ return Math.sqrt(a * {n}) + a; }}\n" for n in range(3000))
_APP = """
async function show() {
  const name = location.pathname.split('/').pop();
  const page = await (await fetch('/api/' + name)).json();
  document.title = page.title;
  const root = document.getElementById('root');
  root.innerHTML = '<nav>' + page.links.map(l => `<a href="${l}">${l}</a>`).join(' ') + '</nav><main></main>';
  const main = root.querySelector('main');
  main.innerHTML = `<h1>${page.title}</h1>`;
  for (const s of page.sections) {
    const section = document.createElement('section');
    section.innerHTML = `<h2>${s.title}</h2><p>${s.text}</p><pre><code class="language-python">${s.code}</code></pre>`;
    main.append(section);
  }
}
show();
"""


def html(body: str, head: str = "") -> str:
    return (
        f'<!doctype html><html><head><meta charset="utf-8"><title>An app</title>{head}</head><body>{body}</body></html>'
    )


def script(code: str, body: str = "<p>before</p>") -> str:
    return html(f"{body}<script>{code}</script>")


_ROOT = '<div id="root"></div>'
# As on a busy machine.
_LATE_FRAMES = "window.requestAnimationFrame = (then) => setTimeout(then, 500);"

PAGES = {
    "/late": script("setTimeout(() => { document.body.innerHTML = '<h1>Late</h1>'; }, 60)", ""),
    "/noscript": html("<noscript>Turn on JavaScript</noscript><style>p{}</style><p>Shown</p>"
                      "<script type='math/tex'>x^2</script><script>1</script>"),
    "/shadow": script(
        "customElements.define('x-note', class extends HTMLElement { connectedCallback() {"
        " const root = this.attachShadow({mode: 'open'});"
        " root.innerHTML = '<style>b{}</style><b>Note: <slot></slot></b>'; } });",
        "<p>Before</p><x-note>read <i>this</i></x-note>",
    ),
    "/alert": script("while (!alert('hello')) { if (confirm('sure?') || prompt('name?')) continue; break; }"
                     "document.body.innerHTML = '<p>after the dialogs</p>'"),
    "/print": script("print(); document.body.innerHTML = '<p>printed</p>'"),
    "/unload": script("addEventListener('beforeunload', e => { e.preventDefault(); e.returnValue = 'stay'; })",
                      "<p>Do not leave</p>"),
    "/popups": script("for (let n = 0; n < 50; n++) window.open('/late?popup');", "<p>Popups</p>"),
    "/links-to-windows": script(
        "for (let n = 0; n < 5; n++) { const a = document.createElement('a'); a.href = '/late?window';"
        " a.target = '_blank'; document.body.append(a); a.click(); }", "<p>Windows</p>"),
    "/endless": script("while (true) {}"),
    "/endless-later": script("setTimeout(() => { while (true) {} }, 0)"),
    "/huge": script("const p = document.createElement('p'); p.textContent = 'x'.repeat(3000000); document.body.append(p)"),
    "/many-nodes": script("for (let n = 0; n < 450000; n++) document.body.append(document.createElement('i'))"),
    "/memory": script("window.kept = []; setInterval(() => kept.push(new Uint8Array(2 ** 24).fill(1)), 5)"),
    "/heap": script("const kept = []; for (;;) kept.push(new Array(100000).fill(0).map((_, n) => ({n})))"),
    "/requests": script("for (let n = 0; n < 1200; n++) fetch('/api/0?' + n)"),
    "/blank": script("document.body.innerHTML = ''"),
    "/goes-on": script("location.replace('/late')"),
    "/goes-on-later": script("setTimeout(() => { location.href = '/late'; }, 20)"),
    "/goes-to-missing": script("location.href = '/status/404'"),
    "/goes-to-nowhere": script("location.href = 'http://nowhere.invalid/'"),
    "/goes-to-private": script("location.href = 'https://10.0.0.1/'"),
    "/goes-to-blank": script("setTimeout(() => { location.href = 'about:blank'; }, 10)"),
    "/circle": script("location.replace('/circle?' + Math.random())"),
    "/pushes": script("history.pushState({}, '', '/pushed#part'); document.body.innerHTML = '<p>Pushed</p>'"),
    "/stream": script("new EventSource('/never'); fetch('/never')", "<p>Streams for ever</p>"),
    "/ticking": script("setInterval(() => { c.innerHTML = `<b>${Date.now()}</b>`; }, 20)", "<p>Clock</p><p id=c></p>"),
    "/keeps-asking": script("setInterval(() => fetch('/api/asked'), 30)", "<p>Asks</p>"),
    "/cookie": script("const seen = document.cookie + localStorage.getItem('seen'); document.cookie = 'seen=yes';"
                      "localStorage.setItem('seen', 'yes'); document.body.innerHTML = `<p>seen: ${seen}</p>`"),
    "/worker": script("navigator.serviceWorker.register('/sw.js').catch(() => {}).finally(() => {"
                      " navigator.serviceWorker.getRegistrations().then(all => {"
                      " document.body.innerHTML = `<p>${all.length} workers</p>`; }); })"),
    "/rtc": script("document.body.innerHTML = `<p>${typeof RTCPeerConnection} ${Notification.permission}</p>`"),
    "/tabs": script("document.getElementById('b').onclick = () => setTimeout(() => {"
                    " document.getElementById('out').innerHTML = '<p class=shown>npm install</p>'; }, 300)",
                    "<button id=b>npm</button><div id=out></div>"),
    "/scrolls": script(
        "let n = 0; function more() { for (let i = 0; i < 10; i++) { const p = document.createElement('p');"
        " p.style.height = '200px'; p.textContent = 'item ' + n++; document.body.append(p); } } more();"
        "addEventListener('scroll', () => { if (n < 50 && scrollY + innerHeight > document.body.scrollHeight - 400) more(); })",
        ""),
    "/virtual": script(
        "const list = document.getElementById('list'); function draw() { const first = Math.floor(list.scrollTop / 50);"
        " list.innerHTML = `<div style='height:${first * 50}px'></div>`"
        " + Array.from({length: 8}, (_, i) => first + i).filter(n => n < 60)"
        " .map(n => `<div style='height:50px'>row ${n}.</div>`).join('')"
        " + `<div style='height:${Math.max(0, 52 - first) * 50}px'></div>`; }"
        "list.onscroll = draw; draw()",
        "<div id=list style='height:400px;overflow-y:scroll'></div>"),
    "/scrolls-late": script(
        _LATE_FRAMES + "let n = 0; function more() { for (let i = 0; i < 5; i++, n++)"
        " document.body.insertAdjacentHTML('beforeend', `<p style='height: 300px'>item ${n}`); } more();"
        "addEventListener('scroll', () => requestAnimationFrame(() => {"
        " if (n < 15 && scrollY + innerHeight > document.body.scrollHeight - 400) more(); }))", ""),
    "/virtual-late": script(
        _LATE_FRAMES + "const list = document.getElementById('list'); function draw() {"
        " const first = Math.floor(list.scrollTop / 50);"
        " list.innerHTML = `<div style='height:${first * 50}px'></div>`"
        " + Array.from({length: 8}, (_, i) => first + i).filter(n => n < 20)"
        " .map(n => `<div style='height:50px'>row ${n}.</div>`).join('')"
        " + `<div style='height:${Math.max(0, 12 - first) * 50}px'></div>`; }"
        "list.onscroll = () => requestAnimationFrame(draw); draw()",
        "<div id=list style='height:400px;overflow-y:scroll'></div>"),
    "/breaks-prototypes": script("Array.prototype.toJSON = () => 'gone'; Object.prototype.extra = 1;"
                                 "document.body.innerHTML = '<p>Broken</p>'"),
    "/emoji": script("document.body.innerHTML = '<p>' + '\\u{1F600}'.repeat(300000) + '\\ud800</p>'"),
}  # fmt: skip


@asynccontextmanager
async def app_site(host: str = "127.0.0.1") -> AsyncIterator[Site]:
    """The site on a free port: `/app/N` is an app that fetches its text from `/api/N`, the others are `PAGES`."""
    site = Site("")
    closing = asyncio.Event()
    async with run(_application(site, closing), host) as url:
        site.url = url
        try:
            yield site
        finally:
            closing.set()


def _application(site: Site, closing: asyncio.Event) -> web.Application:
    async def handle(request: web.Request) -> web.StreamResponse:
        site.record(request)
        if request.path == "/never":
            await closing.wait()
        return _answer(request)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    return app


def _answer(request: web.Request) -> web.StreamResponse:
    path = request.path
    kept = {"Cache-Control": "max-age=3600"}
    if path in PAGES:
        return web.Response(text=PAGES[path], content_type="text/html")
    if path.startswith("/app/"):
        shell = html(f'{_ROOT}<script src="/app.js"></script>', '<link rel="stylesheet" href="/app.css">')
        headers = {"ETag": '"1"', "X-Robots-Tag": "noarchive"}
        return web.Response(text=shell, content_type="text/html", headers=headers)
    if path.startswith("/api/"):
        return web.json_response(_page(path.removeprefix("/api/")))
    if path.startswith("/status/"):
        status = int(path.removeprefix("/status/"))
        text = "" if "empty" in request.query else html("<p>An error</p>")
        return web.Response(status=status, text=text, content_type="text/html", headers={"Retry-After": "7"})
    return _fixed(request, kept)


def _fixed(request: web.Request, kept: dict[str, str]) -> web.StreamResponse:
    match request.path:
        case "/app.js":
            return web.Response(text=_FILLER + _APP, content_type="text/javascript", headers=kept)
        case "/app.css":
            return web.Response(text="section { margin: 1em }\n" * 50, content_type="text/css", headers=kept)
        case "/redirect":
            return web.Response(status=302, headers={"Location": request.query["to"]})
        case "/file":
            return web.Response(body=b"\0" * 100, content_type="application/octet-stream")
        case "/attachment":
            headers = {"Content-Disposition": "attachment; filename=page.html"}
            return web.Response(text=html("<p>Saved</p>"), content_type="text/html", headers=headers)
        case "/json":
            return web.json_response({"a": 1})
        case "/nothing":
            return web.Response(status=204)
        case "/xhtml":
            text = '<html xmlns="http://www.w3.org/1999/xhtml"><head><title>X</title></head><body><p>X<br/></p></body></html>'
            return web.Response(text=text, content_type="application/xhtml+xml")
    raise web.HTTPNotFound


def _page(name: str) -> dict[str, object]:
    sections = [
        {"title": f"Section {n}", "text": f"Wombat {name}.{n} eats grass. " * 12, "code": f"feed({n})\n" * 8}
        for n in range(SECTIONS)
    ]
    return {"title": f"Page {name}", "links": [f"/app/{n}" for n in range(LINKS)], "sections": sections}
