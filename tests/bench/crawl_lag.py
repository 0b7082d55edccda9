"""A ticker that tells how late its loop is, and the quantiles of what it saw. Standard library only."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from typing import Any

TICK_SECONDS = 0.005


class Ticker:
    """Sleeps 5 ms again and again; by how much each sleep was longer than that is the lag of the loop."""

    def __init__(self) -> None:
        self.late: list[float] = []

    async def run(self) -> None:
        while True:
            before = time.perf_counter()
            await asyncio.sleep(TICK_SECONDS)
            self.late.append(time.perf_counter() - before - TICK_SECONDS)

    def take(self) -> dict[str, float]:
        """Milliseconds since the last time it was asked: p50, p99 and the worst."""
        late, self.late = self.late, []
        return {"p50": ms(late, 0.5), "p99": ms(late, 0.99), "max": ms(late, 1.0)}


def ms(seconds: Sequence[float], share: float) -> float:
    """A quantile (nearest rank) in milliseconds; nan of nothing."""
    if not seconds:
        return float("nan")
    ordered = sorted(seconds)
    return round(1000 * ordered[min(len(ordered) - 1, int(share * len(ordered)))], 2)


def say(**facts: Any) -> None:
    """One line to whoever started this process."""
    sys.stdout.write(json.dumps({"bench": facts}) + "\n")
    sys.stdout.flush()
