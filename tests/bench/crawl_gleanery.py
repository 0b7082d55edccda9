"""The contender gleanery: the whole server as it is served, with a ticker in its loop.

Takes a data directory and an embedder. On standard input `mark` forgets the lag so far, `lag` tells it, and the end
stops the server.
"""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

from gleanery import log
from gleanery.app import running, settle_process
from gleanery.config import load
from tests.bench.crawl_lag import Ticker, say


async def main(data_dir: Path, embedder: str) -> None:
    log.set_up("warning")
    settings = load(port=0, data_dir=data_dir, allow_addresses="127.0.0.1", embedder=embedder, worker_concurrency=1)
    ticker = Ticker()
    async with running(settings) as url:
        settle_process()
        ticking = asyncio.create_task(ticker.run())
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        say(url=url)
        while command := await reader.readline():
            lag = ticker.take()
            if command.strip() == b"lag":
                say(lag=lag)
        ticking.cancel()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]), sys.argv[2]))
