"""Pagination: which page of how many this is, and what leads to the others."""

from __future__ import annotations

import re
from collections.abc import Sequence
from urllib.parse import parse_qsl, urlsplit

from gleanery.knowledge.meaning.action_words import ACTS, Act
from gleanery.knowledge.meaning.facts import Facts
from gleanery.model.parses import InteractiveElement, Link, Pagination

_MOST_PAGES = 50
_SHORT = 40
_NUMBERED = 16
_LONGEST_URL = 2_000
_NUMBER = re.compile(
    r"\W*(?:page|seite|pagina|p.?gina|página|страница|第)?\s*(\d{1,5})\s*(?:ページ|页|頁)?\W*", re.IGNORECASE
)
_IN_WORDS = re.compile(
    r"\b(?:page|seite|página|pagina|strona|страница)\s+(\d{1,5})\s*(?:of|von|sur|de|di|van|z|из|/)\s*(\d{1,5})\b|第\s*(\d{1,5})\s*[页頁ページ]+\s*[/／共]\s*(\d{1,5})",
    re.IGNORECASE,
)
_PARTED = re.compile(r"\s*[:|‹›«»←→<>]+\s*|\s+[-–—]\s+|\(.*?\)")
_PARAMETERS = ("page", "p", "paged", "pg", "pagenum", "page_no", "pageno", "seite", "pagina", "currentpage", "pn")
_PATH_NUMBER = re.compile(r"/(?:page|seite|pagina|p)[/-]?(\d{1,5})(?:/|\.\w+)?$", re.IGNORECASE)
_ARROWS = {"›": Act.NEXT, "»": Act.NEXT, "→": Act.NEXT, ">": Act.NEXT, ">>": Act.NEXT, "❯": Act.NEXT, "▶": Act.NEXT}
_ARROWS |= {
    "‹": Act.PREVIOUS,
    "«": Act.PREVIOUS,
    "←": Act.PREVIOUS,
    "<": Act.PREVIOUS,
    "<<": Act.PREVIOUS,
    "❮": Act.PREVIOUS,
}


def page_number(label: str) -> int | None:
    """The number of a page that a link is labelled with, and nothing else."""
    match = _NUMBER.fullmatch(label) if len(label) <= _NUMBERED else None
    return int(match[1]) if match else None


def number_in_url(url: str) -> int | None:
    """Which page of a list the URL asks for. Hrefs are what pages write, and may be no URLs."""
    try:
        parts = urlsplit(url[:_LONGEST_URL])
    except ValueError:
        return None
    for name, value in parse_qsl(parts.query)[:50]:
        if name.lower() in _PARAMETERS and value.isdecimal() and len(value) <= 5:
            return int(value)
    match = _PATH_NUMBER.search(parts.path)
    return int(match[1]) if match else None


def pagination_of(facts: Facts) -> Pagination | None:
    numbered = _numbered(facts)
    previous, following = _step(facts, Act.PREVIOUS, numbered), _step(facts, Act.NEXT, numbered)
    has_more = any(Act.MORE in facts.acts(button) for button in facts.buttons if len(button.name) <= _SHORT)
    if not (numbered or previous or following or has_more):
        return None
    current, total = _place(facts, numbered)
    return Pagination(
        current=current,
        total=total,
        previous=previous,
        next=following,
        pages=tuple(_page_link(element, number, current) for number, element in numbered if element.href)[:_MOST_PAGES],
        has_more_button=has_more,
    )


def _numbered(facts: Facts) -> list[tuple[int, InteractiveElement]]:
    """The longest run of elements that are labelled with rising numbers, neighbours in the page. Years, calendars and footnotes
    are labelled with numbers too: a run begins low or its links name their pages, and its numbers don't lead within the page."""
    best: list[tuple[int, InteractiveElement]] = []
    run: list[tuple[int, InteractiveElement]] = []
    gap = 0
    for element in facts.visible:
        number = page_number(element.name) if element.role in ("link", "button") else None
        if number is not None and (not run or number > run[-1][0]):
            run.append((number, element))
            gap = 0
        elif number is not None:
            best = _better(best, run)
            run, gap = [(number, element)], 0
        elif run:
            gap += 1
            if gap > 1:
                best = _better(best, run)
                run, gap = [], 0
    return _better(best, run)


