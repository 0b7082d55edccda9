"""`Template`: constant texts with slots between them, and how a text is read by it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from gleanery.knowledge.grouping.tokens import is_word, tokens_of

SLOT = "<*>"
_SPACED = re.compile(r"(?<=\s)\S+(?=\s)")


@dataclass(frozen=True)
class Template:
    """`constants[0]`, a slot, `constants[1]`, a slot, … `constants[n]`. Only the first and the last may be empty, so two
    slots never touch."""

    constants: tuple[str, ...]

    @property
    def slots(self) -> int:
        return len(self.constants) - 1

    def fill(self, values: Sequence[str]) -> str:
        """The text with these values; `fill(match(text)) == text`, always."""
        parts = [self.constants[0]]
        for value, constant in zip(values, self.constants[1:], strict=True):
            parts += (value, constant)
        return "".join(parts)

    def match(self, text: str) -> tuple[str, ...] | None:
        """The values with which the template gives the text, each as short as can be; None where there are none.

        Taking each constant where it comes first loses nothing: if any reading exists, so does this one.
        """
        first, last = self.constants[0], self.constants[-1]
        if not self.slots:
            return () if text == first else None
        end = len(text) - len(last)
        at = len(first)
        if at > end or not text.startswith(first) or not text.endswith(last):
            return None
        values = list[str]()
        for constant in self.constants[1:-1]:
            found = text.find(constant, at, end)
            if found < 0:
                return None
            values.append(text[at:found])
            at = found + len(constant)
        values.append(text[at:end])
        return tuple(values)

    @cached_property
    def characters(self) -> int:
        """How many are constant: of two templates that a text fits, the one with more says more about it."""
        return sum(map(len, self.constants))

    @cached_property
    def words(self) -> int:
        """How many words are constant."""
        return sum(is_word(token) for constant in self.constants for token in tokens_of(constant))

    def keys(self) -> frozenset[str]:
        """Words between white space that every text of the template has."""
        found = set[str]()
        for number, constant in enumerate(self.constants):
            left = " " if number == 0 else "\0"
            right = " " if number == self.slots else "\0"
            found.update(_SPACED.findall(left + constant + right))
        return frozenset(key for key in found if "\0" not in key)

    def __str__(self) -> str:
        return SLOT.join(self.constants)


def template_of(pieces: Sequence[str | None]) -> Template:
    """Of constant texts and slots (None) in order. Slots that touch become one."""
    constants = [""]
    was_slot = False
    for piece in pieces:
        if piece is None:
            if not was_slot:
                constants.append("")
            was_slot = True
        elif piece:
            constants[-1] += piece
            was_slot = False
    return Template(tuple(constants))
