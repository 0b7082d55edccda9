"""What a move needs of the store that is moved and of the one that it is moved to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from gleanery.store.moving.plan import Columns, Table

Row = tuple[Any, ...]
"""The values of a row, in the order of its table's columns; each is what `Kind` says, or None."""
Key = tuple[Any, ...]

LOST_NUL = "\ufffd"
"""What stands for a NUL in a goal that can't keep one."""


@dataclass(frozen=True)
class Inventory:
    """How many rows each table has, and the highest number that each numbered table has given to a row.

    A move that goes on must find its source with the same: what was copied would not be of one moment.
    """

    rows: Mapping[str, int]
    numbers: Mapping[str, int]


class Step(StrEnum):
    COPIED = "copied"
    INDEXED = "indexed"
    COMPARED = "compared"


class Listener(Protocol):
    """Hears how far a move is."""

    def begin(self, rows: int) -> None:
        """So many rows are to be copied, and then to be compared."""

    def done(self, step: Step, table: str, rows: int) -> None:
        """So many rows more of this table; none of it means that the step begins with it."""


class Reader(Protocol):
    """A store that is read, as it is at one moment."""

    @property
    def name(self) -> str:
        """Where it is, for people."""

    def columns(self) -> Columns:
        """Those of every table of gleanery's, whether it is moved or not."""

    def count(self, table: Table) -> int: ...

    def rows(self, table: Table, after: Key | None = None) -> Iterator[Row]:
        """The rows behind this key (None: all), in the order of keys, without all being in memory."""

    def highest_number(self, table: Table) -> int:
        """The highest number that a row of this numbered table ever had, also one that is gone; 0 for none."""

    def secret(self) -> str | None:
        """The secret of webhooks that the store's servers have where none is set, as `webhook.secret` holds it."""


class Goal(Protocol):
    """A store that is filled. Nobody works with it before `finish`; what was added stays when a move is broken off."""

    @property
    def name(self) -> str: ...

    @property
    def reader(self) -> Reader:
        """What has been added, as it is now."""

    @property
    def keeps_nul(self) -> bool:
        """Whether a text may have NUL characters."""

    def columns(self) -> Columns: ...

    def begin(self, inventory: Inventory, *, is_afresh: bool) -> bool:
        """Be the goal of the move of a store with this inventory; whether that was begun before, and goes on.

        `is_afresh` drops what another move, or this one, has added and not finished. Raises WrongState for a goal that has
        rows of its own, or those of another move.
        """

    def last_key(self, table: Table) -> Key | None:
        """The key of the last row that was added."""

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows in one transaction, with what is made of them. Raises StorageError."""

    def settle(self, numbers: Mapping[Table, int]) -> None:
        """After the last row: new rows get numbers behind these, and what is counted or indexed later is."""

    def keep_secret(self, secret: str) -> None:
        """Servers on this store have the secret from now on where none is set."""

    def derived(self) -> Sequence[str]:
        """What is wrong with that which is made of rows (their words), a sentence each."""

    def finish(self) -> None:
        """All is there and compared: from now on servers may work with it."""
