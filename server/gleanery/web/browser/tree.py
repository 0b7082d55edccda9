"""The processes of one browser (driver, Chromium, renderers): what they hold, and their end. Calls block: use a thread."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

import psutil

from gleanery.priority import step_back
from gleanery.web.browser.request import BrowserLimits

_END_SECONDS = 5.0
_PROFILE = "--user-data-dir="
_PROFILE_NAME = "playwright_"


@dataclass(frozen=True, slots=True)
class TreeSample:
    """Memory in MB that the processes hold for themselves, the renderer that holds most of it, and the CPU time that
    they and those before them have taken."""

    memory_mb: float
    largest_pid: int | None
    largest_mb: float
    cpu_seconds: float = 0.0


class Verdict(Enum):
    FINE = "fine"
    END_PAGE = "end_page"
    REPLACE = "replace"


def judge(sample: TreeSample, limits: BrowserLimits) -> Verdict:
    """What to do about the memory of a browser."""
    if sample.largest_mb > limits.page_memory_mb:
        return Verdict.END_PAGE
    return Verdict.REPLACE if sample.memory_mb > limits.memory_mb else Verdict.FINE


def drivers() -> set[int]:
    """The Playwright drivers among the children of this process."""
    return {process.pid for process in psutil.Process().children() if "run-driver" in _words(process)}


class BrowserTree:
    """The driver and all below it. Every process that was seen is remembered: when a parent dies, its children move."""

    def __init__(self, driver_pids: Iterable[int]) -> None:
        self._drivers = frozenset(driver_pids)
        self._seen: set[psutil.Process] = set()
        self._profiles: set[Path] = set()
        for pid in self._drivers:
            with suppress(psutil.Error):
                self._seen.add(psutil.Process(pid))

    def look(self) -> TreeSample:
        """Takes note of the processes as they are, and of their memory."""
        self._gather()
        total, largest_pid, largest_mb, cpu_seconds = 0.0, None, 0.0, 0.0
        for process in self._seen:
            held = _own_mb(process)
            total += held
            cpu_seconds += _cpu_seconds(process)
            if held > largest_mb and "--type=renderer" in _words(process):
                largest_pid, largest_mb = process.pid, held
        return TreeSample(total, largest_pid, largest_mb, cpu_seconds)

    def step_back(self, niceness: int) -> None:
        """All of them, and what they start from now on."""
        self._gather()
        for process in self._seen:
            step_back(niceness, process.pid)

    def held_mb(self, pids: Iterable[int]) -> dict[int, float]:
        """What these processes hold, 0 for those that are gone."""
        return {pid: _held_mb(pid) for pid in pids}

    def end_page(self, pid: int) -> None:
        """Ends one renderer of this browser; its page crashes."""
        self._gather()
        if any(process.pid == pid and process.is_running() for process in self._seen):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def end_browser(self) -> None:
        """Kills Chromium; the driver lives on and tells of it."""
        self._gather()
        _kill([process for process in self._seen if process.pid not in self._drivers])

    def end(self) -> None:
        """Kills what is still there, and removes the profile it left."""
        self._gather()
        _kill(self._seen)
        for profile in self._profiles:
            shutil.rmtree(profile, ignore_errors=True)

    def _gather(self) -> None:
        self._seen = set(filter(_is_alive, self._seen))
        pids = {process.pid for process in self._seen}
        # One walk over the system's processes for each root: asking every process would walk as often.
        for root in [process for process in self._seen if _parent(process) not in pids]:
            with suppress(psutil.Error):
                self._seen.update(root.children(recursive=True))
        if not self._profiles:
            self._profiles = {Path(path) for process in self._seen for path in _profiles(process)}


def _kill(processes: Iterable[psutil.Process]) -> None:
    killed = list(processes)
    for process in killed:
        with suppress(psutil.Error):
            process.kill()
    psutil.wait_procs(killed, timeout=_END_SECONDS)


def _is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _parent(process: psutil.Process) -> int | None:
    try:
        return process.ppid()
    except psutil.Error:
        return None


def _profiles(process: psutil.Process) -> list[str]:
    """The throw-away profile that Playwright made for a browser."""
    paths = [word.removeprefix(_PROFILE) for word in _words(process) if word.startswith(_PROFILE)]
    return [path for path in paths if Path(path).name.startswith(_PROFILE_NAME)]


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def _cpu_seconds(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.Error:
        return 0.0
    # Those of children that have ended are their parent's: pages come and go faster than anybody looks.
    return float(times.user + times.system + times.children_user + times.children_system)


def _held_mb(pid: int) -> float:
    try:
        return _own_mb(psutil.Process(pid))
    except psutil.Error:
        return 0.0


def _own_mb(process: psutil.Process) -> float:
    """Without what is shared with others: counted once for every process, Chromium's own code would be most of it."""
    try:
        memory = process.memory_info()
    except psutil.Error:
        return 0.0
    return float(memory.rss - getattr(memory, "shared", 0)) / 2**20
