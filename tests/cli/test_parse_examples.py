"""The commands about parsing that the documentation shows, each run as it stands there, but for hosts and ids."""

from __future__ import annotations

import asyncio
import html
import json
import re
import shlex
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command import ROOT, Ended, run
from tests.sites.parsed import FORM, parsed_site

pytestmark = pytest.mark.browser

EXAMPLE = ROOT / "server" / "gleanery" / "example"
BLOCK = re.compile(r"<pre><code class=\"language-bash\">(.*?)</code></pre>", re.DOTALL)
STARTS = ("gleanery parse ", "curl -s http://127.0.0.1:8181/api/v1/web-pages")


def commands_of(text: str) -> Iterator[str]:
    """Those about parsing, lines that go on joined."""
    for line in text.replace("\\\n", " ").splitlines():
        if line.strip().startswith(STARTS):
            yield line.split("  #")[0].strip()


def documented() -> list[str]:
    pages = [
        html.unescape(block) for path in sorted(EXAMPLE.glob("*.html")) for block in BLOCK.findall(path.read_text())
    ]
    readme = (ROOT / "README.md").read_text().replace("$api", "http://127.0.0.1:8181/api/v1")
    return [command for text in (*pages, readme) for command in commands_of(text)]


async def shell(env: dict[str, str], folder: Path, command: str) -> Ended:
    process = await asyncio.create_subprocess_exec(
        "bash", "-c", f"set -eo pipefail; {command}", env=env, cwd=folder, stdout=-1, stderr=-1
    )
    out, err = await asyncio.wait_for(process.communicate(), 90)
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def test_each_command_of_the_documentation_does_what_it_says(
    env: dict[str, str], server: str, tmp_path: Path
) -> None:
    shims = tmp_path / "shims"
    shims.mkdir()
    (shims / "gleanery").write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m gleanery "$@"\n')
    (shims / "gleanery").chmod(0o755)
    env = {**env, "PATH": f"{shims}:{env['PATH']}", "json": "Content-Type: application/json"}
    shown = await run(env, "parse", "--help")
    commands = list(dict.fromkeys([*documented(), *commands_of(shown.out)]))
    assert len(commands) >= 11, commands
    async with parsed_site() as site:
        site.pages["/"] = FORM.replace("<main>", "<main><article>").replace("</main>", "</article></main>")
        task_id = page_id = ""
        for command in commands:
            asked = command.replace("http://127.0.0.1:8181", server).replace("tsk_…", task_id)
            asked = re.sub(r"https://(app\.)?example\.org", site.url, re.sub(r"web_(…|01JAZ)", page_id, asked))
            before = {path: path.stat().st_mtime_ns for path in tmp_path.glob("*.png")}
            ended = await shell(env, tmp_path, asked)
            assert (ended.code, ended.err) == (0, ""), (command, asked, ended)
            for picture in re.findall(r"\w+\.png", command):
                written = tmp_path / picture
                assert written.read_bytes()[:4] == b"\x89PNG", command
                assert written.stat().st_mtime_ns != before.get(written), command
            if '"url"' in command:
                task_id = json.loads(ended.out)["task_id"]
                page_id = await settled(env, task_id, server)
            elif "--screenshot" in command and (told := re.search(r"gleanery parse --show (web_\w+)", ended.out)):
                page_id = told[1]


async def settled(env: dict[str, str], task_id: str, server: str) -> str:
    """The page of a parse, once it has ended."""
    while True:
        told = await shell(env, ROOT, f"curl -s {server}/api/v1/web-pages/{task_id} | jq -r '.status, .web_page_id'")
        status, page_id = told.out.split()
        if status not in ("queued", "running"):
            assert status == "completed"
            return page_id
