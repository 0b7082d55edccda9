"""The Makefile as a person sees it. Nothing here sets anything up: make prints what it would do, or its help."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]


def make(*words: str) -> str:
    # These tests run below `make test`, whose own flags are not theirs.
    env = {name: value for name, value in os.environ.items() if not name.startswith(("MAKE", "MFLAGS", "GLEANERY_"))}
    command = ["make", "--no-print-directory", *words]
    return subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True).stdout


def test_make_alone_lists_every_public_target_with_a_line() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    listed = re.findall(r"^  make ([a-z-]+) +\S", make(), re.MULTILINE)
    assert set(listed) == {name for name in targets if not name.startswith("ready-")}
    assert {"setup", "run", "test"} <= set(listed)


def test_a_url_from_the_command_line_is_crawled_and_one_from_the_environment_is_not() -> None:
    probe = ["--eval", 'print-url: ; @echo "[$$GLEANERY_RUN_URL]"', "print-url"]
    assert make("URL=https://docs.example/a?b=1&c='2'", *probe) == "[https://docs.example/a?b=1&c='2']\n"
    assert make(*probe) == "[]\n"


def test_the_server_replaces_the_shell_so_that_a_signal_reaches_it_once() -> None:
    assert make("--dry-run", "run").splitlines()[-1].startswith("exec .venv/bin/gleanery serve")


def test_ci_runs_what_a_person_runs() -> None:
    assert (ROOT / ".ci" / "run").read_text().splitlines()[-1] == "exec make test </dev/null"
    assert (ROOT / ".ci" / "run").stat().st_mode & 0o111 == 0o111
