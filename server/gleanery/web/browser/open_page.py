"""A page that is open in the browser, as those who look into it meet it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Protocol

from gleanery.model.parses import Incidents, Inspected, Navigation, Screenshot, Size
from gleanery.web.browser.request import RenderRequest

OnPlace = Callable[[int], None]
"""Hears the place in the line for a context: 1 is next, 0 means it is there."""

OnContext = Callable[[str], Awaitable[None]]
"""Hears the name of the page's context once it is there, before the page is asked for."""

_USUAL = Size(width=1280, height=720)


@dataclass(frozen=True, slots=True)
class Cookie:
    """A cookie that is there before the page is asked for; without a domain it belongs to the page's host."""

    name: str
    value: str
    domain: str | None = None
    path: str = "/"
    is_secure: bool = False
    is_http_only: bool = False


@dataclass(frozen=True, slots=True)
class Guise:
    """How the browser shows itself to one page. `user_agent` None: as gleanery, by its honest name. `headers` are sent to
    the host that was asked for and to no other."""

    user_agent: str | None = None
    viewport: Size = _USUAL
    headers: tuple[tuple[str, str], ...] = ()
    cookies: tuple[Cookie, ...] = ()


@dataclass(frozen=True, slots=True)
class PoolFigures:
    """How a browser stands: places for pages, those in use and free, who waits for one; memory in MB and CPU in percent of
    one core, of all its processes, 0 when it isn't running; since it was made: starts, crashes of the browser, pages."""

    size: int
    in_use: int
    waiting: int
    idle: int
    launches: int
    crashes: int
    memory_mb: float
    cpu_percent: float
    pages_opened: int


class OpenPage(Protocol):
    """Every method raises a FetchError when the page is lost meanwhile: RenderFailed with reason `crashed` or `browser_lost`,
    PageTooHeavy for its memory, TimedOut when the time of its request is over."""

    @property
    def session_id(self) -> str:
        """Names the context that the page has for itself."""
        ...

    @property
    def navigation(self) -> Navigation: ...

    @property
    def waited_seconds(self) -> Mapping[str, float]:
        """`waiting` for a context, `browser` until it had one, `navigation` until the page had settled."""
        ...

    @property
    def peak_memory_mb(self) -> float:
        """Most that the page's processes were seen to hold."""
        ...

    async def dom(self, *, include_tree: bool) -> None:
        """Reads the document, its frames and open shadow roots; the first half of `inspected`."""
        ...

    async def elements(self) -> Inspected:
        """All that can be read, after `dom`."""
        ...

    async def html(self) -> str:
        """The document without its scripts, shadow trees in place, as the extractor takes it. Raises TooLarge."""
        ...

    async def screenshot(self, *, is_full_page: bool) -> tuple[bytes, Screenshot]:
        """A PNG, a pixel for each CSS pixel, of the page as it was inspected."""
        ...

    def incidents(self) -> Incidents:
        """What has happened so far."""
        ...


class PageBrowser(Protocol):
    """`Browser`, as the parser needs it."""

    def open(
        self, url: str, request: RenderRequest, guise: Guise, *, on_place: OnPlace, on_context: OnContext
    ) -> AbstractAsyncContextManager[OpenPage]:
        """The page at the href `url`, settled, in a context that nobody else has or had; gone with the block. The request's
        time spans the whole block, but not the wait for a context.

        An answer of 400 and above is a page like any other when it has a body; PageBlocked for one that turns us away (403, 429, a
        challenge), HttpStatus for what a server has no page for. Else raises what `Browser.render` raises.
        """
        ...
