"""The local embedder, with its real model."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from gleanery.errors import EmbedError
from gleanery.knowledge import minilm
from gleanery.knowledge.embedders.local import LocalEmbedder
from gleanery.knowledge.right_of_way import RightOfWay


@pytest.fixture(scope="module")
def model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What set-up has made, where it has; else one for all modules of this run."""
    data_dir = Path(os.environ.get("GLEANERY_DATA_DIR") or Path(__file__).parents[2] / "data")
    made = data_dir / "models" / minilm.MODEL_NAME
    return made if minilm.is_built(made) else minilm.build(tmp_path_factory.getbasetemp() / minilm.MODEL_NAME)


@pytest.fixture(scope="module")
def local(model_dir: Path) -> Iterator[LocalEmbedder]:
    with ThreadPoolExecutor(1) as executor:
        yield LocalEmbedder(model_dir, executor)


def test_the_local_embedder_says_what_it_is(local: LocalEmbedder) -> None:
    assert (local.name, local.dimensions, local.max_tokens) == ("local:all-MiniLM-L6-v2", 384, 256)


async def test_rows_are_unit_vectors_in_the_order_of_the_texts(local: LocalEmbedder) -> None:
    texts = ["short", "a rather longer text about " + "databases " * 40, "", "two words"] * 20
    vectors = await local.embed(texts)
    assert vectors.shape == (80, 384)
    assert vectors.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-5)
    alone = np.concatenate([await local.embed([text]) for text in texts[:4]])
    # int8 scales activations by batch, so company changes a vector by a little.
    assert (np.sum(vectors * np.tile(alone, (20, 1)), axis=1) > 0.95).all()


async def test_what_means_the_same_is_near(local: LocalEmbedder) -> None:
    vectors = await local.embed(["How do I cancel a task?", "Stopping a running job", "The cat sat on the mat"])
    assert vectors[0] @ vectors[1] > 0.4
    assert vectors[0] @ vectors[2] < 0.15


async def test_no_texts_are_no_rows(local: LocalEmbedder) -> None:
    assert (await local.embed([])).shape == (0, 384)


async def test_a_long_text_is_read_up_to_256_tokens(local: LocalEmbedder) -> None:
    beginning = "database " * 254  # and two tokens that mark the beginning and the end
    same, also = (await local.embed([beginning])), (await local.embed([beginning + "kitten " * 5000]))
    np.testing.assert_array_equal(same, also)


async def test_lone_surrogates_do_no_harm(local: LocalEmbedder) -> None:
    assert np.isfinite(await local.embed(["\ud83d broken"])).all()


async def test_a_long_request_gives_way_to_searches(model_dir: Path) -> None:
    way = RightOfWay(patience_seconds=3600)
    with ThreadPoolExecutor(1) as executor:
        local = LocalEmbedder(model_dir, executor, right_of_way=way)
        with way.taken():
            long = asyncio.create_task(local.embed([f"line {n}" for n in range(200)]))
            query = await local.embed(["a query"])
            assert not long.done()
        assert (query.shape, (await long).shape) == ((1, 384), (200, 384))


async def test_a_short_request_gets_its_turn_between_the_batches_of_a_long_one(local: LocalEmbedder) -> None:
    long = asyncio.create_task(local.embed([f"line {n}" for n in range(1000)]))
    await asyncio.sleep(0)  # it has begun
    await local.embed(["a user's query"])
    assert not long.done()
    assert (await long).shape == (1000, 384)


async def test_a_missing_model_says_what_to_do(tmp_path: Path) -> None:
    with ThreadPoolExecutor(1) as executor, pytest.raises(EmbedError, match="make setup") as caught:
        await LocalEmbedder(tmp_path, executor).embed(["x"])
    assert caught.value.code == "embed_failed"


async def test_in_bulk_nothing_fails_and_tokens_are_counted(local: LocalEmbedder) -> None:
    texts = ["two words", "", "database " * 300]
    embedding = await local.embed_each(texts)
    assert (embedding.rows, embedding.failures, embedding.charged_tokens) == ((0, 1, 2), {}, 0)
    assert embedding.tokens == (4, 2, 256)
    assert local.count_tokens(texts) == [4, 2, 256]
    assert local.bulk_size == 32
