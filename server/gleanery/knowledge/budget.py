"""How large a chunk may be: limits in tokens of the embedding model in use, and how its tokens are counted."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from gleanery.knowledge.prose import plain_prose
from gleanery.knowledge.tokens import count_word

_PARTS = re.compile(r"[^\W_]+|[^\w\s]|_")
_MARK = re.compile(r"[\[*~\\]|\]\(")
_TARGET = re.compile(r"\]\([^()\s]*\)")
_OPENS_LABEL = re.compile(r"(?<!\\)!?\[")
_LONG_WORD = 64
_LONG_MARKED_WORD = 128
_CHARACTERS_OF_A_LONG_WORDS_TOKEN = 8
_MOST_KNOWN_WORDS = 50_000
_BYTES_PER_TOKEN = 4
_CHARACTERS_OF_A_TOKEN = 24
_SPECIAL_TOKENS = 2
_ANSWER_TOKENS = 400
"""A longer chunk answers no question better and hides its parts from the vector, however much the model reads."""


class TokenCounter(Protocol):
    """Counts what a model reads. May be called from several threads at once. A text's parts add up to the whole."""

    def plain(self, text: str) -> int:
        """How many tokens `text` has."""
        ...

    def markdown(self, text: str) -> int:
        """How many tokens Markdown without fences has as an embedder reads it: links by their text, without marks."""
        ...


@dataclass(frozen=True, slots=True)
class ByteEstimate:
    """A token for every four bytes of UTF-8: where no tokenizer is at hand."""

    def plain(self, text: str) -> int:
        return -(-len(text.encode("utf-8", "replace")) // _BYTES_PER_TOKEN)

    def markdown(self, text: str) -> int:
        return self.plain(plain_prose(text))


class WordCounter:
    """Counts word by word and remembers each: a page of 30 KB takes half a millisecond instead of ten.

    `load` is called once, when the first text is counted, and gives the function that counts a word. Exact for WordPiece,
    which never joins words; a few per cent off for byte pairs. `line_tokens` are added for each line's end.
    """

    def __init__(self, load: Callable[[], Callable[[str], int]], *, line_tokens: int = 0) -> None:
        self._load = load
        self._line_tokens = line_tokens
        self._loading = threading.Lock()
        self._words: _Words | None = None
        self._marked_words: _MarkedWords | None = None

    def plain(self, text: str) -> int:
        words = self._words if self._words is not None else self._loaded()
        return sum(map(words.__getitem__, text.split())) + self._line_tokens * text.count("\n")

    def markdown(self, text: str) -> int:
        words = self._marked_words
        if words is None:
            words = self._marked_words = _MarkedWords(self._loaded())
        return sum(map(words.__getitem__, text.split())) + self._line_tokens * text.count("\n")

    @property
    def remembered(self) -> int:
        """How many words are held in memory, with and without marks."""
        return len(self._words or ()) + len(self._marked_words or ())

    def _loaded(self) -> _Words:
        with self._loading:  # two first callers in two threads share one tokenizer
            if self._words is None:
                self._words = _Words(self._load())
            return self._words


class _Words(dict[str, int]):
    """The tokens of each word that was met."""

    def __init__(self, count: Callable[[str], int]) -> None:
        super().__init__()
        self._count = count

    def __missing__(self, word: str) -> int:
        if len(word) > _LONG_WORD:
            # Not kept, for there is no end of such. A model may read a whole blob as one unknown token: it has a weight.
            return max(self._count(word), len(word) // _CHARACTERS_OF_A_LONG_WORDS_TOKEN)
        if len(self) >= _MOST_KNOWN_WORDS:
            self.clear()
        tokens = self[word] = self._count(word)
        return tokens


class _MarkedWords(dict[str, int]):
    """The tokens of each word of Markdown that was met, without its marks and link targets."""

    def __init__(self, words: _Words) -> None:
        super().__init__()
        self._words = words

    def __missing__(self, word: str) -> int:
        plain = word
        if _MARK.search(word):
            # A label of several words is several words here: its bracket opens in one and closes in another.
            plain = plain_prose(_OPENS_LABEL.sub("", _TARGET.sub("", word)))
        tokens = sum(map(self._words.__getitem__, plain.split()))
        if len(word) <= _LONG_MARKED_WORD:
            if len(self) >= _MOST_KNOWN_WORDS:
                self.clear()
            self[word] = tokens
        return tokens


def local_counter(tokenizer_file: Path) -> TokenCounter:
    """Counts as the local model does whose `tokenizer.json` this is (20 ms to import, 30 ms to load, when first used).

    An estimate where the file is missing or damaged: whoever embeds says so.
    """
    return WordCounter(lambda: _local_words(tokenizer_file))


def _local_words(tokenizer_file: Path) -> Callable[[str], int]:
    from tokenizers import Tokenizer

    try:
        tokenizer = Tokenizer.from_buffer(tokenizer_file.read_bytes())
    except (OSError, ValueError):
        return ByteEstimate().plain
    tokenizer.no_padding()
    tokenizer.no_truncation()

    def count(word: str) -> int:
        valid = word.encode("utf-8", "replace").decode()
        return len(tokenizer.encode(valid, add_special_tokens=False).ids)

    # WordPiece cuts at every mark before it looks a word up, so `(name)` and `name,` have most of their count in common.
    parts = _Words(count)
    return lambda word: sum(map(parts.__getitem__, _PARTS.findall(word)))


def openai_counter(model: str) -> TokenCounter:
    """Counts about as OpenAI's `model` does: within a few per cent of `count_tokens`, at a tenth of its time."""
    return WordCounter(lambda: lambda word: count_word(word, model), line_tokens=1)


@dataclass(frozen=True, slots=True)
class ChunkBudget:
    """Sizes of chunks, in tokens of `counter`.

    `max_tokens` holds a chunk's title and heading path, what leads it and its content. Chunks under `min_tokens` are
    merged with others. A fence is whole up to `max_fence_tokens`.
    """

    max_tokens: int
    min_tokens: int
    max_fence_tokens: int
    counter: TokenCounter = field(default_factory=ByteEstimate)

    def weight(self, text: str, *, is_code: bool = False) -> int:
        """The tokens of Markdown, or of code; of what has hardly any for its length (blanks, targets of links) some.

        What is so long that it fits nowhere isn't counted: then it is less than there are.
        """
        least = len(text) // _CHARACTERS_OF_A_TOKEN
        if least > self.max_fence_tokens:
            return least
        return max(least, self.counter.plain(text) if is_code else self.counter.markdown(text))

    def is_gap(self, blanks: int) -> bool:
        """Whether so many blank characters are too many to be inside a chunk."""
        return blanks // _CHARACTERS_OF_A_TOKEN > self.max_tokens

    @classmethod
    def for_model(cls, read_tokens: int, counter: TokenCounter) -> ChunkBudget:
        """For a model that reads `read_tokens` of a text."""
        most = max(32, min(read_tokens - _SPECIAL_TOKENS, _ANSWER_TOKENS))
        return cls(most, most // 6, 4 * most, counter)


DEFAULT_BUDGET = ChunkBudget.for_model(_ANSWER_TOKENS, ByteEstimate())
"""Where nothing is embedded."""
