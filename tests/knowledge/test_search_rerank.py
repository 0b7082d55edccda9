"""Rerankers: a real (tiny) cross-encoder in onnxruntime, and a chat model that may answer anything."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from gleanery.errors import InvalidInput, RerankFailed
from gleanery.knowledge.rerank import ChatReranker, CrossEncoder, Reranked

WORDS = {"[PAD]": 0, "[UNK]": 1, "[CLS]": 2, "[SEP]": 3, "zebra": 4, "lion": 5}
ZEBRA = 4
PASSAGES = ["a lion", "zebra zebra", "a zebra", *["nothing"] * 20]


def build(
    folder: Path, outputs: int = 1, inputs: Sequence[str] = ("input_ids", "attention_mask", "token_type_ids")
) -> Path:
    """A cross-encoder that counts zebras in the passage; with two outputs, one for no and one for yes."""
    tokenizer = Tokenizer(models.WordLevel(WORDS, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    constants = [
        numpy_helper.from_array(np.array([ZEBRA], dtype=np.int64), "zebra"),
        numpy_helper.from_array(np.array([1], dtype=np.int64), "axis"),
        numpy_helper.from_array(np.array([[-1.0, 1.0][2 - outputs :]], dtype=np.float32), "spread"),
    ]
    nodes = [
        helper.make_node("Equal", ["input_ids", "zebra"], ["is_zebra"]),
        helper.make_node("Cast", ["is_zebra"], ["as_float"], to=TensorProto.FLOAT),
        helper.make_node("Cast", [inputs[-1]], ["in_passage"], to=TensorProto.FLOAT),
        helper.make_node("Mul", ["as_float", "in_passage"], ["counted"]),
        helper.make_node("ReduceSum", ["counted", "axis"], ["count"], keepdims=1),
        helper.make_node("Mul", ["count", "spread"], ["logits"]),
    ]
    fed = [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in inputs]
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", outputs])
    graph = helper.make_graph(nodes, "zebras", fed, [logits], constants)
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9), folder / "model.onnx"
    )
    return folder


@pytest.fixture
def executor() -> Iterator[ThreadPoolExecutor]:
    with ThreadPoolExecutor(1) as pool:
        yield pool


@pytest.mark.parametrize("outputs", [1, 2])
async def test_pairs_are_scored_in_batches(tmp_path: Path, executor: ThreadPoolExecutor, outputs: int) -> None:
    reranker = CrossEncoder(build(tmp_path, outputs), executor)
    order = await reranker.rank("zebra", PASSAGES, 10.0)
    assert [found.position for found in order] == [1, 2, 0, *range(3, 23)]
    assert [found.raw for found in order[:3]] == [2.0 * outputs, 1.0 * outputs, 0.0]
    assert await reranker.rank("zebra", [], 10.0) == ()
    assert reranker.name == tmp_path.name


async def test_long_passages_are_cut_and_any_text_is_scored(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    reranker = CrossEncoder(build(tmp_path), executor)
    order = await reranker.rank("zebra " * 400, ["word " * 5000, "zebra", "", "\x00🚀"], 10.0)
    assert order[0].position == 1


async def test_a_reranker_has_so_much_time(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    reranker = CrossEncoder(build(tmp_path), executor)
    with pytest.raises(RerankFailed, match=r"longer than 0 s|ran out of time"):
        await reranker.rank("zebra", PASSAGES, 0.0)


def test_a_folder_without_a_model_is_refused(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    with pytest.raises(InvalidInput, match=r"model\.onnx"):
        CrossEncoder(tmp_path, executor)


async def test_a_file_that_is_no_model(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    build(tmp_path)
    (tmp_path / "model.onnx").write_bytes(b"nonsense")
    with pytest.raises(RerankFailed, match="can't be loaded"):
        await CrossEncoder(tmp_path, executor).rank("zebra", PASSAGES, 10.0)


async def test_a_tokenizer_that_is_none(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    build(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(RerankFailed, match="can't be loaded"):
        await CrossEncoder(tmp_path, executor).rank("zebra", PASSAGES, 10.0)


async def test_a_model_of_another_kind(tmp_path: Path, executor: ThreadPoolExecutor) -> None:
    build(tmp_path, inputs=("input_ids", "pixels"))
    with pytest.raises(RerankFailed, match="no cross-encoder"):
        await CrossEncoder(tmp_path, executor).rank("zebra", PASSAGES, 10.0)


@pytest.mark.parametrize(("answer", "order"), [([2, 0, 1], [2, 0, 1]), ([1], [1, 0, 2]), ([7, -1, 2, 2, 0], [2, 0, 1])])
async def test_what_a_chat_model_answers_is_not_trusted(answer: Sequence[int], order: list[int]) -> None:
    async def ask(query: str, passages: Sequence[str]) -> Sequence[int]:
        assert (query, list(passages)) == ("zebra", ["a", "b", "c"])
        return answer

    found = await ChatReranker("chat", ask).rank("zebra", ["a", "b", "c"], 5.0)
    assert found == [Reranked(at, 1 - rank / 3) for rank, at in enumerate(order)]


async def test_a_chat_model_that_names_nothing_or_takes_too_long() -> None:
    async def nothing(query: str, passages: Sequence[str]) -> Sequence[int]:
        return [99]

    async def never(query: str, passages: Sequence[str]) -> Sequence[int]:
        await asyncio.Event().wait()
        return []

    with pytest.raises(RerankFailed, match="named none"):
        await ChatReranker("chat", nothing).rank("zebra", ["a"], 5.0)
    with pytest.raises(RerankFailed, match="longer than"):
        await ChatReranker("chat", never).rank("zebra", ["a"], 0.01)
