"""A server that is killed around every request to Shortcut: each write is made once."""

from __future__ import annotations

import asyncio
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from tests.api.client import Client
from tests.api.storied import ask, ended, put
from tests.e2e.server_process import ServerProcess
from tests.sites.model_server import model_server
from tests.sites.shortcut import Call, shortcut
from tests.sites.storyteller import CALLS, CONTEXT, TITLE, storyteller

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.mark.parametrize(
    ("places", "kills", "writes"),
    [("GET stories", 4, 2), ("GET search", 2, 2), ("PUT POST", 4, 4)],
    ids=["looks", "search", "writes"],
)
async def test_nothing_is_written_twice_however_often_it_is_killed(
    tmp_path: Path, places: str, kills: int, writes: int
) -> None:
    """A write comes once more where an attempt died before it was carried out, and never after."""
    killed: Counter[tuple[str, str, str]] = Counter()
    deaths: asyncio.Queue[None] = asyncio.Queue()

    async with shortcut() as there, model_server(storyteller) as model, aiohttp.ClientSession() as session:
        number = there.add("Export slow", "It takes minutes.")
        process = ServerProcess(
            tmp_path / "killed",
            GLEANERY_SHORTCUT_URL=there.api,
            GLEANERY_CHAT_MODEL="gpt-test",
            GLEANERY_ENRICH=",",
            OPENAI_BASE_URL=model.base_url,
            OPENAI_API_KEY="sk-test",
        )

        def is_one(call: Call) -> bool:
            return call.method in places and (call.is_write or call.path.partition("/")[0] in places)

        def deadly(call: Call, when: str) -> bool:
            """Before and after each request, twice where a story is read: for the triage, and for the write-back."""
            place = (call.method, call.path, when)
            most = 2 if place[:2] == ("GET", f"stories/{number}") else 1
            if not is_one(call) or killed[place] >= most:
                return False
            killed[place] += 1
            process.strike()
            deaths.put_nowait(None)
            return True

        there.interrupt = deadly
        await process.start()
        client = Client(process.url, session)
        try:
            await put(client)
            story_id = await ask(client, there, number)
            for _ in range(kills):
                async with asyncio.timeout(60):
                    await deaths.get()
                await process.died()
                await process.start()
            story = await ended(client, story_id)
        finally:
            await process.kill()
        assert killed.total() == kills
        assert story["state"] == "written"
        now = there.stories[number]
        assert (now["name"], now["description"].count(CONTEXT)) == (TITLE, 1)
        assert [comment["external_id"] for comment in now["comments"]] == [f"gleanery:{story_id}"]
        assert there.names(number) == ["enhanced"]
        assert [call.method for call in there.done] == ["PUT", "POST"]
        assert len(there.writes) == writes
        assert len(model.paid) == CALLS
