"""A server that is killed between any two questions of an analysis: nothing that was answered is asked again."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from tests.api.client import Client
from tests.conftest import ServePages
from tests.e2e.server_process import ServerProcess
from tests.sites.chat_server import Fault, chat_server
from tests.sites.handbook import ENCRYPTED, SITE, Auditor, told

pytestmark = [pytest.mark.e2e, pytest.mark.slow]

CONTROLS = 3


async def test_no_answer_is_paid_twice(tmp_path: Path, serve_pages: ServePages) -> None:
    site = await serve_pages(SITE)
    control = {"title": "Encryption", "text": "Data is encrypted at rest.", "queries": ["encryption at rest disk"]}
    controls = [{"id": f"H-{number}", **control} for number in range(CONTROLS)]
    auditor = Auditor()
    async with chat_server(auditor) as model, aiohttp.ClientSession() as session:

        def answered(control: str, passages: Mapping[int, str]) -> dict[str, Any]:
            """The question after this one gets no answer, until the server is killed."""
            if control != f"H-{CONTROLS - 1}":
                model.fail_with(Fault.HANG)
            return told("partly", *((number, ENCRYPTED) for number in passages))

        auditor.answer = answered
        process = ServerProcess(
            tmp_path / "killed",
            GLEANERY_CHAT_MODEL="gpt-test",
            GLEANERY_ENRICH=",",
            GLEANERY_CHAT_CONCURRENCY="1",
            OPENAI_BASE_URL=model.base_url,
            OPENAI_API_KEY="sk-test",
        )
        await process.start()
        client = Client(process.url, session)
        try:
            await client.crawl(f"{site.url}/")
            framework = {"id": "house", "version": "1", "title": "House", "controls": controls}
            assert (await client.post("/compliance/frameworks", framework)).status == 201
            model.fail_with(Fault.HANG)
            started = (await client.post("/compliance/reports", {"framework_id": "house"})).body
            for _ in range(CONTROLS):
                async with asyncio.timeout(60):
                    await model.hanging.get()
                await process.kill()
                await process.start()
            await client.ended(started["task_ids"]["report"])
            report = await client.one(f"/compliance/reports/{started['report_id']}")
        finally:
            await process.kill()
    assert [each["assessment"]["verdict"] for each in report["controls"]] == ["partly"] * CONTROLS
    assert Counter(auditor.asked) == {f"H-{number}": 1 for number in range(CONTROLS)}
    assert len(model.requests) == 2 * CONTROLS, "each was asked once without an answer, which nobody is charged for"
    assert report["tokens"] == CONTROLS * 120
