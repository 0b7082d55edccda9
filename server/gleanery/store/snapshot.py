"""One moment of the embedded database, for whoever reads long: a backup, an export."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from gleanery import errors

BUSY_MILLISECONDS = 10_000


@contextlib.contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection on which everything is as it is now, until the end of the block, whatever is written meanwhile, by
    this process or another. It holds up neither readers nor writers; only the log can't start over before it is closed.

    May be used in any one thread. Raises NotFound when there is no database, StorageError for one that can't be read.
    """
    if not path.is_file():
        raise errors.NotFound("database", str(path))
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None, check_same_thread=False
        )
    except sqlite3.Error as error:
        raise errors.StorageError(f"{path} can't be opened: {error}.") from error
    try:
        connection.row_factory = sqlite3.Row
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MILLISECONDS}")
        connection.execute("PRAGMA query_only = ON")
        connection.execute("BEGIN")
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()  # from here on it sees this moment
        yield connection
    except sqlite3.Error as error:
        raise errors.StorageError(f"{path} can't be read: {error}.") from error
    finally:
        connection.close()
