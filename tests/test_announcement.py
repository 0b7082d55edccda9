"""By the announcement a process beside the server knows where it is, as long as the server's process lives."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from gleanery.announcement import announced, announced_address, announced_url


def test_a_server_that_lives_is_known(tmp_path: Path) -> None:
    assert announced_url(tmp_path) is None
    assert announced_address(tmp_path) is None
    with announced(tmp_path, "http://[::1]:8181"):
        assert announced_url(tmp_path) == "http://[::1]:8181"
        assert announced_address(tmp_path) == ("::1", 8181)
    assert announced_address(tmp_path) is None


def test_one_that_was_killed_is_not(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        pass
    (tmp_path / "server.json").write_text(json.dumps({"url": "http://127.0.0.1:8181", "pid": process.pid}))
    assert announced_url(tmp_path) is None


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"url": "http://127.0.0.1:1", "pid": "x"}', '{"pid": 1}'])
def test_a_file_that_says_nothing_is_passed_over(tmp_path: Path, text: str) -> None:
    (tmp_path / "server.json").write_text(text)
    assert announced_url(tmp_path) is None
