"""Writes Markdown block by block and knows at which character each one stands.

Fences always begin in column 0, also inside lists and quotes: code is kept byte for byte, and a slice of the text
is the code. What stood in the list goes on after it without indentation, so that it is not taken for code.
"""

from __future__ import annotations

import re

_BACKTICKS = re.compile(r"`{3,}")


class _Container:
    """A list item or a quote that is open: `marker` before its first line, `rest` before the others."""

    __slots__ = ("is_quote", "is_started", "marker", "rest")

    def __init__(self, marker: str, rest: str, is_quote: bool) -> None:
        self.marker = marker
        self.rest = rest
        self.is_quote = is_quote
        self.is_started = False

    def prefix(self) -> str:
        prefix = self.rest if self.is_started else self.marker
        self.is_started = True
        return prefix


class MarkdownWriter:
    """Collects blocks; `text()` is the document. Blocks are separated by one blank line, tight ones by none."""

    def __init__(self) -> None:
        self._parts: list[str] = []
        self._length = 0
        self._containers: list[_Container] = []
        self._is_after_fence = False
        self.is_next_tight = False

    def text(self) -> str:
        return "".join(self._parts)

    @property
    def is_in_quote(self) -> bool:
        return any(container.is_quote for container in self._containers)

    @property
    def is_nested(self) -> bool:
        """Whether a list item or a quote is open."""
        return bool(self._containers)

    def open_item(self, marker: str) -> None:
        self._containers.append(_Container(marker, " " * len(marker), is_quote=False))

    def open_quote(self) -> None:
        self._containers.append(_Container("> ", "> ", is_quote=True))

    def close(self) -> None:
        self._containers.pop()

    def block(self, text: str) -> int:
        """Append `text` (one or more lines) and return the offset of its first character."""
        self._separate()
        if self._containers:
            self._append("".join([container.prefix() for container in self._containers]))
            rest = "".join([container.rest for container in self._containers])
            text = text.replace("\n", "\n" + rest)
        start = self._length
        self._append(text)
        return start

    def fence(self, code: str, language: str | None) -> tuple[int, int]:
        """Append `code` in a fence longer than any inside it and return the character range of the code itself.

        Code that ends in a newline is followed by the closing fence at once: in Markdown too its last line is then that one.
        """
        for container in self._containers:
            if container.is_quote:
                container.is_started = False
            else:
                if not container.is_started and container.marker.strip()[-1:] in ".)":
                    self._separate()
                    self._append(container.marker.rstrip())
                container.is_started = True
                container.rest = ""
        self._is_after_fence = True
        self._separate()
        fence = "`" * max(3, 1 + max((len(run) for run in _BACKTICKS.findall(code)), default=2))
        self._append(f"{fence}{language or ''}\n")
        start = self._length
        self._append(code)
        end = self._length
        self._append(fence if code.endswith("\n") else f"\n{fence}")
        self._is_after_fence = True
        return start, end

    def _separate(self) -> None:
        is_tight = self.is_next_tight and not self._is_after_fence
        self.is_next_tight = False
        self._is_after_fence = False
        if not self._parts:
            return
        if is_tight:
            self._append("\n")
        else:
            self._append(f"\n{''.join(c.rest for c in self._containers if c.is_started).rstrip()}\n")

    def _append(self, text: str) -> None:
        self._parts.append(text)
        self._length += len(text)
