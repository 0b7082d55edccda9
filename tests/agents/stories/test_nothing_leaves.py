"""What the SDK does beside the calls of the model: nothing that leaves this machine, and nothing before the first story."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

from tests.agents.stories.stage_run import scripted
from tests.sites.model_server import model_server

_WATCHED = """
import asyncio, json, sys
met = set()
def hear(event, args):
    if event == "socket.getaddrinfo":
        met.add(str(args[0]))
    if event == "socket.connect" and isinstance(args[1], tuple):
        met.add(args[1][0])
sys.addaudithook(hear)
from gleanery.agents.connection import Connection
from gleanery.agents.stories.runtime import Runtime
from gleanery.agents.stories.stages import analyze
from gleanery.model.stories import Stage
from tests.agents.stories.stage_run import STORY, TRIAGED, Bench

async def main():
    runtime = Runtime(Connection("gpt-test", "sk-secret", base_url=sys.argv[1]))
    bench = Bench(runtime)
    done = await analyze(bench.begin(Stage.ANALYSIS), STORY, TRIAGED)
    from agents.tracing import get_trace_provider
    get_trace_provider().force_flush()
    get_trace_provider().shutdown()
    await runtime.connection.aclose()
    print(json.dumps({"met": sorted(met), "by_model": done.by_model, "steps": len(bench.notes.all)}))

asyncio.run(main())
"""


async def _run(code: str, *arguments: str, **environment: str) -> str:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", code, *arguments, env={**os.environ, **environment}, stdout=PIPE
    )
    told, _ = await process.communicate()
    assert process.returncode == 0
    return told.decode()


async def test_only_the_model_server_is_asked_whatever_the_environment_says_of_tracing() -> None:
    async with model_server(scripted) as server:
        for flags in ({}, {"OPENAI_AGENTS_DISABLE_TRACING": "1"}):
            told = json.loads(await _run(_WATCHED, server.base_url, OPENAI_API_KEY="sk-secret", **flags))
            assert told == {"met": ["127.0.0.1"], "by_model": True, "steps": 5}


async def test_the_sdk_is_not_imported_before_the_first_story() -> None:
    code = (
        "import sys, gleanery.app, gleanery.agents.stories.stages;"
        "print([name for name in ('agents', 'mcp', 'starlette', 'uvicorn') if name in sys.modules])"
    )
    assert await _run(code) == "[]\n"


_GROUND = """
import asyncio, contextlib, sys
from datetime import UTC, datetime
from pathlib import Path
from gleanery import config
from gleanery.app.ground import ground
from gleanery.model.stories import Workspace
from gleanery.store.stories import WorkspaceSecrets

async def main():
    settings = config.load(data_dir=Path(sys.argv[1]), embedder="none", chat_model="gpt-test", openai_base_url="http://127.0.0.1:9/v1")
    async with contextlib.AsyncExitStack() as stack:
        base = await ground(settings, stack)
        print("agents" in sys.modules)
        now = datetime.now(UTC)
        await base.store.stories.put_workspace(Workspace(name="acme", created_at=now, changed_at=now), WorkspaceSecrets())

asyncio.run(main())
"""


async def test_with_a_workspace_the_sdk_is_imported_before_anybody_is_served(tmp_path: Path) -> None:
    """Later it would hold the loop for half a second."""
    assert [await _run(_GROUND, str(tmp_path)) for _ in range(2)] == ["False\n", "True\n"]
