"""A text as tokens that concatenate to it again: words, numbers and names with digits, URLs, signs, white space."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache, lru_cache

LEAST_JSON = 6
_KEPT_TOKENS = 20_000
"""Tokens come again and again; most are asked for dozens of times."""
MOST_JSON = 100
"""Places of a text that are tried."""
_OPENING = re.compile(r'[{\[]\s*["{\[]')
_DECODER = json.JSONDecoder()

# Scripts that write words without spaces between them, or glue endings to them: one token for each character.
_SOLID = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7af\uf900-\ufaff"
_WORD = rf"[^\W{_SOLID}]"

_BY_SIGN = {
    "://": r"""https?://[^\s<>"'`)\]}]*[^\s<>"'`)\]}.,;:!?]""",  # a URL, without what ends a sentence
    "/": rf"(?<![\w<])[~.]{{0,2}}/{_WORD}[\w./-]*{_WORD}",  # a path from the root
    "@": rf"{_WORD}[\w.+-]*@{_WORD}+(?:[.-]{_WORD}+)+",  # an e-mail address
}
"""What is looked for only in texts that have the sign: to look costs at every word."""
_OTHERS = (
    rf"{_WORD}(?:{_WORD}|[-./:@#%+](?={_WORD})|(?<=\d),(?=\d))*",  # words, also joined: numbers, dates, names, paths
    r"\n|[^\S\n]+|.",
)
_JOINED = re.compile(rf"({_WORD}+|[^\w])")


def tokens_of(text: str) -> list[str]:
    """The tokens; `"".join` of them is `text`. What is joined by signs stays one token only where it has a digit, so that
    `2024-05-01` is one and `step-by-step` five."""
    found = list[str]()
    at = 0
    for start, end in _json_in(text):
        found += _plain(text[at:start])
        found.append(text[start:end])
        at = end
    return found + _plain(text[at:])


def _plain(text: str) -> list[str]:
    tokens: list[str] = _pattern(*(sign in text for sign in _BY_SIGN)).findall(text)
    joined = {token for token in set(tokens) if not token.isalnum() and len(token) > 1 and is_plain_joined(token)}
    if not joined:
        return tokens
    found = list[str]()
    for token in tokens:
        if token in joined:
            found.extend(part for part in _JOINED.split(token) if part)
        else:
            found.append(token)
    return found


@cache
def _pattern(*has_sign: bool) -> re.Pattern[str]:
    wanted = [pattern for pattern, is_there in zip(_BY_SIGN.values(), has_sign, strict=True) if is_there]
    return re.compile("|".join((*wanted, *_OTHERS)), re.DOTALL)


def _json_in(text: str) -> Iterator[tuple[int, int]]:
    """Where JSON objects and arrays stand: each is one token, whatever its keys."""
    at = 0
    for _ in range(MOST_JSON):
        opening = _OPENING.search(text, at)
        if opening is None:
            return
        at = opening.start()
        try:
            _, end = _DECODER.raw_decode(text, at)
        except (ValueError, RecursionError):
            at = opening.end()
            continue
        if end - at >= LEAST_JSON:
            yield at, end
        at = end


def is_plain_joined(token: str) -> bool:
    """Whether it is words with signs between them, and no URL, address, number or name with digits."""
    return not (token.isspace() or "/" in token[:3] or "://" in token or "@" in token or any(map(str.isdigit, token)))


@lru_cache(_KEPT_TOKENS)
def is_word(token: str) -> bool:
    return token[0].isalnum() or token[0] == "_" or len(token) >= LEAST_JSON


@lru_cache(_KEPT_TOKENS)
def kind_of(token: str) -> str:
    """What stands for a token when texts are compared: one with a digit is any number, JSON is any JSON."""
    if len(token) == 1 or token.isalpha():
        return "0" if token.isdigit() else token
    if token[0] in "{[":
        return "{}"
    return "0" if is_word(token) and any(map(str.isdigit, token)) else token
