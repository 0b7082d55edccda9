"""What can be asked of the browser: how one page is to be rendered, what that may cost, and what goes wrong of its own."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gleanery import errors


def render_refused(url: str, message: str, **details: object) -> errors.RenderFailed:
    """A errors.RenderFailed that would come again: a script that raises, a selector that is none."""
    found = errors.RenderFailed(url, message, **details)
    found.can_retry = False
    return found


class WaitUntil(StrEnum):
    """When a page counts as shown. `settled`: its document is there, no script or data is on the way and nothing has
    been added to it for a moment; a page that never comes to rest is taken after `settle_seconds`."""

    SETTLED = "settled"
    DOMCONTENTLOADED = "domcontentloaded"
    LOAD = "load"
    NETWORKIDLE = "networkidle"


@dataclass(frozen=True, slots=True)
class RenderRequest:
    """How to render one page. In this order: the page is opened, scrolled, clicked, scripted, waited for, taken.

    `clicks` are CSS selectors whose first match is clicked, each awaited for at most 5 s; `scripts` are bodies of async
    functions; `wait_for` is a CSS selector that must become visible. `scroll` goes to the end of the page, or through
    the list that scrolls in it. `timeout_seconds` spans all of it, without waiting for a free tab.
    """

    wait_until: WaitUntil = WaitUntil.SETTLED
    wait_for: str | None = None
    scripts: tuple[str, ...] = ()
    clicks: tuple[str, ...] = ()
    scroll: bool = False
    timeout_seconds: float = 30.0
    settle_seconds: float = 5.0

    @property
    def has_actions(self) -> bool:
        """Whether something is to be done on the page, beside waiting."""
        return bool(self.scripts or self.clicks or self.scroll)


@dataclass(frozen=True, slots=True)
class BrowserLimits:
    """What the browser may take. Memory is what its processes hold for themselves, in MB, without what they share.

    A renderer above `page_memory_mb` is ended with its page; above `memory_mb`, or after `pages_per_browser` pages, the
    browser is replaced by a fresh one while the old one finishes its pages. `silence_seconds` is how long it may leave
    a ping unanswered before it is taken for dead, `idle_seconds` how long it stays without work, `close_seconds` how
    long it or one of its pages may take to close: a browser whose page doesn't is replaced. `answer_seconds` is how long a page whose
    time was over may stay silent without its scripts before it is taken for one that is still laid out. `max_windows` are those of one
    page, itself among them; `page_seconds` is the longest that a request may ask for.
    """

    max_pages: int = 4
    max_bytes: int = 10 * 1024 * 1024
    max_redirects: int = 10
    max_windows: int = 10
    page_seconds: float = 300.0
    pages_per_tab: int = 50
    pages_per_browser: int = 2000
    memory_mb: float = 2048.0
    page_memory_mb: float = 1024.0
    watch_seconds: float = 2.0
    sample_seconds: float = 0.25
    silence_seconds: float = 15.0
    idle_seconds: float = 120.0
    close_seconds: float = 5.0
    answer_seconds: float = 2.0
    launch_seconds: float = 60.0
