"""The language of a code block that its page does not name: what its text shows beyond doubt, else a model's guess."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from gleanery.knowledge.languages import folded

if TYPE_CHECKING:
    from magika import Magika

# One guess of the model costs 11 CPU ms whatever the text's length, so that a page gets few: for its longest blocks, and
# no more once one could not be told, since what follows on that page is mostly like it.
MOST_GUESSES = 2
_LEAST_CHARS = 80
_LEAST_LINES = 4
# Measured on 2,300 blocks of documentation and of source files whose label was hidden: at 0.9, and for these languages,
# 94 % of the answers are right. Templates, tables and rarer formats are often taken for another: they are not guessed.
_LEAST_SCORE = 0.9
_GUESSABLE_NAMES = """
c cmake cpp cs css dart dockerfile elixir erlang go gradle graphql groovy haskell hcl html ini java javascript json kotlin
lua makefile perl php powershell proto python ruby rust scala scss shell solidity sql swift toml typescript verilog vhdl vue
xml yaml zig
"""
_GUESSABLE = frozenset(_GUESSABLE_NAMES.split())
_TEXT_CHARS = 20_000

# A prompt and a command: `$ ls`, `user@host:~$ ls`, `C:\\> dir`, `PS C:\\> dir`, `...\\> dir`.
_SHELL_PROMPT = re.compile(
    r"(?:(?:\$|\[?[\w.-]+@[\w.-]+[^$#\n]{0,60}[$#])[ \t]+|(?:(?:PS )?[A-Z]:\\[^>\n]{0,80}|\.\.\.\\)>[ \t]*)[\w./~\"'(\[-]"
)
_STARTS = (
    (re.compile(r">>> "), "python"),
    (_SHELL_PROMPT, "console"),
    (re.compile(r"#![^\n]*\b(?:ba|z|k|da)?sh\b"), "bash"),
    (re.compile(r"#![^\n]*\bpython"), "python"),
    (re.compile(r"#![^\n]*\bperl\b"), "perl"),
    (re.compile(r"#![^\n]*\bruby\b"), "ruby"),
    (re.compile(r"#![^\n]*\bnode\b"), "javascript"),
    (re.compile(r"<\?php\b"), "php"),
    (re.compile(r"<\?xml\s"), "xml"),
    (re.compile(r"<!doctype html|<html[\s>]", re.I), "html"),
    (re.compile(r"diff --git |--- \S[^\n]*\n\+\+\+ \S[^\n]*\n@@ "), "diff"),
    (re.compile(r"HTTP/[123](?:\.\d)? \d{3}\b|(?:GET|POST|PUT|PATCH|DELETE|HEAD|OPTIONS) \S+ HTTP/[123]"), "http"),
)


def guess_languages(codes: Sequence[str]) -> list[str | None]:
    """For each of a page's unnamed code blocks its language, or None where nothing is sure enough.

    What the text shows (a prompt, a shebang, a doctype, valid JSON) costs microseconds; a model is asked about the
    `MOST_GUESSES` longest of the others that have four lines and 80 characters, until it can't tell one.
    """
    found = [shown_language(code) for code in codes]
    unclear = [
        number
        for number, code in enumerate(codes)
        if found[number] is None and len(code) >= _LEAST_CHARS and code.count("\n") >= _LEAST_LINES - 1
    ]
    unclear.sort(key=lambda number: -len(codes[number]))
    for number in unclear[:MOST_GUESSES]:
        found[number] = _model_guess(codes[number][:_TEXT_CHARS])
        if found[number] is None:
            break
    return found


def shown_language(code: str) -> str | None:
    """The language that the beginning of `code` leaves no doubt about, or `json` for an object that is valid."""
    text = code.lstrip()
    for pattern, language in _STARTS:
        if pattern.match(text):
            return language
    return "json" if _is_json_object(text) else None


def _is_json_object(text: str) -> bool:
    if not text.startswith(("{", "[")) or len(text) > _TEXT_CHARS or '"' not in text:
        return False
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return False
    return bool(value) and (isinstance(value, dict) or (isinstance(value, list) and isinstance(value[0], dict)))


def _model_guess(code: str) -> str | None:
    result = _model().identify_bytes(code.encode("utf-8", "replace"))
    label = str(result.dl.label)
    return folded(label) if label in _GUESSABLE and result.score >= _LEAST_SCORE else None


@lru_cache(maxsize=1)
def _model() -> Magika:
    """Loaded when it is first asked: 0.4 CPU s and 62 MB."""
    import onnxruntime
    from magika import Magika, PredictionMode

    class OneThreadMagika(Magika):
        """Without threads of its own, that spin between two questions and cost a third more."""

        def _init_onnx_session(self) -> onnxruntime.InferenceSession:
            onnxruntime.disable_telemetry_events()
            options = onnxruntime.SessionOptions()
            options.intra_op_num_threads = 1
            options.inter_op_num_threads = 1
            return onnxruntime.InferenceSession(
                self._model_path, sess_options=options, providers=["CPUExecutionProvider"]
            )

    return OneThreadMagika(prediction_mode=PredictionMode.BEST_GUESS)
