"""The site of the crawl benchmark: a folder served on loopback, in a process of its own, until standard input ends.

Below `/mixed/` it is there again, but every third page is an empty shell whose script fetches the text and puts it in.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from aiohttp import web

from tests.bench.crawl_lag import say
from tests.sites import Site, run
from tests.sites.static import handler

EVERY = 3
_SHELL = """<!doctype html><html lang="en"><head><title>Loading</title></head><body><div id="root"></div><script>
fetch(location.pathname + "?text").then((answer) => answer.text()).then((text) => {
  const page = new DOMParser().parseFromString(text, "text/html");
  document.title = page.title;
  document.getElementById("root").replaceWith(...page.body.childNodes);
});
</script></body></html>"""


def application(folder: Path) -> web.Application:
    whole = handler(folder.resolve(), Site(""))
    shells = {file.relative_to(folder).as_posix() for file in sorted(folder.rglob("*.html"))[::EVERY]}

    async def mixed(request: web.Request) -> web.StreamResponse:
        if request.match_info["path"] in shells and "text" not in request.query:
            return web.Response(text=_SHELL, content_type="text/html")
        return await whole(request)

    app = web.Application()
    app.router.add_get("/mixed/{path:.*}", mixed)
    app.router.add_get("/{path:.*}", whole)
    return app


async def main() -> None:
    async with run(application(Path(sys.argv[1])), "127.0.0.1") as url:
        say(url=url)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
