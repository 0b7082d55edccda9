"""What the flags of a crawl make of a request."""

from __future__ import annotations

from pathlib import Path

import pytest

from gleanery.cli.arguments import build_parser
from gleanery.cli.crawl_request import request_body, running_body
from gleanery.errors import InvalidInput
from gleanery.handlers.crawl.payload import CrawlStart

URL = "https://docs.example.org/"


def test_what_is_not_asked_is_left_to_the_server() -> None:
    assert running_body(build_parser().parse_args(["crawl", URL])) == {"url": URL}
    assert request_body(build_parser().parse_args(["preview", URL])) == {"url": URL}


def test_every_flag_is_sent_and_is_a_request_that_the_server_knows(tmp_path: Path) -> None:
    (tmp_path / "open.js").write_text("document.querySelector('details').open = true")
    flags = [
        *("--max-pages", "5", "--max-depth", "2", "--include", "/a/**", "--include", "/b/**", "--exclude", "*.pdf"),
        *("--subdomains", "--all-variants", "--max-minutes", "1.5", "--tag", "docs", "--wait-for", "main p"),
        *("--click", "#more", "--click", "#all", "--script", "f()", "--script", f"@{tmp_path}/open.js", "--scroll"),
    ]
    body = running_body(build_parser().parse_args(["crawl", URL, *flags]))
    assert body == {
        "url": URL,
        "max_pages": 5,
        "max_depth": 2,
        "include": ["/a/**", "/b/**"],
        "exclude": ["*.pdf"],
        "subdomains": True,
        "all_variants": True,
        "max_minutes": 1.5,
        "tags": ["docs"],
        "render": "browser",
        "browser": {
            "wait_for": "main p",
            "clicks": ["#more", "#all"],
            "scripts": ["f()", "document.querySelector('details').open = true"],
            "scroll": True,
        },
    }
    assert CrawlStart.model_validate(body).browser is not None


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (["--render", "http", "--click", "#a"], "--click: needs the browser, not --render http"),
        (["--render", "auto", "--wait-for", "p"], "--wait-for: needs the browser, not --render auto"),
        (["--script", "@/nowhere.js"], "--script: /nowhere.js can't be read: No such file or directory"),
    ],
)
def test_flags_that_do_not_go_together_are_named(flags: list[str], complaint: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        running_body(build_parser().parse_args(["crawl", URL, *flags]))
    assert caught.value.message == complaint


def test_a_script_that_is_no_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.js").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InvalidInput, match=r"--script: .*x\.js is not UTF-8 text"):
        running_body(build_parser().parse_args(["crawl", URL, "--script", f"@{tmp_path}/x.js"]))
