"""The site of the crawl benchmark: a folder served on loopback, in a process of its own, until standard input ends."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from tests.bench.crawl_lag import say
from tests.sites.static import serve_directory


async def main() -> None:
    async with serve_directory(Path(sys.argv[1])) as site:
        say(url=site.url)
        await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
