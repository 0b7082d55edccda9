"""What happens while a page is open: it listens, counts and keeps the first of each kind, and never stands in the way."""

from __future__ import annotations

import asyncio
import re
import secrets
from collections.abc import Awaitable, Coroutine
from typing import Any, Literal, get_args

from playwright.async_api import CDPSession, ConsoleMessage, Dialog, Download, Page, Request, Response
from playwright.async_api import Error as PlaywrightError

from gleanery.model import parses
from gleanery.web.browser.failures import ReasonOf, is_tunnel_error
from gleanery.web.browser.request import render_refused
from gleanery.web.browser.visit import Visit
from gleanery.web.egress_message import REASON_HEADER

_KEPT = 100
_KEPT_DIALOGS = 40
_MAX_MESSAGES = 1500
_MAX_REQUESTS = 1000
_MAX_TEXT = 1000
_MAX_URL = 2048
_NET_ERROR = re.compile(r"net::ERR_([A-Z0-9_]+)")
# Playwright's own remark on service workers, which the page is not given.
_NOT_THE_PAGES = "Service Worker registration blocked by Playwright"

Kind = Literal["alert", "confirm", "prompt", "beforeunload", "print", "permission"]
_ANSWERS: dict[Kind, str] = {
    "alert": "closed",
    "confirm": "cancelled",
    "prompt": "cancelled",
    "beforeunload": "left",
    "print": "not printed",
    "permission": "denied",
}
_LEVELS: dict[str, Literal["error", "warning"]] = {"error": "error", "assert": "error", "warning": "warning"}


