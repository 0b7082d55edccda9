"""Reads a page that is open: its document, frames and open shadow roots, and what can be acted on in them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator
from typing import Any

from playwright.async_api import CDPSession, Frame, Page
from playwright.async_api import Error as PlaywrightError

from gleanery import errors
from gleanery.model.parses import Inspected
from gleanery.web.browser.failures import quoted
from gleanery.web.browser.inspect.assemble import FrameParts, assemble
from gleanery.web.browser.inspect.limits import InspectLimits
from gleanery.web.browser.inspect.listeners import Listeners
from gleanery.web.browser.inspect.world import ScriptFailed, World

__all__ = ["InspectLimits", "Inspector"]

_FRAME_SECONDS = 10.0
_MAX_FRAME_DEPTH = 6
_GONE = "It went away while it was read."
# More than this is put together in a thread.
_SMALL_CHARACTERS = 48 * 1024

_LIMITS = InspectLimits()


class Inspector:
    """One inspection of `page`, as it stands: first `dom`, then `elements`.

    Both raise Playwright's Error when the page is lost, and errors.RenderFailed when it can't be read.
    """

    def __init__(self, page: Page, limits: InspectLimits = _LIMITS) -> None:
        self._page = page
        self._limits = limits
        self._sessions: list[CDPSession] = []
        self._frames: list[FrameParts] = []
        self._tree: dict[str, Any] = {}
        self._remote: list[tuple[CDPSession, dict[str, Any]]] = []
        self._worlds: dict[int, World] = {}
        self._listeners: dict[CDPSession, Listeners] = {}
        self._include_tree = False
        self._has_more_frames = False

    async def dom(self, include_tree: bool) -> None:
        """Walks the document and its frames."""
        self._include_tree = include_tree
        try:
            await self._read()
        except ScriptFailed as error:
            raise self._unreadable(error) from error

    async def elements(self) -> Inspected:
        """All that was found."""
        await self._gather()
        _, inspected = await asyncio.gather(self._detach(), self._assembled())
        return inspected

    async def _assembled(self) -> Inspected:
        size = sum(len(part) for frame in self._frames for part in frame.parts)
        asked = (self._frames, self._limits, self._has_more_frames)
        return assemble(*asked) if size <= _SMALL_CHARACTERS else await asyncio.to_thread(assemble, *asked)

    async def _read(self) -> None:
        await self._detach()
        session = await self._session(self._page)
        tree = (await session.send("Page.getFrameTree"))["frameTree"]
        self._frames, self._worlds, self._remote, self._tree, self._listeners = [], {}, [], tree, {}
        top = FrameParts(0, tree["frame"]["id"], tree["frame"]["url"])
        self._frames.append(top)
        world = World(session, tree["frame"]["id"])
        await world.open(self._limits)
        self._worlds[0] = world
        await self._walk(top, world, tree, 0)

    async def _walk(self, frame: FrameParts, world: World, tree: dict[str, Any], depth: int) -> None:
        """Walks the document of a frame, then those of the frames in it."""
        listeners = self._listeners.setdefault(world.session, Listeners(world.session, self._limits))
        inner, _ = await asyncio.gather(self._inner(frame, world, tree), listeners.tell(world))
        shown = {
            said["key"]: said["is_shown"]
            for said in await world.dom(include_tree=self._include_tree, is_top=frame.key == 0)
        }
        entered = []
        for child, session, subtree in inner:
            if child.reason is not None:
                continue
            if not shown.get(child.key, False):
                child.reason = "It is not shown."
            elif depth >= _MAX_FRAME_DEPTH:
                child.reason = "It lies too deep within other frames."
            elif child.url.startswith("chrome-error:"):
                child.reason = "It could not be loaded."
            else:
                entered.append(self._enter(child, World(session, child.frame_id), subtree, depth + 1))
        await _all(entered)

    async def _enter(self, frame: FrameParts, world: World, tree: dict[str, Any], depth: int) -> None:
        try:
            async with asyncio.timeout(_FRAME_SECONDS):
                await world.open(self._limits)
                self._worlds[frame.key] = world
                await self._walk(frame, world, tree, depth)
        except TimeoutError:
            self._give_up(frame, "It did not answer in time.")
        except PlaywrightError:
            if self._page.is_closed():
                raise
            self._give_up(frame, _GONE)
        except ScriptFailed as error:
            self._give_up(frame, f"It could not be read: {quoted(str(error))}.")

    def _give_up(self, frame: FrameParts, reason: str) -> None:
        frame.reason = reason
        self._worlds.pop(frame.key, None)

    async def _inner(
        self, frame: FrameParts, world: World, tree: dict[str, Any]
    ) -> list[tuple[FrameParts, CDPSession, dict[str, Any]]]:
        """The frames within this one that there is room for, with the sessions that reach them."""
        found = [(world.session, child) for child in tree.get("childFrames", ())]
        found += await self._outside(frame)
        inner: list[tuple[FrameParts, CDPSession, dict[str, Any]]] = []
        for session, child in found:
            made = FrameParts(len(self._frames), child["frame"]["id"], child["frame"]["url"])
            if len(self._frames) > self._limits.frames:
                self._has_more_frames = True
                break
            self._frames.append(made)
            inner.append((made, session, child))
        await _all(self._own(world, made) for made, _, _ in inner)
        return inner

    async def _own(self, world: World, frame: FrameParts) -> None:
        try:
            await world.own(frame.frame_id, frame.key)
        except PlaywrightError:
            frame.reason = _GONE

    async def _outside(self, frame: FrameParts) -> list[tuple[CDPSession, dict[str, Any]]]:
        """Frames within this one that run in processes of their own: each has a session of its own."""
        if frame.key == 0:
            await self._find_outside()
        return [(session, tree) for session, tree in self._remote if tree["frame"].get("parentId") == frame.frame_id]

    async def _find_outside(self) -> None:
        known = set(_ids(self._tree))
        if len(self._page.frames) <= len(known):
            return
        for frame in self._page.frames[1 : 2 * self._limits.frames]:
            try:
                session = await self._session(frame)
                self._remote.append((session, (await session.send("Page.getFrameTree"))["frameTree"]))
            except PlaywrightError:
                continue  # one that shares the process of its parent, or is gone

    async def _gather(self) -> None:
        for frame in self._frames:
            world = self._worlds.get(frame.key)
            if world is None or frame.reason is not None:
                continue
            try:
                frame.parts = await world.elements()
            except ScriptFailed as error:
                if frame.key == 0:
                    raise self._unreadable(error) from error
                self._give_up(frame, f"It could not be read: {quoted(str(error))}.")
            except PlaywrightError:
                if frame.key == 0 or self._page.is_closed():
                    raise
                self._give_up(frame, _GONE)

    async def _session(self, of: Page | Frame) -> CDPSession:
        session = await self._page.context.new_cdp_session(of)
        self._sessions.append(session)
        return session

    async def _detach(self) -> None:
        sessions, self._sessions = self._sessions, []
        for session in sessions:
            try:
                await session.detach()
            except PlaywrightError:
                pass  # gone with its page

    def _unreadable(self, error: ScriptFailed) -> errors.RenderFailed:
        message = f"The page could not be read: {quoted(str(error))}."
        return errors.RenderFailed(self._page.url, message, reason="not_read")


async def _all(works: Iterable[Coroutine[Any, Any, None]]) -> None:
    """Does them side by side, to their ends; raises what the first of those that failed raised."""
    for outcome in await asyncio.gather(*works, return_exceptions=True):
        if isinstance(outcome, BaseException):
            raise outcome


def _ids(tree: dict[str, Any]) -> Iterator[str]:
    yield tree["frame"]["id"]
    for child in tree.get("childFrames", ()):
        yield from _ids(child)
