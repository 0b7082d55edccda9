"""Which Chromium is used and with which flags. No browser is started here."""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

from gleanery.web.egress import chromium_flags

# The headless shell first: it takes two thirds of the time and half of the memory of the whole browser.
NAMES = (
    "chromium-headless-shell",
    "headless_shell",
    "chromium",
    "chromium-browser",
    "google-chrome-stable",
    "google-chrome",
    "chrome",
    "microsoft-edge",
)
_DOWNLOADED = ("chromium_headless_shell-*/*/*headless*shell", "chromium-*/*/chrome")
_MAX_WRAPPER_BYTES = 16 * 1024
_STARTS_PROGRAM = re.compile(r'^\s*(?:exec\s+)?["\']?(/[^\s"\'$]+)["\']?\s+"\$@"', re.MULTILINE)

# A page gets this much for its objects; more ends it, and it alone.
_MAX_HEAP_MB = 768


def find_browser(named: Path | None, env: Mapping[str, str]) -> Path | None:
    """The program to start: `named` (None if it can't be started), else what is on PATH, else Playwright's download."""
    if named is not None:
        return unwrapped(named) if _is_program(named) else None
    for name in NAMES:
        found = shutil.which(name, path=env.get("PATH"))
        if found:
            return unwrapped(Path(found))
    return _downloaded(env)


def unwrapped(path: Path) -> Path:
    """The program behind a distribution's wrapper script, else `path` itself.

    A wrapper that doesn't exec stays as a shell between us and the browser, and a signal would reach only that.
    """
    with path.open("rb") as file:
        head = file.read(_MAX_WRAPPER_BYTES)
    if not head.startswith(b"#!"):
        return path
    named = _STARTS_PROGRAM.search(head.decode("utf-8", "replace"))
    usual = (Path("/usr/lib") / folder / path.name for folder in (path.name, "chromium"))
    candidates = [*([Path(named[1])] if named else []), *usual]
    return next((candidate for candidate in candidates if _is_program(candidate)), path)


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)


def _downloaded(env: Mapping[str, str]) -> Path | None:
    folder = Path(env.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
    found = [path for pattern in _DOWNLOADED for path in sorted(folder.glob(pattern)) if _is_program(path)]
    return found[-1] if found else None


def flags(proxy_port: int, *, loads_media: bool, tells_roles: bool = False) -> list[str]:
    """What Chromium is started with beside Playwright's own flags.

    Its network is the egress proxy on this port and nothing else. Without media neither images nor fonts are asked for;
    the text is the same. Where it tells roles, scripts can ask an element for its accessible role and name.
    """
    usual = [*chromium_flags(proxy_port), *_QUIET, f"--js-flags=--max-old-space-size={_MAX_HEAP_MB}"]
    return [*usual, *(() if loads_media else _WITHOUT_MEDIA), *(_ROLES if tells_roles else ())]


_QUIET = ("--dns-prefetch-disable", "--no-pings", "--disable-domain-reliability", "--mute-audio", "--disable-gpu")
_WITHOUT_MEDIA = ("--blink-settings=imagesEnabled=false", "--disable-remote-fonts")
_ROLES = ("--enable-blink-features=ComputedAccessibilityInfo",)

# All that the browser sees of our environment: keys and tokens are none of its business.
_PASSED_ON = ("PATH", "TMPDIR", "LD_LIBRARY_PATH", "FONTCONFIG_FILE", "FONTCONFIG_PATH", "TZ")


def browser_environment(env: Mapping[str, str], home: Path) -> dict[str, str]:
    """The environment of the browser, with `home` as its home folder."""
    return {**{name: env[name] for name in _PASSED_ON if name in env}, "HOME": str(home), "LANG": "C.UTF-8"}
