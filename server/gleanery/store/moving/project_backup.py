"""A backup of a Supabase project, in the form of one of a data folder: `gleanery restore` makes a folder of it."""

from __future__ import annotations

from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path

from gleanery import errors
from gleanery.store.archive import check_absent, storing
from gleanery.store.backup import UPLOADS, Backup, alone, hold_uploads, make_backup, part_folder
from gleanery.store.moving.ends import Listener
from gleanery.store.moving.move import move
from gleanery.store.moving.plan import plan
from gleanery.store.moving.sqlite_end import sqlite_goal
from gleanery.store.supabase.moving import postgres_source


def make_project_backup(
    url: str,
    data_dir: Path,
    target: Path,
    view: AbstractContextManager[Listener],
    *,
    made_by: str,
    now: datetime,
    is_replacing: bool = False,
) -> Backup:
    """Write a backup of the store in this database to `target`, while servers work with it: it is as it was at one moment.

    Files of uploads that wait are those of `data_dir`, where the copy is made. Raises as `make_backup` and a move do.
    """
    check_absent(target, is_replacing=is_replacing)  # now and not when all is copied
    with storing(data_dir):
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    with alone(data_dir), part_folder(data_dir / "project-backup.part") as copy:
        (copy / UPLOADS).mkdir()
        hold_uploads(data_dir / UPLOADS, copy / UPLOADS)
        with postgres_source(url, is_shared=True) as source, sqlite_goal(copy) as goal, view as listener:
            tables = plan(goal.columns(), source.columns())
            hold_uploads(data_dir / UPLOADS, copy / UPLOADS)
            if differences := move(source, goal, tables, listener).differences:
                raise errors.StorageError(f"The copy is not as the database: {differences[0]}")
        return make_backup(copy, target, made_by=made_by, now=now, is_replacing=is_replacing)
