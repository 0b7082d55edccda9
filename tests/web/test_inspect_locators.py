"""Every locator finds its element again, and it alone: tried by Playwright, in a context that knows nothing of the first."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from tests.sites import Site
from tests.sites.parse_pages import parse_site
from tests.sites.static import serve_directory
from tests.web.browsers import needs_browser
from tests.web.inspections import Eyes, by_name, differences, found, open_eyes

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]

DOCS = Path("/usr/share/doc")
REAL = [
    "python3.11/html/library/stdtypes.html",
    "python-django-doc/html/ref/settings.html",
    "postgresql-doc-15/html/sql-select.html",
    "git/html/git.html",
]
# So many of a page, spread over all of it: each takes Playwright some milliseconds.
SOME = 60


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def eyes() -> AsyncIterator[Eyes]:
    async with open_eyes() as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    async with parse_site() as it:
        yield it


@pytest.mark.parametrize("path", ["/locators", "/controls", "/parts", "/xhtml", "/frames"])
async def test_elements_are_found_again(eyes: Eyes, site: Site, path: str) -> None:
    elements = [element for element in (await eyes.read(site.url + path)).elements if element.tag != "area"]
    async with eyes.page(site.url + path) as fresh:
        assert await differences(fresh, elements) == []
    locators = [element.locator for element in elements]
    assert len(set(locators)) == len(locators)


@pytest.mark.parametrize("path", REAL)
async def test_elements_of_real_pages_are_found_again(eyes: Eyes, path: str) -> None:
    async with serve_directory(DOCS) as docs:
        page = await eyes.read(f"{docs.url}/{path}")
        async with eyes.page(f"{docs.url}/{path}") as fresh:
            assert await differences(fresh, page.elements[:: max(1, len(page.elements) // SOME)]) == []


async def test_what_is_most_lasting_is_taken_first(eyes: Eyes, site: Site) -> None:
    page = await eyes.read(f"{site.url}/locators")
    ways = {element.name: (element.locator.by, element.locator.selector) for element in page.elements}
    assert ways["by id"] == ("id", "#plain")
    assert ways["digits and a space"] == ("id", r"#\31 st\ one")
    assert ways["by test id"] == ("test_id", 'button[data-testid="test-me"]')
    assert ways["generated"] == ("id", r"#\:r7\:")
    assert ways["clobbers id"] == ("name", 'input[name="id"]')
    assert ways["labelled"] == ("label", 'button[aria-label="labelled"]')
    assert ways["two in nav"] == ("attribute", 'nav a[href="/two"]')
    assert ways["anchored"] == ("path", "#anchor > p > button")
    assert ways["deep"] == ("attribute", '#second a[href="/deep"]')
    assert ways["light"][1].startswith("button >> nth=")


async def test_what_is_found_can_be_clicked_and_filled(eyes: Eyes, site: Site) -> None:
    elements = by_name(await eyes.read(f"{site.url}/parts"))
    async with eyes.page(f"{site.url}/parts") as fresh:
        field = found(fresh, elements["Loose field"].locator)
        await field.fill("Words")
        assert await field.input_value() == "Words"
        await fresh.evaluate("addEventListener('click', (event) => { window.clicked = event.target.textContent; })")
        await found(fresh, elements["Loose button"].locator).click()
        assert await fresh.evaluate("clicked") == "Loose button"


async def test_what_is_in_frames_and_shadow_roots_can_be_filled(eyes: Eyes, site: Site) -> None:
    page = await eyes.read(f"{site.url}/frames")
    fields = [element.locator for element in page.elements if element.name == "Inner field"]
    assert [len(locator.frames) for locator in fields] == [1, 2, 1, 1]
    async with eyes.page(f"{site.url}/frames") as fresh:
        for number, locator in enumerate(fields):
            await found(fresh, locator).fill(f"Words {number}")
        values = [await found(fresh, locator).input_value() for locator in fields]
    assert values == ["Words 0", "Words 1", "Words 2", "Words 3"]
