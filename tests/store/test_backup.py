"""Backups of a data folder that is being written to, and what is made of them again: the same, row by row."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import hashlib
import json
import sqlite3
import sys
import threading
import zipfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from gleanery import errors
from gleanery.model import FINAL_STATUSES, NewTask
from gleanery.store.backup import Backup, Restored, make_backup, read_backup, restore_backup
from gleanery.store.embedded import EmbeddedStore
from gleanery.store.schema import MIGRATIONS
from tests.store.samples import Crawl, start_crawl

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
LONG_WORDS = "words of many kinds " * 400
UPLOAD = b"# A file\n\nthat waits\n"


def dump(database: Path) -> dict[str, str]:
    """A hash of all rows of each table, in their order, and of the schema."""
    with contextlib.closing(sqlite3.connect(f"file:{database}?mode=rw", uri=True)) as db:
        return dump_of(db)


def dump_of(db: sqlite3.Connection) -> dict[str, str]:
    names = [
        row[0]
        for row in db.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type <> 'virtual' ORDER BY 1"
        )
    ]
    found = {name: hashlib.sha256(repr(db.execute(f'SELECT * FROM "{name}"').fetchall()).encode()) for name in names}
    return {name: digest.hexdigest() for name, digest in found.items()}


def back_up(data_dir: Path, target: Path, **options: Any) -> Backup:
    return make_backup(data_dir, target, made_by="1.2.3", now=NOW, **options)


def restored(file: Path, data_dir: Path, **options: Any) -> Restored:
    return restore_backup(file, data_dir, now=NOW, **options)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "uploads").mkdir(parents=True)
    return folder


@pytest.fixture
async def open_data(data: Path) -> AsyncIterator[EmbeddedStore]:
    async with EmbeddedStore(data / "gleanery.db", lambda changes: None) as store:
        yield store


@pytest.fixture
async def made(data: Path, open_data: EmbeddedStore, tmp_path: Path) -> Path:
    """A backup of a folder with a crawl, an upload that waits and the secret of the webhooks."""
    crawl = await start_crawl(open_data)
    await crawl.put("a", ["first words", "second words"], code=[("py", "x = 1")])
    task = await open_data.tasks.create(NewTask("upload", {}))
    (data / "uploads" / task.task_id).write_bytes(UPLOAD)
    (data / "webhook.secret").write_text("whsec_abc")
    back_up(data, tmp_path / "made.zip")
    return tmp_path / "made.zip"


class Frozen:
    """Holds the writer of a database, so that its state is known to the byte; lets it go when it is told."""

    def __init__(self, database: Path) -> None:
        self._db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
        self._db.execute("BEGIN IMMEDIATE")
        self.dump = dump_of(self._db)

    def thaw(self) -> None:
        self._db.execute("ROLLBACK")
        self._db.close()


async def put_until(crawl: Crawl, done: asyncio.Event, stored: threading.Semaphore) -> None:
    number = 0
    while not done.is_set():
        await crawl.put(f"later-{number}", [f"{number} {LONG_WORDS}", f"again {number}"])
        stored.release()
        number += 1


async def test_what_is_written_meanwhile_is_not_in_it_and_what_was_there_is(
    data: Path, open_data: EmbeddedStore, tmp_path: Path
) -> None:
    crawl = await start_crawl(open_data)
    for number in range(200):
        await crawl.put(f"before-{number}", [f"{number} {LONG_WORDS}"])
    frozen, done, stored, steps = Frozen(data / "gleanery.db"), asyncio.Event(), threading.Semaphore(0), list[int]()

    def on_step(copied: int, total: int) -> None:
        """The copy goes on only when a page more has been stored meanwhile."""
        if not steps:
            frozen.thaw()
        steps.append(copied)
        assert stored.acquire(timeout=30)

    writing = asyncio.create_task(put_until(crawl, done, stored))
    backup = await asyncio.to_thread(back_up, data, tmp_path / "b.zip", on_step=on_step)
    done.set()
    await writing
    assert len(steps) > 3
    assert backup.tables["page"] == 200
    restored(tmp_path / "b.zip", tmp_path / "new")
    assert dump(tmp_path / "new" / "gleanery.db") == frozen.dump
    assert (await open_data.knowledge.source(crawl.source.source_id)).page_count > 200


async def test_a_snapshot_that_is_held_long_holds_up_no_writer(
    data: Path, open_data: EmbeddedStore, tmp_path: Path
) -> None:
    """Also when the log has grown so long that it would be made to start over, which has to wait for readers."""
    crawl, loop = await start_crawl(open_data), asyncio.get_running_loop()
    has_begun, may_go_on, seconds = asyncio.Event(), threading.Event(), list[float]()

    def on_step(copied: int, total: int) -> None:
        loop.call_soon_threadsafe(has_begun.set)
        assert may_go_on.wait(60)

    copying = asyncio.create_task(asyncio.to_thread(back_up, data, tmp_path / "b.zip", on_step=on_step))
    await has_begun.wait()
    number, wal, grown_at = 0, data / "gleanery.db-wal", 0.0
    # And some time more: the log is looked at five times a second.
    while not grown_at or loop.time() < grown_at + 3.0:
        began = loop.time()
        await crawl.put(f"p{number}", [f"{number} {part} {LONG_WORDS}" for part in range(1 if grown_at else 20)])
        number += 1
        if grown_at:
            seconds.append(loop.time() - began)
        if not grown_at and wal.stat().st_size > 45_000_000:
            grown_at = loop.time()
    may_go_on.set()
    await copying
    # Held up, each of them would take seconds; a busy machine stands still now and then.
    assert sorted(seconds)[len(seconds) // 2] < 1.0


async def test_a_restored_folder_is_the_same_row_by_row_and_file_by_file(
    data: Path, made: Path, tmp_path: Path
) -> None:
    said = restored(made, tmp_path / "new")
    assert said.aside is None
    assert dump(tmp_path / "new" / "gleanery.db") == dump(data / "gleanery.db")
    for path in ("webhook.secret", *(f"uploads/{file.name}" for file in (data / "uploads").iterdir())):
        assert (tmp_path / "new" / path).read_bytes() == (data / path).read_bytes()
        assert (tmp_path / "new" / path).stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["gleanery.db", "uploads", "webhook.secret"]


async def test_a_restored_database_works(made: Path, tmp_path: Path) -> None:
    restored(made, tmp_path / "new")
    async with EmbeddedStore(tmp_path / "new" / "gleanery.db", lambda changes: None) as store:
        (source,) = await store.knowledge.sources(after=None, limit=10, model=None)
        assert (source.page_count, source.chunk_count, source.code_example_count) == (1, 2, 1)
        assert await store.knowledge.chunks(source.source_id, page_id=None, after=0, limit=10)


async def test_the_backup_says_what_is_in_it(data: Path, made: Path) -> None:
    backup = read_backup(made)
    assert (backup.made_at, backup.made_by, backup.schema, backup.uploads) == (NOW, "1.2.3", len(MIGRATIONS), 1)
    assert backup.tables["task"] == 2
    assert not any(name.startswith(("sqlite_", "chunk_words", "code_words")) for name in backup.tables)
    assert made.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in made.parent.iterdir()) == ["data", "made.zip"]
    assert not (data / "backup.part").exists()


async def test_its_parts_are_what_any_program_takes_from_a_zip(made: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(made) as archive:
        assert archive.testzip() is None
        manifest = json.loads(archive.read("manifest.json"))
        for name, part in manifest["parts"].items():
            assert hashlib.sha256(archive.read(name)).hexdigest() == part["sha256"]
        archive.extract("gleanery.db", tmp_path / "out")
    with contextlib.closing(sqlite3.connect(tmp_path / "out" / "gleanery.db")) as db:
        assert db.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_file_whose_task_ends_meanwhile_is_in_it(data: Path, open_data: EmbeddedStore, tmp_path: Path) -> None:
    task = await open_data.tasks.create(NewTask("upload", {}))
    file = data / "uploads" / task.task_id
    file.write_bytes(UPLOAD)
    assert back_up(data, tmp_path / "b.zip", on_step=lambda copied, total: file.unlink(missing_ok=True)).uploads == 1
    restored(tmp_path / "b.zip", tmp_path / "new")
    assert (tmp_path / "new" / "uploads" / task.task_id).read_bytes() == UPLOAD


async def test_files_of_ended_tasks_and_what_else_lies_about_are_left_out(
    data: Path, open_data: EmbeddedStore, tmp_path: Path
) -> None:
    ended = await open_data.tasks.create(NewTask("upload", {}))
    assert (await open_data.tasks.request_cancel(ended.task_id)).status in FINAL_STATUSES
    for name in (f"uploads/{ended.task_id}", "uploads/notes.txt", "server.json", "lock"):
        (data / name).write_bytes(UPLOAD)
    back_up(data, tmp_path / "b.zip")
    with zipfile.ZipFile(tmp_path / "b.zip") as archive:
        assert sorted(archive.namelist()) == ["gleanery.db", "manifest.json"]


def test_without_a_database_there_is_nothing_to_back_up(tmp_path: Path) -> None:
    with pytest.raises(errors.NotFound):
        back_up(tmp_path / "nowhere", tmp_path / "b.zip")
    assert not list(tmp_path.iterdir())


async def test_a_file_that_is_there_stays_unless_it_is_to_be_replaced(
    data: Path, open_data: EmbeddedStore, tmp_path: Path
) -> None:
    (tmp_path / "b.zip").write_text("mine")
    with pytest.raises(errors.WrongState):
        back_up(data, tmp_path / "b.zip")
    assert (tmp_path / "b.zip").read_text() == "mine"
    back_up(data, tmp_path / "b.zip", is_replacing=True)
    assert read_backup(tmp_path / "b.zip").tables["task"] == 0


async def test_one_backup_at_a_time(data: Path, open_data: EmbeddedStore, tmp_path: Path) -> None:
    def again(copied: int, total: int) -> None:
        with pytest.raises(errors.WrongState):
            back_up(data, tmp_path / "second.zip")

    back_up(data, tmp_path / "first.zip", on_step=again)
    assert not (tmp_path / "second.zip").exists()


class StoppedError(Exception):
    pass


async def test_one_that_is_broken_off_leaves_nothing(data: Path, open_data: EmbeddedStore, tmp_path: Path) -> None:
    def stop(copied: int, total: int) -> None:
        raise StoppedError

    with pytest.raises(StoppedError):
        back_up(data, tmp_path / "b.zip", on_step=stop)
    assert [path.name for path in tmp_path.iterdir()] == ["data"]
    assert not (data / "backup.part").exists()


_LIMITED = """
import resource, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from gleanery import errors
from gleanery.store.backup import make_backup
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[3]), resource.RLIM_INFINITY))
try:
    make_backup(Path(sys.argv[1]), Path(sys.argv[2]), made_by="1", now=datetime.now(UTC))
