"""Small pages with what they are, in the files of `data/meaning/`: those that the rules were tuned on, and those that were
written after and never looked at while tuning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

_DATA = Path(__file__).parent / "data" / "meaning"
_PAGE = re.compile(r"^===== (\w+)\n((?:[a-z]+: [^\n]*\n)+)(.*?)(?=^=====|\Z)", re.MULTILINE | re.DOTALL)
_FILLING = re.compile(r"\{\{(prose|words) (\d+)\}\}")
_TEXT = (
    "The old mill stood at the edge of the river for two hundred years. Nobody in the village could say who had built it,"
    " yet everyone had a story about the wheel. In spring the water rose and carried branches down from the hills. Children"
    " watched them pass and gave each of them a name. When the last miller left, the doors stayed open for a summer."
)


@dataclass(frozen=True)
class LabelledPage:
    """`facts` are what is known of the page by the names of the file: kind, forms, fields, call, menus, pages, regions."""

    name: str
    html: str
    url: str
    status: int
    facts: dict[str, str]

    @property
    def fields(self) -> list[list[str]] | None:
        told = self.facts.get("fields")
        return None if told is None else [part.split() for part in told.split("|")]


def labelled_pages(half: str) -> list[LabelledPage]:
    """Those of `tuned` or `held_out`."""
    return list(_read((_DATA / f"{half}.txt").read_text(encoding="utf-8")))


def _read(text: str) -> Iterator[LabelledPage]:
    for name, head, html in _PAGE.findall(text):
        facts = dict(line.split(": ", 1) for line in head.splitlines())
        filled = _FILLING.sub(lambda match: _filled(match[1], int(match[2])), html)
        yield LabelledPage(name, filled, facts.pop("url"), int(facts.pop("status", "200")), facts)


def _filled(kind: str, count: int) -> str:
    known = _TEXT.split()
    words = [known[at % len(known)] for at in range(count)]
    if kind == "words":
        return " ".join(words)
    return "".join(f"<p>{' '.join(words[at : at + 60])}</p>" for at in range(0, count, 60))
