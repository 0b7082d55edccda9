"""Running other programs, and telling the person at the terminal what goes on."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TOOLS = ROOT / ".tools"

Words = Sequence[str | Path]
"""A program and its arguments."""


class GroundError(Exception):
    """Set-up can't go on. The message says what is missing and what to do about it."""


def say(text: str) -> None:
    """One line for the person who waits, on stderr so that a command's own output stays clean."""
    print(f"gleanery: {text}", file=sys.stderr, flush=True)


def run(
    command: Words,
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
    timeout_seconds: float | None = None,
) -> str:
    """Run a program without input and return its output; the output is shown only when it fails.

    Raises GroundError with the command and what it said.
    """
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            check=False,
        )
    except OSError as error:
        raise GroundError(f"{words[0]} can't be started: {error}") from error
    except subprocess.TimeoutExpired as error:
        raise GroundError(f"{' '.join(words)} did not end within {timeout_seconds:.0f} s") from error
    if done.returncode != 0:
        raise GroundError(f"{' '.join(words)} failed with exit code {done.returncode}:\n{done.stdout.strip()}")
    return done.stdout


def show(command: Words, *, cwd: Path = ROOT, env: Mapping[str, str] | None = None) -> None:
    """Run a program whose output is what the person asked for. Raises GroundError when it fails."""
    words = [str(word) for word in command]
    done = subprocess.run(words, cwd=cwd, env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL, check=False)
    if done.returncode != 0:
        raise GroundError(f"{' '.join(words)} failed with exit code {done.returncode}")


class Step:
    """`with Step("Building the UI"):` says the phrase before and how long it took after."""

    def __init__(self, phrase: str) -> None:
        self._phrase = phrase
        self._began = 0.0

    def __enter__(self) -> None:
        self._began = time.monotonic()
        say(f"{self._phrase} …")

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            say(f"{self._phrase}: done in {time.monotonic() - self._began:.0f} s")