except errors.StorageError as error:
    print(error.code)
"""


@pytest.mark.parametrize("share", [0.5, 1.0])
async def test_a_full_disk_leaves_no_file_that_looks_whole(
    data: Path, open_data: EmbeddedStore, tmp_path: Path, share: float
) -> None:
    """While the database is copied, and while the copy goes into the file."""
    crawl = await start_crawl(open_data)
    for number in range(20):
        await crawl.put(f"p{number}", [f"{number} {LONG_WORDS}"])
    back_up(data, tmp_path / "whole.zip")
    with zipfile.ZipFile(tmp_path / "whole.zip") as archive:
        room = int(archive.getinfo("gleanery.db").file_size * share)
    (tmp_path / "whole.zip").unlink()
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", _LIMITED, str(data), str(tmp_path / "b.zip"), str(room)), stdout=asyncio.subprocess.PIPE
    )
    out, _ = await process.communicate()
    assert out.decode().strip() in ("storage_error", "storage_full")
    assert [path.name for path in tmp_path.iterdir()] == ["data"]


_DYING = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from gleanery.store.backup import make_backup
make_backup(Path(sys.argv[1]), Path(sys.argv[2]), made_by="1", now=datetime.now(UTC),
    on_step=lambda copied, total: os.kill(os.getpid(), signal.SIGKILL))
"""


