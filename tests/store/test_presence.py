"""Who lives, by locked files: told between processes, also when one is killed."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from gleanery.errors import InvalidInput
from gleanery.store.presence import FilePresence

ROOT = Path(__file__).parents[2]
NAMES = ["worker-1", "../../etc/passwd", "höst:1/ \n", "x" * 5000, ""]


@contextmanager
def another_process(folder: Path, worker_id: str) -> Iterator[subprocess.Popen[str]]:
    """It is that worker, as long as it is not ended."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.store.holding", str(folder), worker_id],
        cwd=ROOT,
        env={"PYTHONPATH": f"{ROOT / 'server'}:{ROOT}"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def said(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def test_who_was_never_there_is_gone(tmp_path: Path) -> None:
    assert list(FilePresence(tmp_path / "workers").gone(["a", "b"])) == ["a", "b"]
    assert list(FilePresence(tmp_path / "workers").gone([])) == []


@pytest.mark.parametrize("worker_id", NAMES)
def test_a_worker_is_there_from_hold_to_release_whatever_its_name(tmp_path: Path, worker_id: str) -> None:
    folder = tmp_path / "new" / "workers"
    mine, looking = FilePresence(folder), FilePresence(folder)
    mine.hold(worker_id)
    assert list(looking.gone([worker_id, "another"])) == ["another"]
    assert list(mine.gone([worker_id])) == []
    [file] = folder.iterdir()
    assert file.parent == folder
    mine.release()
    assert list(looking.gone([worker_id])) == [worker_id]
    assert list(folder.iterdir()) == []


def test_a_name_is_held_once(tmp_path: Path) -> None:
    first, second = FilePresence(tmp_path), FilePresence(tmp_path)
    first.hold("a")
    with pytest.raises(InvalidInput) as caught:
        second.hold("a")
    assert caught.value.field == "worker_id"
    second.release()
    assert list(second.gone(["a"])) == [], "who was refused doesn't take the name along"
    first.release()
    second.hold("a")
    assert list(first.gone(["a"])) == []


def test_a_release_without_a_hold_and_a_second_one_do_nothing(tmp_path: Path) -> None:
    presence = FilePresence(tmp_path)
    presence.release()
    presence.hold("a")
    presence.release()
    presence.release()
    presence.hold("a")
    assert list(presence.gone(["a"])) == []


def test_a_killed_process_is_gone_at_once_and_its_name_is_free(tmp_path: Path) -> None:
    here = FilePresence(tmp_path)
    with another_process(tmp_path, "a") as process:
        assert said(process) == "held"
        assert list(here.gone(["a"])) == []
        with pytest.raises(InvalidInput):
            here.hold("a")
        process.kill()
        process.wait()
        assert list(here.gone(["a"])) == ["a"]
    here.hold("a")
    with another_process(tmp_path, "a") as process:
        assert said(process) == "refused"


def test_looking_whether_a_worker_lives_keeps_no_name(tmp_path: Path) -> None:
    with another_process(tmp_path, "a") as process:
        assert said(process) == "held"
    looking, mine = FilePresence(tmp_path), FilePresence(tmp_path)
    assert list(looking.gone(["a"])) == ["a"], "its file is left, but nobody holds it"
    mine.hold("a")
