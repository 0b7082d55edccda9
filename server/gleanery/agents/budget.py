"""What asking a chat model costs: tokens counted and bounded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

CountTokens = Callable[[str], int]
"""How many tokens a text has, or about how many: `estimated_tokens` where no tokenizer is at hand."""

_BYTES_PER_TOKEN = 4


def estimated_tokens(text: str) -> int:
    """A token for every four bytes of UTF-8: about right for English and code, high for Chinese."""
    return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)


@dataclass(frozen=True)
class Usage:
    """Tokens that a server has charged for."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    @property
    def total_tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
        )


class TokenBudget:
    """A bound on the tokens of one piece of work, over requests that run side by side.

    Before a request its estimate is reserved, after it what it has really cost is counted: so the bound is passed by no
    more than estimates are wrong. `limit` None is no bound. `spent` is what was counted, in this attempt and before it.
    """

    def __init__(self, limit: int | None, *, spent_before: int = 0) -> None:
        self.limit = limit
        self.usage = Usage()
        self._spent_before = spent_before
        self._reserved = 0

    @property
    def spent(self) -> int:
        return self._spent_before + self.usage.total_tokens

    def reserve(self, tokens: int) -> bool:
        """Whether there is room for a request of about so many tokens; then they are held until `release`."""
        if self.limit is not None and self.spent + self._reserved + tokens > self.limit:
            return False
        self._reserved += tokens
        return True

    def release(self, tokens: int) -> None:
        """A request for which they were reserved is over, however it ended."""
        self._reserved -= tokens

    def count(self, usage: Usage) -> None:
        """Every answer counts, also one that can't be used: it was charged for."""
        self.usage += usage
