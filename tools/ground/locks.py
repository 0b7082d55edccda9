"""The lock files in `requirements/`: made by uv with hashes, without addresses."""

from __future__ import annotations

from dataclasses import dataclass

from tools.ground.python_env import UV_ENV, require_uv
from tools.ground.shell import ROOT, run, say

HEADER = "# Made by `make lock` from pyproject.toml. Do not edit."


@dataclass(frozen=True)
class Lock:
    """One lock file: what goes in, and the lock it must agree with."""

    name: str
    groups: tuple[str, ...]
    with_project: bool = False
    agrees_with: str | None = None


# In this order: each agrees with one that was made before it.
LOCKS = (
    Lock("server", (), with_project=True),
    Lock("dev", ("model", "dev"), with_project=True, agrees_with="server"),
    Lock("bench", ("model", "dev", "bench"), with_project=True, agrees_with="dev"),
    Lock("model", ("model",), agrees_with="dev"),
    Lock("build", ("build",)),
    Lock("tools", ("tools",)),
    Lock("node", ("node",)),
)


def write_locks(*, is_upgrade: bool) -> None:
    """Resolve every lock file again, keeping the versions that still fit unless `is_upgrade`."""
    uv = require_uv()
    for lock in LOCKS:
        target = f"requirements/{lock.name}.txt"
        words = ["pip", "compile", "--quiet", "--universal", "--python-version", "3.11", "--generate-hashes"]
        words += ["--no-emit-index-url", "--no-annotate", "--no-header", "--output-file", target]
        words += ["--upgrade"] if is_upgrade else []
        words += ["--constraints", f"requirements/{lock.agrees_with}.txt"] if lock.agrees_with else []
        for group in lock.groups:
            words += ["--group", group if lock.with_project else f"pyproject.toml:{group}"]
        words += ["pyproject.toml"] if lock.with_project else []
        run([uv, *words], env=UV_ENV)
        path = ROOT / target
        path.write_text(f"{HEADER}\n{path.read_text('utf-8')}", "utf-8")
        say(f"wrote {target}")
