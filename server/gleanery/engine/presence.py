"""Which workers live no more: asked at a start and once a second, so that a crash need not wait for its lease."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Presence(Protocol):
    """What shows that a worker's process lives, where something does. All may raise StorageError where that is the store."""

    async def hold(self, worker_id: str, /) -> None:
        """Show that this process is that worker. Raises InvalidInput when another one is."""
        ...

    async def release(self) -> None: ...

    async def ended(self, worker_ids: Sequence[str], /) -> Sequence[str]:
        """Those whose process has certainly ended: what they ran may be taken back at once. One that can't be told of is not
        among them: its tasks' leases say."""
        ...

    async def gone(self, worker_ids: Sequence[str], /) -> Sequence[str]:
        """Those, and those that have been silent for their lease. One of these may wake, and what it claims then is its own."""
        ...


class Unseen:
    """`Presence` where nothing shows who lives: every worker has its lease."""

    async def hold(self, _: str, /) -> None:
        return

    async def release(self) -> None:
        return

    async def ended(self, _: Sequence[str], /) -> Sequence[str]:
        return ()

    async def gone(self, _: Sequence[str], /) -> Sequence[str]:
        return ()
