"""Words in several languages, and which of the things that they stand for a text speaks of."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Generic, TypeVar

C = TypeVar("C", bound=str)

_LONGEST_TEXT = 200
_JOINT = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|(?<=[A-Za-z]{2})(?=\d)|(?<=\d)(?=[A-Za-z]{2})")
_WORD = re.compile(r"[^\W_]+")
_ACCENT = re.compile(r"[\u0300-\u036f]")
# Scripts that put no blanks between words.
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af\u0e00-\u0e7f]")


@lru_cache(8192)
def words_of(text: str) -> tuple[str, ...]:
    """The words of the text's beginning, in lower case and without accents."""
    return tuple(_WORD.findall(_folded(text[:_LONGEST_TEXT])))


def taken_apart(name: str) -> str:
    """A name of program code with blanks between its words."""
    return _JOINT.sub(" ", name[:_LONGEST_TEXT])


def _folded(text: str) -> str:
    text = text.casefold()
    return (
        text if text.isascii() else unicodedata.normalize("NFC", _ACCENT.sub("", unicodedata.normalize("NFKD", text)))
    )


class Lexicon(Generic[C]):
    """Each concept's words, with blanks between them. `sign_in` are words in a row (`signin` is found as well), `tele*` is how
    words begin, `*nummer` how they end. What is written without blanks is found anywhere."""

    def __init__(self, concepts: Mapping[C, str]) -> None:
        self._phrases: dict[str, list[C]] = {}
        self._lengths: dict[str, list[int]] = {}  # of the phrases that begin with a word, longest first
        self._beginnings: dict[str, list[C]] = {}
        self._ends: dict[str, list[C]] = {}
        self._parts: dict[str, list[C]] = {}
        for concept, entries in concepts.items():
            for entry in entries.split():
                self._add(entry, concept)
        self._beginning_sizes = sorted({len(each) for each in self._beginnings}, reverse=True)
        self._end_sizes = sorted({len(each) for each in self._ends}, reverse=True)
        longest_first = sorted(self._parts, key=len, reverse=True)
        self._part = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None
        self.find = lru_cache(8192)(self._find)

    def find_in_code(self, name: str) -> tuple[C, ...]:
        """The same for names of program code: attributes, addresses, classes."""
        return self.find(taken_apart(name)) if name else ()

    def is_all(self, text: str, concept: C) -> bool:
        """Whether the text is a phrase of this concept and nothing else."""
        return concept in self._phrases.get(" ".join(words_of(text)), ()) or text in self._parts

    def _add(self, entry: str, concept: C) -> None:
        folded = _folded(entry)
        if _UNSPACED.search(folded):
            self._parts.setdefault(folded, []).append(concept)
        elif folded.endswith("*"):
            self._beginnings.setdefault(folded[:-1], []).append(concept)
        elif folded.startswith("*"):
            self._ends.setdefault(folded[1:], []).append(concept)
        else:
            for form in {folded.replace("_", " "), folded.replace("_", "")}:
                self._phrases.setdefault(form, []).append(concept)
                lengths = self._lengths.setdefault(form.partition(" ")[0], [])
                if (length := form.count(" ") + 1) not in lengths:
                    lengths.append(length)
                    lengths.sort(reverse=True)

    def _find(self, text: str) -> tuple[C, ...]:
        """The concepts that the text speaks of, in its order, each once. The longest phrase takes its words with it: what "user
        name" stands for, "name" does not."""
        words = words_of(text)
        found: dict[C, None] = {}
        at = 0
        while at < len(words):
            taken, concepts = self._at(words, at)
            found.update(dict.fromkeys(concepts))
            at += taken
        if self._part is not None and not text.isascii() and _UNSPACED.search(text):
            for match in self._part.finditer("".join(words)):
                found.update(dict.fromkeys(self._parts[match[0]]))
        return tuple(found)

    def _at(self, words: tuple[str, ...], at: int) -> tuple[int, Iterable[C]]:
        word = words[at]
        for length in self._lengths.get(word, ()):
            phrase = " ".join(words[at : at + length])
            if (concepts := self._phrases.get(phrase)) is not None:
                return length, concepts
        for size in self._beginning_sizes:
            if size <= len(word) and (concepts := self._beginnings.get(word[:size])) is not None:
                return 1, concepts
        for size in self._end_sizes:
            if size <= len(word) and (concepts := self._ends.get(word[-size:])) is not None:
                return 1, concepts
        return 1, ()