async def test_one_that_was_killed_is_not_taken_for_whole_and_the_next_one_clears_it_away(
    data: Path, open_data: EmbeddedStore, tmp_path: Path
) -> None:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _DYING, str(data), str(tmp_path / "b.zip"))
    assert await process.wait() == -9
    assert not (tmp_path / "b.zip").exists()
    back_up(data, tmp_path / "b.zip")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["b.zip", "data"]
    assert not (data / "backup.part").exists()


async def test_a_damaged_database_is_not_saved_as_if_it_were_whole(data: Path, tmp_path: Path) -> None:
    async with EmbeddedStore(data / "gleanery.db", lambda changes: None) as store:
        crawl = await start_crawl(store)
        await crawl.put("a", [LONG_WORDS])
    with contextlib.closing(sqlite3.connect(data / "gleanery.db")) as db:
        db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    raw = bytearray((data / "gleanery.db").read_bytes())
    raw[4096 * 3 : 4096 * 5] = b"\xff" * 8192
    (data / "gleanery.db").write_bytes(raw)
    with pytest.raises(errors.StorageError):
        back_up(data, tmp_path / "b.zip")
    assert not (tmp_path / "b.zip").exists()


def rewritten(file: Path, target: Path, change: Any) -> Path:
    """The archive with other parts: `change` gets and gives {name: bytes}."""
    with zipfile.ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    with zipfile.ZipFile(target, "w") as archive:
        for name, content in change(parts).items():
            archive.writestr(name, content)
    return target


