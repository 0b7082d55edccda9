"""`gleanery parse` as a process: what it prints, writes and answers with."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.cli.command import run
from tests.sites.parsed import ParsedSite, parsed_site

pytestmark = pytest.mark.browser


@pytest.fixture
async def login() -> AsyncIterator[ParsedSite]:
    async with parsed_site() as it:
        yield it


async def test_a_page_is_shown_and_photographed(
    env: dict[str, str], login: ParsedSite, server: str, tmp_path: Path
) -> None:
    shot = tmp_path / "page.png"
    ended = await run(env, "parse", f"{login.url}/login", "--screenshot", str(shot), "--viewport", "400x700")
    assert (ended.code, ended.err) == (0, "")
    lines = ended.out.splitlines()
    shown = lines[lines.index("Sign in") :]
    assert shown[1] == f"{login.url}/login"
    assert shown[2].startswith("login (")
    assert "HTTP 200 · 3 elements, 1 form · " in shown[2]
    assert any(line.startswith("Form ") and "login" in line and "E-mail*" in line for line in shown)
    assert [line.split()[:2] for line in shown if line.startswith("  e")] == [
        ["e1", "textbox"],
        ["e2", "textbox"],
        ["e3", "button"],
    ]
    assert shot.read_bytes()[:4] == b"\x89PNG"
    assert shown[-1] == f"Screenshot: {shot}"
    assert any(line.endswith("Taking the screenshot") for line in lines), "how far it is, on the way"


async def test_json_is_the_page(env: dict[str, str], login: ParsedSite, server: str) -> None:
    flags = [
        "--json",
        "--dom",
        "--header",
        "X-A: b:c",
        "--cookie",
        "sid=1=2",
        "--user-agent",
        "me",
        "--wait-for",
        "main",
    ]
    ended = await run(env, "parse", f"{login.url}/login", *flags)
    assert (ended.code, ended.err) == (0, "")
    parsed = json.loads(ended.out)
    assert (parsed["status"], parsed["page"]["dom"]["tree"]["tag"]) == ("completed", "body")
    assert parsed["page"]["screenshot"] is None, "nobody asked for it"
    [sent] = login.of("/login")
    assert (sent["X-A"], sent["Cookie"], sent["User-Agent"]) == ("b:c", "sid=1=2", "me")
    again = json.loads((await run(env, "parse", f"{login.url}/login", *flags)).out)
    assert (again["cache_hit"], len(login.of("/login"))) == (True, 1)
    await run(env, "parse", f"{login.url}/login", *flags, "--refresh")
    assert len(login.of("/login")) == 2


async def test_what_was_parsed_is_shown_again_without_being_loaded(
    env: dict[str, str], login: ParsedSite, server: str, tmp_path: Path
) -> None:
    shot, again = tmp_path / "page.png", tmp_path / "again.png"
    ended = await run(env, "parse", f"{login.url}/login", "--quiet", "--screenshot", str(shot), "--viewport", "400x700")
    [said] = [line for line in ended.out.splitlines() if line.startswith("All of it: ")]
    command = said.removeprefix("All of it: gleanery ").partition(",")[0].split()
    assert command[:2] == ["parse", "--show"]
    shown = await run(env, *command)
    assert (shown.code, shown.err) == (0, "")
    parsed = json.loads(shown.out)
    assert (parsed["web_page_id"], parsed["page"]["viewport"]) == (command[2], {"width": 400, "height": 700})
    assert (await run(env, "parse", "--show", parsed["task_id"], "--screenshot", str(again))).code == 0
    assert again.read_bytes() == shot.read_bytes()
    assert len(login.of("/login")) == 1
    for wrong in (["http://a.test/"], ["--refresh"], ["--viewport", "400x700"]):
        refused = await run(env, "parse", "--show", command[2], *wrong)
        assert (refused.code, refused.err.partition(":")[2].partition(":")[0]) == (2, " --show")
    plain = json.loads((await run(env, "parse", f"{login.url}/gone", "--json")).out)
    refused = await run(env, "parse", "--show", plain["web_page_id"], "--screenshot", str(shot))
    assert (refused.code, refused.err) == (
        2,
        "gleanery: --screenshot: this parse took none; parse the URL with --screenshot\n",
    )
    assert (await run(env, "parse", "--show", "web_none")).code == 2
    assert (await run(env, "parse")).err.startswith("gleanery: URL: is missing")


async def test_what_fails_says_why(env: dict[str, str], login: ParsedSite, server: str, tmp_path: Path) -> None:
    shot = tmp_path / "page.png"
    ended = await run(env, "parse", f"{login.url}/file", "--quiet", "--screenshot", str(shot))
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.startswith("gleanery: ")
    assert ended.err.endswith("(not_html)\n")
    assert not shot.exists()


async def test_alone_it_runs_a_server_of_its_own(env: dict[str, str], login: ParsedSite) -> None:
    ended = await run(env, "parse", f"{login.url}/gone", "--quiet")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[0] == "Not here"


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (["--viewport", "wide"], "--viewport"),
        (["--viewport", "100x100"], "viewport.width"),
        (["--header", "nonsense"], "--header"),
        (["--header", "Host: b.test"], "headers.Host"),
        (["--cookie", "nonsense"], "--cookie"),
        (["--wait-for", "a["], "wait_for"),
        (["--timeout", "0"], "timeout_seconds"),
        (["--screenshot", "/nowhere/page.png"], "--screenshot"),
    ],
)
async def test_bad_input_is_2_and_named(env: dict[str, str], server: str, flags: list[str], named: str) -> None:
    ended = await run(env, "parse", "http://www.a.test/", *flags)
    assert (ended.code, ended.out) == (2, "")
    assert ended.err.startswith(f"gleanery: {named}: ")
