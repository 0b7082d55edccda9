"""What goes into each column of the full-text index, and what counts there as one word: pure functions of a row's text.

The store calls them for what it adds, and the triggers as SQL functions for what they remove: FTS5 must be told exactly
what it was given. So a function that has landed changes only together with a migration that fills the index anew.
"""

from __future__ import annotations

import functools
import re
import unicodedata

FTS_TOKENIZER = "unicode61 remove_diacritics 2"
"""No stemming: it blurs identifiers. What is gained by other forms of a word, `fts_names` gives (see `light_stem`)."""

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
OUTER_JOINT = re.compile(r"\.|::|->")
# Names whose signs are all that tells them from another word, each with the word that stands for it.
SIGNED = re.compile(r"(?:\b[Cc]\+\+|\b[CcFf]#|(?<![\w.])\.(?:NET|Net|net)\b)(?![+#])")
_SIGNS = ("C++", "c++", "C#", "c#", "F#", "f#", ".NET", ".Net", ".net")
_SIGN_WORDS = {"+": "plus", "#": "sharp", ".": "dot"}
EVERY_ROW = "everyrowhasthis"
"""A word that every row has. FTS5 has no operator for what may be there and need not; beside this one, anything is that."""
_MAX_NAME_CHARS = 200
_LEAST_STEM = 3
_ENDS = ("s", "ed", "ing", "e")
_SIBILANT_PLURALS = ("sses", "xes", "ches", "shes", "zzes")
_VOWEL = re.compile("[aeiouy]")


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
    """What the other columns lack: joined names as one word (`create_task`: createtask), those in camel case by their
    parts (`createTask`: create task), words for `C++`, `C#` and `.NET`, and the stems of inflected words. Each once."""
    if "](" in content:
        content = LINK_TARGET.sub("] ", content)
    words = [word for name in dict.fromkeys(NAME.findall(content)) for word in _forms(name)]
    if any(sign in content for sign in _SIGNS):
        words += map(sign_word, SIGNED.findall(content))
    return fts_text(" ".join((*dict.fromkeys(words), EVERY_ROW)))


@functools.lru_cache(maxsize=32_768)
def light_stem(word: str) -> str:
    """A word in lower case without the end that says number or tense: limit for limits, configur for configure, configured
    and configuring. Only ends that English has are cut; what is too short, or no plain word, stays."""
    if len(word) < _LEAST_STEM + 1 or not (word.isascii() and word.isalpha()):
        return word
    if word.endswith("s") and word[-2] not in "isu":
        word = word[:-2] if word.endswith(_SIBILANT_PLURALS) else word[:-1]
    if word.endswith(("ie", "ied")):  # queries, queried
        return word.rstrip("d")[:-2] + "y"
    if word.endswith(("ing", "ed")) and not word.endswith("eed"):
        stem = word[: -3 if word.endswith("ing") else -2]
        if not _VOWEL.search(stem):
            return word
        word = _undoubled(stem) if len(stem) >= _LEAST_STEM else f"{stem}e"
    return word[:-1] if word.endswith("e") and len(word) > _LEAST_STEM else word


def _undoubled(stem: str) -> str:
    """`running` leaves runn, which is run; `calling` leaves call."""
    return stem[:-1] if stem[-1] == stem[-2] and stem[-1] not in "aeiolsz" else stem


def is_plain(name: str) -> bool:
    """Whether a name is one word like any other: no sign in it, no case that says where a part begins."""
    return name.isalnum() and (name[1:].islower() or name.isupper() or not CASE_BORDER.search(name))


@functools.lru_cache(maxsize=65_536)  # the same few thousand names make up most of any text
def _forms(name: str) -> tuple[str, ...]:
    if len(name) > _MAX_NAME_CHARS:
        return ()
    parts = parts_of(name)
    forms: list[str] = []
    if len(parts) > 1:
        forms += _joined_forms(name, parts)
    stems = (light_stem(part.lower()) for part in parts if part.endswith(_ENDS))
    return (*forms, *stems)


def _joined_forms(name: str, parts: list[str]) -> list[str]:
    whole = unsigned(name)
    if whole == name:  # told apart by case alone
        return parts
    if whole.isdecimal():
        return []
    pieces = [unsigned(piece) for piece in OUTER_JOINT.split(name) if not piece.isalnum()]
    return [whole, *pieces, *(parts if CASE_BORDER.search(name) and not name.isupper() else ())]


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
