"""What the door refuses of a parse: values that are of the right form and still can't be, or would do harm."""

from __future__ import annotations

import re

from gleanery.errors import InvalidInput
from gleanery.handlers.parse.payload import CookieBody, ParsePayload
from gleanery.model.parses import Size
from gleanery.web.browser.headers import header_fault
from gleanery.web.urls import split_url

WIDTHS = range(200, 3841)
HEIGHTS = range(200, 4097)

_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")  # RFC 9110, 5.6.2
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_NOT_LATIN = re.compile(r"[^\x00-\xff]")
# Of Playwright's selectors, which look much like those of CSS (https://playwright.dev/docs/other-locators).
_PLAYWRIGHTS = re.compile(
    r":(?:has-text|text-is|text-matches|text|visible|nth-match|left-of|right-of|above|below|near|light)(?![\w-])|>>|//"
    r"|(?<![^\s,])(?:css|text|xpath|id|role|internal:[\w-]+|data-test(?:-?id)?)="
)
_PAIRS = {")": "(", "]": "["}
_FORBIDDEN_HEADERS = frozenset(
    [
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "permissions-policy",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "user-agent",
        "via",
    ]
)
"""Those that the browser sets itself (Fetch, "forbidden request-header"), or that have a field of their own."""
_OWN_FIELD = {"cookie": "cookies", "user-agent": "user_agent"}


def check(payload: ParsePayload, href: str) -> None:
    """Raises InvalidInput naming the field."""
    check_selector(payload.wait_for)
    check_viewport(payload.viewport)
    check_headers(payload.headers)
    for number, cookie in enumerate(payload.cookies):
        check_cookie(cookie, href, f"cookies.{number}")
    check_user_agent(payload.user_agent)


def check_viewport(viewport: Size | str | None) -> None:
    if not isinstance(viewport, Size):
        return
    for field, value, allowed in (("width", viewport.width, WIDTHS), ("height", viewport.height, HEIGHTS)):
        if value not in allowed:
            raise InvalidInput(f"viewport.{field}", f"must be from {allowed.start} to {allowed.stop - 1} pixels")


def check_headers(headers: dict[str, str]) -> None:
    seen = set[str]()
    for name, value in headers.items():
        field, lower = f"headers.{name[:100]}", name.lower()
        if not _TOKEN.fullmatch(name):
            raise InvalidInput("headers", f"{name[:100]!r} is not the name of a header")
        if lower in _FORBIDDEN_HEADERS or lower.startswith(("sec-", "proxy-")):
            own = _OWN_FIELD.get(lower)
            raise InvalidInput(field, f"goes into `{own}`" if own else "is set by the browser itself")
        if lower in seen:
            raise InvalidInput(field, "is there twice")
        if _CONTROL.search(value.replace("\t", " ")) or _NOT_LATIN.search(value):
            raise InvalidInput(field, "has characters that no header may have")
        fault = header_fault(name, value)
        if fault is not None:
            raise InvalidInput(field, fault)
        seen.add(lower)


def check_cookie(cookie: CookieBody, href: str, field: str) -> None:
    """By RFC 6265 and its prefixes; a page can have cookies of its own host and of the domains above it."""
    url = split_url(href)
    host = url.authority.rpartition(":")[0] if re.search(r":\d+$", url.authority) else url.authority
    if not _TOKEN.fullmatch(cookie.name):
        raise InvalidInput(f"{field}.name", "is not the name of a cookie")
    if _CONTROL.search(cookie.value) or ";" in cookie.value or _NOT_LATIN.search(cookie.value):
        raise InvalidInput(f"{field}.value", "has characters that no cookie may have")
    if not cookie.path.startswith("/") or _CONTROL.search(cookie.path) or ";" in cookie.path:
        raise InvalidInput(f"{field}.path", "must be a path, from /")
    if cookie.domain is not None and not _is_domain_of(cookie.domain.lower().removeprefix("."), host):
        raise InvalidInput(f"{field}.domain", f"must be {host} or a domain that it belongs to")
    if cookie.name.startswith(("__Secure-", "__Host-")) and not (cookie.secure and url.scheme == "https"):
        raise InvalidInput(f"{field}.name", "needs `secure` and an https URL with this prefix")
    if cookie.name.startswith("__Host-") and (cookie.domain is not None or cookie.path != "/"):
        raise InvalidInput(f"{field}.name", "needs the path / and no domain with this prefix")


def _is_domain_of(domain: str, host: str) -> bool:
    return domain == host or ("." in domain and host.endswith(f".{domain}") and not host.rpartition(".")[2].isdigit())


def check_user_agent(text: str | None) -> None:
    if text is None:
        return
    if not text.strip():
        raise InvalidInput("user_agent", "is empty; leave it out for gleanery's own name")
    if _CONTROL.search(text) or not text.isascii():
        raise InvalidInput("user_agent", "has characters that no header may have")


def check_selector(text: str | None) -> None:
    """What is no CSS selector by its brackets, strings and ends; the browser knows the rest."""
    if text is None:
        return
    reason = _selector_fault(text)
    if reason is not None:
        raise InvalidInput("wait_for", f"is not a CSS selector: {reason}")


def _selector_fault(text: str) -> str | None:
    bare = _without_strings(text)
    if bare is None:
        return "a string is not closed"
    if _CONTROL.search(bare.replace("\n", " ").replace("\t", " ").replace("\r", " ")):
        return "it has control characters"
    foreign = _PLAYWRIGHTS.search(re.sub(r"\[[^\]]*\]", "", bare))
    if foreign is not None:
        return f"{foreign[0]} is known to Playwright, not to CSS"
    open_brackets = list[str]()
    for character in bare:
        if character in "([":
            open_brackets.append(character)
        elif character in _PAIRS and (not open_brackets or open_brackets.pop() != _PAIRS[character]):
            return f"{character} closes nothing"
    if open_brackets:
        return f"{open_brackets[-1]} is not closed"
    if not bare.strip():
        return "it is empty"
    if re.search(r"[{};<@]|//|\\$", bare) or "=" in re.sub(r"\[[^\]]*\]", "", bare):
        return "it has characters that no selector has"
    if re.search(r"(?:^|[,(])\s*(?:,|$)|[>+~,]\s*$|[#.:]\s*(?:$|[\s,>+~)\]])|[>+~]\s*[>+~,)]|\[\s*\]", bare):
        return "a part of it is missing"
    return None


def _without_strings(text: str) -> str | None:
    """Strings as empty ones, escaped characters as a letter; None where a string is not closed."""
    bare = re.sub(r"\\.", "x", text, flags=re.DOTALL)
    bare = re.sub(r"\"[^\"\n]*\"|'[^'\n]*'", "''", bare)
    return None if bare.count('"') or bare.replace("''", "").count("'") else bare
