"""What each field of a form asks for: by HTML's autofill tokens first, then by its type, then by its words.

The tokens are those of https://html.spec.whatwg.org/multipage/form-control-infrastructure.html#autofill.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from gleanery.knowledge.meaning.field_words import CURRENT_PASSWORD, FIELD_WORDS, NEW_PASSWORD, PASSWORD
from gleanery.knowledge.meaning.lexicon import Lexicon
from gleanery.model.parses import FormPurpose, InteractiveElement

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
_PASSWORDS = frozenset({PASSWORD, NEW_PASSWORD, CURRENT_PASSWORD})
_TICKED = frozenset({"checkbox", "radio", "switch"})
# A tick is given for these, and for nothing that is written.
_FOR_TICKS = frozenset({"remember-me", "consent", "sex", "honorific-prefix", "captcha"})
# The label says most; a name or id may be left over from another form.
_LABEL, _PLACEHOLDER, _NAME, _ID, _DESCRIPTION = 3.5, 2.0, 2.2, 0.8, 0.5
_TYPE = 3.4
_ENOUGH = 0.7
# What is asked for beside something else is rather that something: "e-mail for the invoice", "card number".
_BY_RANK = """
captcha coupon cc-csc cc-exp-month cc-exp-year cc-exp cc-name cc-type cc-number iban one-time-code new-password
current-password password bday-day bday-month bday-year bday tel-country-code tel-extension username email tel postal-code
address-line2 address-line1 house-number address-level2 address-level1 country street-address organization-title organization
given-name family-name additional-name honorific-prefix nickname url impp photo file subject message quantity
search sort sex language transaction-currency transaction-amount date remember-me consent name
"""
_RANK = {purpose: rank for rank, purpose in enumerate(_BY_RANK.split())}
# The last part of a name that a framework made: `ctl00$Content$TxtEmail`, `data[User][email]`, `order.billing.city`.
_LAST_PART = re.compile(r"[\[$.:](?=[^\[$.:\]]*[A-Za-z]{2})")
# A minus alone joins the parts of dates, numbers and spans too.
_SUM = re.compile(r"\d\s*[+×*]\s*\d|\d\s*[−-]\s*\d+\s*[=?]|\d\s*[+×*−-]\s*=|=\s*\?")
_PARTS: Lexicon[str] = Lexicon(
    {
        "day": "day dd tag jour dia giorno dag tt jj den dzien день 日",
        "month": "month mm monat mois mes mese maand mesic miesiac месяц 月",
        "year": "year yyyy yy jahr annee ano anno jaar jjjj aaaa rok год 年",
    }
)


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


def purposes_of(fields: Sequence[InteractiveElement]) -> list[str]:
    """What each field of one form asks for."""
    purposes = [purpose_of(field) for field in fields]
    _settle_passwords(purposes)
    _settle_names(purposes)
    _settle_dates(fields, purposes)
    return purposes


def purpose_of(field: InteractiveElement) -> str:
    """By the field alone; `password` for one of which only its form can tell which it is."""
    token = _by_autocomplete(field.autocomplete)
    if token is not None:
        return token
    kind = kind_of_input(field)
    if kind == "password":
        return _password(field)
    scores = _by_words(field)
    if kind == "file":
        return "photo" if "photo" in scores else "file"
    if kind in _BY_TYPE:
        scores[_BY_TYPE[kind]] = scores.get(_BY_TYPE[kind], 0.0) + _TYPE
    if field.role == "searchbox":
        scores["search"] = scores.get("search", 0.0) + _TYPE
    if kind == "textarea":
        scores["message"] = scores.get("message", 0.0) + 1.5
    fitting = {purpose: score for purpose, score in scores.items() if _fits(purpose, kind, field)}
    if not fitting:
        return "other"
    best = max(fitting, key=lambda purpose: (round(fitting[purpose], 2), -_RANK.get(purpose, 99)))
    return best if fitting[best] >= _ENOUGH else "other"


def _fits(purpose: str, kind: str, field: InteractiveElement) -> bool:
    """Whether so much can be said with such a field."""
    if kind in _TICKED:
        return purpose in _FOR_TICKS and not (kind == "radio" and purpose in ("consent", "remember-me"))
    if purpose in _PASSWORDS or purpose in ("remember-me", "consent"):
        return False
    if purpose == "message":
        return kind == "textarea" or "message" in FIELD_WORDS.find(field.name or field.placeholder or "")
    if purpose == "subject":
        return kind != "textarea"
    return True


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
        (field.placeholder if field.placeholder != field.name else "", _PLACEHOLDER),
        (_last_part(field.field_name), _NAME),
        (_last_part(field.html_id), _ID),
        (field.description if field.description != field.name else "", _DESCRIPTION),
    ):
        found = FIELD_WORDS.find_in_code(text or "")
        for purpose in found:
            scores[purpose] = scores.get(purpose, 0.0) + weight / len(found) ** 0.5
    if _SUM.search(field.name) and len(field.name) < 60:
        scores["captcha"] = scores.get("captcha", 0.0) + _LABEL
    return scores


def _last_part(name: str | None) -> str:
    return _LAST_PART.split(name[-200:])[-1] if name else ""


def _password(field: InteractiveElement) -> str:
    scores = _by_words(field)
    new, current = scores.get(NEW_PASSWORD, 0.0), scores.get(CURRENT_PASSWORD, 0.0)
    if max(new, current) >= _ENOUGH:
        return NEW_PASSWORD if new >= current else CURRENT_PASSWORD
    for purpose in ("cc-csc", "one-time-code"):
        if scores.get(purpose, 0.0) > scores.get(PASSWORD, 0.0):
            return purpose
    return PASSWORD


def _settle_passwords(purposes: list[str]) -> None:
    """Two passwords are a new one and the same again; the first of three is the old one."""
    passwords = [at for at, purpose in enumerate(purposes) if purpose in _PASSWORDS]
    unsettled = [at for at in passwords if purposes[at] == PASSWORD]
    is_set = len(passwords) > 1 or any(purposes[at] == NEW_PASSWORD for at in passwords)
    if len(passwords) >= 3 and unsettled and unsettled[0] == passwords[0]:
        purposes[unsettled.pop(0)] = CURRENT_PASSWORD
    for at in unsettled:
        purposes[at] = NEW_PASSWORD if is_set else CURRENT_PASSWORD


def _settle_names(purposes: list[str]) -> None:
    """A name beside a first name is the last name; one beside a password and nothing else that says who is the user's."""
    if purposes.count("name") != 1:
        return
    at = purposes.index("name")
    if "given-name" in purposes and "family-name" not in purposes:
        purposes[at] = "family-name"
    elif CURRENT_PASSWORD in purposes and not {"username", "email", "tel"}.intersection(purposes):
        purposes[at] = "username"


