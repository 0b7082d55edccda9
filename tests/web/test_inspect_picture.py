"""Boxes and pictures are on one grid: what is painted in a colour lies where the box says, within two pixels."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator

import numpy as np
import pytest
import pytest_asyncio
from PIL import Image

from gleanery.model import parses
from gleanery.web.browser.inspect.limits import MAX_HEIGHT
from gleanery.web.browser.inspect.screenshot import MAX_WIDTH
from tests.sites import Site
from tests.sites.parse_pages import PAINTED, PAINTS, parse_site
from tests.web.browsers import needs_browser
from tests.web.inspections import HEIGHT, WIDTH, Eyes, inspected, open_eyes, pictured

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def eyes() -> AsyncIterator[Eyes]:
    async with open_eyes("--site-per-process") as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    async with parse_site() as other, parse_site(other.url.replace("127.0.0.1", "localhost")) as it:
        yield it


def painted(png: bytes, name: str) -> tuple[int, int, int, int] | None:
    """The left, top, right and bottom of a colour."""
    pixels = np.asarray(Image.open(io.BytesIO(png)).convert("RGB"))
    places = np.argwhere((pixels == PAINTS[name]).all(axis=2))
    if not len(places):
        return None
    (top, left), (bottom, right) = places.min(0), places.max(0)
    return int(left), int(top), int(right) + 1, int(bottom) + 1


def is_beside(shot: parses.Screenshot, box: parses.Box) -> bool:
    is_across = box.x + box.width <= shot.x or box.x >= shot.x + shot.width
    return is_across or box.y + box.height <= shot.y or box.y >= shot.y + shot.height


@pytest.mark.parametrize("is_full_page", [True, False])
@pytest.mark.parametrize("name", PAINTED)
async def test_boxes_lie_where_things_are_painted(eyes: Eyes, site: Site, name: str, is_full_page: bool) -> None:
    async with eyes.page(f"{site.url}/painted/{name}") as page:
        read = await inspected(page)
        png, shot = await pictured(page, is_full_page=is_full_page)
    assert read.elements
    for element in read.elements:
        seen, box = painted(png, element.name), element.box
        assert box is not None
        if seen is None:
            assert is_beside(shot, box), element.name
            assert not is_full_page
            continue
        edges = (box.x - shot.x, box.y - shot.y, box.x + box.width - shot.x, box.y + box.height - shot.y)
        assert seen == pytest.approx(edges, abs=2), element.name


async def test_the_picture_is_as_large_as_the_page(eyes: Eyes, site: Site) -> None:
    async with eyes.page(f"{site.url}/painted/tall") as page:
        read = await inspected(page)
        png, shot = await pictured(page, is_full_page=True)
    assert (
        Image.open(io.BytesIO(png)).size == (shot.width, shot.height) == (read.page_size.width, read.page_size.height)
    )
    assert (shot.size_bytes, shot.is_full_page, shot.is_cut) == (len(png), True, False)
    assert shot.height > 3000


async def test_a_picture_of_the_viewport_is_as_large_as_that(eyes: Eyes, site: Site) -> None:
    async with eyes.page(f"{site.url}/painted/scrolled") as page:
        _, shot = await pictured(page, is_full_page=False)
    assert (shot.width, shot.height, shot.x, shot.y) == (WIDTH, HEIGHT, 0, 450)
    assert not shot.is_full_page


async def test_what_is_too_large_is_cut_and_said_to_be(eyes: Eyes) -> None:
    async with eyes.page("about:blank") as page:
        await page.set_content(
            "<body style='margin: 0'><div style='width: 5000px; height: 20000px; background: red'></div>"
        )
        png, shot = await pictured(page, is_full_page=True)
    assert (shot.width, shot.height, shot.is_cut) == (MAX_WIDTH, MAX_HEIGHT, True)
    assert painted(png, "red") == (0, 0, MAX_WIDTH, MAX_HEIGHT)


async def test_a_page_that_lies_about_itself_is_taken_all_the_same(eyes: Eyes, site: Site) -> None:
    async with eyes.page(f"{site.url}/clobbered") as page:
        _, shot = await pictured(page, is_full_page=True)
    assert (shot.width, shot.height) == (WIDTH, HEIGHT)


async def test_what_is_scrolled_out_of_a_box_is_not_said_to_be_in_the_picture(eyes: Eyes) -> None:
    button = "<button style='display: block; width: 100px; height: 40px; margin: 0'>%s</button>"
    three = "".join(button % name for name in ("one", "two", "three"))
    frame = (
        f"<style>body {{ margin: 0 }}</style>{three.replace('one', 'f1').replace('two', 'f2').replace('three', 'f3')}"
    )
    async with eyes.page("about:blank") as page:
        await page.set_content(
            "<body style='margin: 0'><div style='height: 60px; overflow: auto; width: 300px'>"
            f"{three}</div><iframe style='border: 0; display: block; width: 300px; height: 60px' srcdoc=\"{frame}\"></iframe>"
            f"{button % 'last'}"
        )
        await page.frame_locator("iframe").get_by_role("button", name="f3").wait_for()
        read = await inspected(page)
    shown = {
        element.name: element.shown_box and (element.shown_box.y, element.shown_box.height) for element in read.elements
    }
    assert shown == {
        "one": None,
        "two": (40, 20),
        "three": (80, 0),
        "f1": None,
        "f2": (100, 20),
        "f3": (140, 0),
        "last": None,
    }
    assert {element.name: element.box and element.box.height for element in read.elements} == dict.fromkeys(shown, 40)
