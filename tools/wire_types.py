"""Writes `ui/openapi.json`: the shapes of the server's API. The UI's types are made from it.

Run it with the project's environment (`make wire-types`) after a shape has changed; the tests tell when it is due.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp

from gleanery.app import running
from gleanery.config import Settings

DOCUMENT = Path(__file__).parents[1] / "ui" / "openapi.json"


def text_of(document: Mapping[str, Any]) -> str:
    """The file's text: the shapes alone, which change less often than what is said of the calls."""
    shapes = {"schemas": document["components"]["schemas"]}
    frame = {"openapi": document["openapi"], "info": {"title": "gleanery", "version": "0"}, "paths": {}}
    return json.dumps({**frame, "components": shapes}, indent=1, sort_keys=True) + "\n"


async def write() -> None:
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings.model_validate({"data_dir": folder, "port": 0, "embedder": "none"})
        async with (
            running(settings) as url,
            aiohttp.ClientSession() as session,
            session.get(f"{url}/openapi.json") as reply,
        ):
            DOCUMENT.write_text(text_of(await reply.json()), encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(write())
