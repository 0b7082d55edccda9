"""What a parse is asked to do, on the command line: the flags, and the body that they make."""

from __future__ import annotations

import argparse
import re
from argparse import Namespace
from typing import Any

from gleanery import errors

_OF_LOADING = frozenset(
    [
        "url",
        "dom",
        "refresh",
        "wait_for",
        "wait_until",
        "timeout",
        "viewport",
        "user_agent",
        "header",
        "cookie",
    ]
)
_SIZE = re.compile(r"(\d{1,5})[x×](\d{1,5})")


def add_flags(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", metavar="URL", nargs="?", help="the page to parse")
    parser.add_argument("--show", metavar="ID", help="nothing is loaded: a parse that is kept, by its id or its page's")
    parser.add_argument("--screenshot", metavar="FILE", help="write the screenshot (PNG) to this file")
    parser.add_argument("--dom", action="store_true", help="with --json: the compact tree of the document too")
    parser.add_argument("--refresh", action="store_true", help="load the page anew, whatever is kept")
    browser = parser.add_argument_group("in the browser")
    browser.add_argument("--wait-for", metavar="SELECTOR", help="an element that must be visible first")
    browser.add_argument(
        "--wait-until",
        choices=("settled", "domcontentloaded", "load", "networkidle"),
        help="when the page counts as shown (default settled)",
    )
    browser.add_argument("--timeout", type=float, metavar="SECONDS", help="longest that one attempt may take (30)")
    browser.add_argument("--viewport", metavar="WxH", help="size of the window, such as 390x844; or: vary")
    browser.add_argument("--user-agent", metavar="TEXT", help="how the browser names itself; or: vary")
    browser.add_argument(
        "--header", action="append", metavar="'NAME: VALUE'", help="sent to the URL's host (repeatable)"
    )
    browser.add_argument("--cookie", action="append", metavar="NAME=VALUE", help="of the URL's host (repeatable)")


def request_body(args: Namespace) -> dict[str, Any]:
    """What is posted: the rest is the server's defaults. Raises InvalidInput naming a flag."""
    if args.url is None:
        raise errors.InvalidInput("URL", "is missing: which page is to be parsed?")
    asked = {
        "url": args.url,
        "wait_for": args.wait_for,
        "wait_until": args.wait_until,
        "timeout_seconds": args.timeout,
        "viewport": None if args.viewport is None else _viewport(args.viewport),
        "user_agent": args.user_agent,
        "headers": dict(_header(text) for text in args.header or ()) or None,
        "cookies": [_cookie(text) for text in args.cookie or ()] or None,
        "include_dom": args.dom or None,
        "force_refresh": args.refresh or None,
        "screenshot": None if args.screenshot else False,
    }
    return {name: value for name, value in asked.items() if value is not None}


def shown_id(args: Namespace) -> str | None:
    """The parse that is only to be shown. Raises InvalidInput where something is to be loaded too."""
    if args.show is None:
        return None
    set_too = [name for name, value in vars(args).items() if name in _OF_LOADING and value not in (None, False)]
    if set_too:
        raise errors.InvalidInput("--show", "shows what is kept: leave out the URL and all that is said of loading it")
    return str(args.show)


def _viewport(text: str) -> dict[str, int] | str:
    if text == "vary":
        return text
    size = _SIZE.fullmatch(text)
    if size is None:
        raise errors.InvalidInput("--viewport", f"{text!r} is not a size such as 1280x720")
    return {"width": int(size[1]), "height": int(size[2])}


def _header(text: str) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    if not colon or not name.strip():
        raise errors.InvalidInput("--header", "must be a name and a value, as 'Accept-Language: de'")
    return name.strip(), value.strip()


def _cookie(text: str) -> dict[str, str]:
    name, equals, value = text.partition("=")
    if not equals or not name:
        raise errors.InvalidInput("--cookie", "must be a name and a value, as session=1")
    return {"name": name, "value": value}
