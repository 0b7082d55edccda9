"""The web UI: Node, its packages, and `ui/dist`, which the server hands out."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tools.ground.python_env import REQUIREMENTS, UV_ENV, base_python, require_uv
from tools.ground.shell import ROOT, TOOLS, GroundError, Step, Words, run, show
from tools.ground.stamps import Stamp, digest, files_below

UI = ROOT / "ui"
DIST = UI / "dist"
MODULES = UI / "node_modules"
NODE_VENV = TOOLS / "node"
NOT_SOURCES = frozenset({"node_modules", "dist", "coverage", "test-results", ".vite"})
# As for uv: a company's own certificates are in the machine's store. Older Nodes don't know the name and ignore it.
NODE_ENV = {"NODE_USE_SYSTEM_CA": "1"}
CHECKS = ("types:check", "typecheck", "lint", "test")


@dataclass(frozen=True)
class Node:
    """A Node that can build the UI. `env` is what a program started with it needs."""

    program: Path
    npm: Path
    version: str
    env: Mapping[str, str]


def is_new_enough(version: str) -> bool:
    """Whether Vite runs on it: 20.19, 22.12 or anything later (https://vite.dev/guide/)."""
    try:
        major, minor = (int(part) for part in version.removeprefix("v").split(".")[:2])
    except ValueError:
        return False
    return (major == 20 and minor >= 19) or (major == 22 and minor >= 12) or major > 22


def require_node() -> Node:
    """The machine's Node with its npm, else one from PyPI in an environment of its own."""
    found = _node_on_path()
    if found is not None:
        return found
    stamp = Stamp(NODE_VENV / ".made-from")
    lock = REQUIREMENTS / "node.txt"
    made_from = digest([lock], str(ROOT))
    if not stamp.holds(made_from):
        with Step("Installing Node, as the machine has none that is new enough"):
            uv = require_uv()
            run([uv, "venv", "--quiet", "--clear", "--python", base_python(), NODE_VENV], env=UV_ENV)
            into: Words = ["--python", NODE_VENV / "bin" / "python"]
            run([uv, "pip", "sync", "--quiet", *into, "--require-hashes", lock], env=UV_ENV)
            stamp.write(made_from)
    return _node_in(NODE_VENV / "bin")


def _node_on_path() -> Node | None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return None
    try:
        version = run([node, "--version"]).strip()
    except GroundError:
        return None
    return Node(Path(node), Path(npm), version, NODE_ENV) if is_new_enough(version) else None


def _node_in(folder: Path) -> Node:
    path = f"{folder}{os.pathsep}{os.environ.get('PATH', '')}"
    version = run([folder / "node", "--version"]).strip()
    return Node(folder / "node", folder / "npm", version, {**NODE_ENV, "PATH": path})


def require_packages(node: Node) -> None:
    """`ui/node_modules` as `package-lock.json` says."""
    # npm ci empties the folder first, and the stamp goes with it.
    stamp = Stamp(MODULES / ".gleanery")
    made_from = digest([UI / "package.json", UI / "package-lock.json"], node.version.split(".")[0])
    if stamp.holds(made_from):
        return
    with Step("Installing the UI's packages"):
        run([node.npm, "ci", "--no-audit", "--no-fund", "--loglevel=error"], cwd=UI, env=node.env)
        stamp.write(made_from)


def require_dist() -> None:
    """`ui/dist`, built again when a source has changed since."""
    stamp = Stamp(TOOLS / ".ui")
    made_from = digest(files_below(UI, without=NOT_SOURCES))
    if stamp.holds(made_from) and (DIST / "index.html").is_file():
        return
    node = require_node()
    require_packages(node)
    with Step("Building the UI"):
        stamp.remove()
        run([node.npm, "run", "build"], cwd=UI, env=node.env)
        stamp.write(made_from)


def check() -> None:
    """Run the UI's own checks. Raises GroundError when one fails."""
    node = require_node()
    require_packages(node)
    for name in CHECKS:
        show([node.npm, "run", "--silent", name], cwd=UI, env={**node.env, "CI": "true"})


def write_wire_types() -> None:
    """Make `ui/src/wire/schema.ts` from `ui/openapi.json`."""
    node = require_node()
    require_packages(node)
    show([node.npm, "run", "--silent", "types"], cwd=UI, env=node.env)
