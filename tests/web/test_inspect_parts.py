"""What is told of a page as a whole: its head, landmarks, headings, forms, tables, and its compact tree."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from gleanery.model import parses
from gleanery.web.browser.open_page import Guise
from gleanery.web.browser.request import RenderRequest
from tests.sites import Site
from tests.sites.parse_pages import parse_site
from tests.web.browsers import needs_browser
from tests.web.inspections import Eyes, by_name, inspected, open_eyes
from tests.web.openings import a_pool

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def eyes() -> AsyncIterator[Eyes]:
    async with open_eyes() as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    async with parse_site() as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def parts(eyes: Eyes, site: Site) -> parses.Inspected:
    return await eyes.read(f"{site.url}/parts", include_tree=True)


async def test_the_head_is_read(parts: parses.Inspected, site: Site) -> None:
    assert parts.head == parses.Head(
        title="A page",
        language="en-GB",
        direction="ltr",
        charset="UTF-8",
        canonical=f"{site.url}/parts",
        icon=f"{site.url}/i.png",
        meta={"description": "What it is", "robots": "noindex"},
        open_graph={"og:title": "Shared"},
        json_ld=({"@type": "Thing", "name": "half � char", "n": [1, None]},),
        alternates=(
            {"href": f"{site.url}/de", "hreflang": "de"},
            {"href": f"{site.url}/feed", "type": "application/rss+xml", "title": "News"},
        ),
    )
    assert parts.notes == ("1 of 2 JSON-LD blocks are broken, too long or too deep, and left out.",)


async def test_landmarks_are_those_of_the_accessibility_tree(parts: parses.Inspected) -> None:
    assert [(mark.role, mark.name, mark.link_count) for mark in parts.dom.landmarks] == [
        ("banner", "", 3),
        ("navigation", "Site", 2),
        ("main", "", 1),
        ("region", "Named", 0),
        ("form", "Ask", 0),
        ("search", "", 0),
        ("contentinfo", "", 0),
    ]
    assert [mark.text_characters for mark in parts.dom.landmarks][:2] == [len("HomeAB"), len("AB")]
    elements = by_name(parts)
    marks = {mark.landmark_id: mark.role for mark in parts.dom.landmarks}
    assert {name: marks[str(element.landmark_id)] for name, element in elements.items()} == {
        "Home": "banner",
        "A": "navigation",
        "B": "navigation",
        "C": "main",
        "In a form without a name": "main",
        "Q": "form",
        "Find": "search",
        "Loose field": "main",
        "Loose button": "main",
    }


async def test_headings_are_those_that_are_shown(parts: parses.Inspected) -> None:
    assert [(heading.level, heading.text) for heading in parts.dom.headings] == [
        (1, "Title"),
        (2, "Part one"),
        (4, "By role"),
        (2, "Loose"),
    ]


async def test_tables_of_data_are_read_and_those_of_layout_are_not(parts: parses.Inspected) -> None:
    sales, inner, by_role = parts.tables
    assert (sales.caption, sales.headers) == ("Sales", ("Town", "Sales 2024", "Sales 2025"))
    assert sales.rows == (("Ulm", "1", "2"), ("Ulm", "none", "none"), ("Bonn", "3", ""))
    assert (sales.row_count, sales.column_count, sales.is_cut) == (3, 3, False)
    assert inner.rows == (("k", "v"), ("l", "w"))
    assert (by_role.caption, by_role.headers, by_role.rows) == ("By roles", ("H",), (("D",),))


async def test_fields_without_a_form_are_one_with_what_holds_them(parts: parses.Inspected) -> None:
    elements = by_name(parts)
    loose = next(form for form in parts.forms if form.heading == "Loose")
    assert (loose.is_implicit, loose.action) == (True, None)
    assert loose.field_ids == (elements["Loose field"].element_id,)
    assert loose.submit_ids == (elements["Loose button"].element_id,)
    assert [form.is_implicit for form in parts.forms] == [False, False, True, True]


def outline(node: parses.Node, depth: int = 0) -> Iterator[str]:
    told = [node.tag, node.role, node.name and repr(node.name), node.text and f'"{node.text}"', node.element_id]
    yield "  " * depth + " ".join(filter(None, told))
    for child in node.children:
        yield from outline(child, depth + 1)


async def test_the_tree_has_what_says_something(eyes: Eyes, site: Site) -> None:
    page = await eyes.read(f"{site.url}/tree", include_tree=True)
    assert page.dom.tree is not None
    assert list(outline(page.dom.tree)) == [
        "body",
        "  main main",
        '    h1 heading "The title"',
        '    p "Some text in parts"',
        "      a link 'a link' \"a link\" e1",
        "    ul",
        '      li "one"',
        '      li "two"',
        "    img",
        "    x-card",
        "      #shadow-root",
        '        p "in the shade"',
        '      p "in the light"',
    ]


async def test_the_tree_is_there_only_when_asked_for(eyes: Eyes, site: Site) -> None:
    page = await eyes.read(f"{site.url}/tree")
    assert page.dom.tree is None
    assert (page.dom.element_count, page.dom.shadow_root_count) == (29, 1)


async def test_what_a_modal_dialog_bars_is_left_out(eyes: Eyes, site: Site) -> None:
    page = await eyes.read(f"{site.url}/modal")
    assert [element.name for element in page.elements] == ["In front"]
    assert page.notes == ("A modal dialog is open: what lies behind it can't be acted on and is left out.",)


async def test_all_of_it_comes_through_the_door_of_the_browser(
    tmp_path_factory: pytest.TempPathFactory, eyes: Eyes, site: Site
) -> None:
    url = f"{site.url}/controls"
    alone = await eyes.read(url, include_tree=True)
    async with a_pool(tmp_path_factory.mktemp("data")) as pool, pool.open(url, RenderRequest(), Guise()) as page:
        await page.dom(include_tree=True)
        assert await page.elements() == alone
        png, shot = await page.screenshot(is_full_page=True)
    assert png.startswith(b"\x89PNG")
    assert (shot.width, shot.height) == (alone.page_size.width, alone.page_size.height)


async def test_a_dialog_without_a_form_has_all_its_buttons_for_its_fields(eyes: Eyes) -> None:
    async with eyes.page("about:blank") as page:
        await page.set_content(
            "<main><input aria-label='Loose'><button>First</button><button>Not its own</button></main>"
            "<div role='dialog'><input type='checkbox' aria-label='Statistics'>"
            "<button>Refuse</button><button>Save</button><button>Accept all</button></div>"
        )
        read = await inspected(page)
    names: dict[str | None, list[str]] = {}
    for element in read.elements:
        names.setdefault(element.form_id, []).append(element.name)
    assert names == {
        "form1": ["Loose", "First"],
        None: ["Not its own"],
        "form2": ["Statistics", "Refuse", "Save", "Accept all"],
    }


async def test_a_heading_ends_before_the_link_to_itself(eyes: Eyes) -> None:
    async with eyes.page("about:blank") as page:
        await page.set_content("<h1>Limits <a href='#l'>#</a></h1><h2>One §</h2><h2>C#</h2>")
        read = await inspected(page)
    assert [heading.text for heading in read.dom.headings] == ["Limits", "One", "C#"]
