"""Commands that the tests run as a user would: those of documented examples, and a compiler for machines with other clocks."""

from __future__ import annotations

import shutil

from tools.ground import debian
from tools.ground.shell import GroundError

PACKAGES = {"cc": ("gcc", "libc6-dev"), "curl": ("curl", "ca-certificates"), "jq": ("jq",)}


def require_commands() -> None:
    """All of them on this machine. Raises GroundError with the command that installs them."""
    missing = [command for command in PACKAGES if shutil.which(command) is None]
    if not missing:
        return
    packages = [package for command in missing for package in PACKAGES[command]]
    if not debian.install(*packages):
        names = f"{', '.join(missing)}. Install, as root: apt-get install {' '.join(packages)}"
        raise GroundError(f"The tests run {names}")
