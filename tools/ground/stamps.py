"""Stamps: small files that say from which inputs something was made, so that it is made again only when they change."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path


def digest(paths: Iterable[Path], *facts: str) -> str:
    """SHA-256 over names and bytes of the files, in the order of their names, and over the facts."""
    sha = hashlib.sha256()
    for path in sorted(paths):
        sha.update(f"{path}\0".encode())
        sha.update(hashlib.sha256(path.read_bytes()).digest())
    for fact in facts:
        sha.update(f"{fact}\0".encode())
    return sha.hexdigest()


def files_below(folder: Path, *, without: frozenset[str]) -> list[Path]:
    """Every file below the folder, leaving out files and folders of these names."""
    found: list[Path] = []
    for path in sorted(folder.iterdir()):
        if path.name in without:
            continue
        if path.is_dir():
            found += files_below(path, without=without)
        elif path.is_file():
            found.append(path)
    return found


@dataclass(frozen=True)
class Stamp:
    """A file that holds what a thing was made from. It goes before the work and comes back after it: a broken-off
    set-up leaves none, and is done again."""

    path: Path

    def read(self) -> str:
        """What was written last, or an empty string."""
        return self.path.read_text("utf-8").strip() if self.path.is_file() else ""

    def holds(self, value: str) -> bool:
        return self.read() == value

    def write(self, value: str) -> None:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text(f"{value}\n", "utf-8")

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)
