"""Lines with styles on standard output: coloured on a terminal, plain text elsewhere, never wrapped."""

from __future__ import annotations

from collections.abc import Iterable

from rich.console import Console
from rich.text import Text


def print_lines(lines: Iterable[Text]) -> None:
    console = Console(highlight=False, markup=False, emoji=False)
    for line in lines:
        console.print(line, soft_wrap=True)
