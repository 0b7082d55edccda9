"""A site full of crawler traps: each folder never ends in its own way, and has the same real pages beside the trap.

`/NAME/index.html` links to the trap, then to the first real page; the others are one to five links further on, so that
the trap has long begun when they are found. No page of a trap but those of `same` and `soft` shows what another shows.
"""

from __future__ import annotations

import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from urllib.parse import parse_qsl

from aiohttp import web

from tests.sites import Site, run

REAL_PAGES = 12
REAL = frozenset({"index.html", *(f"guide/{number}.html" for number in range(REAL_PAGES))})
"""What is worth storing of each folder."""
MANY_LINKS = 100_000
_WORDS = (
    "queue",
    "worker",
    "lease",
    "retry",
    "event",
    "frontier",
    "crawl",
    "page",
    "chunk",
    "vector",
    "search",
    "index",
)

Answer = str | tuple[int, str]
"""A page, or a redirect's status with where it leads."""


def page(title: str, links: list[str], seed: str) -> str:
    """A page whose prose is that of `seed` alone."""
    chance = random.Random(seed)
    prose = "".join(f"<p>{' '.join(chance.choices(_WORDS, k=40)).capitalize()}.</p>" for _ in range(3))
    listed = "".join(f'<li><a href="{link}">{link}</a></li>' for link in links)
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body><nav><ul>{listed}</ul></nav><main><h1>{title}</h1>{prose}</main></body></html>"
    )


def _ever_new(path: str) -> random.Random:
    return random.Random(f"new {path}")


def _word(chance: random.Random) -> str:
    return "".join(chance.choices("abcdefghijklmnoprstuvw", k=9))


def _token(chance: random.Random) -> str:
    return f"{chance.getrandbits(128):032x}"


def _calendar(path: str, query: str) -> Answer:
    """Months before and after without end, each with its days."""
    found = re.fullmatch(r"(\d+)/(\d+)(?:/(\d+))?/", path)
    year, month = (int(found[1]), int(found[2])) if found else (2024, 5)
    months = [divmod(year * 12 + month - 1 + step, 12) for step in (-1, 1)]
    links = [f"/calendar/trap/{y}/{m + 1:02}/" for y, m in months]
    links += [f"/calendar/trap/{year}/{month:02}/{day:02}/" for day in range(1, 29)]
    return page(f"Events of {path}", links, path)


def _calendar_query(path: str, query: str) -> Answer:
    asked = dict(parse_qsl(query))
    at = int(asked.get("year", 2024)) * 12 + int(asked.get("month", 5)) - 1
    steps = [divmod(at + step, 12) for step in (-12, -1, 1, 12)]
    links = [f"/calendar-query/trap/show?year={year}&amp;month={month + 1}" for year, month in steps]
    return page(f"Month {at}", links, f"month {at}")


def _session_path(path: str, query: str) -> Answer:
    """The same five pages under a new token with every look at them."""
    chance = _ever_new(path)
    name = path.rpartition("/")[2] or "0.html"
    links = [f"/session-path/trap/{_token(chance)}/{number}.html" for number in range(5)]
    return page(f"Shop {name}", links, name)


def _session_query(path: str, query: str) -> Answer:
    chance = _ever_new(query)
    links = [f"/session-query/trap/{number}.html?sid={_token(chance)}" for number in range(5)]
    return page(f"Shop {path}", links, path)


def _repeat(path: str, query: str) -> Answer:
    """Relative links that miss their slash: every page hangs its folders below itself."""
    return page(f"At {path}", ["about/", "products/", "about/products/"], path)


def _facets(path: str, query: str) -> Answer:
    """Any filter can be joined with any other; each combination is a list of its own."""
    asked = dict(parse_qsl(query))
    filters = {
        "color": "red green blue",
        "size": "s m l",
        "sort": "price name new",
        "brand": "a b c d",
        "page": "1 2 3",
    }
    links = []
    for name, values in filters.items():
        for value in values.split():
            joined = sorted({**asked, name: value}.items())
            links.append("/facets/trap/list?" + "&amp;".join(f"{key}={each}" for key, each in joined))
    return page(f"List {query}", links, query)


def _many(path: str, query: str) -> Answer:
    """One page with all the links; whatever they lead to is gone."""
    return _MANY if path == "all.html" else (404, "")


_MANY = page("All of them", [], "many").replace(
    "<ul></ul>", " ".join(f"<a href=item-{number}.html>{number}</a>" for number in range(MANY_LINKS))
)


def _fan(path: str, query: str) -> Answer:
    """Twenty-five new links on every page, and the same text on all of them."""
    chance = _ever_new(path)
    return page("Fan", [f"/fan/trap/{_word(chance)}.html" for _ in range(25)], "fan")


def _canonical(path: str, query: str) -> Answer:
    """Every page says that it is really another one."""
    target = f"/canonical/trap/{_word(_ever_new(path))}.html"
    return page(f"Not {path}", [], path).replace("<title>", f'<link rel="canonical" href="{target}"><title>')


