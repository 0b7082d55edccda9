"""Which mode is chosen, and how it is said."""

from __future__ import annotations

import pytest

from gleanery.web.crawl_mode import Mode, ModeKind, choose_mode
from gleanery.web.discover import Discovery, FoundUrl, Target

H = "https://h"


def discovery(*paths: str, origin: Target = Target.SITEMAP) -> Discovery:
    return Discovery(tuple(FoundUrl(f"{H}{path}", None, origin) for path in paths))


def mode(start: str, links: list[str], found: Discovery) -> Mode:
    return choose_mode(f"{H}{start}", [f"{H}{link}" for link in links], found)


@pytest.mark.parametrize(
    ("start", "links", "found", "expected"),
    [
        ("/spec.html", [], discovery(), ModeKind.SINGLE),
        ("/spec.html", ["/spec.html"], discovery("/a", "/b"), ModeKind.SINGLE),
        ("/spec.html", ["/a"], discovery(), ModeKind.RECURSIVE),
        ("/index.html", [], discovery(), ModeKind.RECURSIVE),
        ("/docs/", [], discovery(), ModeKind.RECURSIVE),
        ("/docs/", [], discovery("/docs/a"), ModeKind.SITE),
        ("/docs/", ["/a", "/b", "/c", "/d", "/e"], discovery("/a", "/b", "/c", "/d"), ModeKind.SITE),
        ("/docs/", ["/a", "/b", "/c", "/d"], discovery("/a", "/b", "/c"), ModeKind.RECURSIVE),
        ("/docs/", ["/a"], discovery("/a", origin=Target.LLMS), ModeKind.RECURSIVE),
        ("/docs/", [], discovery("/docs/"), ModeKind.RECURSIVE),
    ],
)
def test_modes(start: str, links: list[str], found: Discovery, expected: ModeKind) -> None:
    assert mode(start, links, found).kind is expected


@pytest.mark.parametrize(
    ("chosen", "sentence"),
    [
        (
            mode("/a.html", [], discovery()),
            "The start is one file and links to nothing else in scope: it alone is taken.",
        ),
        (
            mode("/", ["/a"], discovery("/a", "/b")),
            "The sitemap lists 2 pages in scope, among them 1 of 1 link on the start page: the whole site is taken from it.",
        ),
        (
            mode("/", ["/a", "/b", "/c"], discovery("/a")),
            "The sitemap misses 2 of 3 links on the start page: links are followed as well.",
        ),
        (
            mode("/", ["/a", "/b"], discovery()),
            "There is no sitemap of this scope: 2 links on the start page and theirs are followed.",
        ),
    ],
)
def test_it_is_said_in_a_sentence(chosen: Mode, sentence: str) -> None:
    assert chosen.sentence == sentence


def test_listed_counts_every_page_once_and_not_the_start() -> None:
    assert mode("/", [], discovery("/", "/a", "/a?utm_source=x", "/b")).listed == 2
