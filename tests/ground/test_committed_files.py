"""What no file of the project may hold: a package registry's host, a download address in a lock, a builder's path."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Put together here, so that this file passes its own test.
REGISTRY_HOSTS = tuple(
    ".".join(parts)
    for parts in (
        ("pypi", "org"),
        ("pythonhosted", "org"),
        ("npmjs", "org"),
        ("npmjs", "com"),
        ("yarnpkg", "com"),
        ("deb", "debian", "org"),
        ("security", "debian", "org"),
        ("crates", "io"),
    )
)
BUILDERS_PATHS = ("/".join(("", "work", "main")), "/".join(("", "work", "shared")))


def files() -> list[Path]:
    """Every file that is committed, or would be by `git add .`."""
    words = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [path for name in listed.stdout.split("\0") if name and (path := ROOT / name).is_file()]


def lines_with(words: tuple[str, ...]) -> list[str]:
    pattern = re.compile("|".join(re.escape(word) for word in words).encode())
    return [
        f"{path.relative_to(ROOT)}:{number}: {line[:120].decode(errors='replace')}"
        for path in files()
        for number, line in enumerate(path.read_bytes().splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_file_names_a_package_registry() -> None:
    assert lines_with(REGISTRY_HOSTS) == []


def test_no_file_names_a_builders_path() -> None:
    assert lines_with(BUILDERS_PATHS) == []


def test_python_locks_hold_hashes_and_no_addresses() -> None:
    for lock in sorted((ROOT / "requirements").glob("*.txt")):
        text = lock.read_text("utf-8")
        assert "://" not in text, lock.name
        pins = re.findall(r"^[A-Za-z0-9].*==", text, re.MULTILINE)
        hashed = re.findall(r"^[A-Za-z0-9].*== *[^\n]*\\\n +--hash=sha256:[0-9a-f]{64}", text, re.MULTILINE)
        assert pins, lock.name
        assert len(hashed) == len(pins), lock.name


def test_npm_lock_holds_hashes_and_no_addresses() -> None:
    text = (ROOT / "ui" / "package-lock.json").read_text("utf-8")
    assert '"resolved"' not in text
    assert '"integrity"' in text