def _mostly_same(path: str, query: str) -> Answer:
    """One page in fifty is new, so that there is always a little to hope for."""
    chance = _ever_new(path)
    links = [f"/mostly-same/trap/{_word(chance)}.html" for _ in range(3)]
    return page("Mostly", links, path if chance.random() < 0.02 else "mostly")


def _soft(path: str, query: str) -> Answer:
    """Nothing is there, and the site says so with 200 and in many words, with three links to more of it."""
    chance = _ever_new(path)
    links = [f"/soft/trap/{_word(chance)}.html" for _ in range(3)]
    return page("Page not found", links, path)


def _same(path: str, query: str) -> Answer:
    """One page under every URL, with three new ones each time."""
    chance = _ever_new(path)
    return page("Welcome", [f"/same/trap/{_word(chance)}/{_word(chance)}.html" for _ in range(3)], "the same")


def _endless(path: str, query: str) -> Answer:
    """A tar pit: every page is new, sensible by its look and made up."""
    chance = _ever_new(path)
    return page(f"About {path}", [f"/endless/trap/{_word(chance)}/{_word(chance)}.html" for _ in range(5)], path)


def _chain(path: str, query: str) -> Answer:
    """Redirects that never end, and a page after each few that leads to the next ones."""
    found = re.fullmatch(r"(go|stop)-(\d+)\.html", path)
    number = int(found[2]) if found else 0
    if found and found[1] == "stop":
        return page(f"Stop {number}", [f"/chain/trap/go-{number * 7 + step}.html" for step in range(1, 4)], path)
    return (302, f"/chain/trap/stop-{number}.html" if number % 3 == 0 else f"/chain/trap/go-{number + 1000}.html")


def _growing(path: str, query: str) -> Answer:
    """A page that links to itself with one thing more each time."""
    links = [f"/growing/trap/self.html?{query}{'&amp;' if query else ''}{pair}" for pair in ("a=1", f"b={len(query)}")]
    links.append(f"/growing/trap/{path}/more")
    return page(f"Self {path} {query}", links, f"{path}?{query}")


def _nested_query(path: str, query: str) -> Answer:
    """A sign-in page that takes along where one comes from, itself included."""
    here = f"/nested-query/trap/login?{query}".replace("%", "%25").replace("&", "%26").replace("?", "%3F")
    return page("Sign in", [f"/nested-query/trap/login?next={here}"], "sign in")


def _numbers(path: str, query: str) -> Answer:
    """An archive whose pages go on for ever after the last one that shows anything."""
    number = int(path.removesuffix(".html") or 1)
    shown = min(number, 20)
    return page(f"Archive {shown}", [f"/numbers/trap/{number + step}.html" for step in (1, 2, 5)], f"archive {shown}")


TRAPS: dict[str, tuple[str, Callable[[str, str], Answer]]] = {
    "calendar": ("2024/05/", _calendar),
    "calendar-query": ("show", _calendar_query),
    "session-path": ("0.html", _session_path),
    "session-query": ("0.html", _session_query),
    "repeat": ("", _repeat),
    "facets": ("list", _facets),
    "many": ("all.html", _many),
    "fan": ("start.html", _fan),
    "canonical": ("start.html", _canonical),
    "mostly-same": ("start.html", _mostly_same),
    "soft": ("start.html", _soft),
    "same": ("start.html", _same),
    "endless": ("start.html", _endless),
    "chain": ("stop-1.html", _chain),
    "growing": ("self.html", _growing),
    "nested-query": ("login?next=/", _nested_query),
    "numbers": ("1.html", _numbers),
}
"""The name of each folder, with what its index links to and what answers below `trap/`."""


def _real(name: str, path: str) -> str | None:
    base = f"/{name}/guide"
    if path == "index.html":
        return page(f"Index of {name}", [f"/{name}/trap/{TRAPS[name][0]}", f"{base}/0.html"], path)
    if path not in REAL:
        return None
    number = int(path.removeprefix("guide/").removesuffix(".html"))
    links = [f"{base}/{n}.html" for n in (2 * number + 1, 2 * number + 2) if n < REAL_PAGES]
    return page(f"Guide {number}", [f"/{name}/index.html", *links], path)


@asynccontextmanager
async def trap_site(host: str = "127.0.0.1") -> AsyncIterator[Site]:
    """All traps on a free port."""
    site = Site("")

    async def handle(request: web.Request) -> web.Response:
        site.record(request)
        name, path = request.match_info["name"], request.match_info["path"]
        if name not in TRAPS:
            raise web.HTTPNotFound
        if path.startswith("trap/"):
            answer: Answer | None = TRAPS[name][1](path.removeprefix("trap/"), request.query_string)
        else:
            answer = _real(name, path)
        match answer:
            case None | (404, _):
                raise web.HTTPNotFound
            case (int() as status, str() as target):
                return web.Response(status=status, headers={"Location": target})
            case str() as text:
                return web.Response(text=text, content_type="text/html")
        raise AssertionError(answer)

    app = web.Application()
    app.router.add_get("/{name}/{path:.*}", handle)
    async with run(app, host) as url:
        site.url = url
        yield site
