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


async def test_who_was_never_there_is_gone(tmp_path: Path) -> None:
    assert list(await FilePresence(tmp_path / "workers").gone(["a", "b"])) == ["a", "b"]
    assert list(await FilePresence(tmp_path / "workers").gone([])) == []


@pytest.mark.parametrize("worker_id", NAMES)
async def test_a_worker_is_there_from_hold_to_release_whatever_its_name(tmp_path: Path, worker_id: str) -> None:
    folder = tmp_path / "new" / "workers"
    mine, looking = FilePresence(folder), FilePresence(folder)
    await mine.hold(worker_id)
    assert list(await looking.gone([worker_id, "another"])) == ["another"]
    assert list(await mine.gone([worker_id])) == []
    [file] = folder.iterdir()
    assert file.parent == folder
    await mine.release()
    assert list(await looking.gone([worker_id])) == [worker_id]
    assert list(folder.iterdir()) == []


async def test_a_name_is_held_once(tmp_path: Path) -> None:
    first, second = FilePresence(tmp_path), FilePresence(tmp_path)
    await first.hold("a")
    with pytest.raises(InvalidInput) as caught:
        await second.hold("a")
    assert caught.value.field == "worker_id"
    await second.release()
    assert list(await second.gone(["a"])) == [], "who was refused doesn't take the name along"
    await first.release()
    await second.hold("a")
    assert list(await first.gone(["a"])) == []


async def test_a_release_without_a_hold_and_a_second_one_do_nothing(tmp_path: Path) -> None:
    presence = FilePresence(tmp_path)
    await presence.release()
    await presence.hold("a")
    await presence.release()
    await presence.release()
    await presence.hold("a")
    assert list(await presence.gone(["a"])) == []


async def test_a_killed_process_is_gone_at_once_and_its_name_is_free(tmp_path: Path) -> None:
    here = FilePresence(tmp_path)
    with another_process(tmp_path, "a") as process:
        assert said(process) == "held"
        assert list(await here.gone(["a"])) == []
        with pytest.raises(InvalidInput):
            await here.hold("a")
        process.kill()
        process.wait()
        assert list(await here.gone(["a"])) == ["a"]
    await here.hold("a")
    with another_process(tmp_path, "a") as process:
        assert said(process) == "refused"


async def test_looking_whether_a_worker_lives_keeps_no_name(tmp_path: Path) -> None:
    with another_process(tmp_path, "a") as process:
        assert said(process) == "held"
    looking, mine = FilePresence(tmp_path), FilePresence(tmp_path)
    assert list(await looking.gone(["a"])) == ["a"], "its file is left, but nobody holds it"
    await mine.hold("a")


async def test_a_system_that_tells_no_boot_has_its_places_too(tmp_path: Path) -> None:
    """macOS for one has no /proc."""
    here, again, there = (
        FilePresence(tmp_path / name, boot_id=tmp_path / "none") for name in ("here", "here", "there")
    )
    for number, presence in enumerate((here, again, there)):
        await presence.hold(f"w{number}")
    assert here.place() == again.place() != there.place()
    assert here.place() != FilePresence(tmp_path / "here").place()
