"""What is done about a failed attempt, by its error: the rules of the type, and what the next attempt makes of them.

Which rules were applied stands in the task's row (`Task.recoveries`), so that it holds over restarts and in any process.
"""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from gleanery import errors
from gleanery.engine.retry import Decision, RetryPolicy, Rule


class Action(StrEnum):
    """What is done about it; where there is nothing to do the task fails for good (`fail_permanently`)."""

    LONGER = "retry_with_longer_timeout"
    RESTART = "restart_browser_and_retry"
    ROTATE = "rotate_user_agent_and_retry"
    CLEAN_UP = "cleanup_and_retry"
    WAIT = "wait_for_browser_and_retry"


LONGER_FACTOR = 2.0
LONGEST_SECONDS = 300.0
MAX_ROTATIONS = 2

_BROKEN = frozenset({"crashed", "browser_lost"})


def _is_passing(error: Exception) -> bool:
    return isinstance(error, errors.GleaneryError) and error.details.get("retry_after") is not None


def _is_of_memory(error: Exception) -> bool:
    return isinstance(error, errors.GleaneryError) and error.details.get("limit") == "memory_mb"


def _is_broken(error: Exception) -> bool:
    return isinstance(error, errors.GleaneryError) and error.details.get("reason") in _BROKEN


POLICY = RetryPolicy(
    rules=(
        Rule((errors.TimedOut, TimeoutError), Decision.RETRY, name=Action.LONGER, max_times=1),
        Rule((errors.PageBlocked,), Decision.RETRY, name=Action.ROTATE, max_times=MAX_ROTATIONS),
        Rule((errors.PageTooHeavy,), Decision.RETRY, name=Action.CLEAN_UP, max_times=1, when=_is_of_memory),
        Rule((errors.PageTooHeavy,), Decision.FAIL),
        Rule((errors.RenderFailed,), Decision.RETRY, name=Action.RESTART, when=_is_broken),
        Rule((errors.BrowserUnavailable,), Decision.RETRY, name=Action.WAIT, when=_is_passing),
    )
)
"""What has broken is gone with its context, and a browser that died is started again for the next page. Whatever is not named
here says itself whether it can pass."""


def limit_seconds(asked: float, recoveries: Sequence[str]) -> float:
    """The time of an attempt: twice as long after one that ran out of it."""
    return min(LONGEST_SECONDS, asked * LONGER_FACTOR ** recoveries.count(Action.LONGER))


def rotations(recoveries: Sequence[str]) -> int:
    """How often a site has turned us away."""
    return recoveries.count(Action.ROTATE)
