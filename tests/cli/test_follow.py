"""Every event once and in order, however often the line breaks."""

from __future__ import annotations

import pytest

from gleanery import errors
from gleanery.cli.client import Client, Update
from gleanery.cli.follow import Dropped, Restored, follow
from tests.cli.command import run
from tests.cli.scripted import Line, Script, serve_script

BREAKS = [
    Line([[1, 2], [3, 4, 5]]),  # the line breaks
    Line([[4, 5, 6], [7], [9, 10]], is_orderly=True),  # told twice, then one is missing
    Line(refuse=503),
    Line([[8]], is_orderly=True),  # the server shuts down in order
    Line([[9, 10, 11, 12]], is_last=True),
]


async def test_nothing_is_lost_or_told_twice() -> None:
    async with serve_script(Script(list(BREAKS), 12)) as script, Client(script.url, None) as client:
        told = [item async for item in follow(client, "tsk_1")]
    assert [event.seq for item in told if isinstance(item, Update) for event in item.events] == list(range(1, 13))
    assert script.asked == [0, 5, 7, 7, 8]
    kinds = [type(item) for item in told if not isinstance(item, Update)]
    assert kinds == [Dropped, Restored, Dropped, Dropped, Restored, Dropped, Restored]


async def test_it_starts_after_what_is_known() -> None:
    async with serve_script(Script([Line([[8, 9]], is_last=True)], 9)) as script, Client(script.url, None) as client:
        told = [item async for item in follow(client, "tsk_1", after=7)]
    assert [event.seq for item in told if isinstance(item, Update) for event in item.events] == [8, 9]
    assert script.asked == [7]


async def test_what_is_no_longer_kept_is_not_waited_for() -> None:
    async with serve_script(Script([Line([[8, 9]], is_last=True)], 9)) as script, Client(script.url, None) as client:
        told = [item async for item in follow(client, "tsk_1")]
    assert [type(item) for item in told] == [Update]
    assert [event.seq for item in told if isinstance(item, Update) for event in item.events] == [8, 9]
    assert script.asked == [0]


async def test_an_unknown_task_is_said_at_once() -> None:
    async with serve_script(Script([], 0)) as script, Client(script.url, None) as client:
        with pytest.raises(errors.ServerRefused) as raised:
            [item async for item in follow(client, "tsk_2")]
    assert (raised.value.status, raised.value.code) == (404, "not_found")
    assert script.asked == []


async def test_a_refused_line_ends_it() -> None:
    async with serve_script(Script([Line(refuse=401)], 1)) as script, Client(script.url, None) as client:
        with pytest.raises(errors.ServerRefused) as raised:
            [item async for item in follow(client, "tsk_1")]
    assert raised.value.status == 401


async def test_a_line_that_stays_down_is_given_up() -> None:
    script = Script([Line([[1]]), Line(refuse=503), Line(refuse=503)], 9)
    async with serve_script(script), Client(script.url, None) as client:
        with pytest.raises(errors.ServerRefused) as raised:
            [item async for item in follow(client, "tsk_1", give_up_seconds=0)]
    assert raised.value.status == 503
    assert script.asked == [0, 1]


async def test_the_command_prints_each_line_once_and_says_reconnecting(env: dict[str, str]) -> None:
    async with serve_script(Script(list(BREAKS), 12)) as script:
        ended = await run(env, "tasks", "watch", "tsk_1", "--server", script.url)
    assert ended.code == 0
    assert [line.split(" ", 1)[1] for line in ended.out.splitlines()[:12]] == [f"200 /{n}" for n in range(1, 13)]
    assert ended.out.splitlines()[12] == "Completed: 12 pages"
    assert ended.err.splitlines().count("reconnecting…") == 4


async def test_what_is_no_gleanery_is_told(env: dict[str, str]) -> None:
    async with serve_script(Script([], 0)) as script:
        ended = await run(env, "search", "x", "--server", script.url)
    assert ended.code == 5
    assert ended.err == (
        f"gleanery: What answers at {script.url} (404) is no gleanery server that this version knows. (server_unreachable)\n"
    )
