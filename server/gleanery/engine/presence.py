"""Which workers are certainly gone: asked at a start and once a second, so that a crash need not wait for its lease."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol


class Presence(Protocol):
    """What shows that a worker's process lives, where something does."""

    def hold(self, worker_id: str, /) -> None:
        """Show that this process is that worker. Raises InvalidInput when another one is."""
        ...

    def release(self) -> None: ...

    def gone(self, worker_ids: Sequence[str], /) -> Sequence[str]:
        """Those whose process has certainly ended. One that can't be told of is not among them: its lease says."""
        ...


class Unseen:
    """`Presence` where nothing shows who lives: every worker has its lease."""

    def hold(self, _: str, /) -> None:
        return

    def release(self) -> None:
        return

    def gone(self, _: Sequence[str], /) -> Sequence[str]:
        return ()
