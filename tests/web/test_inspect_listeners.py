"""Elements that only a script made something to act on: no attribute says so, the browser's own list of listeners does."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from gleanery.model import parses
from gleanery.web.browser.inspect.inspector import InspectLimits
from tests.sites import Site
from tests.sites.parse_pages import page
from tests.sites.written import Answers, written_site
from tests.web.browsers import needs_browser
from tests.web.inspections import Eyes, found, inspected, open_eyes

pytestmark = [pytest.mark.browser, needs_browser, pytest.mark.asyncio(loop_scope="module")]

HEAR = "const hear = (id, type) => document.getElementById(id).addEventListener(type, () => {});"
BODY = (
    """
<div id="app"><p>No part of a control, and not one itself.</p>
 <div id="plus">Plus</div><div id="less" style="cursor: pointer">Less</div>
 <div id="property">Property</div><div id="pressed">Pressed</div><div id="keys">Only keys</div>
 <button id="button">A button <span id="inside">inside</span></button>
 <label id="label">Labelled <input id="field"></label>
 <ul id="delegating"><li style="cursor: pointer">One</li><li style="cursor: pointer">Two</li></ul>
 <ol id="whole"><li>Uno</li><li>Due</li></ol>
 <div id="card" style="cursor: pointer">Card <b id="star">Star</b> <a href="/a">Its link</a></div>
 <div id="row">Row <a href="/b">Link of the row</a></div>
 <div id="unheard">Not any more</div><div id="gone" style="display: none">Gone</div>
 <in-shadow></in-shadow>
</div><script>"""
    + HEAR
    + """
for (const id of ['app', 'plus', 'less', 'button', 'inside', 'label', 'delegating', 'whole', 'card', 'star', 'row', 'gone']) {
  hear(id, 'click');
}
hear('pressed', 'pointerdown');
hear('keys', 'keydown');
property.onclick = () => {};
const once = () => {};
unheard.addEventListener('click', once);
unheard.removeEventListener('click', once);
addEventListener('click', () => {});
document.addEventListener('click', () => {});
document.documentElement.addEventListener('click', () => {});
document.body.addEventListener('click', () => {});
const shadow = document.querySelector('in-shadow').attachShadow({mode: 'open'});
shadow.innerHTML = '<i>Shaded</i>';
shadow.firstChild.addEventListener('dblclick', () => {});
EventTarget.prototype.addEventListener = () => { throw 'not for you'; };
</script>"""
)
# So much that what is young and nobody holds is thrown away.
LITTER = "() => { for (let i = 0; i < 20; i++) { const held = []; for (let n = 0; n < 2e5; n++) held.push({n}); } }"
FRAMED = f"<div id=near>Near</div><script>{HEAR}hear('near', 'click')</script>"
PAGES: Answers = {
    "/listens": page(BODY),
    "/frames": page("<p id=own>Own</p>" + "<iframe src=/framed></iframe>" * 2 + f"<script>{HEAR}hear('own', 'click')</script>"),
    "/framed": page(FRAMED),
    "/many": page(
        "<script>for (let i = 0; i < 500; i++) { const div = document.createElement('div'); div.textContent = i;"
        "div.addEventListener('click', () => i); document.body.append(div); }</script>"
    ),
    "/silent": page("<p>Words</p><button>b</button>"),
}  # fmt: skip


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def eyes() -> AsyncIterator[Eyes]:
    async with open_eyes() as it:
        yield it


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def site() -> AsyncIterator[Site]:
    async with written_site(PAGES) as it:
        yield it


def told(read: parses.Inspected) -> dict[str, tuple[str, str]]:
    return {element.name: (element.role, element.evidence) for element in read.elements}


async def test_what_reacts_by_a_listener_alone_is_found_and_said_to(eyes: Eyes, site: Site) -> None:
    assert told(await eyes.read(f"{site.url}/listens")) == {
        "Plus": ("generic", "listener"),
        "Less": ("generic", "listener"),
        "Property": ("generic", "listener"),
        "Pressed": ("generic", "listener"),
        "A button inside": ("button", "control"),
        "Labelled": ("textbox", "control"),
        "One": ("listitem", "pointer"),
        "Two": ("listitem", "pointer"),
        "Uno Due": ("list", "listener"),
        "Card Star Its link": ("generic", "listener"),
        "Star": ("generic", "listener"),
        "Its link": ("link", "control"),
        "Link of the row": ("link", "control"),
        "Shaded": ("generic", "listener"),
    }


async def test_it_is_found_again_by_its_locator(eyes: Eyes, site: Site) -> None:
    read = await eyes.read(f"{site.url}/listens")
    async with eyes.page(f"{site.url}/listens") as again:
        for element in read.elements:
            assert await found(again, element.locator).count() == 1, element.name


async def test_nobody_needs_to_hold_what_listens(eyes: Eyes, site: Site) -> None:
    """Asked from another world than the listener's own, Chromium makes what nobody holds anew, for the wrong one of them."""
    async with eyes.page(f"{site.url}/listens") as shown:
        await shown.evaluate(LITTER)
        read = await inspected(shown)
    assert told(read) == told(await eyes.read(f"{site.url}/listens"))


async def test_in_frames_too_each_in_its_own(eyes: Eyes, site: Site) -> None:
    read = await eyes.read(f"{site.url}/frames")
    heard = [(element.frame_id, element.name, element.evidence) for element in read.elements]
    assert heard == [("f0", "Own", "listener"), ("f1", "Near", "listener"), ("f2", "Near", "listener")]
    assert read.notes == ()


async def test_more_than_are_looked_at_are_said_to_be(eyes: Eyes, site: Site) -> None:
    read = await eyes.read(f"{site.url}/many", InspectLimits(listening=10))
    assert [element.name for element in read.elements] == [str(i) for i in range(10)]
    assert read.notes == (
        "500 elements have listeners of scripts; the first 10 were looked at, and the rest is told as far as it says so itself.",
    )


async def test_more_listeners_than_can_be_asked_for_are_said_to_be(eyes: Eyes, site: Site) -> None:
    async with eyes.page(f"{site.url}/many") as shown:
        read = await inspected(shown, InspectLimits(listeners=100))
    assert read.elements == ()
    [note] = read.notes
    assert note.endswith(" listeners of scripts, more than are asked for: what reacts by them alone is left out.")


async def test_a_page_without_any_has_no_notes(eyes: Eyes, site: Site) -> None:
    read = await eyes.read(f"{site.url}/silent")
    assert (told(read), read.notes) == ({"b": ("button", "control")}, ())
