"""Why URLs gave no page, counted: a bar for each reason with its sentence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.text import Text

from gleanery.api import task_shapes
from gleanery.cli.safe_text import one_line
from gleanery.handlers.crawl.reasons import sentence_of

BAR_WIDTH = 16
_SENTENCES = {
    "not_html": "It is a kind of document that isn't read.",
    "empty_page": "There is nothing to read on it.",
    "redirect_refused": "It redirects to what is not part of the crawl.",
    "robots_denied": "robots.txt does not allow it.",
}
"""Of errors that skip a URL; an error that fails one says more in its own message."""


def lines(counts: Mapping[str, int], examples: Mapping[str, str] | None = None) -> list[Text]:
    """One for each reason, the most frequent first. `examples` are URLs by reason."""
    most = max([1, *counts.values()])
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    name_width = max([0, *(len(one_line(reason)) for reason in counts)])
    count_width = max([0, *(len(f"{count:,}") for count in counts.values())])
    made = []
    for reason, count in rows:
        line = Text(f"  {one_line(reason):<{name_width}} ").append(bar(count, most, BAR_WIDTH), style="cyan")
        line.append(f" {count:>{count_width},}")
        said = " ".join(part for part in (_sentence(reason), _example(reason, examples or {})) if part)
        made.append(line.append(f"  {said}" if said else "", style="dim"))
    return made


def of_task(task: task_shapes.TaskShape) -> dict[str, int]:
    """Of a crawl that has ended: how many of its URLs have which reason. Empty for other tasks."""
    counts: Any = (task.result or {}).get("reasons")
    return dict(counts) if isinstance(counts, dict) else {}


def bar(count: int, most: int, width: int) -> str:
    """`width` cells, filled as `count` is to `most`; what is not nothing shows."""
    filled = min(width, -(-count * width // most)) if most > 0 else 0
    return f"{'█' * filled:<{width}}"


def _sentence(reason: str) -> str:
    return sentence_of(reason) or _SENTENCES.get(reason, "")


def _example(reason: str, examples: Mapping[str, str]) -> str:
    return f"such as {one_line(examples[reason])}" if reason in examples else ""
