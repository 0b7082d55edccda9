"""Pages that are too much, or out to deceive: what is read is bounded, is said to be, and is always what is there."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from pydantic import TypeAdapter

from gleanery.model import parses
from gleanery.web.browser.inspect.inspector import InspectLimits
from tests.sites import Site
from tests.sites.parse_pages import page, parse_site
from tests.sites.written import Answers, written_site
from tests.web.browsers import needs_browser
from tests.web.inspections import Eyes, differences, inspected, open_eyes, pictured

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]


def sections(style: str, count: int) -> str:
    return page(
        f"<style>section {{ {style} }}</style>"
        + "".join(
            f"<section><h2>S {i}</h2><p style='height: 400px'>Words</p><button>b {i}</button>"
            f"<div style='content-visibility: hidden'><button>Unseen {i}</button></div></section>"
            for i in range(count)
        )
    )


ROW = "<tr><td>" + "words " * 60 + "</td>" + "<td>x</td>" * 40 + "</tr>"
PAGES: Answers = {
    "/many": page("<ul>" + "".join(f"<li><a href='/{i}'>A <b>{i}</b></a><i>i</i>" for i in range(25_000)) + "</ul>"),
    "/deep": page("<div>" * 3000 + "<button>Deep</button>" + "<ul><li>" * 200 + "<a href=x>Deeper</a>"),
    "/long": page(
        f"<select>{''.join(f'<option>{i}' for i in range(300))}</select><input value='{'v' * 5000}'>"
        f"<a href='/{'p' * 5000}'>{'n' * 5000}</a><button aria-label='{chr(0x1F600) * 400}'>b</button>"
        f"<p title='{'t' * 5000}'>{'text ' * 5000}</p>"
    ),
    "/table": page("<table>" + ROW * 300 + "</table>"),
    "/halves": page(
        "<button id=b>x</button><input id=i><script>b.textContent = '\\ud800 half'; b.title = '\\udc00'; b.id = 'x\\ud800';"
        "i.value = 'a\\ud800'; document.title = '\\ud83d'</script>"
    ),
    **{
        f"/nested/{i}": page("<ul><li>" * 60 + f"<button>{i}</button><iframe src='/nested/{i + 1}'></iframe>")
        for i in range(1, 5)
    },
    "/left-out": sections("content-visibility: auto; contain-intrinsic-size: 50px", 20),
    "/laid-out": sections("contain: layout style paint", 20),
    "/near": sections("content-visibility: auto; contain-intrinsic-size: 50px; contain: inline-size", 3),
    "/near-laid-out": sections("contain: inline-size layout style paint", 3),
    "/left-out-below": page(
        "<style>body { margin: 0 } section { content-visibility: auto; contain-intrinsic-size: 50px }"
        "button { display: block; height: 400px; margin: 0 }</style>"
        + "".join(f"<section><button>b {i}</button></section>" for i in range(60))
    ),
    "/nothing": "",
    "/frameset": "<frameset cols='50%,50%'><frame src='/halves'><frame src='/nothing'></frameset>",
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def eyes() -> AsyncIterator[Eyes]:
    async with open_eyes() as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    async with written_site(PAGES) as it:
        yield it


async def test_a_page_of_100_000_elements_is_read_in_part(eyes: Eyes, site: Site) -> None:
    read = await eyes.read(f"{site.url}/many", include_tree=True)
    assert read.dom.element_count == 6 + 25_000 * 4
    assert (len(read.elements), read.element_count) == (2000, 25_000)
    assert read.dom.is_cut
    assert read.elements[-1].locator.selector == 'a[href="/1999"]'
    assert read.notes == (
        "The page has 25,000 interactive elements; the first 2,000 are listed.",
        "The tree has the first 5,000 nodes.",
    )


async def test_what_is_left_out_until_it_is_scrolled_to_is_where_the_picture_shows_it(eyes: Eyes, site: Site) -> None:
    """`content-visibility: auto`: its parts have made-up heights until then, and each question lays them out anew.

    Laid out they are as whoever scrolls to them sees them: contained, so that no margin of theirs collapses with another.
    """
    async with eyes.page(f"{site.url}/left-out") as shown:
        read = await inspected(shown)
        _, picture = await pictured(shown, is_full_page=True)
        assert await differences(shown, read.elements) == []
    async with eyes.page(f"{site.url}/laid-out") as shown:
        assert await differences(shown, read.elements) == []
    assert [element.name for element in read.elements] == [f"b {i}" for i in range(20)]
    assert (picture.width, picture.height) == (read.page_size.width, read.page_size.height)
    assert read.page_size.height > 20 * 400


async def test_what_may_be_left_out_in_the_next_frame_is_laid_out_too(eyes: Eyes, site: Site) -> None:
    """What is near the window is there; in a page's first frames that is all of it, while its parts have made-up heights."""
    async with eyes.page(f"{site.url}/near") as shown:
        read = await inspected(shown)
        said = await shown.evaluate(
            "[...document.querySelectorAll('section')].map((one) => getComputedStyle(one).contentVisibility)"
        )
    async with eyes.page(f"{site.url}/near-laid-out") as shown:
        assert await differences(shown, read.elements) == []
    assert said == ["visible"] * 3
    assert [element.name for element in read.elements] == ["b 0", "b 1", "b 2"]


