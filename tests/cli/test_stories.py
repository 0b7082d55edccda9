"""`gleanery stories` as a process: what it prints, decides and answers with."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.api.client import Client
from tests.api.storied import ask, ended, put, story_in
from tests.cli.command import environment, run
from tests.conftest import StartServer
from tests.sites.shortcut import Shortcut, shortcut


@pytest.fixture
async def there() -> AsyncIterator[Shortcut]:
    async with shortcut() as it:
        yield it


async def test_a_story_is_listed_shown_and_decided_on(
    tmp_path: Path, start_server: StartServer, there: Shortcut
) -> None:
    client: Client = await start_server(shortcut_url=there.api)
    env = environment(tmp_path / "data")
    await put(client, needs_approval=True)
    ids = [await ask(client, there, there.add(f"Story \x1b[31m{n}")) for n in (1, 2)]
    for story_id in ids:
        await ended(client, story_id)
    listed = await run(env, "stories", "list", "--state", "needs_approval", "--workspace", "acme")
    assert (listed.code, [line.split()[0] for line in listed.out.splitlines()]) == (0, ids[::-1])
    assert "\x1b" not in listed.out
    assert json.loads((await run(env, "stories", "list", "--number", "1", "--json")).out)["items"] == []

    shown = await run(env, "stories", "show", ids[0])
    assert "needs_approval" in shown.out
    assert "+ label enhanced" in shown.out
    assert "No chat model is set" in shown.out
    assert json.loads((await run(env, "stories", "show", ids[0], "--json")).out)["story_id"] == ids[0]

    approved = await run(env, "stories", "approve", ids[0])
    assert (approved.code, approved.out) == (0, f"{ids[0]}: working\n")
    await story_in(client, ids[0], "written")
    rejected = await run(env, "stories", "reject", ids[1], "--note", "Not now")
    assert rejected.out == f"{ids[1]}: rejected\n"
    assert "rejected: Not now" in (await run(env, "stories", "show", ids[1])).out
    assert (await run(env, "stories", "delete", ids[0])).out == f"{ids[0]} is deleted.\n"
    gone = await run(env, "stories", "delete", ids[0])
    assert (gone.code != 0, "(not_found)" in gone.err) == (True, True)
    again = await run(env, "stories", "approve", ids[1])
    assert again.code != 0
    assert "(wrong_state)" in again.err


async def test_a_wrong_state_is_named(tmp_path: Path) -> None:
    done = await run(environment(tmp_path), "stories", "list", "--state", "done")
    assert (done.code, "--state: must be some of waiting" in done.err) == (2, True)
