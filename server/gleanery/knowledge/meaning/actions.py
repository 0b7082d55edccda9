"""Calls to action: what the page wants to be clicked, the most wanted first."""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gleanery.knowledge.meaning.action_words import Act
from gleanery.knowledge.meaning.facts import Facts
from gleanery.knowledge.meaning.lexicon import words_of
from gleanery.model.parses import CallToAction, FormMeaning, FormPurpose, InteractiveElement

MOST_CALLS = 10
_LEAST = 1.5
_PRIMARY = 2.5
_MOST_WORDS = 7
_LITTLE = 60

_WANTED: Mapping[Act, float] = {
    Act.CART: 2.5,
    Act.PAY: 2.2,
    Act.START: 2.0,
    Act.SIGN_UP: 1.8,
    Act.CHECKOUT: 1.5,
    Act.DOWNLOAD: 1.3,
    Act.CONTACT: 1.2,
    Act.SUBSCRIBE: 1.0,
    Act.LOGIN: 1.0,
    Act.SEND: 1.0,
    Act.CONTINUE: 1.0,
    Act.SAVE: 1.0,
    Act.RESET: 0.8,
    Act.SEARCH: 0.4,
    Act.COMMENT: 0.6,
    Act.UPLOAD: 0.8,
    Act.PLAY: 0.6,
    Act.MORE: 0.4,
    Act.CANCEL: -1.5,
    Act.CLOSE: -2.5,
    Act.SHARE: -1.5,
    Act.VOTE: -1.0,
    Act.SKIP: -4.0,
    Act.PREVIOUS: -1.5,
    Act.NEXT: -0.6,
    Act.FILTER: -1.0,
    Act.LANGUAGE: -1.5,
    Act.LOGOUT: -1.5,
    Act.COOKIES: -2.5,
    Act.REJECT: -2.5,
    Act.ACCEPT: -2.0,
}
_MARKED = re.compile(r"(?:^|[\s_-])(?:primary|cta|hero|mainaction|call-?to-?action)(?:$|[\s_-])", re.IGNORECASE)
_FORM_WEIGHT: Mapping[FormPurpose, float] = {
    FormPurpose.LOGIN: 1.5,
    FormPurpose.SIGN_UP: 1.8,
    FormPurpose.PASSWORD_RESET: 1.5,
    FormPurpose.CHECKOUT: 2.0,
    FormPurpose.PAYMENT: 2.0,
    FormPurpose.CONTACT: 1.5,
    FormPurpose.UPLOAD: 1.5,
    FormPurpose.SETTINGS: 1.2,
    FormPurpose.COMMENT: 0.5,
    FormPurpose.OTHER: 1.0,
    FormPurpose.NEWSLETTER: 0.3,
    FormPurpose.SEARCH: 2.0,
    FormPurpose.FILTER: 0.0,
    FormPurpose.CONSENT: -2.0,
}


# A search or a filter stands on many pages; it is what a page is for where there is nothing else.
_MINOR = frozenset({FormPurpose.SEARCH, FormPurpose.FILTER})
_ASKS = frozenset(act for act, weight in _WANTED.items() if weight > 0)


@dataclass(frozen=True)
class _Candidate:
    element: InteractiveElement
    weight: float
    reasons: tuple[str, ...]


def calls_to_action(facts: Facts, forms: Sequence[FormMeaning]) -> tuple[CallToAction, ...]:
    """Buttons, and links that look like them, which stand out by their words, their place and their size; one of them at most
    is the primary one."""
    submits = {form.submit_id: form for form in forms if form.submit_id}
    usual = _usual_area(facts)
    candidates = [
        candidate
        for element in facts.visible
        if _may_call(element, facts, submits)
        and (candidate := _weighed(element, facts, submits.get(element.element_id), usual)).weight >= _LEAST
    ]
    candidates.sort(key=lambda candidate: -candidate.weight)
    return tuple(
        CallToAction(
            element_id=candidate.element.element_id,
            label=candidate.element.name,
            is_primary=at == 0 and candidate.weight >= _PRIMARY,
            reasons=candidate.reasons,
        )
        for at, candidate in enumerate(_distinct(candidates)[:MOST_CALLS])
    )


