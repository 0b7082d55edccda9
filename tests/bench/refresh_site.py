"""The site of the refresh benchmark: pages of documentation that can change, on loopback, in a process of its own.

    python -m tests.bench.refresh_site PAGES VALIDATORS

On standard input `change N` changes a paragraph on N pages, `counts` tells what was asked for since the last time.
"""

from __future__ import annotations

import asyncio
import hashlib
import random
import sys
from collections import Counter
from email.utils import formatdate
from enum import StrEnum

from aiohttp import web

from tests.bench.crawl_lag import say
from tests.bench.large_site import FANOUT, WORDS
from tests.sites import run

SECTIONS = ("Synopsis", "Options", "Behaviour", "Errors", "Examples")
_LONG_AGO = formatdate(1_600_000_000, usegmt=True)
_NAMES = ("Ada", "Grace", "Edsger", "Barbara", "Tony", "Frances", "Niklaus", "Margaret")


class Validators(StrEnum):
    """What the site says about the version of a page."""

    ETAG = "etag"  # the truth, as an ETag
    NONE = "none"  # nothing; and around the text something changes with every answer
    FROZEN = "frozen"  # a Last-Modified that stays as it was when a page changes, with 304 to whoever believes it
    NOW = "now"  # a Last-Modified that is always the time of the answer


class ChangingSite:
    """The pages: a tree by number, `/docs/0.html` its root. `versions` counts how often a page was changed."""

    def __init__(self, pages: int, validators: Validators) -> None:
        self._pages = pages
        self._validators = validators
        self._versions: Counter[int] = Counter()
        self._asked: Counter[str] = Counter()

    def app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/docs/{number:[0-9]+}.html", self._page)
        return app

    def change(self, count: int) -> list[str]:
        """Changes that many pages, evenly spread; gives the paths of them."""
        numbers = [n * self._pages // count + 1 for n in range(count)]
        self._versions.update(numbers)
        return [f"/docs/{number}.html" for number in numbers]

    def take_counts(self) -> dict[str, int]:
        """Requests, answers without a body, and the bytes of the others, since the last time."""
        counts, self._asked = self._asked, Counter()
        return {name: counts[name] for name in ("requests", "not_modified", "bytes")}

    async def _page(self, request: web.Request) -> web.Response:
        number = int(request.match_info["number"])
        if number >= self._pages:
            raise web.HTTPNotFound
        self._asked["requests"] += 1
        html = self._html(number)
        headers = self._headers(html)
        if self._is_known(request, headers):
            self._asked["not_modified"] += 1
            return web.Response(status=304, headers=headers)
        self._asked["bytes"] += len(html.encode())
        return web.Response(text=html, content_type="text/html", headers=headers)

    def _headers(self, html: str) -> dict[str, str]:
        match self._validators:
            case Validators.ETAG:
                return {"ETag": f'"{hashlib.sha256(html.encode()).hexdigest()[:20]}"'}
            case Validators.FROZEN:
                return {"Last-Modified": _LONG_AGO}
            case Validators.NOW:
                return {"Last-Modified": formatdate(usegmt=True)}
            case Validators.NONE:
                return {}

    def _is_known(self, request: web.Request, headers: dict[str, str]) -> bool:
        if self._validators is Validators.FROZEN:
            return "If-Modified-Since" in request.headers
        return "ETag" in headers and request.headers.get("If-None-Match") == headers["ETag"]

    def _html(self, number: int) -> str:
        chance = random.Random(number)
        children = range(number * FANOUT + 1, min(number * FANOUT + 1 + FANOUT, self._pages))
        near = {(number + step) % self._pages for step in (1, 2, 3, -1)} | {0}
        links = "".join(f'<li><a href="{n}.html">Page {n}</a></li>' for n in (*children, *sorted(near)))
        title = f"The {chance.choice(WORDS)} of {chance.choice(_NAMES)} {number}"
        parts = "".join(_section(name, number, chance) for name in SECTIONS)
        news = f"<p>{marker(number, self._versions[number])} is what this page says now.</p>"
        seen = f"<footer>Seen by visitor {random.random()}</footer>" if self._validators is Validators.NONE else ""
        return (
            f"<!doctype html><html lang=en><head><title>{title}</title></head><body><nav><ul>{links}</ul></nav>"
            f"<main><h1>{title}</h1>{parts}<h2>News</h2>{news}{_prose(number, chance)}</main>{seen}</body></html>"
        )


def marker(number: int, version: int) -> str:
    """A word that only this version of this page has."""
    return f"marker{number}v{version}"


def _section(name: str, number: int, chance: random.Random) -> str:
    code = (
        f"def {name.lower()}_{number}(queue):\n    for item in queue:\n        yield item + {chance.randrange(1000)}\n"
    )
    return (
        f"<h2>{name}</h2>{_prose(number, chance)}{_prose(number, chance)}"
        f'<pre><code class="language-python">{code}</code></pre>'
    )


def _prose(number: int, chance: random.Random) -> str:
    return f"<p>{' '.join(chance.choices(WORDS, k=50)).capitalize()} {number}.</p>"


async def main(pages: int, validators: Validators) -> None:
    site = ChangingSite(pages, validators)
    async with run(site.app(), "127.0.0.1") as url:
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        say(url=f"{url}/docs/0.html")
        while command := (await reader.readline()).decode().split():
            if command[0] == "change":
                say(changed=site.change(int(command[1])))
            else:
                say(**site.take_counts())


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1]), Validators(sys.argv[2])))
