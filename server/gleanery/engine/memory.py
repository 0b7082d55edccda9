"""How much memory an attempt takes: that of the processes it started, else that of this one."""

from __future__ import annotations

from collections.abc import Callable

import psutil


class MemoryWatch:
    """The processes of one attempt. Where it works in one that others share, `measure` says what it takes there, in MB."""

    def __init__(self) -> None:
        self._pids: set[int] = set()
        self.measure: Callable[[], float] | None = None

    @property
    def pids(self) -> frozenset[int]:
        return frozenset(self._pids)

    def add(self, pid: int) -> None:
        self._pids.add(pid)

    def remove(self, pid: int) -> None:
        self._pids.discard(pid)

    def child_mb(self) -> float | None:
        """Resident memory in MB of the processes and all below them, each counted once; None without any."""
        if not self._pids:
            return None
        processes = {process for pid in self._pids for process in _tree(pid)}
        return sum(map(_resident_mb, processes))


def _tree(pid: int) -> list[psutil.Process]:
    try:
        root = psutil.Process(pid)
        return [root, *root.children(recursive=True)]
    except psutil.Error:
        return []


def _resident_mb(process: psutil.Process) -> float:
    try:
        return float(process.memory_info().rss) / 1024**2
    except psutil.Error:
        return 0.0


def own_mb() -> float:
    """Resident memory of this process in MB."""
    return _resident_mb(psutil.Process())
