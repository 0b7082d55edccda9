"""Notebooks: cells in order, outputs bounded, both formats that are around."""

from __future__ import annotations

import json
from typing import Any

import pytest

from gleanery.errors import EmptyPage, ExtractFailed
from gleanery.knowledge.extract import ExtractedPage
from gleanery.knowledge.formats import Kind, read
from gleanery.knowledge.formats.notebook import MAX_OUTPUT_LINES

URL = "https://example.org/nb/pears.ipynb"


def page_of(notebook: Any) -> ExtractedPage:
    (part,) = read(Kind.NOTEBOOK, json.dumps(notebook).encode(), URL, None)
    for code in part.page.code_examples:
        assert part.page.markdown[code.start : code.end] == code.code
    return part.page


def test_cells_in_order_with_outputs_that_are_no_examples() -> None:
    page = page_of(
        {
            "nbformat": 4,
            "metadata": {"kernelspec": {"name": "ir", "language": "R"}, "language_info": {"name": "R"}},
            "cells": [
                {"cell_type": "markdown", "source": ["# Pears\n", "\n", "[more](other.ipynb)\n", "```\n", "unclosed"]},
                {
                    "cell_type": "code",
                    "source": "x <- 1\nprint(x)",
                    "outputs": [
                        {"output_type": "stream", "name": "stdout", "text": ["[1] 1\n"]},
                        {"output_type": "display_data", "data": {"image/png": "AAAA", "text/plain": "<Figure>"}},
                        {"output_type": "error", "ename": "E", "evalue": "\x1b[31mno\x1b[0m", "traceback": ["long"]},
                    ],
                },
                {"cell_type": "code", "source": "%%bash\nls", "outputs": []},
                {"cell_type": "markdown", "source": "## End"},
            ],
        }
    )
    assert page.title == "Pears"
    assert [(h.level, h.text) for h in page.outline] == [(1, "Pears"), (2, "End")]
    assert [(c.code, c.language) for c in page.code_examples] == [
        ("unclosed", None),
        ("x <- 1\nprint(x)", "r"),
        ("%%bash\nls", "bash"),
    ]
    assert "```{output}\n[1] 1\n```\n\n```{output}\nE: no\n```" in page.markdown
    assert "Figure" not in page.markdown
    assert page.links == ("https://example.org/nb/other.ipynb",)


def test_version_3() -> None:
    page = page_of(
        {
            "nbformat": 3,
            "metadata": {"name": "x"},
            "worksheets": [
                {
                    "cells": [
                        {"cell_type": "heading", "level": 2, "source": ["Pears"]},
                        {
                            "cell_type": "code",
                            "input": ["x = 1"],
                            "language": "python",
                            "outputs": [{"output_type": "pyout", "text": ["1"]}],
                        },
                    ]
                }
            ],
        }
    )
    assert page.markdown == "## Pears\n\n```python\nx = 1\n```\n\n```{output}\n1\n```"


def test_long_outputs_are_cut() -> None:
    outputs = [{"output_type": "stream", "text": "line\n" * 10_000}]
    page = page_of({"nbformat": 4, "cells": [{"cell_type": "code", "source": "x", "outputs": outputs}]})
    assert page.markdown.count("line") == MAX_OUTPUT_LINES
    assert page.markdown.endswith("line\n…\n```")


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"[" * 100_000, b'"x"'])
def test_a_broken_notebook_says_so(body: bytes) -> None:
    with pytest.raises(ExtractFailed, match="notebook is not"):
        read(Kind.NOTEBOOK, body, URL)


@pytest.mark.parametrize(
    "notebook",
    [
        {},
        {"cells": None},
        {"cells": [1, None, {}]},
        {"cells": [{"cell_type": "code", "source": 5, "outputs": 7}]},
        {"worksheets": {"a": 1}, "metadata": []},
        {"cells": [{"cell_type": "code", "source": [1, None], "outputs": [None, {"data": [1]}]}]},
    ],
)
def test_a_notebook_of_nothing_is_empty(notebook: Any) -> None:
    with pytest.raises(EmptyPage):
        page_of(notebook)
