"""Whether words stand in a page as they are quoted: verbatim, but for white space."""

from __future__ import annotations

import re

MAX_CHARACTERS = 1_000
MIN_CHARACTERS = 8
"""Fewer say nothing: they stand in any page."""

_MARKS = "\"'`“”„‘’«»"


def place_of(quote: str, text: str) -> tuple[int, int] | None:
    """Where `quote` stands in `text`, in code points; None where it doesn't, or is too short or too long to show anything.

    Runs of white space count as one; marks of quotation around it don't count. Nothing else is forgiven: what was left out
    in the middle, put in capitals or mended is no quote.
    """
    words = quote.strip().strip(_MARKS).split()
    characters = sum(map(len, words))
    if not MIN_CHARACTERS <= characters <= MAX_CHARACTERS:
        return None
    found = re.search(r"\s+".join(map(re.escape, words)), text)
    return None if found is None else found.span()
