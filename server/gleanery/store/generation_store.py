"""The contract for a source's states: one is seen, the next is built beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Protocol

from gleanery.model import Fence, Generation, NewEvent, Page, PageChange, PageDelta, PageVersion, Progress, StoredCode
from gleanery.store.values import BuildSaved, GenerationFigures

TOLD_PAGES = 100
"""Pages that the call to a webhook lists when a refresh is complete; its counts are of all."""


class GenerationStore(Protocol):
    """A source's pages as numbered generations. One is visible; a refresh builds the next beside it and swaps it in."""

    async def begin(self, fence: Fence, source_id: str) -> Generation:
        """The generation that the task builds: the one it has begun before, else a new one. What was built beside the visible
        one and did not take its place is undone first. Where no generation is complete the new one is visible at once."""
        ...

    async def figures(self, source_id: str, number: int | None) -> GenerationFigures:
        """What a generation has; None: the visible one."""
        ...

    async def saved(self, source_id: str, number: int) -> BuildSaved:
        """What the task of that generation met, and what of it was there before."""
        ...

    async def complete(
        self,
        fence: Fence,
        source_id: str,
        grace: timedelta,
        events: Sequence[NewEvent],
        progress: Progress,
        result: Mapping[str, Any],
    ) -> Generation:
        """Make what the task has built the visible generation, in one step with its events. Pages that the task has not met
        are missing from now on; those missing for `grace` or longer are not part of it any more. `result` is kept
        with the counts of pages added, changed and removed."""
        ...

    async def reject(self, fence: Fence, source_id: str, result: Mapping[str, Any]) -> Generation:
        """What the task has built is not to be seen. It stays, to be activated by hand, until the next one is begun."""
        ...

    async def activate(self, source_id: str, number: int) -> Generation:
        """Make an older or a rejected generation the visible one. Raises NotFound where it is not kept (any more), and
        WrongState while it is built, or another one is."""
        ...

    async def get(self, source_id: str, number: int) -> Generation:
        """Raises NotFound."""
        ...

    async def of_task(self, source_id: str, task_id: str) -> Generation | None:
        """The newest that the task has made or is making."""
        ...

    async def list(self, source_id: str, *, before: int | None, limit: int) -> Sequence[Generation]:
        """Newest first. Raises NotFound for an unknown source."""
        ...

    async def delta(
        self, source_id: str, number: int, change: PageChange | None, *, after: str | None, limit: int
    ) -> Sequence[PageDelta]:
        """What a generation has otherwise than its base, by the pages' URL keys; `after` is the last key seen. Raises
        NotFound where either is not kept."""
        ...

    async def delta_counts(self, source_id: str, number: int) -> Mapping[PageChange, int]: ...

    async def page_version(self, page_row: int) -> tuple[Page, Sequence[StoredCode]]:
        """Raises NotFound."""
        ...

    async def page_versions(self, page_id: str, *, before: int | None, limit: int) -> Sequence[PageVersion]:
        """What the generations up to the visible one did to a page, newest first; `before` is the last number seen. Raises
        NotFound for a page of which no version is kept."""
        ...

    async def prune(self, keep: int) -> int:
        """Take away some rows of what nobody can see: of deleted sources, of pages that never came, of versions older than
        the last `keep` complete generations. How many went; 0: there are none left."""
        ...