def _may_call(element: InteractiveElement, facts: Facts, submits: Mapping[str, FormMeaning]) -> bool:
    """Buttons with a name, and links that ask for something or are marked up as buttons: most links only lead on."""
    if not element.name or not element.is_enabled or element.role not in ("button", "link"):
        return False
    form = submits.get(element.element_id)
    if form is not None and form.purpose in _MINOR:
        return _is_all(facts)
    if element.role == "link" and not (facts.acts(element) & _ASKS or _is_marked(element)):
        return False
    return len(words_of(element.name)) <= _MOST_WORDS


def _is_marked(element: InteractiveElement) -> bool:
    hints = element.hints
    may_be = "rimary" in hints or "cta" in hints or "hero" in hints or "action" in hints
    return may_be and _MARKED.search(hints) is not None


def _is_all(facts: Facts) -> bool:
    """Whether the page has nothing but a form."""
    return facts.main.word_count < _LITTLE and len(facts.inspected.forms) == 1


def _weighed(element: InteractiveElement, facts: Facts, form: FormMeaning | None, usual: float) -> _Candidate:
    clues: list[tuple[float, str]] = []
    word = max((_WANTED.get(act, 0.0) for act in facts.acts(element)), key=abs, default=0.0)
    clues.append((word, "its words ask for it"))
    if element.role == "button":
        clues.append((0.6, "it is a button"))
    if form is not None:
        clues.append((_FORM_WEIGHT[form.purpose], f"it sends a form ({form.purpose.value.replace('_', ' ')})"))
    is_marked = _is_marked(element)
    clues.append((1.2 if is_marked else 0.0, "its markup says that it is the primary one"))
    clues.append(_by_place(element, facts))
    looks_like_button = element.role == "button" or is_marked or _is_large(element)
    clues.append((-1.5 if not looks_like_button else 0.0, "it is plain text"))
    is_larger = element.box is not None and 0 < 1.6 * usual <= element.box.width * element.box.height
    clues.append((0.9 if looks_like_button and is_larger else 0.0, "it is larger than the others"))
    clues.append(
        (-1.2 if element.role == "button" and word == 0 and form is None else 0.0, "its words ask for nothing")
    )
    return _Candidate(
        element, sum(weight for weight, _ in clues), tuple(reason for weight, reason in clues if weight > 0.3)
    )


def _is_large(element: InteractiveElement) -> bool:
    """Whether a link has room around its words, as buttons have."""
    return element.box is not None and element.box.height >= 30 and element.box.width >= 60


def _by_place(element: InteractiveElement, facts: Facts) -> tuple[float, str]:
    if facts.is_in(element, "dialog", "alertdialog"):
        return 0.3, "it stands in a dialog"
    if facts.is_in(element, "main"):
        return (
            (0.9, "it stands in the content, in view") if element.is_in_viewport else (0.4, "it stands in the content")
        )
    if facts.is_in(element, "contentinfo", "complementary"):
        return -1.5, "it stands around the content"
    if facts.is_in(element, "banner", "navigation"):
        return -0.4, "it stands in the head of the page"
    return (0.4, "it is in view") if element.is_in_viewport else (0.0, "")


def _usual_area(facts: Facts) -> float:
    areas = [each.box.width * each.box.height for each in facts.buttons if each.box is not None and each.name]
    return statistics.median(areas) if areas else 0.0


def _distinct(candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Each target and label once: pages repeat theirs at their end."""
    seen: dict[tuple[str, str], _Candidate] = {}
    for candidate in candidates:
        element = candidate.element
        seen.setdefault((element.name.casefold(), element.href or element.form_id or ""), candidate)
    return list(seen.values())
