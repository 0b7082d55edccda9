"""Whether and when a failed attempt is tried again: pure decisions."""

from __future__ import annotations

import random
from dataclasses import dataclass

from gleanery.errors import GleaneryError


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015)."""

    max_retries: int = 3
    base_seconds: float = 1.0
    factor: float = 2.0
    cap_seconds: float = 60.0

    def delay_seconds(self, retries_done: int, rng: random.Random, at_least: float | None = None) -> float:
        """A wait between 0 and the backoff of this retry, never under `at_least` (a Retry-After)."""
        # Beyond a hundred the power may be too large for a float, and any cap is reached.
        bound = min(self.cap_seconds, self.base_seconds * self.factor ** min(retries_done, 100))
        return max(rng.uniform(0, bound), at_least or 0.0)

    def decide(self, error: Exception, retries_done: int, rng: random.Random) -> float | None:
        """Seconds until the next try, or None: the task fails."""
        if retries_done >= self.max_retries or not may_pass(error):
            return None
        return self.delay_seconds(retries_done, rng)


def may_pass(error: Exception) -> bool:
    """Whether trying again can help. Errors of our own say so themselves; an unknown one gets its chance."""
    return error.can_retry if isinstance(error, GleaneryError) else True
