"""What each field of a form asks for: by HTML's autofill tokens first, then by its type, then by its words.

The tokens are those of https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#autofill.
"""

from __future__ import annotations

from collections.abc import Sequence

from gleanery.knowledge.meaning.field_words import CURRENT_PASSWORD, FIELD_WORDS, NEW_PASSWORD, PASSWORD
from gleanery.model.parses import FieldMeaning, InteractiveElement

_NAMES = """
name honorific-prefix given-name additional-name family-name honorific-suffix nickname username new-password current-password
one-time-code organization-title organization street-address address-line1 address-line2 address-line3 address-level4
address-level3 address-level2 address-level1 country country-name postal-code cc-name cc-given-name cc-additional-name
cc-family-name cc-number cc-exp cc-exp-month cc-exp-year cc-csc cc-type transaction-currency transaction-amount language bday
bday-day bday-month bday-year sex url photo tel tel-country-code tel-national tel-area-code tel-local tel-local-prefix
tel-local-suffix tel-extension email impp
"""
_TOKENS = frozenset(_NAMES.split())
_BY_TYPE = {"email": "email", "tel": "tel", "search": "search", "url": "url", "file": "file", "date": "date"}
_WRITTEN = frozenset(
    {"text", "textarea", "email", "tel", "search", "url", "password", "number", "date", "month", "select"}
)
_TICKED = frozenset({"checkbox", "radio", "switch"})
# A tick is given for these, and for nothing that is written.
_FOR_TICKS = frozenset({"remember-me", "consent", "sex", "honorific-prefix", "captcha"})
# The label says most; a name or id may be left over from another form.
_LABEL, _PLACEHOLDER, _NAME, _ID, _DESCRIPTION = 3.0, 2.0, 2.2, 1.2, 0.5
_TYPE = 2.5
_ENOUGH = 1.1
# What is asked for beside something else is rather that something: "e-mail for the invoice", "card number".
_BY_RANK = """
captcha coupon cc-csc cc-exp-month cc-exp-year cc-exp cc-name cc-type cc-number iban one-time-code new-password
current-password password bday-day bday-month bday-year bday tel-country-code tel-extension email tel postal-code
address-line2 address-line1 house-number address-level2 address-level1 country street-address organization-title organization
given-name family-name additional-name honorific-prefix nickname username url impp photo file subject message quantity
search sort sex language transaction-currency transaction-amount date remember-me consent name
"""
_RANK = {purpose: rank for rank, purpose in enumerate(_BY_RANK.split())}


def kind_of_input(element: InteractiveElement) -> str:
    """What can be done in it: the type of an input, `textarea`, `select`, `checkbox` … also where it is built of other tags."""
    if element.tag in ("textarea", "select"):
        return element.tag
    by_role = {"checkbox": "checkbox", "radio": "radio", "switch": "switch", "listbox": "select", "combobox": "select"}
    if element.tag == "input":
        return element.input_type or "text"
    if element.role == "searchbox":
        return "search"
    return by_role.get(element.role, "textarea" if element.states.get("multiline") else "text")


def meanings_of_fields(fields: Sequence[InteractiveElement]) -> tuple[FieldMeaning, ...]:
    purposes = _settled([purpose_of(field) for field in fields])
    return tuple(
        FieldMeaning(
            element_id=field.element_id,
            label=field.name or field.placeholder or field.field_name or "",
            purpose=purpose,
            is_required=field.is_required,
        )
        for field, purpose in zip(fields, purposes, strict=True)
    )


def purpose_of(field: InteractiveElement) -> str:
    """By the field alone; `password` for one of which only its form can tell which it is."""
    token = _by_autocomplete(field.autocomplete)
    if token is not None:
        return token
    kind = kind_of_input(field)
    if kind == "password":
        return _password(field)
    if kind == "file":
        return "photo" if "photo" in FIELD_WORDS.find(field.name) else "file"
    scores = _by_words(field)
    if kind in _BY_TYPE:
        scores[_BY_TYPE[kind]] = scores.get(_BY_TYPE[kind], 0.0) + _TYPE
    if field.role == "searchbox":
        scores["search"] = scores.get("search", 0.0) + _TYPE
    if kind in _TICKED:
        scores = {purpose: score for purpose, score in scores.items() if purpose in _FOR_TICKS}
    elif kind in _WRITTEN:
        scores.pop("remember-me", None)
        scores.pop("consent", None)
        for each in (PASSWORD, NEW_PASSWORD, CURRENT_PASSWORD):
            scores.pop(each, None)
    if kind == "textarea":
        scores["message"] = scores.get("message", 0.0) + 1.5
        scores.pop("subject", None)
    if not scores:
        return "other"
    best = max(scores, key=lambda purpose: (round(scores[purpose], 2), -_RANK.get(purpose, 99)))
    return best if scores[best] >= _ENOUGH else "other"


def _by_autocomplete(autocomplete: str | None) -> str | None:
    """The field name among the tokens of an autofill detail (`section-x shipping work email webauthn`)."""
    for token in reversed((autocomplete or "").lower().split()):
        if token in _TOKENS:
            return token
    return None


def _by_words(field: InteractiveElement) -> dict[str, float]:
    """How much each source says. A source that names several things has less to say about each."""
    scores: dict[str, float] = {}
    for text, weight in (
        (field.name, _LABEL),
        (field.placeholder, _PLACEHOLDER),
        (field.field_name, _NAME),
        (field.html_id, _ID),
        (field.description, _DESCRIPTION),
    ):
        if not text:
            continue
        found = FIELD_WORDS.find(text)
        for purpose in found:
            scores[purpose] = scores.get(purpose, 0.0) + weight / max(1, len(found)) ** 0.5
    return scores


def _password(field: InteractiveElement) -> str:
    scores = _by_words(field)
    new, current = scores.get(NEW_PASSWORD, 0.0), scores.get(CURRENT_PASSWORD, 0.0)
    if max(new, current) >= _ENOUGH:
        return NEW_PASSWORD if new >= current else CURRENT_PASSWORD
    for purpose in ("cc-csc", "one-time-code"):
        if scores.get(purpose, 0.0) > scores.get(PASSWORD, 0.0):
            return purpose
    return PASSWORD


def _settled(purposes: list[str]) -> list[str]:
    """What only the other fields of the form show: two passwords are new ones, a name beside a first name is the last name."""
    passwords = [at for at, purpose in enumerate(purposes) if purpose in (PASSWORD, NEW_PASSWORD, CURRENT_PASSWORD)]
    unsettled = [at for at in passwords if purposes[at] == PASSWORD]
    is_set = len(passwords) > 1 or any(purposes[at] == NEW_PASSWORD for at in passwords)
    if len(passwords) >= 3 and unsettled and unsettled[0] == passwords[0]:
        purposes[unsettled.pop(0)] = CURRENT_PASSWORD
    for at in unsettled:
        purposes[at] = NEW_PASSWORD if is_set else CURRENT_PASSWORD
    if "given-name" in purposes and "family-name" not in purposes and purposes.count("name") == 1:
        purposes[purposes.index("name")] = "family-name"
    return purposes
