"""The Supabase project of the scale benchmark, in a process of its own: PostgreSQL, PostgREST and the gateway, until its input ends.

It says its `url`, its `key` and where its `database` is reached directly.
"""

from __future__ import annotations

import asyncio
import sys

from tests.bench.crawl_lag import say
from tests.ground.supabase import Gateway, Project


async def main() -> None:
    with Project() as project:
        async with Gateway(project) as gateway:
            say(url=gateway.url, key=project.service_key, database=project.database_url)
            await asyncio.to_thread(sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
