"""Help, usage and settings: what can be said without a server."""

from __future__ import annotations

import socket
import subprocess
import sys
from pathlib import Path

import pytest

from gleanery import __version__
from gleanery.cli.exits import MEANINGS, Exit
from tests.cli.command import ROOT, run


@pytest.mark.parametrize(
    "command",
    [
        [],
        ["serve"],
        ["worker"],
        ["preview"],
        ["crawl"],
        ["search"],
        ["tasks"],
        *(["tasks", action] for action in ("watch", "urls", "start", "retry", "pause", "priority", "stats", "prune")),
    ],
)
async def test_help_has_examples(env: dict[str, str], command: list[str]) -> None:
    ended = await run(env, *command, "--help")
    assert (ended.code, ended.err) == (0, "")
    assert "example" in ended.out


async def test_help_tells_every_exit_code(env: dict[str, str]) -> None:
    ended = await run(env, "crawl", "-h")
    assert {code for code, _ in MEANINGS} == set(Exit) - {Exit.TERMINATED}
    for code, meaning in MEANINGS:
        assert f"  {int(code):<4} {meaning}" in ended.out


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys; from gleanery.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(sorted({'aiohttp', 'pydantic', 'rich', 'numpy', 'asyncio'} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": str(ROOT / "server")},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stderr == "[]\n"


async def test_version(env: dict[str, str]) -> None:
    assert (await run(env, "--version")).out == f"gleanery {__version__}\n"


@pytest.mark.parametrize(
    "args",
    [
        [],
        ["crawl"],
        ["crawl", "https://example.org/", "--max-pages", "many"],
        ["crawl", "https://example.org/", "--render", "fast"],
        ["preview"],
        ["preview", "https://example.org/", "--scroll"],
        ["tasks", "urls"],
        ["tasks", "show"],
        ["tasks", "priority", "tsk_1", "high"],
        ["tasks", "prune"],
        ["tasks", "start"],
        ["nonsense"],
        ["search", "--code", "--language", "python"],
        ["search", "x", "--code", "--mode", "vector"],
        ["tasks", "--server", "ftp://example.org"],
        ["tasks", "--server", "example.org"],
    ],
)
async def test_wrong_usage_is_2(env: dict[str, str], args: list[str]) -> None:
    ended = await run(env, *args)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err


@pytest.mark.parametrize(("command", "port"), [(["serve"], "high"), (["crawl", "https://example.org/"], "99999")])
async def test_a_bad_setting_is_named(env: dict[str, str], command: list[str], port: str) -> None:
    ended = await run(env | {"GLEANERY_PORT": port}, *command)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith("gleanery: GLEANERY_PORT: ")
    assert ended.err.count("\n") == 1


async def test_a_bad_flag_names_its_setting(env: dict[str, str]) -> None:
    ended = await run(env, "serve", "--log-level", "loud")
    assert ended.code == 2
    assert ended.err.startswith("gleanery: GLEANERY_LOG_LEVEL: ")


async def test_no_server_is_5(env: dict[str, str]) -> None:
    with socket.socket() as taken:  # bound and not listening: nobody can answer there
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        ended = await run(env, "search", "x", "--server", url)
    assert (ended.code, ended.out) == (5, "")
    assert ended.err.startswith(f"gleanery: No gleanery server answers at {url}")
    assert ended.err.endswith("(server_unreachable)\n")


async def test_nobody_can_be_left_a_crawl(env: dict[str, str], tmp_path: Path) -> None:
    ended = await run(env, "crawl", "https://example.org/", "--no-wait")
    assert (ended.code, ended.out) == (5, "")
    assert "gleanery serve" in ended.err
    assert ended.err.endswith("(server_unreachable)\n")
