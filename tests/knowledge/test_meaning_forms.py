"""What forms and their fields are for."""

from __future__ import annotations

import pytest

from gleanery.knowledge.meaning.field_words import FIELD_WORDS
from gleanery.model.parses import FormPurpose
from tests.knowledge.inspected_pages import meaning_of_html


def purposes(form: str) -> list[str]:
    (meaning,) = meaning_of_html(f"<html><body><main><form>{form}</form></main></body></html>").forms
    return [field.purpose for field in meaning.fields]


def purpose_of(form: str, before: str = "") -> FormPurpose:
    html = f"<html><body><main>{before}{form}</main></body></html>"
    return meaning_of_html(html).forms[0].purpose


@pytest.mark.parametrize(
    ("field", "purpose"),
    [
        # HTML's own tokens come first, with what may stand around them.
        ('<input autocomplete="section-a shipping postal-code" name="phone" aria-label="Telephone">', "postal-code"),
        ('<input autocomplete="username webauthn" type="email" aria-label="Email">', "username"),
        ('<input autocomplete="off" aria-label="Telephone">', "tel"),
        # Then types.
        ('<input type="tel" name="x1">', "tel"),
        ('<input type="url" name="x1">', "url"),
        ('<input type="search" name="x1">', "search"),
        ('<input type="file" name="x1">', "file"),
        ('<textarea name="x1"></textarea>', "message"),
        # Then words, of which a label says more than a name.
        ('<input name="field_17" aria-label="Postleitzahl">', "postal-code"),
        ('<input name="username" aria-label="E-Mail-Adresse">', "email"),
        ('<input name="ctl00$Content$TxtEmail">', "email"),
        ('<input name="checkout[shipping_address][address2]">', "address-line2"),
        ('<input name="data[User][name]" aria-label="Username">', "username"),
        ('<input name="lastName">', "family-name"),
        ('<input placeholder="Numéro de téléphone">', "tel"),
        ('<input placeholder="Código postal">', "postal-code"),
        ('<input placeholder="Indirizzo">', "street-address"),
        ('<input placeholder="Sobrenome">', "family-name"),
        ('<input placeholder="Geboortedatum">', "bday"),
        ('<input placeholder="Адрес электронной почты">', "email"),
        ('<input placeholder="郵便番号">', "postal-code"),
        ('<input placeholder="验证码">', "captcha"),
        ('<input aria-label="6 + 12 =">', "captcha"),
        ('<input aria-label="What is 9 - 4?">', "captcha"),
        ('<input type="checkbox" aria-label="Invoice 2026-0017">', "other"),
        ('<input aria-label="Ages 18 - 25">', "other"),
        ('<input name="q1" aria-label="What did you like?">', "other"),
        ('<input type="number" name="qty">', "quantity"),
        ('<label><input type="checkbox" name="r">Stay signed in</label>', "remember-me"),
        ('<label><input type="checkbox" name="a">Ich habe die Datenschutzerklärung gelesen</label>', "consent"),
        ('<label><input type="radio" name="terms">All words</label>', "other"),
        ("<input>", "other"),
    ],
)
def test_what_a_field_asks_for(field: str, purpose: str) -> None:
    assert purposes(f"{field}<button>Go on</button>")[0] == purpose


def test_passwords_are_told_apart_by_the_others() -> None:
    one = '<input name="u" aria-label="User"><input type="password" aria-label="Password">'
    two = '<input type="password" aria-label="Password"><input type="password" aria-label="Again">'
    three = '<input type="password" name="a"><input type="password" name="b"><input type="password" name="c">'

    assert purposes(one)[-1] == "current-password"
    assert purposes(two) == ["new-password", "new-password"]
    assert purposes(three) == ["current-password", "new-password", "new-password"]


def test_a_date_in_parts() -> None:
    day = '<select name="birth_day" aria-label="Day"></select>'
    month = '<select name="birth_month" aria-label="Month"></select>'
    year = '<input name="birth[year]" aria-label="Date of birth">'

    assert purposes(day + month + year) == ["bday-day", "bday-month", "bday-year"]


def test_a_name_beside_a_first_name_is_the_last_name() -> None:
    assert purposes('<input placeholder="Prénom"><input placeholder="Nom">') == ["given-name", "family-name"]
    assert purposes('<input placeholder="Nom"><input placeholder="E-mail">') == ["name", "email"]


@pytest.mark.parametrize(
    ("form", "purpose"),
    [
        (
            '<form><input type="email" name="e"><input type="password" name="p"><button>Anmelden</button></form>',
            "login",
        ),
        ('<form><input type="email" name="e"><button>Anmelden</button><p>Newsletter</p></form>', "login"),
        ('<form action="/newsletter"><input type="email" name="e"><button>Anmelden</button></form>', "newsletter"),
        (
            '<form><h2>Sign up for our offers</h2><input type="email" name="e"><button>Sign up</button></form>',
            "newsletter",
        ),
        ('<form><input name="login"><button>Retrieve password</button></form>', "password_reset"),
        ('<form role="search"><input name="x"></form>', "search"),
        ('<form><select name="sort_by"><option>New</option></select></form>', "filter"),
        ('<form><select name="lang" aria-label="Language"><option>en</option></select></form>', "settings"),
        (
            '<form method="post"><input type="number" name="quantity"><button>Ajouter au panier</button></form>',
            "checkout",
        ),
        ('<form method="post"><input name="iban" aria-label="IBAN"><button>Pay now</button></form>', "payment"),
        ('<form method="post"><input type="file" name="f"><button>Hochladen</button></form>', "upload"),
        ("<form><button>Accept all</button><button>Reject all</button></form>", "consent"),
        ('<form><textarea name="c"></textarea><button>Post comment</button></form>', "comment"),
        (
            '<form method="post"><input name="n" aria-label="Favourite tree"><input name="m" aria-label="Shoe size"></form>',
            "other",
        ),
    ],
)
def test_what_a_form_is_for(form: str, purpose: str) -> None:
    assert purpose_of(form) == purpose


def test_an_address_alone_is_a_newsletter_but_on_a_page_to_sign_up() -> None:
    form = '<form><input type="email" name="e"><button>Sign up</button></form>'

    assert purpose_of(form, "<h1>Our garden</h1>") is FormPurpose.NEWSLETTER
    assert purpose_of(form, "<h1>Create your account</h1>") is FormPurpose.SIGN_UP


def test_the_button_that_sends_is_not_the_one_that_leaves() -> None:
    html = """<main><form method="post"><input name="city" aria-label="City"><button type="button">Back</button>
    <button type="submit">Cancel</button><button type="submit">Continue</button></form></main>"""
    page = meaning_of_html(f"<html><body>{html}</body></html>")

    assert page.forms[0].submit_id == "e4"


def test_the_longest_phrase_takes_its_words() -> None:
    assert FIELD_WORDS.find("Company name") == ("organization",)
    assert FIELD_WORDS.find("First name and surname") == ("given-name", "family-name")
    assert FIELD_WORDS.find("Name") == ("name",)
    assert FIELD_WORDS.find("") == ()
    assert FIELD_WORDS.find_in_code("addressLine2") == ("address-line2",)
