"""What Chromium and Playwright say when a page fails, as errors of ours. The vendors' words are read nowhere else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime
from http import HTTPStatus

from gleanery import errors
from gleanery.web.browser.request import render_refused
from gleanery.web.egress_message import EgressReason
from gleanery.web.fetch import retry_after_seconds
from gleanery.web.urls import host_key

ReasonOf = Callable[[str], EgressReason | None]
"""Why the egress proxy last failed to reach the host of this URL, None if it did not."""

_NET_ERROR = re.compile(r"net::ERR_([A-Z0-9_]+)")
_LINE_BROKE = """
CONNECTION_REFUSED CONNECTION_RESET CONNECTION_CLOSED CONNECTION_ABORTED CONNECTION_FAILED EMPTY_RESPONSE
ADDRESS_UNREACHABLE ADDRESS_INVALID INTERNET_DISCONNECTED NETWORK_CHANGED NETWORK_IO_SUSPENDED SOCKET_NOT_CONNECTED
CONTENT_LENGTH_MISMATCH INCOMPLETE_CHUNKED_ENCODING INCOMPLETE_HTTP2_FRAME HTTP2_PROTOCOL_ERROR HTTP2_PING_FAILED
HTTP2_SERVER_REFUSED_STREAM TUNNEL_CONNECTION_FAILED PROXY_CONNECTION_FAILED FAILED
"""
_UNREADABLE = """
INVALID_RESPONSE INVALID_HTTP_RESPONSE INVALID_CHUNKED_ENCODING CONTENT_DECODING_FAILED CONTENT_DECODING_INIT_FAILED
RESPONSE_HEADERS_MULTIPLE_CONTENT_LENGTH RESPONSE_HEADERS_MULTIPLE_LOCATION RESPONSE_BODY_TOO_BIG_TO_DRAIN
HTTP2_COMPRESSION_ERROR
"""
_MAX_QUOTED = 200


def is_aborted(message: str) -> bool:
    """Whether a navigation was given up for something else: a download, another page, an answer without content."""
    return "net::ERR_ABORTED" in message or "interrupted by another navigation" in message or is_download(message)


def is_download(message: str) -> bool:
    return "Download is starting" in message


def is_moving(message: str) -> bool:
    """Whether a call was lost because the page went on to another document meanwhile."""
    return any(sign in message for sign in ("Execution context was destroyed", "navigat", "Cannot find context"))


def is_of_script(message: str) -> bool:
    """Whether a script of ours threw: the page has broken what it calls."""
    lost = ("crash", "has been closed", "Connection closed", "Timeout")
    return ".evaluate" in message and not is_moving(message) and not any(sign in message for sign in lost)


def page_error(url: str, message: str, target: str | None = None) -> errors.FetchError:
    """The error for what Playwright said of the page `url`, on the way from there to `target` if it went on."""
    found = _NET_ERROR.search(message)
    if found is not None:
        return net_error(url, found[1], target or url)
    if is_download(message):
        return errors.NotHtml(url, "It is a file to download, not an HTML page.", content_type="")
    if "crash" in message:
        return errors.RenderFailed(url, "The page crashed in the browser.", reason="crashed")
    if "has been closed" in message or "Connection closed" in message:
        return errors.RenderFailed(url, "The page was closed before it was rendered.", reason="closed")
    return errors.RenderFailed(url, f"The browser could not render the page: {quoted(message)}.", reason="failed")


def is_tunnel_error(message: str) -> bool:
    """Whether the egress proxy said no, which is all that Chromium tells of it."""
    return "net::ERR_TUNNEL_CONNECTION_FAILED" in message


def egress_error(url: str, target: str, reason: EgressReason) -> errors.FetchError:
    """The error for what the egress proxy did not do, on the way from `url` to `target`."""
    host = _host(target)
    match reason:
        case EgressReason.ADDRESS_FORBIDDEN:
            return errors.AddressForbidden(url, f"{host} is or leads to a private or reserved address.", host=host)
        case EgressReason.PORT_FORBIDDEN:
            return errors.AddressForbidden(url, f"The port of {host} is not one of the web.", host=host)
        case EgressReason.HOST_NOT_FOUND:
            return _no_host(url, host)
        case EgressReason.TIMED_OUT:
            return errors.TimedOut(url, f"{host} did not answer in time.")
        case EgressReason.HEAD_TOO_LARGE:
            return errors.TooLarge(url, f"{host} was asked with more or longer headers than are passed.")
        case _:
            return errors.ConnectFailed(url, f"No connection to {host}: {_words(reason)}.", reason=str(reason))


def net_error(url: str, code: str, target: str) -> errors.FetchError:
    """The error for a code of Chromium's network stack, without its `net::ERR_` (net/base/net_error_list.h)."""
    host, reason = _host(target), code.lower()
    if code.startswith(("NAME_", "DNS_", "ICANN_")):
        return _no_host(url, host)
    if code.startswith(("CERT_", "SSL_", "BAD_SSL", "ECH_")):
        return errors.TlsFailed(url, f"No secure connection to {host} was possible: {_words(reason)}.", reason=reason)
    if code in ("TIMED_OUT", "CONNECTION_TIMED_OUT"):
        return errors.TimedOut(url, f"{host} did not answer in time.")
    if code == "TOO_MANY_REDIRECTS":
        return errors.RedirectLoop(url, "It redirects more often than a browser follows.")
    if code in ("UNSAFE_REDIRECT", "UNKNOWN_URL_SCHEME", "DISALLOWED_URL_SCHEME", "ACCESS_DENIED"):
        return errors.RedirectRefused(url, "It leads to something that is not a web page.", reason="not_a_web_address")
    if code == "UNSAFE_PORT":
        return errors.AddressForbidden(url, f"The port of {host} is one that browsers never connect to.", reason=reason)
    if code == "RESPONSE_HEADERS_TOO_BIG":
        return errors.TooLarge(url, f"{host} sent more or longer headers than are read.")
    if code in _UNREADABLE.split():
        return errors.BrokenBody(url, f"What {host} answered can't be read: {_words(reason)}.", reason=reason)
    if code in _LINE_BROKE.split():
        return errors.ConnectFailed(url, f"No connection to {host}: {_words(reason)}.", reason=reason)
    return errors.RenderFailed(url, f"The browser could not load the page: {_words(reason)}.", reason=reason)


