"""What goes into each column of the full-text index, and what counts there as one word: pure functions of a row's text.

The store calls them for what it adds, and the triggers as SQL functions for what they remove: FTS5 must be told exactly
what it was given. So a function that has landed changes only together with a migration that fills the index anew.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

FTS_TOKENIZER = "unicode61 remove_diacritics 2"
"""Stemming (porter) was measured and is no better on questions to documentation; it blurs identifiers."""

CJK = (
    "\u3005-\u3007\u3040-\u30fa\u30fc-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff"
    "\uff66-\uff9f\U00020000-\U0003ffff"
)
"""The inside of a character class: Chinese, Japanese and Korean characters, which stand without blanks between words."""

# FTS5's tables end with Unicode 6.1; it takes what came later, most emoji among it, for letters.
_SET_APART = re.compile(f"[{CJK}\U0001f000-\U0001fbff]")
# What unicode61 takes for a word: letters and digits, with combining accents inside. CJK is taken by the character.
WORD = re.compile(rf"[{CJK}]|[^\W_{CJK}](?:[^\W_{CJK}]|[\u0300-\u0331])*")
LINK_TARGET = re.compile(r"\]\(<?https?://[^\s)>]*>?\)")
CASE_BORDER = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z]{2})")
_FENCE = re.compile(r"^[ \t]*(?:>[ ]?)*(`{3,}|~{3,})[^\n]*\n(.*?)(?:^[ \t]*(?:>[ ]?)*\1[`~]*[ \t]*$|\Z)", re.M | re.S)
_INLINE_CODE = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
# A run of words that signs join; without going back, so that no text is slow to read.
NAME = re.compile(r"\w++(?:(?:\.|::|->|-)\w++)*+")
_OUTER_JOINT = re.compile(r"\.|::|->")
# Names whose signs are all that tells them from another word, each with the word that stands for it.
SIGNED = re.compile(r"(?:\b[Cc]\+\+|\b[CcFf]#|(?<![\w.])\.(?:NET|Net|net)\b)(?![+#])")
_SIGN_WORDS = {"+": "plus", "#": "sharp", ".": "dot"}
_MAX_NAME_CHARS = 200


def fts_text(text: str) -> str:
    """`text` as it goes into the full-text index: without the targets of links, with blanks around CJK and emoji.

    unicode61 takes a run of CJK for one word, so nothing inside it could be found. By the character a phrase finds it.
    """
    if "](" in text:
        text = LINK_TARGET.sub("] ", text)
    return text if text.isascii() else _SET_APART.sub(r" \g<0> ", text)


def fts_body(content: str) -> str:
    """The prose of a chunk: what is not in a fence."""
    return fts_text(_FENCE.sub("\n", content) if _has_fence(content) else content)


def fts_code(content: str) -> str:
    """The code of a chunk: its fences, and the code in its lines."""
    fences: list[str] = []
    if _has_fence(content):
        fences = [match[2] for match in _FENCE.finditer(content)]
        content = _FENCE.sub("\n", content)
    inline = _INLINE_CODE.findall(content) if "`" in content else ()
    return fts_text("\n".join((*fences, *inline)))


def fts_names(content: str) -> str:
    """What the other columns lack of the names in a text: joined ones as one word (`create_task`: createtask), those in
    camel case by their parts (`createTask`: create task), and words for `C++`, `C#` and `.NET`. Each name once."""
    if "](" in content:
        content = LINK_TARGET.sub("] ", content)
    words: list[str] = []
    for name in dict.fromkeys(NAME.findall(content)):
        if not is_plain(name) and len(name) <= _MAX_NAME_CHARS:
            words += _forms(name)
    words += [sign_word(name) for name in dict.fromkeys(SIGNED.findall(content))]
    return fts_text(" ".join(words))


def is_plain(name: str) -> bool:
    """Whether a name is one word like any other: no sign in it, no case that says where a part begins."""
    return name.isalnum() and (name[1:].islower() or name.isupper() or not CASE_BORDER.search(name))


def _forms(name: str) -> Iterator[str]:
    if name.isalnum():
        yield from CASE_BORDER.split(name)
        return
    whole = unsigned(name)
    if whole.isdecimal():
        return
    pieces = [piece for piece in _OUTER_JOINT.split(name) if not piece.isalnum()]
    yield from dict.fromkeys((whole, *map(unsigned, pieces)))
    if CASE_BORDER.search(name):
        yield from parts_of(name)


def parts_of(name: str) -> list[str]:
    """The words that a name is made of, as they are written: `asyncio.createTask` has asyncio, create, Task."""
    return [part for word in WORD.findall(name) for part in CASE_BORDER.split(word)]


def unsigned(name: str) -> str:
    """A joined name as one word: without the signs between its parts."""
    return "".join(WORD.findall(name))


def sign_word(name: str) -> str:
    """A word for a name that has signs for letters: `C++` is cplusplus, `.NET` dotnet."""
    return "".join(_SIGN_WORDS.get(character, character) for character in name.lower())


def folded(word: str) -> str:
    """Without case and accents, as unicode61 with remove_diacritics compares words."""
    if word.isascii():
        return word.lower()
    decomposed = unicodedata.normalize("NFD", word.lower())
    return "".join(character for character in decomposed if not "\u0300" <= character <= "\u036f")


def _has_fence(content: str) -> bool:
    return "```" in content or "~~~" in content
