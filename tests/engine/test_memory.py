"""The memory of an attempt: that of its processes and all below them."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil
import pytest

from gleanery.engine.memory import MemoryWatch, own_mb

TAKES_50_MB = "x = b'x' * (50 * 1024**2); print('ready', flush=True); input()"
HAS_A_CHILD = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {TAKES_50_MB!r}])"


@contextmanager
def program(code: str) -> Iterator[psutil.Process]:
    """A Python program that has said that it is ready."""
    arguments = [sys.executable, "-c", code]
    with subprocess.Popen(arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        yield psutil.Process(process.pid)


def check(watch: MemoryWatch, *processes: psutil.Process) -> None:
    """It says what the system says of them: the system may take some away, or give some back, meanwhile."""
    before, said, after = taken(processes), watch.child_mb(), taken(processes)
    assert said is not None
    assert min(before, after) <= said <= max(before, after)


def taken(processes: Sequence[psutil.Process]) -> float:
    return sum(process.memory_info().rss for process in processes) / 1024**2


def test_without_processes_there_is_nothing_to_say() -> None:
    watch = MemoryWatch()
    assert (watch.pids, watch.child_mb()) == (frozenset(), None)


def test_a_process_counts_until_it_is_removed() -> None:
    watch = MemoryWatch()
    with program(TAKES_50_MB) as process:
        watch.add(process.pid)
        check(watch, process)
        assert 50 < (watch.child_mb() or 0) < 80
        watch.remove(process.pid)
        watch.remove(process.pid)
        assert watch.child_mb() is None


def test_what_is_below_a_process_counts_and_counts_once() -> None:
    watch = MemoryWatch()
    with program(HAS_A_CHILD) as process:
        watch.add(process.pid)
        (child,) = process.children()
        check(watch, process, child)
        watch.add(child.pid)
        check(watch, process, child)


def test_a_process_that_has_gone_takes_nothing() -> None:
    watch = MemoryWatch()
    with program(TAKES_50_MB) as process:
        watch.add(process.pid)
    assert (watch.pids, watch.child_mb()) == (frozenset({process.pid}), 0.0)


def test_this_process_takes_what_the_system_says() -> None:
    assert own_mb() == pytest.approx(psutil.Process().memory_info().rss / 1024**2, rel=0.1)
