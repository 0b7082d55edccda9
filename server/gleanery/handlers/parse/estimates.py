"""How long parses take, by the last ones: what a start promises, and the time left of one that runs."""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping

from gleanery.model import Task, TaskStatus
from gleanery.store.parses import ParseStore

LAST = 50
"""So many of the newest loads are looked at."""
KEEP_SECONDS = 5.0
"""How long a look at them holds."""
STEPS = ("waiting", "browser", "navigation", "dom", "elements", "meaning", "screenshot")
"""As the timing of a page names them, in their order."""
_FIRST_GUESS_MS: Mapping[str, float] = {
    "waiting": 0.0,
    "browser": 300.0,
    "navigation": 2000.0,
    "dom": 100.0,
    "elements": 400.0,
    "meaning": 300.0,
    "screenshot": 400.0,
}


class Estimates:
    """Medians of the steps. `concurrency` is how many parses run at once."""

    def __init__(self, parses: ParseStore, concurrency: int) -> None:
        self._parses = parses
        self._concurrency = concurrency
        self._medians: Mapping[str, float] = _FIRST_GUESS_MS
        self._looked_at = float("-inf")

    async def left_seconds(self, from_step: str) -> float:
        """From the beginning of that step to the end."""
        medians = await self._look()
        return sum(medians[step] for step in STEPS[STEPS.index(from_step) :]) / 1000.0

    async def duration_seconds(self, task: Task) -> float:
        """From now to the end of a task that has just been made, with its wait in the queue; 0 for one that has ended."""
        if task.status.is_final:
            return 0.0
        each = await self.left_seconds("browser")
        # Those that run count too: the position is among those that wait.
        ahead = max(0, await self._parses.in_hand() - 1) if task.status is TaskStatus.QUEUED else 0
        return each * (1 + ahead // self._concurrency)

    async def _look(self) -> Mapping[str, float]:
        if time.monotonic() - self._looked_at > KEEP_SECONDS:
            self._looked_at = time.monotonic()
            rows = await self._parses.timings(LAST)
            if rows:
                self._medians = {step: statistics.median(row.get(f"{step}_ms", 0.0) for row in rows) for step in STEPS}
        return self._medians
