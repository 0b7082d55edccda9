"""The pages that the rules were tuned on, read by the browser in place of their markup: they mean the same."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from playwright.async_api import Page, Route

from gleanery.knowledge.meaning import meaning_of
from gleanery.model.parses import Navigation
from tests.knowledge.inspected_pages import main_content
from tests.knowledge.labelled_pages import LabelledPage, Reading, labelled_pages, reading
from tests.web.browsers import needs_browser
from tests.web.inspections import Eyes, inspected, open_eyes

pytestmark = [pytest.mark.browser, pytest.mark.slow, needs_browser, pytest.mark.asyncio(loop_scope="module")]

# Without a style sheet nothing stands beside anything; a slider in no form is a form of its own to the browser's reader.
DIFFERENT = {"docs_sphinx": {"menus"}, "docs_modern": {"menus"}, "video_page": {"forms"}}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def eyes() -> AsyncIterator[Eyes]:
    async with open_eyes() as it:
        yield it


async def read(page: Page, labelled: LabelledPage) -> Reading:
    async def answer(route: Route) -> None:
        if route.request.url != labelled.url:
            return await route.abort()
        return await route.fulfill(content_type="text/html; charset=utf-8", body=f"<!doctype html>{labelled.html}")

    await page.route("**/*", answer)
    await page.goto(labelled.url)
    seen, html = await inspected(page), await page.content()
    navigation = Navigation(url=labelled.url, final_url=labelled.url, status=labelled.status)
    return reading(labelled, meaning_of(seen, navigation, main_content(html, labelled.url)))


async def test_the_browser_sees_what_the_markup_means(eyes: Eyes) -> None:
    wrong: dict[str, dict[str, tuple[object, object]]] = {}
    for labelled in labelled_pages("tuned"):
        async with eyes.page("about:blank") as page:
            told = await read(page, labelled)
        if set(told.wrong) - DIFFERENT.get(labelled.name, set()):
            wrong[labelled.name] = told.wrong

    assert wrong == {}
