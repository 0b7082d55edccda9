"""`gleanery serve`."""

from __future__ import annotations

import asyncio
from argparse import Namespace

from gleanery import config, log
from gleanery.cli.exits import Exit
from gleanery.cli.safe_text import one_line


def serve(args: Namespace) -> Exit:
    """Serve until a signal comes. Raises InvalidInput for a bad setting or a place that can't be listened on."""
    settings = config.load(host=args.host, port=args.port, data_dir=args.data_dir, log_level=args.log_level)
    log.set_up(settings.log_level)
    from gleanery import app

    def say_ready(url: str, task_id: str | None) -> None:
        print(one_line(f"gleanery is ready on {url} (data in {settings.data_dir}; Ctrl-C stops it)"), flush=True)
        if task_id is not None:
            print(one_line(f"Crawling {args.crawl}: watch it on {url}/activity/{task_id}"), flush=True)

    return Exit(asyncio.run(app.serve(settings, crawl_url=args.crawl, on_ready=say_ready)))
