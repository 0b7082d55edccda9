"""Vectors of half floats on their way to pgvector and back. Pure.

Over PostgREST they go as text, since PostgreSQL makes no vector of bytes: each of the 65,536 numbers that a half float can be is looked up
in a table, in as few digits as tell it from all others. Back they come as the bytes that pgvector sends (base64).
"""

from __future__ import annotations

import base64
import functools
import struct
from collections.abc import Sequence
from typing import Any

import numpy as np

Halves = np.ndarray[Any, np.dtype[np.float16]]

_HEAD_BYTES = 4
"""Before the numbers come how many they are, and a number that says nothing."""


def as_texts(vectors: np.ndarray[Any, Any]) -> list[str]:
    """A text for each row, as pgvector reads it."""
    numbers = _numbers()
    bits: list[list[int]] = vectors.astype(np.float16).view(np.uint16).tolist()
    return [f"[{','.join([numbers[each] for each in row])}]" for row in bits]


def from_bytes(text: str) -> Halves:
    data = base64.b64decode(text)
    return np.frombuffer(data, ">f2", offset=_HEAD_BYTES).astype(np.float16)


def to_send(data: bytes) -> bytes:
    """Half floats (least byte first) as pgvector receives them."""
    numbers = np.frombuffer(data, "<u2")
    return struct.pack(">HH", len(numbers), 0) + numbers.byteswap().tobytes()


def from_sent(data: bytes) -> bytes:
    """What pgvector sends, as half floats (least byte first)."""
    return np.frombuffer(data, ">u2", offset=_HEAD_BYTES).astype("<u2").tobytes()


@functools.cache
def _numbers() -> Sequence[str]:
    with np.errstate(all="ignore"):
        every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
        texts: list[str] = every.astype(str).tolist()
    return texts
