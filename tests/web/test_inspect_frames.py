"""Pages within pages: what of them can be read, and why the rest can't."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gleanery.model import parses
from gleanery.web.browser.inspect.inspector import InspectLimits
from tests.sites import Site
from tests.sites.parse_pages import parse_site
from tests.web.browsers import needs_browser
from tests.web.inspections import Eyes, open_eyes

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]

NOT_LOADED = "It could not be loaded."
NOT_SHOWN = "It is not shown."


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["one process", "a process for each site"])
async def eyes(request: pytest.FixtureRequest) -> AsyncIterator[Eyes]:
    async with open_eyes(*(["--site-per-process"] if request.param != "one process" else [])) as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def other() -> AsyncIterator[Site]:
    """On another site, as the browser sees it."""
    async with parse_site() as it:
        it.url = it.url.replace("127.0.0.1", "localhost")
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site(other: Site) -> AsyncIterator[Site]:
    async with parse_site(other.url) as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def frames(eyes: Eyes, site: Site) -> parses.Inspected:
    return await eyes.read(f"{site.url}/frames", include_tree=True)


async def test_what_could_not_be_read_says_why(frames: parses.Inspected, site: Site, other: Site) -> None:
    told = [(frame.url, frame.title, frame.is_read, frame.reason) for frame in frames.dom.frames]
    assert sorted(told) == sorted(
        [
            (f"{site.url}/frames", "", True, None),
            (f"{site.url}/inner", "First", True, None),
            (f"{site.url}/deeper", "", True, None),
            (f"{site.url}/inner", "", True, None),
            ("about:srcdoc", "", True, None),
            (f"{other.url}/inner", "Elsewhere", True, None),
            (f"{site.url}/inner", "", False, NOT_SHOWN),
            (f"{site.url}/refuses", "Refuses", False, NOT_LOADED),
            (f"{site.url}/inner", "", True, None),
        ]
    )
    assert frames.notes == ("2 of 9 frames could not be read, or are not shown.",)


async def test_elements_stand_where_their_frame_stands(frames: parses.Inspected) -> None:
    inner = ["Inner field", "Inner button"]
    names = [element.name for element in frames.elements]
    assert names == ["Outer", *inner, *inner, "Written in place", *inner, *inner]
    assert [element.element_id for element in frames.elements] == [f"e{i + 1}" for i in range(10)]
    assert [heading.text for heading in frames.dom.headings] == ["Frames", *["Inside"] * 4, "After"]


async def test_ids_lead_from_elements_to_frames_and_forms(frames: parses.Inspected) -> None:
    known = {frame.frame_id: frame for frame in frames.dom.frames}
    forms = {form.form_id: form for form in frames.forms}
    assert len(forms) == 4
    for element in frames.elements:
        assert known[element.frame_id].is_read
        assert (element.frame_id == "f0") == (element.locator.frames == ())
        if element.form_id is not None:
            assert forms[element.form_id].frame_id == element.frame_id
    nested = next(frame for frame in frames.dom.frames if frame.parent_id not in (None, "f0"))
    assert known[str(nested.parent_id)].url.endswith("/deeper")


async def test_the_tree_goes_into_frames(frames: parses.Inspected) -> None:
    def tags(node: parses.Node) -> list[str]:
        return [node.tag, *(tag for child in node.children for tag in tags(child))]

    assert frames.dom.tree is not None
    found = tags(frames.dom.tree)
    assert (found.count("iframe"), found.count("#document"), found.count("#shadow-root")) == (7, 6, 1)


async def test_no_more_than_so_many_are_read(eyes: Eyes, site: Site) -> None:
    page = await eyes.read(f"{site.url}/frames", InspectLimits(frames=2))
    assert len(page.dom.frames) == 3
    assert "The page has more than 2 frames; the rest is left out." in page.notes