async def test_what_no_picture_shows_is_left_out_again(eyes: Eyes, site: Site) -> None:
    """Chromium paints all of the document for a picture of a part of it."""
    async with eyes.page(f"{site.url}/left-out-below") as shown:
        read = await inspected(shown)
        _, picture = await pictured(shown, is_full_page=True)
        said = await shown.evaluate(
            "[...document.querySelectorAll('section')].map((one) => getComputedStyle(one).contentVisibility)"
        )
    assert [element.box and element.box.y for element in read.elements] == [400 * i for i in range(60)]
    assert (read.page_size.height, picture.height, picture.is_cut) == (24_000, 16_384, True)
    assert said == ["visible"] * 41 + ["auto"] * 19


async def test_of_what_is_left_out_the_first_parts_are_laid_out(eyes: Eyes, site: Site) -> None:
    async with eyes.page(f"{site.url}/left-out-below") as shown:
        read = await inspected(shown, InspectLimits(shown=5))
        said = await shown.evaluate(
            "[...document.querySelectorAll('section')].map((one) => getComputedStyle(one).contentVisibility)"
        )
    assert said == ["visible"] * 5 + ["auto"] * 55
    assert [element.name for element in read.elements] == [f"b {i}" for i in range(60)]
    assert [element.box and element.box.y for element in read.elements[:6]] == [0, 400, 800, 1200, 1600, 2000]
    assert read.notes == (
        "The page leaves out what is not scrolled to; what follows the parts with its first 5 elements is where the browser expects it.",
    )


async def test_a_page_of_great_depth_is_read(eyes: Eyes, site: Site) -> None:
    read = await eyes.read(f"{site.url}/deep", include_tree=True)
    assert [element.name for element in read.elements] == ["Deep", "Deeper"]
    assert parses.Inspected.model_validate_json(read.model_dump_json()) == read


async def test_deep_pages_within_deep_pages_can_be_kept(eyes: Eyes, site: Site) -> None:
    read = await eyes.read(f"{site.url}/nested/1", include_tree=True)
    assert [element.name for element in read.elements] == ["1", "2", "3", "4"]
    kept = '{"a":{"b":' + read.model_dump_json() + "}}"
    within = TypeAdapter(dict[str, dict[str, parses.Inspected]])
    assert within.validate_json(kept)["a"]["b"] == read


