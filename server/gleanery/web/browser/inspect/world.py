"""Worlds of our own in the frames of a page: scripts run there see the same document, but none of the page's own objects."""

from __future__ import annotations

import json
from functools import cache
from importlib import resources
from typing import Any

from playwright.async_api import CDPSession
from playwright.async_api import Error as PlaywrightError

from gleanery.web.browser.inspect.limits import InspectLimits

_SCRIPTS = (
    "reach",
    "words",
    "boxes",
    "roles",
    "walk",
    "tree",
    "elements",
    "locators",
    "forms",
    "tables",
    "head",
    "main",
)
_NAME = "gleanery"

# What one message of the browser may hold, in characters: reading a longer one would hold the loop.
_PART = 192 * 1024


class ScriptFailed(Exception):
    """A script of ours threw in the page."""


class World:
    """The inspection of one frame, in a world of its own."""

    def __init__(self, session: CDPSession, frame_id: str) -> None:
        self.session = session
        self.frame_id = frame_id
        self.has_tree = False
        self._context = 0

    async def _make(self) -> None:
        made = await self.session.send("Page.createIsolatedWorld", {"frameId": self.frame_id, "worldName": _NAME})
        self._context = made["executionContextId"]

    async def view(self) -> dict[str, int]:
        """The size of the page and where its viewport lies, once it stands still for its picture."""
        await self._make()
        said: dict[str, int] = await self._run(f"{source()}\npageView()")
        return said

    async def open(self, limits: InspectLimits) -> None:
        """Makes the world, and the accessibility tree that its scripts ask. Raises Playwright's Error or ScriptFailed."""
        self.has_tree = await self._open_tree()
        await self._make()
        has_tree = "true" if self.has_tree else "false"
        await self._run(f"{source()}\nglobalThis.inspection = gleanery({limits.as_script()}, {has_tree}); true")

    async def _open_tree(self) -> bool:
        """Without a tree that is kept, every question for a role would build one of its own."""
        try:
            await self.session.send("Accessibility.enable")
            await self.session.send("Accessibility.getRootAXNode", {"frameId": self.frame_id})
        except PlaywrightError as error:
            if "not supported" in error.message or "wasn't found" in error.message or "Frame" in error.message:
                return False
            raise
        return True

    async def own(self, frame_id: str, key: int) -> None:
        """Tells the script which element holds the frame `frame_id`. Raises Playwright's Error when there is none."""
        owner = await self.session.send("DOM.getFrameOwner", {"frameId": frame_id})
        call = {
            "functionDeclaration": "function (key) { globalThis.inspection.own(this, key); }",
            "objectId": await self.resolve(owner["backendNodeId"]),
            "arguments": [{"value": key}],
        }
        await self.session.send("Runtime.callFunctionOn", call)

    async def document(self) -> str:
        """The browser's handle on the document that its session is of, as its own scripts know it."""
        answer = await self.session.send("Runtime.evaluate", {"expression": "document"})
        handle: str = answer["result"]["objectId"]
        return handle

    async def resolve(self, number: int) -> str:
        """The handle on the node that the browser knows by this number. Raises Playwright's Error when it is gone."""
        ids = {"backendNodeId": number, "executionContextId": self._context}
        handle: str = (await self.session.send("DOM.resolveNode", ids))["object"]["objectId"]
        return handle

    async def hear(self, handles: list[str]) -> list[int]:
        """Tells the script which nodes listen; the places in `handles` of those that are of another document."""
        call = {
            "functionDeclaration": "function (...nodes) { return globalThis.inspection.hear(nodes); }",
            "executionContextId": self._context,
            "arguments": [{"objectId": handle} for handle in handles],
            "returnByValue": True,
        }
        foreign: list[int] = _value(await self.session.send("Runtime.callFunctionOn", call))
        return foreign

    async def note(self, text: str) -> None:
        """Something that the script could not know."""
        await self._run(f"inspection.notes.push({json.dumps(text)})")

    async def dom(self, *, include_tree: bool, is_top: bool) -> list[dict[str, Any]]:
        """Walks the document; the frames in it that are known, and whether they are shown."""
        said = await self._run(f"JSON.stringify(inspection.dom({_word(include_tree)}, {_word(is_top)}))")
        frames: list[dict[str, Any]] = json.loads(said)
        return frames

    async def elements(self) -> list[str]:
        """All that was found, as JSON in parts: lists of pairs of a kind and an item."""
        part = await self._run(f"inspection.elements(); inspection.take({_PART})")
        parts: list[str] = []
        while part is not None:
            parts.append(part)
            part = await self._run(f"inspection.take({_PART})")
        return parts

    async def _run(self, expression: str) -> Any:
        asked = {"expression": expression, "contextId": self._context, "returnByValue": True, "awaitPromise": True}
        return _value(await self.session.send("Runtime.evaluate", asked))


def _value(answer: dict[str, Any]) -> Any:
    if (failed := answer.get("exceptionDetails")) is not None:
        raise ScriptFailed(str(failed.get("exception", {}).get("description") or failed.get("text"))[:500])
    return answer["result"].get("value")


def _word(value: bool) -> str:
    return "true" if value else "false"


@cache
def source() -> str:
    """The scripts as one; read from the package once."""
    folder = resources.files("gleanery.web.browser.inspect")
    parts = [folder.joinpath(f"{name}.js").read_text(encoding="utf-8") for name in _SCRIPTS]
    return "(() => {\n'use strict';\n" + "\n".join(parts) + "\n})();"
