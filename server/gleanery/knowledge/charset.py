"""Bytes to text: which character encoding a document is in.

The order is the WHATWG one (BOM, header, meta), then UTF-8, then windows-1252. Nothing is guessed from letter
statistics: that costs more than the rest of the extraction together.
"""

from __future__ import annotations

import codecs
import re

_SNIFFED_BYTES = 4096
_BOMS = ((codecs.BOM_UTF8, "utf-8"), (codecs.BOM_UTF16_LE, "utf-16-le"), (codecs.BOM_UTF16_BE, "utf-16-be"))
_META = re.compile(rb"""<meta[^>]+?charset\s*=\s*["']?\s*([A-Za-z0-9_.:-]+)""", re.I)
_XML = re.compile(rb"""^\s*<\?xml[^>]+?encoding\s*=\s*["']([A-Za-z0-9_.:-]+)""", re.I)
# Browsers read these labels as windows-1252 (WHATWG Encoding, section 4.2).
_LATIN = frozenset({"ascii", "iso8859-1", "latin-1", "cp1252"})
# Allowed: tab, newline, form feed, carriage return. What is left of C0 and all surrogates can't be stored or shown.
_UNWANTED = re.compile("[\x00-\x08\x0b\x0e-\x1f\ud800-\udfff]")
_UNWANTED_BYTES = bytes([*range(0x09), 0x0B, *range(0x0E, 0x20)])


def decode(body: bytes | str, content_type_charset: str | None = None) -> str:
    """The text of `body` without NUL, other control characters and lone surrogates. Never raises."""
    text = body if isinstance(body, str) else _decode_bytes(body, content_type_charset)
    text = text.removeprefix("\ufeff")
    return text if _is_clean(text) else _UNWANTED.sub("", text)


def _is_clean(text: str) -> bool:
    """Whether nothing unwanted is in it. Going over bytes takes a quarter of the time that the expression takes."""
    try:
        encoded = text.encode()
    except UnicodeEncodeError:
        return False
    return len(encoded.translate(None, _UNWANTED_BYTES)) == len(encoded)


def _decode_bytes(body: bytes, header: str | None) -> str:
    for mark, name in _BOMS:
        if body.startswith(mark):
            return body[len(mark) :].decode(name, "replace")
    named = [name for name in (_codec(header), _codec(_declared(body))) if name]
    for name in (*named, "utf-8"):
        try:
            return body.decode(name)
        except UnicodeDecodeError:
            continue
    # One broken byte must not turn a page that names its encoding into mojibake.
    return body.decode(named[0] if named else "cp1252", "replace")


def _declared(body: bytes) -> str | None:
    head = body[:_SNIFFED_BYTES]
    found = _META.search(head) or _XML.search(head)
    if not found:
        return None
    label = found.group(1).decode("ascii")
    # A meta tag that could be read as ASCII can't be in UTF-16.
    return "utf-8" if label.lower().startswith("utf-16") else label


def _codec(label: str | None) -> str | None:
    if not label:
        return None
    try:
        codec = codecs.lookup(label.strip().strip("\"'"))
        if not codec._is_text_encoding:
            return None
    except (LookupError, ValueError):
        return None
    return "cp1252" if codec.name in _LATIN else codec.name
