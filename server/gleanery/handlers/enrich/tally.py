"""What an `enrich_source` task has come to: items done, kept before, failed and left, tokens; its progress and result. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gleanery.agents.budget import TokenBudget
from gleanery.agents.enrich import EnrichPart
from gleanery.errors import ChatError
from gleanery.model import Progress, StageCount
from gleanery.store.enriching import Lacking

TOKENS_STAGE = "tokens"
_NOUNS = {
    EnrichPart.CONTEXT: ("context", "contexts"),
    EnrichPart.CODE: ("code summary", "code summaries"),
    EnrichPart.SOURCE: ("description", "descriptions"),
}


@dataclass
class _Count:
    """`before` is what earlier attempts of the task have done, `total` all that this one found lacking."""

    total: int
    before: int = 0
    asked: int = 0
    cached: int = 0
    failed: int = 0

    @property
    def done(self) -> int:
        return self.asked + self.cached

    @property
    def left(self) -> int:
        return max(0, self.total - self.done - self.failed)


class Tally:
    """The counters of one attempt, going on from what the task had told of `before`."""

    def __init__(self, parts: Sequence[EnrichPart], lacking: Lacking, before: Progress, max_tokens: int | None) -> None:
        totals = {
            EnrichPart.CONTEXT: sum(count for count, _ in lacking.chunks),
            EnrichPart.CODE: sum(count for count, _ in lacking.code_examples),
            EnrichPart.SOURCE: 1,
        }
        self._counts = {part: _Count(totals[part], _done(before, part)) for part in parts}
        self._percentage = before.percentage
        self._spent = spent_before(before)
        self._max_tokens = max_tokens
        self._requests = 0
        self.is_spent = False
        self.errors: dict[str, ChatError] = {}

    def done(self, part: EnrichPart, count: int) -> None:
        self._counts[part].asked += count

    def cached(self, part: EnrichPart, count: int) -> None:
        """Answers that were kept, without a request."""
        self._counts[part].cached += count

    def failed(self, part: EnrichPart, error: ChatError | None = None, *, count: int = 1) -> None:
        """Nothing usable comes for so many items, now or as was found before."""
        self._counts[part].failed += count
        if error is not None:
            self.errors[error.code] = error

    def unasked(self, part: EnrichPart, count: int) -> None:
        """The budget had no room for so many items."""
        assert part in self._counts
        self.is_spent = self.is_spent or count > 0

    def note_spent(self, tokens: int, requests: int) -> None:
        self._spent, self._requests = tokens, requests

    @property
    def failed_count(self) -> int:
        return sum(count.failed for count in self._counts.values())

    @property
    def left(self) -> Mapping[str, int]:
        return {str(part): count.left for part, count in self._counts.items()}

    def progress(self, part: EnrichPart | None = None, message: str = "") -> Progress:
        stages = {str(part): StageCount(c.before + c.done, c.before + c.total) for part, c in self._counts.items()}
        stages[TOKENS_STAGE] = StageCount(self._spent, self._max_tokens)
        settled = sum(count.before + count.done + count.failed for count in self._counts.values())
        total = sum(count.before + count.total for count in self._counts.values())
        self._percentage = max(self._percentage, min(99.0, 100.0 * settled / max(1, total)))
        said = message or f"{settled} of {total}, {self._spent} tokens"
        return Progress(self._percentage, str(part or TOKENS_STAGE), stages, said, failed=self.failed_count)

    def result(self, source_id: str) -> dict[str, Any]:
        """`left` counts what the bound of tokens left for another task."""
        parts = {
            str(part): {
                "done": count.before + count.done,
                "cached": count.cached,
                "failed": count.failed,
                "left": count.left,
            }
            for part, count in self._counts.items()
        }
        return {
            "source_id": source_id,
            "parts": parts,
            "tokens": self._spent,
            "requests": self._requests,
            "is_complete": not self.is_spent,
        }

    def sentence(self) -> str:
        did = ", ".join(_many(part, count.before + count.done) for part, count in self._counts.items())
        if not self.is_spent:
            return f"Complete: {did}; {self._requests} requests, {self._spent} tokens"
        left = ", ".join(_many(part, count.left) for part, count in self._counts.items() if count.left)
        return f"Stopped at its bound of {self._max_tokens} tokens: {did}; left for another time: {left}"


def new_budget(before: Progress, max_tokens: int | None) -> TokenBudget:
    """What earlier attempts of the task have spent counts."""
    return TokenBudget(max_tokens, spent_before=spent_before(before))


def spent_before(before: Progress) -> int:
    return _done(before, TOKENS_STAGE)


def _done(progress: Progress, stage: str) -> int:
    return progress.stages.get(stage, StageCount()).done


def _many(part: EnrichPart, count: int) -> str:
    one, many = _NOUNS[part]
    return f"{count} {one if count == 1 else many}"
