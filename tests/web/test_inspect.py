"""What is told of each thing that can be acted on."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gleanery.model import parses
from tests.sites import Site
from tests.sites.parse_pages import parse_site
from tests.web.browsers import needs_browser
from tests.web.inspections import Eyes, by_name, open_eyes

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]

Elements = dict[str, parses.InteractiveElement]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def eyes() -> AsyncIterator[Eyes]:
    async with open_eyes() as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    async with parse_site() as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def controls(eyes: Eyes, site: Site) -> parses.Inspected:
    return await eyes.read(f"{site.url}/controls")


@pytest.fixture
def elements(controls: parses.Inspected) -> Elements:
    found = [element for element in controls.elements if element.role != "option"]
    return by_name(controls.model_copy(update={"elements": tuple(found)}))


ROLES = {
    "Plain": "textbox",
    "Mail": "textbox",
    "Secret": "textbox",
    "Card": "textbox",
    "Dotted": "textbox",
    "Many": "textbox",
    "One of": "combobox",
    "Some of": "listbox",
    "Listed": "combobox",
    "Yes": "checkbox",
    "Maybe": "checkbox",
    "Small": "radio",
    "Large": "radio",
    "Amount": "spinbutton",
    "Volume": "slider",
    "Day": "textbox",
    "Paint": "textbox",
    "Letter": "button",
    "Barred": "textbox",
    "Picture": "button",
    "Clear": "button",
    "Send": "button",
    "Far away": "textbox",
    "A link": "link",
    "An area": "link",
    "Drawn link": "link",
    "More": "button",
    "Less": "button",
    "Unfolded": "button",
    "Editor": "textbox",
    "Toggle": "button",
    "Light": "switch",
    "Tab one": "tab",
    "File": "menuitem",
    "Dial": "slider",
    "Choose": "combobox",
    "Choices": "listbox",
    "Clicked": "generic",
    "Pointed at": "generic",
    "Card link": "link",
    "Reached by tab": "generic",
    "Greyed": "button",
    "Unseen": "button",
    "Skip": "link",
    "Collapsed": "button",
    "Scrolled to": "button",
    "For readers": "button",
    "Film": "video",
    "Far below": "button",
}


async def test_all_that_can_be_acted_on_is_found_and_nothing_else(elements: Elements) -> None:
    assert {name: element.role for name, element in elements.items()} == ROLES
    assert [element.element_id for element in elements.values()][:3] == ["e1", "e2", "e3"]


async def test_values_are_told_but_never_secrets(elements: Elements) -> None:
    assert {name: element.value for name, element in elements.items() if element.value is not None} == {
        "Plain": "some text",
        "Mail": "",
        "Many": "one\ntwo",
        "One of": "Pears",
        "Some of": "x, y",
        "Listed": "",
        "Yes": "on1",
        "Small": "s",
        "Large": "l",
        "Amount": "3",
        "Volume": "40",
        "Day": "2026-01-31",
        "Paint": "#ff0000",
        "Barred": "",
        "Far away": "",
        "Editor": "bold text",
        "Dial": "7",
        "Choose": "Now",
    }


async def test_no_secret_is_in_the_answer(controls: parses.Inspected, eyes: Eyes, site: Site) -> None:
    with_tree = await eyes.read(f"{site.url}/controls", include_tree=True)
    for secret in ("hunter2", "4111111111111111", "1234"):
        assert f'"{secret}"' not in controls.model_dump_json() + with_tree.model_dump_json()


async def test_states_are_those_of_aria(elements: Elements) -> None:
    assert {name: dict(element.states) for name, element in elements.items() if element.states} == {
        "Mail": {"invalid": True},
        "Many": {"multiline": True, "readonly": True},
        "Some of": {"multiselectable": True},
        "Yes": {"checked": True},
        "Maybe": {"checked": "mixed"},
        "Small": {"checked": False},
        "Large": {"checked": True},
        "More": {"expanded": False},
        "Less": {"expanded": True},
        "Editor": {"multiline": True},
        "Toggle": {"pressed": "mixed"},
        "Light": {"checked": True},
        "Tab one": {"selected": True},
        "File": {"expanded": False, "haspopup": True},
        "Far below": {"focused": True},
    }


async def test_what_cannot_be_seen_or_used_is_told(elements: Elements) -> None:
    unseen = {name for name, element in elements.items() if not element.is_visible}
    assert unseen == {"Dial", "Unseen", "Skip", "Collapsed", "For readers"}
    assert {name for name, element in elements.items() if not element.is_enabled} == {"Barred", "Greyed"}
    assert {name for name, element in elements.items() if element.is_required} == {"Plain"}


async def test_the_viewport_is_as_it_stood(elements: Elements) -> None:
    """The page scrolled to the field that has the focus, which is at its end."""
    assert [name for name, element in elements.items() if element.is_in_viewport] == ["Far below"]
    box = elements["Far below"].box
    assert box is not None
    assert box.y > 2000


async def test_more_is_told_where_there_is_more(elements: Elements, site: Site) -> None:
    plain = elements["Plain"]
    assert (plain.placeholder, plain.description, plain.input_type) == ("Say it", "A hint", "text")
    assert elements["Mail"].description == "We never write."
    assert elements["A link"].href == f"{site.url}/next#part"
    assert elements["Drawn link"].href == f"{site.url}/drawn"
    area = elements["An area"]
    assert (area.href, area.is_visible) == (f"{site.url}/area", True)
    assert area.box is not None
    assert (area.box.width, area.box.height) == (50, 50)


async def test_options_are_told(elements: Elements) -> None:
    assert elements["One of"].options == (
        parses.Option(label="Apples", value="a"),
        parses.Option(label="Pears", value="b", is_selected=True),
        parses.Option(label="Figs", value="Figs", is_enabled=False),
    )
    assert elements["Listed"].options == (parses.Option(label="First", value="l1"),)
    choices = (parses.Option(label="Now", value="n", is_selected=True), parses.Option(label="Then", value=""))
    assert (elements["Choose"].options, elements["Choices"].options) == (choices, choices)


async def test_fields_belong_to_their_form_wherever_they_stand(controls: parses.Inspected, elements: Elements) -> None:
    form, loose = controls.forms
    assert (form.name, form.method, form.heading, form.is_implicit) == ("Order", "post", "Your order", False)
    assert str(form.action).endswith("/order?x=1")
    assert elements["Far away"].element_id in form.field_ids
    assert elements["Far away"].form_id == form.form_id
    assert elements["Letter"].element_id in form.field_ids
    assert form.submit_ids == (elements["Picture"].element_id, elements["Send"].element_id)
    assert loose.is_implicit
    assert elements["Editor"].form_id == loose.form_id


async def test_roles_are_guessed_where_the_browser_tells_none(site: Site, controls: parses.Inspected) -> None:
    async with open_eyes(tells_roles=False) as eyes:
        guessed = await eyes.read(f"{site.url}/controls")
    assert any("accessibility tree" in note for note in guessed.notes)
    told = {element.locator.selector: (element.role, element.name) for element in controls.elements}
    assert {element.locator.selector: (element.role, element.name) for element in guessed.elements} == {
        **told,
        'div[role="button foo"]': ("button", "Toggle"),
        'input[name="listed"]': ("textbox", "Listed"),
        'select[name="some"]': ("combobox", "Some of"),
    }
