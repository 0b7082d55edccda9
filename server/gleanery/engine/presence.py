"""Which workers are certainly gone: asked at a start and once a second, so that a crash need not wait for its lease."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Presence(Protocol):
    """What shows that a worker's process lives, where something does. All may raise StorageError where that is the store."""

    async def hold(self, worker_id: str, /) -> None:
        """Show that this process is that worker. Raises InvalidInput when another one is."""
        ...

    async def release(self) -> None: ...

    async def gone(self, worker_ids: Sequence[str], /) -> Sequence[str]:
        """Those whose process has certainly ended, or whose lease is over. One that can't be told of is not among them: its
        tasks' leases say."""
        ...


class Unseen:
    """`Presence` where nothing shows who lives: every worker has its lease."""

    async def hold(self, _: str, /) -> None:
        return

    async def release(self) -> None:
        return

    async def gone(self, _: Sequence[str], /) -> Sequence[str]:
        return ()
