"""What processes on several machines need of the store that they share: who of them lives, and what they must have alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True)
class Life:
    """A process that has a worker's name, told apart from others of the name by `life`; `place` is the folder in which its
    locked file shows that it lives."""

    worker_id: str
    life: str
    place: str


@dataclass(frozen=True)
class Holder:
    """Who has a name already, and in how many seconds its lease runs out unless it is prolonged."""

    life: str
    place: str
    seconds: float


@dataclass(frozen=True)
class Seen:
    """A name that is or was held; `is_over` when its lease has run out by the store's clock, `is_own` for the caller's."""

    worker_id: str
    place: str
    is_over: bool
    is_own: bool


class ProcessStore(Protocol):
    async def hold(self, life: Life, lease_seconds: float, *, gone: str | None = None) -> Holder | None:
        """The name is this life's for so long; None. While another one's lease lasts nothing is written and that one is
        answered, unless it is `gone`, the life that is known to have ended."""
        ...

    async def look(self, worker_id: str, life: str) -> Sequence[Seen]:
        """Prolong this life's lease, and see who holds names."""
        ...

    async def release(self, worker_id: str, life: str) -> None:
        """The name is free, if it is this life's."""
        ...

    async def common(self, name: str, value: str) -> str:
        """What all processes have under this name: what the first of them gave."""
        ...
