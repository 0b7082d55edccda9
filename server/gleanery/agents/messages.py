"""What goes to a chat server and comes back: messages, a question with its form, and an answer's body read with care."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import Generic, TypeVar

from pydantic import BaseModel

from gleanery.agents.answer_form import AnswerForm, told_in_words
from gleanery.agents.budget import TokenBudget, Usage, estimated_tokens
from gleanery.errors import ChatMismatch, ChatRefused, ChatTooLong

T = TypeVar("T", bound=BaseModel)

MAX_BODY_BYTES = 1024 * 1024
"""Longest answer that is read, as sent. Taking this much JSON apart stops the loop for some milliseconds at most."""

SAID_CHARACTERS = 300
"""How much of what a server says is kept in an error."""


class Role(StrEnum):
    SYSTEM = "system"
    USER = "user"
    ASSISTANT = "assistant"


@dataclass(frozen=True)
class Message:
    role: Role
    text: str


@dataclass(frozen=True)
class Question(Generic[T]):
    messages: tuple[Message, ...]
    model: type[T]
    max_answer_tokens: int
    budget: TokenBudget | None

    def told(self, form: AnswerForm) -> list[dict[str, str]]:
        """As the request has them. A lone surrogate has no UTF-8: "?" stands for it."""
        messages = self.messages
        if form.is_told_in_words:
            # In the first message, so that the beginning of all requests stays the same and can be cached by the server.
            head, *rest = messages or (Message(Role.SYSTEM, ""),)
            messages = (Message(head.role, f"{head.text}\n\n{told_in_words(self.model)}".strip()), *rest)
        return [
            {"role": str(message.role), "content": message.text.encode("utf-8", "replace").decode("utf-8")}
            for message in messages
        ]


@dataclass(frozen=True)
class Reply:
    content: str
    refusal: str | None
    finish_reason: str
    usage: Usage


def read_reply(body: bytes, prompt_characters: int = 0) -> Reply:
    """The one choice of an answer's body. A server that tells no usage is taken to have charged what its texts come to.

    Raises ChatMismatch for what is no chat answer.
    """
    if len(body) > MAX_BODY_BYTES:
        raise ChatMismatch("The chat server answered more than is read.", limit_bytes=MAX_BODY_BYTES)
    try:
        answer = json.loads(body)
        choice = answer["choices"][0]
        message = choice["message"]
        content, refusal = message.get("content"), message.get("refusal")
        told = answer.get("usage") or {}
        usage = Usage(max(0, int(told.get("prompt_tokens") or 0)), max(0, int(told.get("completion_tokens") or 0)))
        finish_reason = choice.get("finish_reason")
    except (ValueError, KeyError, IndexError, TypeError, AttributeError, RecursionError, OverflowError) as error:
        raise ChatMismatch(
            "The chat server answered something that is no chat answer: check OPENAI_BASE_URL.",
            reason=type(error).__name__,
        ) from None
    text = content if isinstance(content, str) else ""
    if usage.total_tokens == 0:
        usage = Usage(-(-prompt_characters // 4), estimated_tokens(text))
    return Reply(text, refusal if isinstance(refusal, str) and refusal else None, str(finish_reason), usage)


def text_of(reply: Reply, max_answer_tokens: int) -> str:
    if reply.refusal is not None or reply.finish_reason == "content_filter":
        raise ChatRefused("The chat model refused to answer.", said=(reply.refusal or "")[:SAID_CHARACTERS])
    if reply.finish_reason == "length":
        raise ChatTooLong(
            f"The chat model's answer was cut off after {max_answer_tokens} tokens.", limit_tokens=max_answer_tokens
        )
    return reply.content
