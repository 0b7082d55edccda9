"""A backup of everything that a server keeps, as one file, made while it runs; and the data folder made from it again.

The file is a zip: `gleanery.db` (the database as it was at one moment), the files of uploads that waited then, the secret
of the webhooks, and `manifest.json` with format, versions, rows of every table, size and SHA-256 of every part.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gleanery import errors
from gleanery.store.archive import Archive, ArchiveWriter, damaged, open_archive, storing, sync_folder, whole_file
from gleanery.store.presence import is_used
from gleanery.store.schema import MIGRATIONS
from gleanery.store.snapshot import snapshot

FORMAT, VERSION = "gleanery-backup", 1
DATABASE, UPLOADS, SECRET = "gleanery.db", "uploads", "webhook.secret"
STEP_PAGES = 256
"""Pages of 4 KB between two calls of `on_step`: a ms or two."""
SYNC_STEPS = 64
TRIES = 3

_UPLOAD = re.compile(r"uploads/(tsk_[0-9a-f]{1,64})")
_REPLACED = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm", UPLOADS, SECRET)
"""What a restore puts aside. The database first: its log without it would be nobody's, it without its log an older one."""

OnStep = Callable[[int, int], None]
"""Hears how many pages of the database are copied, and of how many. What it raises ends the backup."""


@dataclass(frozen=True)
class Backup:
    """What a backup says of itself. `tables` has the rows of each, `size_bytes` is that of its parts together."""

    made_at: datetime
    made_by: str
    schema: int
    tables: Mapping[str, int]
    uploads: int
    size_bytes: int


@dataclass(frozen=True)
class Restored:
    """What was restored, and the folder that has what was there before; None when nothing was."""

    backup: Backup
    aside: Path | None


def _nothing(done: int, total: int) -> None:
    pass


def make_backup(
    data_dir: Path,
    target: Path,
    *,
    made_by: str,
    now: datetime,
    is_replacing: bool = False,
    on_step: OnStep = _nothing,
) -> Backup:
    """Write a backup of `data_dir` to `target`; in a thread or a process of its own, with a server running or not.

    All of it is as it was at one moment, soon after the call. There is nothing at `target` before all of it is on the
    disk. Raises NotFound without a database, WrongState while another backup is made or when `target` is there (and not to
    be replaced), StorageError where it can't be written or what would be saved is damaged, and what `on_step` raises.
    """
    if not (data_dir / DATABASE).is_file():
        raise errors.NotFound("database", str(data_dir / DATABASE))
    with alone(data_dir), contextlib.ExitStack() as stack:
        file = stack.enter_context(whole_file(target, is_replacing=is_replacing))
        staged = stack.enter_context(part_folder(data_dir / "backup.part"))
        copy = target.with_name(f"{target.name}.db.part")
        stack.callback(copy.unlink, missing_ok=True)
        with _moment(data_dir, staged) as source:
            waiting = sorted({path.name for path in staged.iterdir()} & _unfinished(source))
            _copy(source, copy, on_step)
        schema, tables = _check(copy)
        archive = stack.enter_context(ArchiveWriter(file))
        archive.add_file(DATABASE, copy)
        for task_id in waiting:
            archive.add_file(f"{UPLOADS}/{task_id}", staged / task_id)
        if (data_dir / SECRET).is_file():
            archive.add_file(SECRET, data_dir / SECRET)
        said = {"format": FORMAT, "version": VERSION, "made_at": now.isoformat(), "made_by": made_by}
        archive.close({**said, "schema": schema, "tables": tables})
    size = sum(part.bytes for part in archive.parts.values())
    return Backup(now, made_by, schema, tables, len(waiting), size)


