"""The Python environment: uv in `.tools`, everything else in `.venv`, both as the lock files say."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Mapping
from enum import IntEnum
from pathlib import Path

from tools.ground import debian
from tools.ground.shell import ROOT, TOOLS, GroundError, Step, Words, run
from tools.ground.stamps import Stamp, digest

REQUIREMENTS = ROOT / "requirements"
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
UV = TOOLS / "bin" / "uv"
# A company's own certificates are in the machine's store, not in the one uv brings.
UV_ENV = {"UV_SYSTEM_CERTS": "1", "UV_PYTHON_DOWNLOADS": "never"}


class Extent(IntEnum):
    """How much is installed. Each holds all of the one before, so a bigger environment is never cut down again."""

    SERVER = 1
    DEV = 2
    BENCH = 3

    @property
    def lock(self) -> Path:
        return REQUIREMENTS / f"{self.name.lower()}.txt"


def base_python() -> Path:
    """The machine's interpreter, also when this one runs inside an activated environment that may be made anew."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    found = Path(sys.base_prefix) / "bin" / version
    return found if found.exists() else Path(sys.executable)


def require_uv() -> Path:
    """uv of the pinned version. pip installs nothing else: older ones crash on some resolutions."""
    stamp = Stamp(TOOLS / ".uv")
    lock = REQUIREMENTS / "tools.txt"
    made_from = digest([lock])
    if stamp.holds(made_from) and UV.is_file():
        return UV
    with Step("Installing uv"):
        stamp.remove()
        run([base_python(), "-m", "venv", "--clear", "--without-pip", TOOLS])
        run(
            [
                *_pip(),
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--no-deps",
                "--only-binary=:all:",
                "--require-hashes",
                "-r",
                lock,
            ]
        )
        stamp.write(made_from)
    return UV


def _pip() -> Words:
    """The words that run pip for the tool environment: its own, else the machine's pip on its behalf."""
    has_wheels = importlib.util.find_spec("ensurepip") is not None
    if not has_wheels and importlib.util.find_spec("pip") is None:
        has_wheels = debian.install(f"python{sys.version_info.major}.{sys.version_info.minor}-venv")
        if not has_wheels:
            raise GroundError(
                f"{sys.executable} has neither pip nor venv. Install them (on Debian, as root: "
                "apt-get install python3-venv), then run the same command again."
            )
    if has_wheels:
        run([TOOLS / "bin" / "python", "-m", "ensurepip", "--default-pip"])
        return [TOOLS / "bin" / "python", "-m", "pip"]
    return [sys.executable, "-m", "pip", "--python", TOOLS / "bin" / "python"]


def require_environment(wanted: Extent) -> None:
    """`.venv` with at least this much in it, and gleanery itself, editable."""
    stamp = Stamp(VENV / ".gleanery")
    before = _read(stamp)
    extent = max(wanted, _extent(before))
    sources = [ROOT / "pyproject.toml", ROOT / "hatch_build.py", REQUIREMENTS / "build.txt", extent.lock]
    # Scripts and the editable install hold this checkout's path.
    made_from = {"root": str(ROOT), "extent": int(extent), "digest": digest(sources)}
    if before == made_from and PYTHON.exists():
        return
    uv = require_uv()
    with Step(f"Installing what {extent.lock.relative_to(ROOT)} pins"):
        stamp.remove()
        # Without a stamp it was broken off half-way (or made by another hand): what is in there can't be trusted.
        if not PYTHON.exists() or before.get("root") != str(ROOT):
            run([uv, "venv", "--quiet", "--clear", "--python", base_python(), VENV], env=UV_ENV)
        pip: Words = [uv, "pip", "--quiet"]
        run([*pip, "sync", "--python", PYTHON, "--require-hashes", "--compile-bytecode", extent.lock], env=UV_ENV)
        build: Words = ["--build-constraints", REQUIREMENTS / "build.txt"]
        run([*pip, "install", "--python", PYTHON, "--no-deps", *build, "--editable", ROOT], env=UV_ENV)
        stamp.write(json.dumps(made_from, sort_keys=True))


def _extent(before: Mapping[str, object]) -> Extent:
    found = before.get("extent")
    return Extent(found) if isinstance(found, int) and found in list(Extent) else Extent.SERVER


def _read(stamp: Stamp) -> dict[str, object]:
    try:
        found = json.loads(stamp.read() or "{}")
    except json.JSONDecodeError:
        return {}
    return found if isinstance(found, dict) else {}


def unpack(lock: Path, target: Path) -> None:
    """Install a lock file into a folder of its own, to be put on PYTHONPATH. Raises GroundError."""
    shutil.rmtree(target, ignore_errors=True)
    words: Words = [
        "pip",
        "install",
        "--quiet",
        "--python",
        PYTHON,
        "--no-deps",
        "--require-hashes",
        "--target",
        target,
    ]
    run([require_uv(), *words, "-r", lock], env=UV_ENV)
