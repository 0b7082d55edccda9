"""llms.txt and Markdown twins: what is read of lists as people and generators write them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gleanery.web.llms import (
    MAX_LINKS,
    LlmsLink,
    LlmsSection,
    LlmsTxt,
    decode_text,
    looks_like_html,
    page_candidates,
    parse_llms,
    twin_candidates,
)

BASE = "https://docs.example.org/guide/llms.txt"


def links(text: str) -> list[tuple[str, str, str]]:
    found = parse_llms(text, BASE)
    return [(link.title, link.url, link.notes) for link in found.links()] if found else []


def test_the_standards_own_shape() -> None:
    found = parse_llms(
        "# FastHTML\n\n> A library\n> for apps.\n\nRemember:\n\n- Use `serve()`\n\n## Docs\n\n"
        "- [Quick start](https://h/quick.html.md): A brief overview\n- [Reference](/ref.md)\n\n"
        "## Optional\n\n- [Starlette](https://h/s.md): all of it\n### More\n* [x](y)\n## Last #\n1. [z](../z)\n",
        BASE,
    )
    assert found == LlmsTxt(
        BASE,
        "FastHTML",
        "A library for apps.",
        (
            LlmsSection(
                "Docs",
                False,
                (
                    LlmsLink("Quick start", "https://h/quick.html.md", "A brief overview"),
                    LlmsLink("Reference", "https://docs.example.org/ref.md", ""),
                ),
            ),
            LlmsSection("Optional", True, (LlmsLink("Starlette", "https://h/s.md", "all of it"),)),
            LlmsSection("More", True, (LlmsLink("x", "https://docs.example.org/guide/y", ""),)),
            LlmsSection("Last", False, (LlmsLink("z", "https://docs.example.org/z", ""),)),
        ),
    )


def test_items_of_all_sorts() -> None:
    assert links(
        "# T\n"
        '- [**Bold** `code`](/a "title") - notes\n'
        "  - [Nested [brackets]](</b>): see [c](/c), too\n"
        "- [Wiki](/w_(x))\n"
        "- https://h/bare.\n"
        "- Titled: <https://h/angled>\n"
        "- [anchor](#here)\n- [mail](mailto:a@b)\n- [script](javascript:x)\n- no link\n"
        "```\n- [code](/code)\n```\n"
        "~~~md\n- [more](/more)\n```\n~~~\n"
        "+ [last](/last)\n"
    ) == [
        ("Bold code", "https://docs.example.org/a", "notes"),
        ("Nested [brackets]", "https://docs.example.org/b", "see"),
        ("c", "https://docs.example.org/c", ", too"),
        ("Wiki", "https://docs.example.org/w_(x)", ""),
        ("", "https://h/bare", ""),
        ("Titled", "https://h/angled", ""),
        ("last", "https://docs.example.org/last", ""),
    ]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Not Found",
        "<!DOCTYPE html><h1># T</h1>",
        " <!-- x -->\n<html>\n# T",
        "<html><body>\n- [a](/a)",
        '{"e": 404}',
    ],
)
def test_what_is_no_llms_txt(text: str) -> None:
    assert parse_llms(text, BASE) is None


def test_what_begins_like_markup_need_not_be_html() -> None:
    assert [looks_like_html(text) for text in ("<SYSTEM>x</SYSTEM>\n# T", "<page>\n# T", "<!-- c -->\n# T", "<html>")] == [
        False, False, False, True,
    ]  # fmt: skip


def test_encodings_and_line_ends() -> None:
    for body in (
        "# Ä\r\n- [ö](/o)".encode("utf-16"),
        b"\xef\xbb\xbf" + "# Ä\r- [ö](/o)".encode(),
        "# Ä\n- [ö](/o)".encode(),
    ):
        assert decode_text(body) == "# Ä\n- [ö](/o)"
    assert decode_text(b"caf\xe9\0") == "caf\ufffd"


def test_links_have_a_cap() -> None:
    assert len(links("- [a](/a)\n" * (MAX_LINKS + 5))) == MAX_LINKS


@pytest.mark.parametrize(
    "line", ["- " + "\\[" * 2_000, "- " + "[" * 4_000, "- [x](" * 700, "# " + " #" * 2_000, "- [a](/" + "(" * 4_000]
)
def test_hostile_lines_take_linear_time(line: str) -> None:
    started = time.process_time()
    assert links(f"{line}\n" * 200) == []
    assert time.process_time() - started < 3


@given(st.text(st.sampled_from("#-*[]()<>!`~: \n\\/ahtp."), max_size=200))
def test_never_raises(text: str) -> None:
    parse_llms(text, BASE)


def paths(urls: tuple[str, ...]) -> list[str]:
    return [url.removeprefix("https://h") for url in urls]


@pytest.mark.parametrize(
    ("page", "expected"),
    [
        ("/", ["/index.html.md", "/index.md"]),
        ("/a/", ["/a.md", "/a/index.html.md", "/a/index.md"]),
        ("/a/index.html", ["/a/index.html.md", "/a/index.md", "/a.md"]),
        ("/a.html", ["/a.html.md", "/a.md"]),
        ("/a", ["/a.md", "/a/index.md", "/a.html.md", "/a/index.html.md"]),
        ("/v1.2", ["/v1.2.md", "/v1.2/index.md", "/v1.2.html.md", "/v1.2/index.html.md"]),
        ("/a.pdf", []),
        ("/a.md", []),
        ("/a?b", []),
    ],
)
def test_where_a_twin_may_be(page: str, expected: list[str]) -> None:
    assert paths(twin_candidates(f"https://h{page}")) == expected


@pytest.mark.parametrize(
    ("markdown", "expected"),
    [
        ("/a.md", ["/a", "/a/", "/a.html"]),
        ("/a.mdx", ["/a", "/a/", "/a.html"]),
        ("/a.html.md", ["/a.html", "/a"]),
        ("/index.html.md", ["/"]),
        ("/a/index.html.md", ["/a/", "/a"]),
        ("/a/index.md", ["/a/", "/a", "/a/index.html", "/a/index"]),
        ("/a.txt", []),
        ("/a", []),
    ],
)
def test_whose_twin_a_file_may_be(markdown: str, expected: list[str]) -> None:
    assert paths(page_candidates(f"https://h{markdown}")) == expected


@pytest.mark.parametrize("page", ["/", "/a/", "/a", "/a.html", "/a/b/"])
def test_each_twin_leads_back_to_its_page(page: str) -> None:
    assert all(f"https://h{page}" in page_candidates(twin) for twin in twin_candidates(f"https://h{page}"))
