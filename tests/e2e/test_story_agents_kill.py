"""A server that is killed at every question of a story's agents: no answer that came is paid again, and no link read again."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path

import aiohttp
import pytest

from tests.api.client import Client
from tests.api.storied import ask, ended, put
from tests.conftest import ServePages
from tests.e2e.server_process import ServerProcess
from tests.sites.chat_server import Fault
from tests.sites.model_server import Calls, Turn, model_server
from tests.sites.shortcut import shortcut
from tests.sites.storyteller import ANALYSIS, ENHANCEMENT, TRIAGE

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

ANSWERS = 4
"""One of the triage, two of the analysis, one of the enhancement."""


async def test_no_answer_is_paid_twice(tmp_path: Path, serve_pages: ServePages) -> None:
    site = await serve_pages({"a.html": "<h1>A</h1><p>Exports are slow.</p>", "b.html": "<h1>B</h1><p>Very slow.</p>"})
    links = [f"{site.url}/a.html", f"{site.url}/b.html"]

    def answer(turn: Turn) -> Calls | str:
        """The question after this one gets no answer, until the server is killed."""
        model.fail_with(Fault.HANG)
        if turn.asks_for("kind"):
            return json.dumps(TRIAGE)
        if turn.asks_for("title"):
            return json.dumps(ENHANCEMENT)
        if not turn.results:
            return Calls(*(("read_link", {"url": url}) for url in links))
        return json.dumps({**ANALYSIS, "sources": [{"url": url, "why": "It tells."} for url in links]})

    async with shortcut() as there, model_server(answer) as model, aiohttp.ClientSession() as session:
        number = there.add("Export slow", f"See {' and '.join(links)}.")
        model.fail_with(Fault.HANG)
        process = ServerProcess(
            tmp_path / "killed",
            GLEANERY_SHORTCUT_URL=there.api,
            GLEANERY_CHAT_MODEL="gpt-test",
            GLEANERY_ENRICH=",",
            OPENAI_BASE_URL=model.base_url,
            OPENAI_API_KEY="sk-test",
        )
        await process.start()
        client = Client(process.url, session)
        try:
            await put(client)
            story_id = await ask(client, there, number)
            for _ in range(ANSWERS):
                async with asyncio.timeout(60):
                    await model.hanging.get()
                await process.kill()
                await process.start()
            story = await ended(client, story_id)
        finally:
            await process.kill()
        assert story["state"] == "written", story
        assert Counter(turn.key for turn in model.paid) == {turn.key: 1 for turn in model.paid}
        assert len(model.paid) == ANSWERS
        assert len(model.turns) == 2 * ANSWERS, "each was asked once without an answer, which nobody is charged for"
        assert [step["kind"] for step in story["steps"]].count("model") == ANSWERS
        assert story["tokens"] == ANSWERS * 120
        assert [source["url"] for source in story["analysis"]["sources"]] == links
        assert site.counts == {"/a.html": 1, "/b.html": 1}
        assert there.stories[number]["name"] == ENHANCEMENT["title"]
