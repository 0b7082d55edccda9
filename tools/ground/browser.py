"""A Chromium for rendered pages: the one that was named, one on the machine, Debian's or Playwright's."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from tools.ground import debian
from tools.ground.python_env import PYTHON, REQUIREMENTS
from tools.ground.shell import TOOLS, GroundError, Step, Words, run, say
from tools.ground.stamps import Stamp, digest

# The headless shell first: it takes two thirds of the time and half of the memory of the whole browser.
NAMES = (
    "chromium-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge",
)
# libatomic1 is for Playwright's driver; without any font a screenshot has no letters.
PACKAGES = ("chromium-headless-shell", "fonts-liberation", "libatomic1")
DOWNLOADED = ("chromium_headless_shell-*/*/*headless*shell", "chromium-*/*/chrome")
DOWNLOAD_TIMEOUT_SECONDS = 240.0


def find(env: Mapping[str, str]) -> Path | None:
    """The browser this environment gives, or None. Raises GroundError when `GLEANERY_BROWSER` names none."""
    named = env.get("GLEANERY_BROWSER")
    if named:
        if not os.access(named, os.X_OK) or Path(named).is_dir():
            raise GroundError(f"GLEANERY_BROWSER names {named}, which is not a program that can be started.")
        return Path(named)
    for name in NAMES:
        found = shutil.which(name, path=env.get("PATH"))
        if found:
            return Path(found)
    return _downloaded(env)


def _downloaded(env: Mapping[str, str]) -> Path | None:
    """The newest browser that Playwright has downloaded for this user."""
    folder = Path(env.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    found = [path for pattern in DOWNLOADED for path in sorted(folder.glob(pattern)) if os.access(path, os.X_OK)]
    return found[-1] if found else None


def require_browser() -> Path:
    """A browser, installed when there is none. Raises GroundError when none can be had."""
    found = find(os.environ) or _install()
    if found is None or not _can_drive():
        raise GroundError(
            "There is no Chromium on this machine that can be driven, and none could be installed. Install one (on "
            f"Debian, as root: apt-get install {' '.join(PACKAGES)}) or name one with GLEANERY_BROWSER=/path."
        )
    return found


def look_for_browser() -> None:
    """Get a browser if that is possible, and say plainly when it isn't. A download that failed is not tried again."""
    stamp = Stamp(TOOLS / ".no-browser")
    tried = digest([REQUIREMENTS / "server.txt"])
    if not stamp.holds(tried) or find(os.environ) is not None:
        if (find(os.environ) or _install()) is not None and _can_drive():
            stamp.remove()
            return
        stamp.write(tried)
    say(
        "Going on WITHOUT A BROWSER: pages that need JavaScript to show their text stay empty. `make browser` tries "
        "again to install one; GLEANERY_BROWSER=/path/to/chromium names one."
    )


def _can_drive() -> bool:
    """Whether Playwright's driver starts: it is a Node with needs of its own, and no browser opens without it."""
    stamp = Stamp(TOOLS / ".driver")
    tried = digest([REQUIREMENTS / "server.txt"])
    if stamp.holds(tried):
        return True
    words: Words = [PYTHON, "-m", "playwright", "--version"]
    try:
        run(words)
    except GroundError:
        debian.install("libatomic1")
        try:
            run(words)
        except GroundError as error:
            say(str(error))
            return False
    stamp.write(tried)
    return True


def _install() -> Path | None:
    # Debian's comes with the libraries it needs; Playwright's download does not.
    if debian.install(*PACKAGES):
        return find(os.environ)
    try:
        with Step("Downloading a browser with Playwright"):
            run(
                [PYTHON, "-m", "playwright", "install", "chromium-headless-shell"],
                timeout_seconds=DOWNLOAD_TIMEOUT_SECONDS,
            )
            found = find(os.environ)
            if found is not None:
                run([found, "--version"], timeout_seconds=30)
            return found
    except GroundError as error:
        say(str(error))
        return None