def _settle_dates(fields: Sequence[InteractiveElement], purposes: list[str]) -> None:
    """A date in several fields: which part of it each is. Its parts stand side by side."""
    for at, field in enumerate(fields):
        whole = purposes[at] if purposes[at] in ("bday", "cc-exp") else None
        if whole is None and at > 0 and purposes[at] in ("other", "date"):
            whole = purposes[at - 1].rpartition("-")[0] if purposes[at - 1].startswith(("bday-", "cc-exp-")) else None
        if whole is None or kind_of_input(field) == "date":
            continue
        text = f"{_last_part(field.field_name)} {_last_part(field.html_id)} {field.placeholder or ''}"
        parts = _PARTS.find_in_code(text) or _PARTS.find(field.name)
        if len(parts) == 1 and f"{whole}-{parts[0]}" in _TOKENS:
            purposes[at] = f"{whole}-{parts[0]}"


def completed(purposes: list[str], fields: Sequence[InteractiveElement], form: FormPurpose) -> list[str]:
    """What is left, by what the form is for: the only line in a search is what is searched for."""
    lines = [at for at, field in enumerate(fields) if kind_of_input(field) in ("text", "search")]
    unknown = [at for at in lines if purposes[at] in ("other", "name")]
    wanted = _LINE_OF.get(form)
    if wanted is None or len(unknown) != 1 or wanted in purposes:
        return purposes
    if form is FormPurpose.LOGIN or len(lines) == 1:
        purposes[unknown[0]] = wanted
    return purposes


_LINE_OF: Mapping[FormPurpose, str] = {
    FormPurpose.SEARCH: "search",
    FormPurpose.NEWSLETTER: "email",
    FormPurpose.LOGIN: "username",
}
