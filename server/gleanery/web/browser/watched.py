"""A page that is looked into: in a context that was made for it, with those who listen, before it is asked for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from ada_url import URL
from playwright.async_api import BrowserContext, CDPSession
from playwright.async_api import Error as PlaywrightError

from gleanery import errors
from gleanery.web.browser.failures import ReasonOf, quoted
from gleanery.web.browser.headers import HostHeaders, header_fault
from gleanery.web.browser.open_page import Cookie, Guise
from gleanery.web.browser.page import Tab
from gleanery.web.browser.renderer import renderer_pid
from gleanery.web.browser.request import BrowserLimits
from gleanery.web.browser.scripts import prepare_watched
from gleanery.web.browser.witness import Witness


@dataclass(frozen=True, slots=True)
class Watched:
    """The page, what it is spoken to by, and who listens."""

    tab: Tab
    session: CDPSession
    witness: Witness
    headers: HostHeaders | None
    limits: BrowserLimits

    @classmethod
    async def of(
        cls,
        context: BrowserContext,
        url: str,
        guise: Guise,
        limits: BrowserLimits,
        reason_of: ReasonOf,
        claim: Callable[[], bool],
    ) -> Self:
        """The one page of a new context. Raises Playwright's Error, errors.InvalidInput for headers and cookies."""
        for name, value in guise.headers:
            fault = header_fault(name, value)
            if fault is not None:
                raise errors.InvalidInput("headers", f"{name[:100]!r} {fault}")
        witness = Witness(reason_of)
        # Side by side: what is asked of the context is asked before the page is, and there is no page to go by it yet.
        _, _, page = await asyncio.gather(
            context.add_init_script(prepare_watched(witness.token)),
            _set_cookies(context, url, guise.cookies),
            context.new_page(),
        )
        tab = Tab(context, page, limits, reason_of, claim)
        session = await context.new_cdp_session(page)
        headers = HostHeaders(session, url, guise.headers) if guise.headers else None
        made = cls(tab, session, witness, headers, limits)
        begins = [witness.begin(page, session), made.find_process()]
        if headers is not None:
            begins.append(headers.begin())
        await asyncio.gather(*begins)
        return made

    async def find_process(self) -> None:
        """Takes note of the process that shows the page now. Raises Playwright's Error."""
        pid = await renderer_pid(self.session)
        if pid is not None:
            self.tab.pids.add(pid)

    async def is_laid_out_for_ever(self) -> bool:
        """Whether the page stays silent also when no script of its own may run any more. It is of no use after that."""
        try:
            async with asyncio.timeout(self.limits.answer_seconds):
                # Both reach a script that never ends, and what follows them is the first that is done after it.
                await self.session.send("Emulation.setScriptExecutionDisabled", {"value": True})
                await self.session.send("Runtime.terminateExecution")
                await self.session.send("Runtime.evaluate", {"expression": "1"})
        except TimeoutError:
            return True
        except PlaywrightError:
            return False
        return False

    def end(self) -> None:
        """Hears and sends nothing more."""
        self.witness.end()
        if self.headers is not None:
            self.headers.end()


def context_options(guise: Guise, user_agent: str) -> dict[str, Any]:
    """What a context is made with: the looks of `guise`, and nothing that lasts or leaves."""
    return {
        "user_agent": guise.user_agent or user_agent,
        "viewport": {"width": guise.viewport.width, "height": guise.viewport.height},
        "device_scale_factor": 1,
        "accept_downloads": False,
        "service_workers": "block",
        "reduced_motion": "reduce",
        "locale": "en-US",
    }


async def _set_cookies(context: BrowserContext, url: str, cookies: tuple[Cookie, ...]) -> None:
    if not cookies:
        return
    host = URL(url).hostname
    try:
        await context.add_cookies(
            [
                {
                    "name": cookie.name,
                    "value": cookie.value,
                    "domain": cookie.domain or host,
                    "path": cookie.path,
                    "secure": cookie.is_secure,
                    "httpOnly": cookie.is_http_only,
                }
                for cookie in cookies
            ]
        )
    except PlaywrightError as error:
        if "cookie" not in error.message.lower():
            raise
        raise errors.InvalidInput("cookies", quoted(error.message)) from error
