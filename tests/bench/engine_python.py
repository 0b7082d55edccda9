"""The Python that the other engines run in: one that has them, else an environment of its own, as the lock file says."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from tools.ground.python_env import REQUIREMENTS, UV_ENV, require_uv
from tools.ground.stamps import Stamp, digest

CONTENDERS = ("saq[redis]", "procrastinate", "psycopg[binary]")
MODULES = ("saq", "redis", "procrastinate", "psycopg")
LOCK = REQUIREMENTS / "bench.txt"


def contenders_python() -> str:
    """This Python after `make bench`; otherwise that of an environment in the user's cache, made when it is missing."""
    if all(importlib.util.find_spec(name) for name in MODULES):
        return sys.executable
    made_from = digest([LOCK])
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    folder = cache / "gleanery-bench" / made_from[:16]
    python, stamp = folder / "bin" / "python", Stamp(folder / ".made")
    if not stamp.holds(made_from):
        folder.parent.mkdir(parents=True, exist_ok=True)
        _make(folder, python)
        stamp.write(made_from)
    return str(python)


def _make(folder: Path, python: Path) -> None:
    uv, env = str(require_uv()), {**os.environ, **UV_ENV}
    subprocess.run([uv, "venv", "--quiet", "--clear", "--python", sys.executable, str(folder)], check=True, env=env)
    # The lock holds far more than is needed here: as a constraint it gives the versions, and uv checks its hashes.
    install = [uv, "pip", "install", "--quiet", "--python", str(python), "--constraint", str(LOCK), *CONTENDERS]
    subprocess.run(install, check=True, env=env)
