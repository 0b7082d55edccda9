"""Small pages with what they are, in the files of `data/meaning/`: those that the rules were tuned on, and those that were
written after and never looked at while tuning."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from gleanery.model.parses import Meaning
from tests.knowledge.inspected_pages import meaning_of_html

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


@dataclass(frozen=True)
class Reading:
    """What the rules made of a page, and by the names of `facts` what they got wrong: what they said, what is so."""

    page: LabelledPage
    meaning: Meaning
    wrong: dict[str, tuple[object, object]]


def readings(half: str) -> list[Reading]:
    return [reading(page, meaning_of_html(page.html, page.url, page.status)) for page in labelled_pages(half)]


def reading(page: LabelledPage, meaning: Meaning) -> Reading:
    forms = [form.purpose.value for form in meaning.forms]
    said: dict[str, object] = {
        "kind": meaning.kind.value,
        "forms": " ".join(forms),
        "fields": " | ".join(" ".join(field.purpose for field in form.fields) for form in meaning.forms),
        "call": next((call.label for call in meaning.calls_to_action if call.is_primary), None),
        "menus": " ".join(menu.kind for menu in meaning.menus),
        "pages": _told_pages(meaning),
        "regions": " ".join(region.kind for region in meaning.regions if region.kind in page.facts.get("regions", "")),
    }
    wrong: dict[str, tuple[object, object]] = {
        name: (said[name], fact) for name, fact in page.facts.items() if said[name] != fact
    }
    return Reading(page, meaning, wrong)


def _told_pages(meaning: Meaning) -> str | None:
    pages = meaning.pagination
    if pages is None:
        return None
    steps = (" next" if pages.next else "") + (" prev" if pages.previous else "")
    return f"{pages.current or ''}/{pages.total or ''}{steps}"


def main() -> None:
    """Tells how many of each kind and purpose are right, of those that are so and of those that are said to be so."""
    for half in ("tuned", "held_out"):
        read = readings(half)
        kinds = [(each.meaning.kind.value, each.page.facts["kind"]) for each in read]
        forms = [pair for each in read for pair in _pairs(each)]
        for title, pairs in (("kinds", kinds), ("forms", forms)):
            right = sum(said == fact for said, fact in pairs)
            print(f"{half}: {title}: {right} of {len(pairs)} right")
            for name in sorted({name for pair in pairs for name in pair}):
                hits = sum(said == fact == name for said, fact in pairs)
                print(f"  {name}: precision {hits}/{_count(pairs, 0, name)}, recall {hits}/{_count(pairs, 1, name)}")


def _pairs(read: Reading) -> Iterator[tuple[str, str]]:
    facts = read.page.facts.get("forms", "").split()
    if facts:
        yield from zip((form.purpose.value for form in read.meaning.forms), facts, strict=True)


def _count(pairs: list[tuple[str, str]], side: int, name: str) -> int:
    return sum(pair[side] == name for pair in pairs)


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


if __name__ == "__main__":
    main()