def shown_error(url: str, message: str, selector: str, seconds: float) -> errors.FetchError:
    """The error for waiting so long for what a CSS selector names on the page `url`."""
    if "Timeout" in message:
        return not_shown(url, selector, seconds)
    if "selector" in message:
        return bad_selector(url, selector)
    return page_error(url, message)


def not_shown(url: str, selector: str, seconds: float) -> errors.TimedOut:
    """The error for a page that came, and on which nothing that a CSS selector names was shown for so long."""
    sentence = f"Nothing that matches {quoted(selector)} was shown within {seconds:.3g} seconds."
    return errors.TimedOut(url, sentence, seconds=seconds, wait_for=selector)


def still_laid_out(url: str, seconds: float) -> errors.TimedOut:
    """The error for a page that came, and that the browser itself, not a script, has been busy with for so long."""
    message = (
        f"The page was not rendered within {seconds:.3g} seconds: the browser was still laying it out. Tens of thousands of"
        " links or words in one line that can't be broken take it minutes."
    )
    return errors.TimedOut(url, message, seconds=seconds, busy_with="layout")


def bad_selector(url: str, selector: str) -> errors.RenderFailed:
    message = f"wait_for: {quoted(selector)} is not a CSS selector."
    return render_refused(url, message, reason="bad_selector", field="wait_for")


def status_error(url: str, status: int, retry_after: str | None) -> errors.HttpStatus:
    """The error for an answer with 4xx or 5xx and this Retry-After header."""
    try:
        phrase = HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    seconds = retry_after_seconds(retry_after, datetime.now(UTC)) if retry_after else None
    return errors.HttpStatus(url, status, phrase, seconds)


def _host(target: str) -> str:
    """Its host, as far as it has one: what a page goes to may be anything."""
    try:
        return host_key(target)
    except ValueError:
        return quoted(target)


def _no_host(url: str, host: str) -> errors.HostNotFound:
    return errors.HostNotFound(url, f"There is no host {host}: its name does not resolve. Check the spelling.")


def quoted(text: str) -> str:
    """The first line of what somebody else wrote, cut to a length that a sentence can hold."""
    line = text.strip().partition("\n")[0].rstrip(".")
    return line if len(line) <= _MAX_QUOTED else f"{line[:_MAX_QUOTED]}…"


def _words(reason: str) -> str:
    return reason.replace("_", " ")
