"""Whether, when and after what a failed attempt is tried again: pure decisions."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from gleanery.errors import GleaneryError

LONGEST_ASKED_SECONDS = 3600.0
"""Whatever a Retry-After says, nobody waits longer."""


class Decision(Enum):
    """What a rule says of an error."""

    RETRY = auto()
    RECOVER = auto()
    FAIL = auto()


Recovery = Callable[[Exception], Awaitable[None]]
"""Mends what the error broke (starts the browser again) before the next try."""


@dataclass(frozen=True)
class Rule:
    """What is done about errors of these types, those that `when` is true of. `recovery` belongs to RECOVER; `name` is told
    in the task's log and kept in its row, where the next attempt sees it. After `max_times` of that name the task fails.
    """

    errors: tuple[type[Exception], ...]
    decision: Decision
    recovery: Recovery | None = None
    name: str = ""
    max_times: int | None = None
    when: Callable[[Exception], bool] | None = None

    def fits(self, error: Exception) -> bool:
        return isinstance(error, self.errors) and (self.when is None or self.when(error))


@dataclass(frozen=True)
class Retry:
    """Try again in `seconds`; by `rule`, after its recovery, where there is one with a name or a recovery."""

    seconds: float
    rule: Rule | None = None


@dataclass(frozen=True)
class RetryPolicy:
    """Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", AWS 2015).

    The first of `rules` that fits an error decides; without one, errors of our own say themselves whether they can pass,
    and any other gets its chance.
    """

    max_retries: int = 3
    base_seconds: float = 1.0
    factor: float = 2.0
    cap_seconds: float = 60.0
    rules: tuple[Rule, ...] = ()

    def delay_seconds(self, retries_done: int, rng: random.Random, at_least: float | None = None) -> float:
        """A wait between 0 and the backoff of this retry, never under `at_least` (a Retry-After)."""
        # Beyond a hundred the power may be too large for a float, and any cap is reached.
        bound = min(self.cap_seconds, self.base_seconds * self.factor ** min(retries_done, 100))
        return max(rng.uniform(0, bound), at_least or 0.0)

    def decide(
        self,
        error: Exception,
        retries_done: int,
        rng: random.Random,
        max_retries: int | None = None,
        recoveries: Sequence[str] = (),
    ) -> Retry | None:
        """How it is tried again, or None: the task fails. `max_retries` is the task's own number, in place of the type's;
        `recoveries` are the names of the rules by which it was tried again before."""
        limit = self.max_retries if max_retries is None else max_retries
        rule = next((rule for rule in self.rules if rule.fits(error)), None)
        is_worth_it = may_pass(error) if rule is None else rule.decision is not Decision.FAIL
        if retries_done >= limit or not is_worth_it:
            return None
        if rule is not None and rule.max_times is not None and recoveries.count(rule.name) >= rule.max_times:
            return None
        seconds = self.delay_seconds(retries_done, rng, _retry_after(error))
        return Retry(seconds, rule if rule is not None and (rule.recovery is not None or rule.name) else None)


def may_pass(error: Exception) -> bool:
    """Whether trying again can help. Errors of our own say so themselves; an unknown one gets its chance."""
    return error.can_retry if isinstance(error, GleaneryError) else True


def _retry_after(error: Exception) -> float | None:
    asked = error.details.get("retry_after") if isinstance(error, GleaneryError) else None
    return min(float(asked), LONGEST_ASKED_SECONDS) if isinstance(asked, int | float) else None
