"""What each form is for, weighed from its fields, its words and its place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from gleanery.knowledge.meaning.action_words import ACTS, Act
from gleanery.knowledge.meaning.evidence import Evidence, Verdict
from gleanery.knowledge.meaning.facts import Facts
from gleanery.knowledge.meaning.field_words import FIELD_WORDS, PASSWORD
from gleanery.knowledge.meaning.fields import completed, kind_of_input, purposes_of
from gleanery.knowledge.meaning.lexicon import taken_apart, words_of
from gleanery.model.parses import FieldMeaning, Form, FormMeaning, FormPurpose, InteractiveElement

P = FormPurpose

_START = dict.fromkeys(FormPurpose, 0.0) | {FormPurpose.OTHER: 1.2}
_PASSWORDS = frozenset({"new-password", "current-password"})
_ADDRESS = frozenset(
    {"street-address", "address-line1", "address-line2", "address-level2", "postal-code", "house-number"}
)
_PERSON = frozenset({"given-name", "family-name", "name", "organization", "bday", "sex", "tel", "country", "bday-year"})
_CARD = frozenset({"cc-number", "cc-csc", "cc-exp", "cc-exp-month", "cc-exp-year", "cc-name", "iban"})
_CHOICES = frozenset({"select", "checkbox", "radio", "range"})
_ACCOUNT = frozenset({"account", "konto", "compte", "cuenta", "conta", "аккаунт", "учетную"})
_SEARCH_ROLES = ("search",)
_SURE_ENOUGH = 0.6


@dataclass(frozen=True)
class _Form:
    """A form with what its rules weigh."""

    form: Form
    fields: tuple[InteractiveElement, ...]
    submits: tuple[InteractiveElement, ...]
    buttons: tuple[InteractiveElement, ...]
    purposes: list[str]
    asked: Counter[str]
    kinds: Counter[str]
    said: frozenset[Act]
    headed: frozenset[Act]
    addressed: frozenset[Act]
    linked: frozenset[Act]
    offered: frozenset[Act]
    hinted: frozenset[Act]
    paged: frozenset[Act]
    is_about_password: bool
    is_about_news: bool
    is_about_account: bool

    @property
    def size(self) -> int:
        return len(self.fields)

    def has(self, *purposes: str) -> bool:
        return any(self.asked[purpose] for purpose in purposes)


def meanings_of_forms(facts: Facts) -> tuple[FormMeaning, ...]:
    others: dict[str, list[InteractiveElement]] = {}
    for element in facts.inspected.elements:
        if element.form_id is not None and (element.href or element.role == "button"):
            others.setdefault(element.form_id, []).append(element)
    return tuple(_meaning(form, facts, others.get(form.form_id, ())) for form in facts.inspected.forms)


def _meaning(form: Form, facts: Facts, others: Sequence[InteractiveElement]) -> FormMeaning:
    weighed = _taken_apart(form, facts, others)
    evidence: Evidence[FormPurpose] = Evidence(_START)
    _weigh_account(weighed, evidence)
    _weigh_search(weighed, facts, evidence)
    _weigh_messages(weighed, facts, evidence)
    _weigh_buying(weighed, evidence)
    _weigh_rest(weighed, evidence)
    verdict = evidence.verdict()
    submit = _submit(weighed, verdict.kind)
    return FormMeaning(
        form_id=form.form_id,
        purpose=verdict.kind,
        confidence=verdict.confidence,
        fields=_fields(weighed, verdict),
        submit_id=submit.element_id if submit else None,
        reasons=verdict.reasons,
    )


_SENDS: Mapping[FormPurpose, frozenset[Act]] = {
    P.LOGIN: frozenset({Act.LOGIN, Act.CONTINUE}),
    P.SIGN_UP: frozenset({Act.SIGN_UP, Act.CONTINUE}),
    P.PASSWORD_RESET: frozenset({Act.RESET, Act.SEND, Act.CONTINUE}),
    P.SEARCH: frozenset({Act.SEARCH}),
    P.FILTER: frozenset({Act.FILTER, Act.SAVE}),
    P.NEWSLETTER: frozenset({Act.SUBSCRIBE, Act.SIGN_UP}),
    P.CONTACT: frozenset({Act.SEND, Act.CONTACT}),
    P.COMMENT: frozenset({Act.COMMENT, Act.SEND}),
    P.CHECKOUT: frozenset({Act.CHECKOUT, Act.CART, Act.CONTINUE}),
    P.PAYMENT: frozenset({Act.PAY, Act.CHECKOUT, Act.CONTINUE}),
    P.UPLOAD: frozenset({Act.UPLOAD, Act.SEND}),
    P.SETTINGS: frozenset({Act.SAVE}),
    P.CONSENT: frozenset({Act.ACCEPT, Act.SAVE}),
    P.OTHER: frozenset({Act.SEND, Act.CONTINUE, Act.SAVE}),
}
_LEAVES = frozenset({Act.CANCEL, Act.CLOSE, Act.PREVIOUS, Act.REJECT, Act.LANGUAGE, Act.FIRST})


def _submit(form: _Form, purpose: FormPurpose) -> InteractiveElement | None:
    """The button that sends the form for its purpose, among those that go back, close it or lead elsewhere."""

    def fitness(button: InteractiveElement) -> float:
        acts = set(ACTS.find(f"{button.name} {button.value or ''}"))
        fits = 2.0 * bool(acts & _SENDS[purpose]) - 2.0 * bool(acts & _LEAVES and not acts & _SENDS[purpose])
        sends = 1.5 * (button.input_type in ("submit", "image") or (button.tag == "button" and not button.input_type))
        return fits + sends + 1.0 * ("primary" in button.hints) + 1.0 * button.is_visible

    return max(form.buttons, key=fitness, default=None)


def _fields(form: _Form, verdict: Verdict[FormPurpose]) -> tuple[FieldMeaning, ...]:
    is_sure = verdict.confidence >= _SURE_ENOUGH
    purposes = completed(form.purposes, form.fields, verdict.kind) if is_sure else form.purposes
    return tuple(
        FieldMeaning(
            element_id=field.element_id,
            label=field.name or field.placeholder or field.field_name or "",
            purpose=asked,
            is_required=field.is_required,
        )
        for field, asked in zip(form.fields, purposes, strict=True)
    )


def _taken_apart(form: Form, facts: Facts, others: Sequence[InteractiveElement]) -> _Form:
    fields = tuple(facts.elements[each] for each in form.field_ids if each in facts.elements)
    submits = tuple(facts.elements[each] for each in form.submit_ids if each in facts.elements)
    known = {*form.field_ids, *form.submit_ids}
    buttons = (*submits, *(each for each in others if not each.href and each.element_id not in known))
    purposes = purposes_of(fields)
    names = " ".join(f"{each.field_name or ''} {each.html_id or ''} {each.placeholder or ''}" for each in fields[:3])
    hints = " ".join({each.hints for each in (*fields[:2], *submits[:1]) if each.hints})
    return _Form(
        form=form,
        fields=fields,
        submits=submits,
        buttons=buttons,
        purposes=purposes,
        asked=Counter(purposes),
        kinds=Counter(kind_of_input(each) for each in fields),
        said=frozenset(act for each in submits[:4] for act in ACTS.find(f"{each.name} {each.value or ''}")),
        headed=frozenset((*ACTS.find(form.heading), *ACTS.find_in_code(form.name))),
        addressed=frozenset(ACTS.find_in_code((form.action or "").partition("://")[2].partition("/")[2])),
        linked=frozenset(act for each in others[:40] if each.href for act in facts.acts(each)),
        offered=frozenset(act for each in buttons[:20] for act in facts.acts(each)),
        hinted=frozenset(ACTS.find_in_code(hints)),
        paged=_said_by_page(form, fields, facts),
        is_about_news="news" in words_of(taken_apart(names)) or Act.SUBSCRIBE in ACTS.find_in_code(names),
        is_about_account=not _ACCOUNT.isdisjoint(
            words_of(" ".join((form.heading[:80], *(s.name for s in submits[:3]))))
        ),
        is_about_password=any(
            PASSWORD in FIELD_WORDS.find(each) for each in (form.heading, *(s.name for s in submits))
        ),
    )


def _said_by_page(form: Form, fields: Sequence[InteractiveElement], facts: Facts) -> frozenset[Act]:
    """What the page's address, title and heading say, if the form is in its content. Where no heading is
    the page's title, the form's own has been heard already."""
    if not any(each.is_visible and facts.is_content(each) for each in fields):
        return frozenset()
    headed = facts.heading_acts if facts.has_title or facts.heading != form.heading else frozenset()
    return facts.path_acts | facts.title_acts | headed


def _weigh_words(
    form: _Form, evidence: Evidence[FormPurpose], purpose: FormPurpose, act: Act, weight: float = 1.0
) -> None:
    """The same word says more on the button than above the form, and there more than in an address."""
    word = act.value.replace("_", " ")
    evidence.add(purpose, 2.4 * weight, f"its button says “{word}”", when=act in form.said)
    evidence.add(purpose, 1.6 * weight, f"it is headed or named “{word}”", when=act in form.headed)
    evidence.add(purpose, 1.2 * weight, f"its address says “{word}”", when=act in form.addressed)
    evidence.add(purpose, 1.0 * weight, f"its markup says “{word}”", when=act in form.hinted)
    evidence.add(purpose, 0.6 * weight, f"its page says “{word}”", when=act in form.paged)


def _weigh_account(form: _Form, evidence: Evidence[FormPurpose]) -> None:
    asked = form.asked
    passwords = sum(asked[each] for each in _PASSWORDS)
    who = form.has("username", "email", "tel")
    evidence.add(P.LOGIN, 3.0, "one password that exists already", when=passwords == 1 and not asked["new-password"])
    evidence.add(P.LOGIN, 0.8, "who it is", when=who and passwords == 1)
    evidence.add(P.LOGIN, 1.5, "it can remember who it was", when=form.has("remember-me"))
    evidence.add(P.LOGIN, 2.0, "a one-time code", when=form.has("one-time-code") and form.size <= 8)
    evidence.add(P.LOGIN, 1.0, "a link for a forgotten password", when=Act.RESET in form.linked and passwords == 1)
    evidence.add(P.LOGIN, -3.0, "several passwords", when=passwords > 1)
    evidence.add(P.LOGIN, -1.0 * max(0, form.size - 5), "many fields", when=form.size > 5)
    _weigh_words(form, evidence, P.LOGIN, Act.LOGIN, 1.0 if passwords or Act.LOGIN in form.paged else 0.6)
    evidence.add(P.LOGIN, -1.5, "no field at all", when=form.size == 0)

    person = sum(1 for each in _PERSON if asked[each])
    evidence.add(P.SIGN_UP, 2.2, "a new password", when=asked["new-password"] > 0)
    evidence.add(P.SIGN_UP, 1.2, "the new password twice", when=asked["new-password"] > 1)
    evidence.add(P.SIGN_UP, min(2.4, 0.8 * person), "a person beside the password", when=passwords > 0)
    evidence.add(P.SIGN_UP, 0.8, "terms to agree to", when=form.has("consent") and passwords > 0)
    evidence.add(P.SIGN_UP, -2.5, "a password that exists", when=asked["current-password"] > 0 and passwords > 1)
    _weigh_words(form, evidence, P.SIGN_UP, Act.SIGN_UP)
    is_bare = passwords == 0 and not asked["username"]
    is_named = Act.SIGN_UP in form.paged or form.is_about_account
    evidence.add(P.SIGN_UP, -1.6, "no password", when=is_bare and not is_named)
    can_open = form.is_about_account and Act.SIGN_UP in form.said | form.headed
    evidence.add(P.SIGN_UP, 1.0, "an account to be made", when=can_open)

    is_reset = who and passwords == 0 and form.size <= 4
    evidence.add(P.PASSWORD_RESET, 0.6, "who it is, and no password", when=is_reset)
    evidence.add(
        P.PASSWORD_RESET,
        2.4,
        "it speaks of a password that it doesn't ask for",
        when=is_reset and form.is_about_password,
    )
    evidence.add(P.PASSWORD_RESET, 1.2, "its page is about a lost password", when=is_reset and Act.RESET in form.paged)
    evidence.add(P.PASSWORD_RESET, 1.0, "only new passwords", when=asked["new-password"] > 0 and not who)
    evidence.add(P.PASSWORD_RESET, -2.0, "a password that exists", when=asked["current-password"] > 0)
    _weigh_words(form, evidence, P.PASSWORD_RESET, Act.RESET)

    evidence.add(
        P.SETTINGS, 3.0, "an old and a new password", when=asked["current-password"] > 0 and asked["new-password"] > 0
    )
    _weigh_words(form, evidence, P.SETTINGS, Act.SETTINGS)
    _weigh_words(form, evidence, P.SETTINGS, Act.SAVE, 0.9)
    only_language = form.size > 0 and asked["language"] + asked["transaction-currency"] == form.size
    evidence.add(P.SETTINGS, 2.5, "it changes the language or currency", when=only_language)


def _weigh_search(form: _Form, facts: Facts, evidence: Evidence[FormPurpose]) -> None:
    texts = sum(form.kinds[each] for each in ("text", "search"))
    is_get = form.form.method.lower() == "get"
    is_landmark = any(facts.is_in(each, *_SEARCH_ROLES) for each in form.fields[:2])
    evidence.add(P.SEARCH, 3.0, "a field for a search", when=form.has("search"))
    evidence.add(P.SEARCH, 2.5, "it is a landmark for searching", when=is_landmark)
    evidence.add(P.SEARCH, 0.7, "one line to write in", when=texts == 1 and form.kinds["textarea"] == 0)
    evidence.add(P.SEARCH, 0.5, "it changes nothing", when=is_get and not form.form.is_implicit)
    evidence.add(P.SEARCH, -4.0, "a password", when=form.has(*_PASSWORDS))
    evidence.add(P.SEARCH, -2.0, "more than a search asks for", when=form.has("message", "email", "consent", "file"))
    _weigh_words(form, evidence, P.SEARCH, Act.SEARCH)

    choices = sum(form.kinds[each] for each in _CHOICES)
    evidence.add(
        P.FILTER,
        1.6,
        "only choices",
        when=form.size > 0 and choices == form.size and not form.has("consent", "remember-me"),
    )
    evidence.add(P.FILTER, 2.0, "an order to choose", when=form.has("sort"))
    evidence.add(P.FILTER, 0.6, "it changes nothing", when=is_get and choices > 0 and not form.form.is_implicit)
    evidence.add(P.FILTER, 0.8, "choices beside a search", when=choices >= 3 and form.has("search"))
    evidence.add(P.FILTER, -3.0, "it asks for a person", when=form.has("email", "message", "file", "name", *_PASSWORDS))
    _weigh_words(form, evidence, P.FILTER, Act.FILTER)


def _weigh_messages(form: _Form, facts: Facts, evidence: Evidence[FormPurpose]) -> None:
    asked = form.asked
    person = form.has("email", "name", "given-name", "tel")
    is_small = form.size <= 4
    evidence.add(
        P.NEWSLETTER,
        1.4,
        "an address for mail and hardly more",
        when=form.has("email") and is_small and not form.has("message", *_PASSWORDS),
    )
    in_footer = any(facts.is_in(each, "contentinfo", "complementary") for each in form.fields[:1])
    evidence.add(
        P.NEWSLETTER, 0.9, "it stands in the footer or beside the content", when=in_footer and form.has("email")
    )
    evidence.add(P.NEWSLETTER, -4.0, "a password", when=form.has(*_PASSWORDS))
    evidence.add(P.NEWSLETTER, -2.0, "a message", when=form.has("message"))
    _weigh_words(form, evidence, P.NEWSLETTER, Act.SUBSCRIBE, 1.2)
    only_address = form.has("email") and is_small and not form.has("username", "message", *_PASSWORDS)
    can_join = (
        only_address
        and Act.SIGN_UP in (form.said | form.headed | form.hinted)
        and Act.SIGN_UP not in form.paged
        and not form.is_about_account
    )
    evidence.add(P.NEWSLETTER, 1.8, "to sign up it takes an address for mail alone", when=can_join)
    evidence.add(P.NEWSLETTER, 1.6, "its field is named after news", when=only_address and form.is_about_news)

    writes = form.kinds["textarea"] > 0 or asked["message"] > 0
    evidence.add(P.CONTACT, 1.8, "a message and whose it is", when=asked["message"] > 0 and person)
    evidence.add(P.CONTACT, 1.0, "a subject", when=asked["subject"] > 0 and person)
    evidence.add(P.CONTACT, 0.6, "a phone number or company", when=form.has("tel", "organization") and writes)
    evidence.add(P.CONTACT, -3.0, "a password", when=form.has(*_PASSWORDS))
    evidence.add(P.CONTACT, -1.0, "a file", when=form.has("file", "photo"))
    _weigh_words(form, evidence, P.CONTACT, Act.CONTACT)

    evidence.add(P.COMMENT, 1.4, "something to write", when=writes)
    evidence.add(P.COMMENT, 1.2, "a website beside a name", when=writes and asked["url"] > 0 and person)
    evidence.add(P.COMMENT, -1.5, "a subject or phone number", when=form.has("subject", "tel", "organization"))
    evidence.add(P.COMMENT, -2.0, "nothing to write", when=not writes)
    _weigh_words(form, evidence, P.COMMENT, Act.COMMENT)


def _weigh_buying(form: _Form, evidence: Evidence[FormPurpose]) -> None:
    addresses = sum(1 for each in _ADDRESS if form.asked[each])
    cards = sum(1 for each in _CARD if form.asked[each])
    evidence.add(P.PAYMENT, min(4.5, 2.0 * cards), "a card or account")
    evidence.add(P.PAYMENT, 1.5, "an amount", when=form.has("transaction-amount"))
    _weigh_words(form, evidence, P.PAYMENT, Act.PAY)
    evidence.add(P.CHECKOUT, min(2.4, 1.0 * addresses), "an address to deliver to", when=addresses > 1)
    evidence.add(P.CHECKOUT, 1.5, "a quantity", when=form.has("quantity"))
    evidence.add(P.CHECKOUT, 1.2, "a coupon", when=form.has("coupon") and not form.has(*_PASSWORDS))
    evidence.add(P.CHECKOUT, 0.8, "a card beside an address", when=cards > 0 and addresses > 1)
    evidence.add(P.CHECKOUT, -2.0, "a password", when=form.has(*_PASSWORDS))
    is_bought = addresses > 0 or cards > 0 or form.has("quantity", "coupon")
    evidence.add(P.CHECKOUT, -0.8, "nothing that a sale asks for", when=form.size > 1 and not is_bought)
    _weigh_words(form, evidence, P.CHECKOUT, Act.CART, 1.3)
    _weigh_words(form, evidence, P.CHECKOUT, Act.CHECKOUT)


def _weigh_rest(form: _Form, evidence: Evidence[FormPurpose]) -> None:
    evidence.add(P.UPLOAD, 2.6, "a file", when=form.has("file", "photo"))
    evidence.add(P.UPLOAD, 1.0, "hardly more than a file", when=form.has("file", "photo") and form.size <= 3)
    evidence.add(P.UPLOAD, -0.3 * max(0, form.size - 4), "many other fields", when=form.size > 4)
    _weigh_words(form, evidence, P.UPLOAD, Act.UPLOAD)
    can_refuse = Act.REJECT in form.offered and Act.ACCEPT in form.offered
    evidence.add(P.CONSENT, 2.5, "it can be accepted or refused", when=can_refuse)
    evidence.add(P.CONSENT, -3.0, "it asks for more", when=form.has("email", "name", "message", "search", *_PASSWORDS))
    evidence.add(P.OTHER, 0.8, "no field at all", when=form.size == 0)
    _weigh_words(form, evidence, P.CONSENT, Act.COOKIES)
    _weigh_words(form, evidence, P.CONSENT, Act.ACCEPT, 0.6)
