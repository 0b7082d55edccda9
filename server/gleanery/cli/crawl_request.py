"""What a crawl is asked to do, on the command line: the flags, and the body that they make."""

from __future__ import annotations

import argparse
from argparse import Namespace
from pathlib import Path
from typing import Any

from gleanery import errors

_BROWSER_FLAGS = ("wait_for", "click", "script", "scroll")


def add_flags(parser: argparse.ArgumentParser) -> None:
    """The URL and what can be said of a crawl, for every command that takes one."""
    parser.add_argument("url", metavar="URL", help="where to start; its host and folder are the scope")
    parser.add_argument("--max-pages", type=int, metavar="N", help="most pages that are stored")
    parser.add_argument("--max-depth", type=int, metavar="N", help="links away from the start; 0 takes just that page")
    parser.add_argument("--include", action="append", metavar="GLOB", help="paths to take (may be repeated)")
    parser.add_argument("--exclude", action="append", metavar="GLOB", help="paths to leave out (may be repeated)")
    parser.add_argument("--subdomains", action="store_true", help="take the hosts below the start's host too")
    parser.add_argument(
        "--all-variants", action="store_true", help="take every version and language of the pages, not just the start's"
    )
    parser.add_argument(
        "--render", choices=("auto", "http", "browser"), help="how pages are got; auto renders those that need it"
    )


def add_running_flags(parser: argparse.ArgumentParser) -> None:
    """What only matters when pages are taken: time, and what the browser does on each."""
    parser.add_argument("--max-minutes", type=float, metavar="N", help="longest it may take; what is stored stays")
    browser = parser.add_argument_group("in the browser", "Any of these renders every page (--render browser).")
    browser.add_argument("--wait-for", metavar="SELECTOR", help="an element that must be on the page")
    browser.add_argument("--click", action="append", metavar="SELECTOR", help="what to click (may be repeated)")
    browser.add_argument(
        "--script",
        action="append",
        metavar="JS",
        help="JavaScript to run; @FILE reads it from a file (may be repeated)",
    )
    browser.add_argument("--scroll", action="store_true", help="scroll to the end, as long as more comes")


def request_body(args: Namespace) -> dict[str, Any]:
    """What is posted: the URL and what was asked for; the rest is the server's defaults. Raises InvalidInput naming a
    flag."""
    asked = {
        "url": args.url,
        "max_pages": args.max_pages,
        "max_depth": args.max_depth,
        "include": args.include,
        "exclude": args.exclude,
        "subdomains": args.subdomains or None,
        "all_variants": args.all_variants or None,
        "render": args.render,
    }
    return {name: value for name, value in asked.items() if value is not None}


def running_body(args: Namespace) -> dict[str, Any]:
    """The same for a crawl that is started. Raises InvalidInput naming a flag."""
    asked = {"max_minutes": args.max_minutes, "tags": args.tag}
    body = request_body(args) | {name: value for name, value in asked.items() if value is not None}
    used = [name for name in _BROWSER_FLAGS if getattr(args, name)]
    if not used:
        return body
    if args.render not in (None, "browser"):
        raise errors.InvalidInput(f"--{used[0].replace('_', '-')}", f"needs the browser, not --render {args.render}")
    return body | {"render": "browser", "browser": _browser(args)}


def _browser(args: Namespace) -> dict[str, Any]:
    asked = {
        "wait_for": args.wait_for,
        "clicks": args.click,
        "scripts": [_script(text) for text in args.script or ()],
        "scroll": args.scroll,
    }
    return {name: value for name, value in asked.items() if value}


def _script(text: str) -> str:
    """JavaScript, or with an `@` the file that holds it."""
    if not text.startswith("@"):
        return text
    try:
        return Path(text[1:]).read_text(encoding="utf-8")
    except OSError as error:
        raise errors.InvalidInput("--script", f"{text[1:]} can't be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise errors.InvalidInput("--script", f"{text[1:]} is not UTF-8 text") from None