async def test_long_things_are_cut(eyes: Eyes, site: Site) -> None:
    limits = InspectLimits()
    read = await eyes.read(f"{site.url}/long", include_tree=True)
    select, field, link, button = read.elements
    assert (len(select.options), select.option_count) == (limits.options, 300)
    assert field.value == "v" * (limits.value - 1) + "…"
    assert link.name == "n" * (limits.name - 1) + "…"
    assert link.href is not None
    assert (len(link.href), link.href[-1]) == (limits.href, "…")
    assert button.name == chr(0x1F600) * ((limits.name - 1) // 2) + "…"
    assert len(read.model_dump_json()) < 40_000


async def test_large_tables_are_cut(eyes: Eyes, site: Site) -> None:
    limits = InspectLimits()
    read = await eyes.read(f"{site.url}/table")
    (table,) = read.tables
    assert (table.row_count, table.column_count, table.is_cut) == (300, 41, True)
    assert len(table.rows) == limits.rows
    assert {len(row) for row in table.rows} == {limits.columns}
    assert len(table.rows[0][0]) == limits.cell
    assert read.notes == ("1 table is cut.",)


async def test_halves_of_characters_do_no_harm(eyes: Eyes, site: Site) -> None:
    read = await eyes.read(f"{site.url}/halves", include_tree=True)
    assert (read.head.title, read.elements[0].name, read.elements[1].value) == ("�", "� half", "a�")
    read.model_dump_json().encode()


async def test_a_page_of_nothing_is_read(eyes: Eyes, site: Site) -> None:
    read = await eyes.read(f"{site.url}/nothing", include_tree=True)
    assert (read.elements, read.dom.headings, read.dom.element_count) == ((), (), 3)


async def test_a_page_of_frames_alone_is_read(eyes: Eyes, site: Site) -> None:
    read = await eyes.read(f"{site.url}/frameset", include_tree=True)
    assert [element.name for element in read.elements] == ["� half", ""]
    assert [frame.is_read for frame in read.dom.frames] == [True, True, True]


async def test_a_page_cannot_lie_to_us(eyes: Eyes) -> None:
    """It has replaced what scripts ask, and its fields hide what documents and forms have."""
    async with parse_site() as trap:
        read = await eyes.read(f"{trap.url}/clobbered", include_tree=True)
    assert [(element.role, element.name) for element in read.elements] == [("button", "Still found")]
    assert [heading.text for heading in read.dom.headings] == ["Still read"]
    assert read.head.title == "A page"


async def test_a_page_does_not_notice(eyes: Eyes, site: Site) -> None:
    async with eyes.page(f"{site.url}/long") as watched:
        await watched.evaluate(
            "window.changes = 0; new MutationObserver((all) => { changes += all.length })"
            ".observe(document, {subtree: true, childList: true, attributes: true, characterData: true})"
        )
        names = await watched.evaluate("Object.getOwnPropertyNames(window).length")
        read = await inspected(watched)
        assert len(read.elements) == 4
        assert await watched.evaluate("[changes, Object.getOwnPropertyNames(window).length]") == [0, names]


@pytest.mark.parametrize(
    "trap",
    [
        "<script>document.documentElement.remove()</script>",
        "<form tabindex=0 style='position: absolute'><input name=offsetParent><input name=style><input name=labels>"
        "<input name=tabIndex><input name=type><input name=value><input name=parentElement></form>"
        "<script>document.querySelector('form').focus()</script>",
        "<svg tabindex=0><title>t</title></svg><math tabindex=0><mi>x</mi></math><dialog open tabindex=0>d</dialog>",
        "<body></body><script>document.body.remove()</script>",
        "<input list=none form=none><label for=none>l</label><button aria-labelledby='none none'>b</button><area href=x>",
    ],
)
async def test_traps_of_the_document_are_stepped_over(eyes: Eyes, trap: str) -> None:
    async with written_site({"/": page(trap)}) as site, eyes.page(site.url) as trapped:
        read = await inspected(trapped, include_tree=True)
        _, shot = await pictured(trapped, is_full_page=True)
    assert parses.Inspected.model_validate_json(read.model_dump_json()) == read
    assert shot.width == 1280