class Witness:
    """Sees one page from before it is asked for. A page that makes more of a noise than anybody will read is heard no
    further. `token` begins what the page's watched functions say on the console."""

    def __init__(self, reason_of: ReasonOf) -> None:
        self.token = secrets.token_hex(16)
        self._page: Page | None = None
        self._reason_of = reason_of
        self._visit: Visit | None = None
        self._console: list[parses.ConsoleMessage] = []
        self._failed: list[parses.FailedRequest] = []
        self._dialogs: list[parses.DialogSeen] = []
        self._popups: list[str] = []
        self._downloads: list[str] = []
        self._messages = self._console_count = self._failed_count = self._requests = self._bytes = 0
        self._refused: set[Request] = set()
        self._weighing: set[asyncio.Task[None]] = set()
        self._listeners = {
            "console": self._on_console,
            "pageerror": self._on_page_error,
            "request": self._on_request,
            "requestfinished": self._on_request_finished,
            "requestfailed": self._on_request_failed,
            "response": self._on_response,
        }

    async def begin(self, page: Page, session: CDPSession) -> None:
        """Listens from now on. Raises Playwright's Error."""
        self._page = page
        for event, listener in self._listeners.items():
            page.on(event, listener)  # type: ignore[call-overload]
        page.on("dialog", self._on_dialog)
        page.on("download", self._on_download)
        session.on("Page.windowOpen", self._on_window)
        await session.send("Page.enable")

    def watch(self, visit: Visit) -> None:
        """From now on too many windows end this visit."""
        self._visit = visit

    def end(self) -> None:
        self._stop(*self._listeners)
        for task in self._weighing:
            task.cancel()

    def incidents(self) -> parses.Incidents:
        """All of it so far."""
        return parses.Incidents(
            console=tuple(self._console),
            console_count=self._console_count,
            failed_requests=tuple(self._failed),
            failed_request_count=self._failed_count,
            dialogs=tuple(self._dialogs),
            popups=tuple(self._popups),
            downloads=tuple(self._downloads),
            request_count=self._requests,
            bytes_received=self._bytes,
        )

    def _stop(self, *events: str) -> None:
        for event in events:
            listener = self._listeners.pop(event, None)
            if listener is not None and self._page is not None:
                self._page.remove_listener(event, listener)

    # What the page says

    def _on_console(self, message: ConsoleMessage) -> None:
        self._hear()
        text = message.text
        if text.startswith(self.token):
            kind, _, said = text.removeprefix(self.token).partition("\n")
            self._asked(kind, said)
        elif (level := _LEVELS.get(message.type)) is not None and not text.startswith(_NOT_THE_PAGES):
            place = message.location
            url = place.get("url") or None
            self._said(level, text, url, place.get("lineNumber", 0) + 1 if url else None)

    def _on_page_error(self, error: PlaywrightError) -> None:
        self._hear()
        self._said("error", f"{error.name or 'Error'}: {error.message}", None, None)

    def _hear(self) -> None:
        """The console brakes itself, see `prepare_watched`; a page that has found a way around that must not drown others."""
        self._messages += 1
        if self._messages > _MAX_MESSAGES:
            self._stop("console", "pageerror")
            if self._visit is not None:
                message = f"It says more than {_MAX_MESSAGES} things on its console."
                self._visit.fail(render_refused(self._visit.url, message, reason="console"))

    def _said(self, level: Literal["error", "warning"], text: str, url: str | None, line: int | None) -> None:
        self._console_count += 1
        if len(self._console) < _KEPT:
            shown = url[:_MAX_URL] if url else None
            self._console.append(parses.ConsoleMessage(level=level, text=text[:_MAX_TEXT], url=shown, line=line))

    def _asked(self, kind: str, said: str) -> None:
        for known in get_args(Kind):
            if kind == known and len(self._dialogs) < _KEPT_DIALOGS:
                self._dialogs.append(parses.DialogSeen(kind=known, message=said[:500], answer=_ANSWERS[known]))

    def _on_dialog(self, dialog: Dialog) -> None:
        """Only those that got past our own functions come as such."""
        self._asked(dialog.type, dialog.message)
        answer = dialog.accept() if dialog.type == "beforeunload" else dialog.dismiss()
        self._start(_quietly(answer))

    # What it opens and fetches

    def _on_window(self, event: dict[str, Any]) -> None:
        self._popups.append(str(event.get("url", ""))[:_MAX_URL])
        if self._visit is not None:
            self._visit.popped_up(len(self._popups))

    def _on_download(self, download: Download) -> None:
        if len(self._downloads) < _KEPT:
            self._downloads.append(download.url[:_MAX_URL])

    def _on_request(self, _request: Request) -> None:
        self._requests += 1
        if self._requests > _MAX_REQUESTS:
            self._stop("request", "requestfinished", "requestfailed", "response")

    def _on_request_finished(self, request: Request) -> None:
        self._start(self._weigh(request))

    async def _weigh(self, request: Request) -> None:
        try:
            sizes = await request.sizes()
        except PlaywrightError:
            return  # its page is gone, or has gone on
        self._bytes += sizes["responseHeadersSize"] + sizes["responseBodySize"]

    def _on_response(self, response: Response) -> None:
        # The status of a document is that of the page, or of a frame that shows it.
        if response.status < 400 or response.request.resource_type == "document":
            return
        self._refused.add(response.request)
        said = response.headers.get(REASON_HEADER.lower())  # the proxy's own answer
        if said is not None:
            self._failed_with(response.request, said, None)
        else:
            self._failed_with(response.request, f"http_{response.status}", response.status)

    def _on_request_failed(self, request: Request) -> None:
        if request in self._refused:
            return
        message = request.failure or ""
        found = _NET_ERROR.search(message)
        # The proxy's no to a picture comes as something that a picture can't be.
        may_be_proxy = is_tunnel_error(message) or "BLOCKED_BY_ORB" in message
        reason = self._reason_of(request.url) if may_be_proxy else None
        self._failed_with(request, str(reason or (found[1].lower() if found else "failed")), None)

    def _failed_with(self, request: Request, reason: str, status: int | None) -> None:
        self._failed_count += 1
        if len(self._failed) < _KEPT:
            self._failed.append(
                parses.FailedRequest(
                    url=request.url[:_MAX_URL], kind=request.resource_type, reason=reason, status=status
                )
            )

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._weighing.add(task)
        task.add_done_callback(self._weighing.discard)


async def _quietly(answer: Awaitable[None]) -> None:
    try:
        await answer
    except PlaywrightError:
        pass  # the dialog is gone with its page