def with_manifest(**fields: Any) -> Any:
    def change(parts: dict[str, bytes]) -> dict[str, bytes]:
        manifest = {**json.loads(parts["manifest.json"]), **fields}
        return {**parts, "manifest.json": json.dumps(manifest).encode()}

    return change


def with_part(name: str, content: bytes) -> Any:
    """A part more, as a manifest has it that was made to fit."""

    def change(parts: dict[str, bytes]) -> dict[str, bytes]:
        manifest = json.loads(parts["manifest.json"])
        manifest["parts"][name] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        return {**parts, name: content, "manifest.json": json.dumps(manifest).encode()}

    return change


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda parts: {**parts, "gleanery.db": parts["gleanery.db"][:-1]}, "has not the size that the manifest says"),
        (lambda parts: {**parts, "gleanery.db": b"\0" + parts["gleanery.db"][1:]}, "its SHA-256 is not"),
        (lambda parts: {**parts, "more": b"x"}, "more: is in the manifest or in the file, not in both"),
        (lambda parts: {k: v for k, v in parts.items() if k != "webhook.secret"}, "webhook.secret: is in the manifest"),
        (lambda parts: {k: v for k, v in parts.items() if k != "manifest.json"}, "has no manifest.json"),
        (lambda parts: {**parts, "manifest.json": b"[" * 100_000}, "manifest.json: is not JSON"),
        (with_manifest(format="gleanery-source"), "its format is 'gleanery-source'"),
        (with_manifest(version=2), "is of version 2, this gleanery reads up to 1"),
        (with_manifest(version="1"), "its version is not a number"),
        (with_manifest(schema=len(MIGRATIONS) + 1), f"its database has schema {len(MIGRATIONS) + 1}"),
        (with_manifest(tables={"task": 99}), "has not the tables and rows that the manifest says"),
        (with_manifest(made_at="yesterday"), "made_at: is not a time"),
        (with_manifest(parts=[]), "parts: is not an object"),
        (with_part("../outside", b"x"), "../outside: is no part of a backup"),
        (with_part("/tmp/outside", b"x"), "/tmp/outside: is no part of a backup"),
        (with_part("uploads/../../x", b"x"), "uploads/../../x: is no part of a backup"),
        (with_part("gleanery.db", b"not a database" * 100), "can't be read"),
    ],
)
async def test_what_is_no_sound_backup_is_refused_before_anything_is_touched(
    made: Path, tmp_path: Path, change: Any, reason: str
) -> None:
    file = rewritten(made, tmp_path / "other.zip", change)
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "gleanery.db").write_text("what was there")
    with pytest.raises(errors.GleaneryError) as caught:
        restored(file, tmp_path / "new", is_forced=True)
    assert reason in caught.value.message
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["gleanery.db"]
    assert (tmp_path / "new" / "gleanery.db").read_text() == "what was there"
    assert not (tmp_path / "outside").exists()


