"""Which browser set-up takes."""

from __future__ import annotations

from pathlib import Path

import pytest

from tools.ground.browser import find
from tools.ground.shell import GroundError


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def test_the_named_browser_wins(tmp_path: Path) -> None:
    program(tmp_path / "bin" / "chromium")
    named = program(tmp_path / "mine")
    assert find({"GLEANERY_BROWSER": str(named), "PATH": str(tmp_path / "bin")}) == named


def test_a_named_browser_that_is_none_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(GroundError, match="GLEANERY_BROWSER names"):
        find({"GLEANERY_BROWSER": str(tmp_path)})


def test_the_headless_shell_is_taken_before_the_whole_browser(tmp_path: Path) -> None:
    program(tmp_path / "chromium")
    shell = program(tmp_path / "chromium-headless-shell")
    assert find({"PATH": str(tmp_path)}) == shell


def test_playwrights_download_is_the_last_resort(tmp_path: Path) -> None:
    env = {"PATH": str(tmp_path / "none"), "PLAYWRIGHT_BROWSERS_PATH": str(tmp_path)}
    assert find(env) is None
    downloaded = program(tmp_path / "chromium_headless_shell-1200" / "chrome-linux" / "headless_shell")
    assert find(env) == downloaded
