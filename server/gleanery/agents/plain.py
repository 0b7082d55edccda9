"""A model's words made harmless: plain text in one line, bounded, without what any reader might take for more."""

from __future__ import annotations

import re
import unicodedata

_LINK = re.compile(r"!?\[([^\[\]]*)\]\([^()]*(?:\([^()]*\)[^()]*)*\)")
_URL = re.compile(r"\b(?:https?|ftp|javascript|data|vbscript|file):\S+", re.IGNORECASE)
_ACTIVE_TAG = re.compile(
    r"</?(?:script|style|iframe|img|svg|a|object|embed|form|input|button|link|meta|base|video|audio)\b[^<>]*>?",
    re.IGNORECASE,
)
_LINE_MARK = re.compile(r"^(?:\s*(?:#{1,6}|>|[-*+])\s+)+", re.MULTILINE)
_SENTENCE_END = re.compile(r"[.!?。！？…](?=\s|$)|[。！？]")
_INPUT_FACTOR = 8


def plain_line(text: str, max_characters: int) -> str:
    """One line of at most `max_characters`, cut at the end of a sentence where there is one, else of a word.

    Goes: control, formatting and private characters (also those that turn the writing direction or can't be seen), marks of
    headings, quotes and lists, targets of links, URLs, and HTML elements that do something. A name such as `vector<int>`
    stays. What is left is text: whoever shows it escapes it as any other.
    """
    text = text[: max_characters * _INPUT_FACTOR]  # the rest would be cut anyway, and is not looked at
    text = unicodedata.normalize("NFC", text)
    text = "".join(
        " " if character in "\n\r\t" else character for character in _LINE_MARK.sub("", text) if _is_text(character)
    )
    for pattern in (_LINK, _ACTIVE_TAG, _URL):
        text = pattern.sub(r"\1" if pattern is _LINK else " ", text)
    text = " ".join(text.replace("```", " ").replace("**", "").split())
    return _cut(text, max_characters)


def _is_text(character: str) -> bool:
    return character in "\n\r\t" or unicodedata.category(character) not in ("Cc", "Cf", "Co", "Cs", "Cn", "Zl", "Zp")


def _cut(text: str, max_characters: int) -> str:
    if len(text) <= max_characters:
        return text
    room = text[:max_characters]
    ends = [match.end() for match in _SENTENCE_END.finditer(room) if match.end() >= max_characters // 3]
    if ends:
        return room[: ends[-1]]
    word = room[: max_characters - 1].rpartition(" ")[0]
    return f"{(word or room[: max_characters - 1]).rstrip()}…"
