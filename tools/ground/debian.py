"""Debian packages, for what neither PyPI nor npm carries. Only root can install them."""

from __future__ import annotations

import os
import shutil

from tools.ground.shell import GroundError, Step, run, say


def can_install() -> bool:
    """Whether this is a Debian-like machine and we may change it."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def install(*packages: str) -> bool:
    """Install packages by apt-get; False (and a line why) when it can't be done here."""
    if not can_install():
        return False
    words = ["apt-get", "-o", "DPkg::Lock::Timeout=120", "install", "-y", "--no-install-recommends", *packages]
    env = {"DEBIAN_FRONTEND": "noninteractive"}
    with Step(f"Installing {', '.join(packages)} by apt-get"):
        try:
            run(words, env=env)
        except GroundError:
            # A new machine has no package lists yet, or old ones.
            try:
                run(["apt-get", "update"], env=env)
                run(words, env=env)
            except GroundError as error:
                say(str(error))
                return False
    return True
