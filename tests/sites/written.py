"""A site written out by a test: path → what it answers, which the test may change; it answers conditional requests."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Mapping, MutableMapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.sites import Site, run

HTML = "text/html; charset=utf-8"
_TYPES = {"xml": "application/xml", "txt": "text/plain; charset=utf-8", "md": "text/markdown; charset=utf-8"}
_WORDS = [
    "orchard",
    "lantern",
    "harbour",
    "meadow",
    "copper",
    "violin",
    "glacier",
    "pepper",
    "saddle",
    "thimble",
    "walnut",
    "ribbon",
]


@dataclass(frozen=True)
class Answer:
    """What a path answers. `{url}` in a text or header stands for the site's own address. With `is_dated` it has an ETag of
    its body and is asked about that; one that waits for `gate` answers when that is set."""

    body: str | bytes = ""
    content_type: str = HTML
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    is_dated: bool = False
    gate: asyncio.Event | None = None


def moved(to: str, status: int = 301) -> Answer:
    return Answer(status=status, headers={"Location": to})


def html(name: str, links: tuple[str, ...] = (), *, head: str = "", text: str = "") -> str:
    """A page of its own: what `text_of` gives for its name, or `text`, and these links."""
    items = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    nav = f"<nav><ul>{items}</ul></nav>"
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>{head}</head><body>{nav}'
        f"<main><h1>{name}</h1><p>{text or text_of(name)}</p></main></body></html>"
    )


def text_of(name: str) -> str:
    """A paragraph that no other name has."""
    numbers = hashlib.sha256(name.encode()).digest()
    words = " ".join(_WORDS[number % len(_WORDS)] for number in numbers)
    return f"This page is about {name}. The {words} tell of {name} at length, as no other page of this site does."


def markdown(name: str, *more: str) -> str:
    """The same page as its author wrote it."""
    return "\n\n".join((f"# {name}", text_of(name), *more)) + "\n"


def rel(relation: str, href: str, **attributes: str) -> str:
    """A <link> for the head of a page."""
    named = "".join(f' {name}="{value}"' for name, value in attributes.items())
    return f'<link rel="{relation}" href="{href}"{named}>'


def urlset(*entries: str) -> str:
    """A sitemap of these URLs; `url|date` has a date."""
    urls = []
    for entry in entries:
        url, _, date = entry.partition("|")
        urls.append(f"<url><loc>{url}</loc>{f'<lastmod>{date}</lastmod>' if date else ''}</url>")
    return f'<?xml version="1.0"?><urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{"".join(urls)}</urlset>'


Answers = MutableMapping[str, Answer | str]


@asynccontextmanager
async def written_site(answers: Answers, host: str = "127.0.0.1") -> AsyncIterator[Site]:
    """The site on a free port; what is not in `answers` (path and query, or path) is 404. A plain text answers as what its
    ending says, as HTML without one."""
    site = Site("")

    async def handle(request: web.Request) -> web.StreamResponse:
        site.record(request)
        answer = answers.get(request.path_qs, answers.get(request.path))
        if answer is None:
            return web.Response(status=404, text=html("Nothing here"), content_type="text/html")
        if isinstance(answer, str):
            answer = Answer(answer, _TYPES.get(request.path.rpartition(".")[2], HTML))
        if answer.gate is not None:
            await answer.gate.wait()
        return _response(request, answer, site.url)

    app = web.Application()
    app.router.add_get("/{path:.*}", handle)
    async with run(app, host) as url:
        site.url = url
        yield site


def _response(request: web.Request, answer: Answer, url: str) -> web.Response:
    body = answer.body if isinstance(answer.body, bytes) else answer.body.replace("{url}", url).encode()
    headers = {name: value.replace("{url}", url) for name, value in answer.headers.items()}
    headers["Content-Type"] = answer.content_type
    if answer.is_dated:
        headers["ETag"] = f'"{hashlib.sha256(body).hexdigest()[:16]}"'
        if request.headers.get("If-None-Match") == headers["ETag"]:
            return web.Response(status=304, headers={"ETag": headers["ETag"]})
    return web.Response(status=answer.status, body=body, headers=headers)