def _better(
    best: list[tuple[int, InteractiveElement]], run: list[tuple[int, InteractiveElement]]
) -> list[tuple[int, InteractiveElement]]:
    return run if len(run) > len(best) and _leads_through_pages(run) else best


def _leads_through_pages(run: Sequence[tuple[int, InteractiveElement]]) -> bool:
    if len(run) < 2 and Act.PAGES not in ACTS.find_in_code(run[0][1].hints if run else ""):
        return False
    links = [(number, element.href) for number, element in run if element.href]
    named = [number for number, href in links if number_in_url(href) is not None]
    if named:
        return len(named) >= len(links) / 2
    if any(_is_fragment(href) for _, href in links):
        return False
    return run[0][0] <= 3 and len(run) >= 2 and run[-1][0] - run[0][0] < 10_000 and not _is_calendar(run)


def _is_calendar(run: Sequence[tuple[int, InteractiveElement]]) -> bool:
    return len(run) >= 28 and run[-1][0] in (28, 29, 30, 31)


def _is_fragment(href: str) -> bool:
    fragment = href.partition("#")[2]
    return bool(fragment) and not fragment.startswith(("!", "/", "page"))


def _step(facts: Facts, act: Act, numbered: Sequence[tuple[int, InteractiveElement]]) -> Link | None:
    """The link to the page before or after this one: by its rel, then by its words, then by what the head names."""
    rel = frozenset(("next",) if act is Act.NEXT else ("prev", "previous"))
    named = [each for each in facts.visible if each.rel and not rel.isdisjoint(each.rel.lower().split())]
    worded = [each for each in facts.speaking if _says(each, facts, act, is_paged=bool(numbered))]
    for element in (*named, *worded):
        if element.href or element.role == "button":
            return Link(label=element.name, href=element.href or "", element_id=element.element_id)
    url = facts.main.next_url if act is Act.NEXT else facts.main.previous_url
    return Link(label="", href=url) if url else None


def _says(element: InteractiveElement, facts: Facts, act: Act, *, is_paged: bool) -> bool:
    name = element.name
    if element.role not in ("link", "button") or not element.is_enabled or len(name) > _SHORT:
        return False
    if name in _ARROWS:
        return is_paged and _ARROWS[name] is act
    if act not in facts.acts(element) or element.href is None:
        return False  # "Next" on a button of a wizard or slide show leads to no page
    if _is_fragment(element.href) and facts.is_this_page(element.href):
        return False  # a function of that name, or a slide of this page
    if is_paged or number_in_url(element.href) is not None:
        return True
    # "Cash back" and "next week" are no pages; "Next: the second chapter" is one.
    return any(ACTS.is_all(part, act) for part in _PARTED.split(name) if part)


def _page_link(element: InteractiveElement, number: int, current: int | None) -> Link:
    return Link(
        label=element.name, href=element.href or "", element_id=element.element_id, is_current=number == current
    )


def _place(facts: Facts, numbered: Sequence[tuple[int, InteractiveElement]]) -> tuple[int | None, int | None]:
    """Which page of how many. A gap in the numbers is the page itself, which is rarely a link to itself."""
    match = _IN_WORDS.search(facts.main.markdown[-4000:]) or _IN_WORDS.search(facts.inspected.head.title)
    if match:
        current, total = (each for each in match.groups() if each)
        return int(current), int(total)
    if not numbered:
        return number_in_url(facts.navigation.final_url), None
    numbers = [number for number, _ in numbered]
    current_number = next((number for number, element in numbered if element.states.get("current")), None)
    if current_number is None:
        current_number = number_in_url(facts.navigation.final_url)
    if current_number is None:
        missing = [number for number in range(1, min(numbers[-1], 100)) if number not in numbers]
        current_number = next((number for number, element in numbered if facts.is_this_page(element.href)), None)
        current_number = current_number or (missing[0] if len(missing) == 1 else 1 if numbers[0] == 2 else None)
    return current_number, max(*numbers, current_number or 0)