@contextlib.contextmanager
def alone(data_dir: Path) -> Iterator[None]:
    """One backup at a time: what is found of an earlier one is of one that died. Raises WrongState while another is made."""
    with storing(data_dir), (data_dir / "backup.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise errors.WrongState("A backup is being made already: wait until it is done.") from None
        yield


@contextlib.contextmanager
def part_folder(path: Path) -> Iterator[Path]:
    """An empty folder that goes at the end of the block; what is there of one that died goes before."""
    with storing(path):
        shutil.rmtree(path, ignore_errors=True)
        path.mkdir(mode=0o700)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _moment(data_dir: Path, staged: Path) -> Iterator[sqlite3.Connection]:
    """The database at one moment, and in `staged` every file that its unfinished tasks need.

    A file comes before its task and goes when its pages are stored. So those from just before the moment and from just
    after it are held: one that came and went in between is missed, and then another moment is taken. (At last one that is
    not there is taken for lost.)
    """
    for attempt in range(TRIES):
        hold_uploads(data_dir / UPLOADS, staged)
        with snapshot(data_dir / DATABASE) as source:
            hold_uploads(data_dir / UPLOADS, staged)
            if attempt == TRIES - 1 or _needing(source) <= {path.name for path in staged.iterdir()}:
                yield source
                return


def hold_uploads(folder: Path, staged: Path) -> None:
    """Give every waiting file a second name, so that it stays although its task may end."""
    if not folder.is_dir():
        return
    for path in folder.iterdir():
        held = staged / path.name
        if not _UPLOAD.fullmatch(f"{UPLOADS}/{path.name}") or held.exists():
            continue
        with contextlib.suppress(FileNotFoundError):  # it went just now
            try:
                held.hardlink_to(path)
            except FileNotFoundError:
                raise
            except OSError:  # a file system without links
                shutil.copyfile(path, held)


def _unfinished(source: sqlite3.Connection) -> set[str]:
    rows = source.execute("SELECT task_id FROM task WHERE status IN ('queued', 'running', 'paused')")
    return {row[0] for row in rows}


def _needing(source: sqlite3.Connection) -> set[str]:
    """The tasks that can't go on without their file."""
    rows = source.execute(
        "SELECT task_id FROM task WHERE status IN ('queued', 'running', 'paused') AND task_type IN ('upload', 'import')"
        " AND NOT EXISTS (SELECT 1 FROM step WHERE step.task_id = task.task_id AND step.name = 'store')"
    )
    return {row[0] for row in rows}


def _copy(source: sqlite3.Connection, target: Path, on_step: OnStep) -> None:
    """The database page by page. Its steps don't start over when something is written: `source` sees one moment."""
    steps = 0

    def step(_: int, remaining: int, total: int) -> None:
        nonlocal steps
        steps += 1
        if steps % SYNC_STEPS == 0:
            _sync(target)
        on_step(total - remaining, total)

    with storing(target):
        target.unlink(missing_ok=True)
        os.close(os.open(target, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with contextlib.closing(sqlite3.connect(target, isolation_level=None)) as copy:
            copy.execute("PRAGMA journal_mode = OFF")
            copy.execute("PRAGMA synchronous = OFF")
            source.backup(copy, pages=STEP_PAGES, progress=step)
    except sqlite3.Error as error:
        if "disk is full" in str(error):
            raise errors.StorageFull(f"There is no room on the disk for {target}.") from error
        raise errors.StorageError(f"The database can't be copied: {error}.") from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fdatasync(handle)
    finally:
        os.close(handle)


def _check(path: Path) -> tuple[int, dict[str, int]]:
    """The schema's number and the rows of every table. Raises StorageError for a database that is damaged."""
    uri = f"{path.absolute().as_uri()}?mode=ro&immutable=1"
    try:
        with contextlib.closing(sqlite3.connect(uri, uri=True)) as database:
            found = [row[0] for row in database.execute("PRAGMA integrity_check(3)")]
            if found != ["ok"]:
                raise errors.StorageError(f"The database is damaged: {'; '.join(found)}.")
            schema: int = database.execute("PRAGMA user_version").fetchone()[0]
            names = database.execute(
                "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table'"
                " AND name NOT LIKE 'sqlite_%' ORDER BY name"
            ).fetchall()
            rows = {name: database.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for (name,) in names}
    except sqlite3.Error as error:
        raise errors.StorageError(f"The database can't be read: {error}.") from error
    return schema, rows


def read_backup(file: Path) -> Backup:
    """What a backup says of itself. Raises InvalidInput for a file that is none, or is damaged where that can be seen."""
    with open_archive(file, FORMAT, VERSION) as archive:
        return _described(archive)


def _described(archive: Archive) -> Backup:
    match archive.manifest:
        case {
            "made_at": str() as made_at,
            "made_by": str() as made_by,
            "schema": int() as schema,
            "tables": dict() as rows,
        }:
            try:
                at = datetime.fromisoformat(made_at)
            except ValueError:
                raise damaged("manifest.json", "made_at: is not a time") from None
        case _:
            raise damaged("manifest.json", "needs made_at, made_by, schema and tables")
    for name in archive.parts:
        if name not in (DATABASE, SECRET) and not _UPLOAD.fullmatch(name):
            raise damaged(name[:200], "is no part of a backup")
    if DATABASE not in archive.parts:
        raise damaged("", f"has no {DATABASE}")
    if schema > len(MIGRATIONS):
        reason = f"its database has schema {schema}, this gleanery knows {len(MIGRATIONS)}: take the newer gleanery"
        raise damaged("manifest.json", reason)
    uploads = sum(name.startswith(f"{UPLOADS}/") for name in archive.parts)
    size = sum(part.bytes for part in archive.parts.values())
    return Backup(at, made_by, schema, rows, uploads, size)


def restore_backup(file: Path, data_dir: Path, *, now: datetime, is_forced: bool = False) -> Restored:
    """Put a backup in place of what `data_dir` holds, which must be this caller's alone.

    Everything is unpacked and checked before anything of the folder is touched. What was there goes into a folder
    `before-restore-…` in it. Raises InvalidInput for a file that is no backup or is damaged, WrongState when there is a
    database already (unless `is_forced`) or a worker uses the folder, StorageError when it can't be written.
    """
    with open_archive(file, FORMAT, VERSION) as archive:
        backup = _described(archive)
        with storing(data_dir):
            data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _check_free(data_dir, is_forced=is_forced)
        if shutil.disk_usage(data_dir).free < backup.size_bytes:
            raise errors.StorageFull(f"There is no room on the disk: {data_dir} needs {backup.size_bytes} bytes.")
        with part_folder(data_dir / "restore.part") as staged:
            _unpack(archive, staged)
            if (found := _check(staged / DATABASE)) != (backup.schema, backup.tables):
                raise damaged(DATABASE, f"has not the tables and rows that the manifest says, but {found}")
            with storing(data_dir):
                return Restored(backup, _exchange(data_dir, staged, now))


def _check_free(data_dir: Path, *, is_forced: bool) -> None:
    if is_used(data_dir / "workers"):
        raise errors.WrongState(f"A worker uses {data_dir}: stop it first.")
    if not is_forced and (there := [name for name in _REPLACED if (data_dir / name).exists()]):
        raise errors.WrongState(f"{data_dir} has {', '.join(there)} already: take an empty folder, or say --force.")


def _unpack(archive: Archive, folder: Path) -> None:
    """Raises InvalidInput for a part whose bytes are not those that the manifest names."""
    for name in archive.parts:
        path = folder / name
        with storing(path):
            path.parent.mkdir(mode=0o700, exist_ok=True)
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
                for piece in archive.pieces(name):
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
    for inner in (folder, folder / UPLOADS):
        if inner.is_dir():
            sync_folder(inner)


def _exchange(data_dir: Path, staged: Path, now: datetime) -> Path | None:
    """What is there goes aside, what was unpacked comes in its place, the database last: a server that starts on a
    folder where this was broken off finds none of another moment."""
    there = [name for name in _REPLACED if (data_dir / name).exists()]
    aside = data_dir / f"before-restore-{now:%Y%m%dT%H%M%S.%f}"
    if there:
        aside.mkdir(mode=0o700)
        for name in there:
            (data_dir / name).rename(aside / name)
        sync_folder(aside)
    for name in (UPLOADS, SECRET, DATABASE):
        if (staged / name).exists():
            (staged / name).rename(data_dir / name)
    sync_folder(data_dir)
    return aside if there else None
