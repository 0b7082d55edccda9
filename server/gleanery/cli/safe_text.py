"""Text from the web made safe for a terminal: nothing in it can move the cursor, recolour, retitle or reorder.

Terminals obey escape sequences wherever they come from, and bidirectional controls can show a text as what it is not
(Unicode TR 36, "Trojan Source", CVE-2021-42574). Such characters are shown by name or dropped, never sent.
"""

from __future__ import annotations

import re

_CONTROL_PICTURES = 0x2400
_DELETE = 0x7F
_DELETE_PICTURE = "\u2421"

# C0 but for tab and newline, DEL, C1, bidi and line separators, tag characters, lone surrogates.
_SHOWN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufff9-\ufffb\U000e0000-\U000e007f\ud800-\udfff]"
)
# Invisible fillers that only hide where words begin and end; joiners (200C, 200D) are part of scripts and stay.
_DROPPED = re.compile("[\u00ad\u200b\u2060-\u2065\u206a-\u206f\ufeff]")
_BLANKS = re.compile(r"\s+")


def block(text: str) -> str:
    """`text` with its lines and tabs, safe to print; what was removed shows as a sign such as ␛ or <U+202E>."""
    return _SHOWN.sub(_sign, _DROPPED.sub("", text.replace("\r\n", "\n")))


def one_line(text: str) -> str:
    """`text` as one line, safe to print: runs of blanks are one space."""
    return _BLANKS.sub(" ", block(_BLANKS.sub(" ", text))).strip()


def _sign(found: re.Match[str]) -> str:
    code = ord(found.group())
    if code < 0x20:
        return chr(_CONTROL_PICTURES + code)
    return _DELETE_PICTURE if code == _DELETE else f"<U+{code:04X}>"