@pytest.mark.parametrize("kept", [0, 10, 5000, -1])
async def test_a_file_that_is_cut_off_is_refused(made: Path, tmp_path: Path, kept: int) -> None:
    (tmp_path / "cut.zip").write_bytes(made.read_bytes()[:kept])
    with pytest.raises(errors.InvalidInput):
        restored(tmp_path / "cut.zip", tmp_path / "new")
    assert not (tmp_path / "new" / "gleanery.db").exists()


async def test_a_bit_that_has_turned_is_noticed_wherever_it_is(made: Path, tmp_path: Path) -> None:
    raw = bytearray(made.read_bytes())
    for at in range(0, len(raw), max(1, len(raw) // 23)):
        turned = bytes(raw[:at]) + bytes([raw[at] ^ 1]) + bytes(raw[at + 1 :])
        (tmp_path / "turned.zip").write_bytes(turned)
        folder = tmp_path / f"new-{at}"
        try:
            restored(tmp_path / "turned.zip", folder)
        except errors.InvalidInput:
            assert not (folder / "gleanery.db").exists()
        else:  # only what says nothing, such as a date: then all of it is right
            assert dump(folder / "gleanery.db") == dump(tmp_path / "data" / "gleanery.db")


async def test_a_folder_with_a_database_is_not_overwritten(data: Path, made: Path) -> None:
    before = dump(data / "gleanery.db")
    with pytest.raises(errors.WrongState, match=r"has gleanery\.db"):
        restored(made, data)
    assert dump(data / "gleanery.db") == before


async def test_what_was_there_is_put_aside_when_forced(made: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    async with EmbeddedStore(folder / "gleanery.db", lambda changes: None) as store:
        await store.tasks.create(NewTask("demo", {}))
    (folder / "uploads").mkdir()
    (folder / "models").mkdir()
    before = dump(folder / "gleanery.db")
    said = restored(made, folder, is_forced=True)
    assert said.aside == folder / "before-restore-20260102T030405.000000"
    assert dump(said.aside / "gleanery.db") == before
    assert (said.aside / "uploads").is_dir()
    assert (folder / "models").is_dir()
    assert dump(folder / "gleanery.db") == dump(tmp_path / "data" / "gleanery.db")


@contextlib.contextmanager
def held(path: Path) -> Iterator[None]:
    path.parent.mkdir(parents=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


async def test_a_folder_that_a_worker_uses_is_left_alone(made: Path, tmp_path: Path) -> None:
    with held(tmp_path / "new" / "workers" / "a.lock"), pytest.raises(errors.WrongState, match="A worker uses"):
        restored(made, tmp_path / "new", is_forced=True)
    assert restored(made, tmp_path / "new").backup == read_backup(made)
