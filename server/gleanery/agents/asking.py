"""Questions of one task to a chat model: bounded in cost, split where they can't be answered whole, counted."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from pydantic import BaseModel

from gleanery.agents.budget import CountTokens, TokenBudget, Usage, estimated_tokens
from gleanery.agents.chat import ChatClient
from gleanery.agents.enrich import Batch, Item, answer_bound, expected_tokens
from gleanery.agents.messages import Message
from gleanery.errors import ChatError

_HOPELESS_FAILURES = 5

A = TypeVar("A", bound=BaseModel)
V = TypeVar("V")


class BudgetSpent(Exception):
    """There is no room for the next question."""


@dataclass
class Answered(Generic[V]):
    """What came for the items of a batch by row; the rows about which nothing usable comes, with the last reason; and how
    many items were not asked about because the budget is spent."""

    values: dict[int, V] = field(default_factory=dict)
    failed: dict[int, ChatError | None] = field(default_factory=dict)
    unasked: int = 0
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True)
class Kind(Generic[Item, A, V]):
    """One kind of question: how it is put, the form of its answer, and what is taken from that."""

    question: Callable[[Batch[Item], str], Sequence[Message]]
    form: type[A]
    taken: Callable[[A, Batch[Item]], Mapping[int, V]]


class Asking:
    """`requests` is how many questions were answered; `is_trusted` says that the model has given a usable answer once."""

    def __init__(self, client: ChatClient, budget: TokenBudget, count_tokens: CountTokens = estimated_tokens) -> None:
        self.client = client
        self.budget = budget
        self.requests = 0
        self.is_trusted = False
        self._failures = 0
        self._count_tokens = count_tokens

    async def about(self, batch: Batch[Item], kind: Kind[Item, A, V]) -> Answered[V]:
        """Ask about all items; where that fails for a reason of the question, about its halves, down to single items. What
        an answer leaves out is asked again.

        Raises what holds for every question (ChatKeyRefused, ChatUnavailable …), and the reason itself when the first
        questions of a task all fail: then it is not the items' fault.
        """
        answered: Answered[V] = Answered()
        waiting = [batch]
        while waiting:
            asked = waiting.pop()
            try:
                values, error = await self._asked(asked, kind, answered)
            except BudgetSpent:
                answered.unasked = len(asked.items) + sum(len(each.items) for each in waiting)
                return answered
            answered.values.update(values)
            left = tuple(item for item in asked.items if item.row not in values)
            if left and values:
                waiting.append(Batch(asked.page_row, left))
            elif len(left) > 1:
                waiting += reversed(Batch(asked.page_row, left).halves())
            elif left:
                answered.failed[left[0].row] = error
        return answered

    async def _asked(
        self, batch: Batch[Item], kind: Kind[Item, A, V], answered: Answered[V]
    ) -> tuple[Mapping[int, V], ChatError | None]:
        """What one question brings; what was wrong with it, if anything."""
        try:
            answer, usage = await self.ask(kind.question(batch, self.new_marker()), kind.form, len(batch.items))
        except ChatError as error:
            if not error.about_the_question:
                raise
            self._note_failure(error)
            return {}, error
        answered.usage += usage
        values = kind.taken(answer, batch)
        if values:
            self.is_trusted = True
        return values, None

    async def ask(self, question: Sequence[Message], form: type[A], items: int) -> tuple[A, Usage]:
        """One question. Raises BudgetSpent and ChatError."""
        expected = expected_tokens(question, items, self._count_tokens)
        if not self.budget.reserve(expected):
            raise BudgetSpent
        try:
            answer = await self.client.ask(question, form, max_answer_tokens=answer_bound(items), budget=self.budget)
        finally:
            self.budget.release(expected)
        self.requests += 1
        return answer.value, answer.usage

    def new_marker(self) -> str:
        """What the borders of material carry in one question, so that no page can know it."""
        return secrets.token_hex(4)

    def _note_failure(self, error: ChatError) -> None:
        self._failures += 1
        if not self.is_trusted and self._failures >= _HOPELESS_FAILURES:
            raise error
