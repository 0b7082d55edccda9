"""Tokens as OpenAI's models count them: how many a text has, and the text cut to so many.

tiktoken fetches its tables from the network when it first needs them. litellm, which crawl4ai brings, ships two of them
in tiktoken's own cache format (`cl100k_base` and `o200k_base`), so they are read from there and nothing is fetched,
ever: where no table is found, the count is an estimate of a token for every four bytes of UTF-8 (four characters of
English, one and a third of Chinese).
"""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tiktoken import Encoding

DEFAULT_MODEL = "text-embedding-3-small"

_CACHE_VARIABLE = "TIKTOKEN_CACHE_DIR"
_FALLBACK_ENCODING = "cl100k_base"  # what OpenAI's embedding models use; for a model that tiktoken doesn't know
_TABLES = {
    "cl100k_base": (
        "https://openaipublic.blob.core.windows.net/encodings/cl100k_base.tiktoken",
        "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
    ),
    "o200k_base": (
        "https://openaipublic.blob.core.windows.net/encodings/o200k_base.tiktoken",
        "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
    ),
}
_BYTES_PER_TOKEN = 4
_PIECE_CHARACTERS = 20_000  # one call's share: tiktoken's time grows faster than the text when it has no blanks
_loading = threading.Lock()


def count_tokens(text: str, model: str = DEFAULT_MODEL) -> int:
    """How many tokens `model` reads in `text`; special tokens' names count as the plain text they are.

    Exact up to one token for every 20,000 characters; an estimate where `has_table(model)` is false. About 1 ms for
    4,000 characters, so long lists are counted off the event loop (tiktoken releases the GIL).
    """
    encoding = _encoding_of(model)
    if encoding is None:
        return -(-len(_utf8(text)) // _BYTES_PER_TOKEN)
    return sum(len(encoding.encode_ordinary(piece)) for piece in _pieces(text))


def count_word(word: str, model: str = DEFAULT_MODEL) -> int:
    """How many tokens `word` has behind a blank, as most words of a text are."""
    return count_tokens(f" {word}", model)


def truncate_to_tokens(text: str, limit: int, model: str = DEFAULT_MODEL) -> str:
    """The longest beginning of `text` that has at most `limit` tokens, never ending inside a character.

    Without a table the cut is at `limit` bytes: no byte-level vocabulary makes more tokens than there are bytes.
    """
    if len(_utf8(text)) <= limit:
        return text
    encoding = _encoding_of(model)
    if encoding is None:
        return _utf8(text)[:limit].decode("utf-8", "ignore")
    kept: list[str] = []
    for piece in _pieces(text):
        tokens = encoding.encode_ordinary(piece)
        if len(tokens) > limit:
            return "".join(kept) + encoding.decode_bytes(tokens[:limit]).decode("utf-8", "ignore")
        kept.append(piece)
        limit -= len(tokens)
    return text


def has_table(model: str = DEFAULT_MODEL) -> bool:
    """Whether counts for `model` are exact: its table is on this machine."""
    return _encoding_of(model) is not None


def _utf8(text: str) -> bytes:
    return text.encode("utf-8", "replace")  # a lone surrogate has no UTF-8; "?" stands for it


def _pieces(text: str) -> Iterator[str]:
    return (text[start : start + _PIECE_CHARACTERS] for start in range(0, len(text), _PIECE_CHARACTERS))


@lru_cache(maxsize=32)
def _encoding_of(model: str) -> Encoding | None:
    from tiktoken.model import encoding_name_for_model

    try:
        name = encoding_name_for_model(model)
    except KeyError:
        name = _FALLBACK_ENCODING
    return _load(name)


@lru_cache(maxsize=len(_TABLES))
def _load(name: str) -> Encoding | None:
    """The encoding, its table read from disk; None where there is no intact table, for then tiktoken would fetch it."""
    if name not in _TABLES:
        return None
    url, sha256 = _TABLES[name]
    folder = _folder_with(hashlib.sha1(url.encode(), usedforsecurity=False).hexdigest(), sha256)
    if folder is None:
        return None
    from tiktoken import get_encoding

    with _cache_variable(folder):
        return get_encoding(name)


def _folder_with(file_name: str, sha256: str) -> Path | None:
    for folder in _folders():
        path = folder / file_name
        # A file with a wrong hash would be deleted by tiktoken and fetched anew: such a folder is passed over.
        if path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == sha256:
            return folder
    return None


def _folders() -> Iterator[Path]:
    if chosen := os.environ.get(_CACHE_VARIABLE):
        yield Path(chosen)
    litellm = importlib.util.find_spec("litellm")  # finds without importing: litellm's import costs seconds
    if litellm is not None and litellm.origin is not None:
        yield Path(litellm.origin).parent / "litellm_core_utils" / "tokenizers"


@contextmanager
def _cache_variable(folder: Path) -> Iterator[None]:
    """tiktoken reads its folder from the environment only, at the moment of loading: set it for just that long."""
    with _loading:
        before = os.environ.get(_CACHE_VARIABLE)
        os.environ[_CACHE_VARIABLE] = str(folder)
        try:
            yield
        finally:
            if before is None:
                del os.environ[_CACHE_VARIABLE]
            else:
                os.environ[_CACHE_VARIABLE] = before
