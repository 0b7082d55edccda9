"""Both embedders: the local one with its real model, OpenAI's against a server that misbehaves."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gleanery.errors import EmbedError, EmbedKeyRefused, EmbedMismatch, EmbedQuotaSpent, EmbedUnavailable
from gleanery.knowledge import minilm
from gleanery.knowledge.embed import LocalEmbedder, OpenAIEmbedder, retry_after_seconds, retry_delay
from gleanery.knowledge.tokens import count_tokens
from tests.sites.openai_api import Fault, OpenAIApi, openai_api, vector_of

# --- on this machine ---------------------------------------------------------------------------------------------


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


# --- through OpenAI's API ----------------------------------------------------------------------------------------

KEY = "sk-test-1234567890"


class Naps:
    """Stands in for asyncio.sleep: notes the seconds and lets others run."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)


@pytest.fixture
async def api() -> AsyncIterator[OpenAIApi]:
    async with openai_api(dimensions=8) as running:
        yield running


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
async def embedder(api: OpenAIApi, naps: Naps) -> AsyncIterator[OpenAIEmbedder]:
    made = OpenAIEmbedder(KEY, base_url=api.base_url, batch_size=3, max_retries=2, sleep=naps)
    yield made
    await made.aclose()


def expected(*texts: str, dimensions: int = 8) -> Any:
    return np.stack([vector_of(text, dimensions) for text in texts])


async def test_rows_come_in_order_through_several_requests(api: OpenAIApi, embedder: OpenAIEmbedder) -> None:
    assert embedder.dimensions is None
    texts = [f"text {n}" for n in range(8)]
    np.testing.assert_allclose(await embedder.embed(texts), expected(*texts), atol=1e-6)
    assert embedder.dimensions == 8
    assert embedder.usage_tokens == 16
    assert sorted(request.input for request in api.requests) == [tuple(texts[:3]), tuple(texts[3:6]), tuple(texts[6:])]
    assert {request.authorization for request in api.requests} == {f"Bearer {KEY}"}
    assert {request.model for request in api.requests} == {"text-embedding-3-small"}
    assert {request.dimensions for request in api.requests} == {None}


async def test_no_texts_ask_nobody(api: OpenAIApi, embedder: OpenAIEmbedder) -> None:
    assert (await embedder.embed([])).shape[0] == 0
    assert api.requests == []


async def test_dimensions_are_asked_for_and_part_of_the_name(api: OpenAIApi) -> None:
    embedder = OpenAIEmbedder(KEY, base_url=api.base_url, model="text-embedding-3-large", dimensions=4)
    assert embedder.name == "openai:text-embedding-3-large/4"
    np.testing.assert_allclose(await embedder.embed(["x"]), expected("x", dimensions=4), atol=1e-6)
    assert api.requests[0].dimensions == 4
    await embedder.aclose()


async def test_a_server_of_ones_own_needs_no_key(api: OpenAIApi) -> None:
    embedder = OpenAIEmbedder(None, base_url=api.base_url)
    assert (await embedder.embed(["x"])).shape == (1, 8)
    await embedder.aclose()


async def test_the_name_is_the_model(embedder: OpenAIEmbedder) -> None:
    assert (embedder.name, embedder.max_tokens) == ("openai:text-embedding-3-small", 8191)


async def test_a_server_without_base64_is_asked_for_floats_from_then_on(
    api: OpenAIApi, embedder: OpenAIEmbedder
) -> None:
    api.fail_with(Fault.NO_BASE64, times=100)
    texts = [str(n) for n in range(9)]  # three requests at once, each refused before it is asked again
    np.testing.assert_allclose(await embedder.embed(texts), expected(*texts), atol=1e-6)
    api.requests.clear()
    np.testing.assert_allclose(await embedder.embed(["b"]), expected("b"), atol=1e-6)
    assert [request.encoding_format for request in api.requests] == ["float"]


async def test_blank_texts_are_sent_as_something(api: OpenAIApi, embedder: OpenAIEmbedder) -> None:
    assert (await embedder.embed(["", " \n"])).shape == (2, 8)
    assert api.requests[0].input == (".", ".")


async def test_texts_are_cut_and_requests_kept_below_the_limits(api: OpenAIApi) -> None:
    embedder = OpenAIEmbedder(KEY, base_url=api.base_url)
    assert (await embedder.embed(["word " * 9000 + str(n) for n in range(32)])).shape == (32, 8)
    assert sorted(len(request.input) for request in api.requests) == [2, 30]
    assert {count_tokens(text) for request in api.requests for text in request.input} == {8191}
    await embedder.aclose()


async def test_only_so_many_requests_run_at_once(api: OpenAIApi) -> None:
    embedder = OpenAIEmbedder(KEY, base_url=api.base_url, batch_size=1, max_concurrency=2)
    api.fail_with(Fault.HANG, times=20)
    embedding = asyncio.create_task(embedder.embed([str(n) for n in range(20)]))
    await api.hanging.wait()
    api.release()
    assert (await embedding).shape == (20, 8)
    assert 1 <= api.most_at_once <= 2
    await embedder.aclose()


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (Fault.KEY_REFUSED, EmbedKeyRefused, "set a valid OPENAI_API_KEY"),
        (Fault.QUOTA_SPENT, EmbedQuotaSpent, "has no quota left"),
        (Fault.WRONG_COUNT, EmbedMismatch, "with 1 vectors for 2 texts"),
        (Fault.ZEROS, EmbedMismatch, "no direction"),
        (Fault.NOT_JSON, EmbedMismatch, "no list of vectors"),
    ],
)
async def test_what_no_retry_can_mend_fails_at_once(
    api: OpenAIApi, embedder: OpenAIEmbedder, naps: Naps, fault: Fault, error: type[EmbedError], sentence: str
) -> None:
    api.fail_with(fault, times=9)
    with pytest.raises(error, match=sentence) as caught:
        await embedder.embed(["one", "two"])
    assert (len(api.requests), naps.seconds, caught.value.can_retry) == (1, [], False)
    assert KEY not in str(caught.value) + repr(caught.value.details)
    api.heal()
    assert (await embedder.embed(["one"])).shape == (1, 8)


async def test_an_unknown_model_is_named(api: OpenAIApi) -> None:
    embedder = OpenAIEmbedder(KEY, base_url=api.base_url, model="no-such-model")
    with pytest.raises(EmbedMismatch, match="no embedding model 'no-such-model'"):
        await embedder.embed(["x"])
    await embedder.aclose()


async def test_a_change_of_dimensions_is_refused(api: OpenAIApi, embedder: OpenAIEmbedder) -> None:
    await embedder.embed(["x"])
    api.fail_with(Fault.WRONG_DIMENSIONS)
    with pytest.raises(EmbedMismatch, match="7 dimensions where 8 were expected") as caught:
        await embedder.embed(["x"])
    assert caught.value.details == {"expected": 8, "got": 7}


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.DROP])
async def test_what_passes_is_tried_again(api: OpenAIApi, embedder: OpenAIEmbedder, naps: Naps, fault: Fault) -> None:
    api.fail_with(fault, times=2)
    np.testing.assert_allclose(await embedder.embed(["x"]), expected("x"), atol=1e-6)
    first, second = naps.seconds
    assert 0 <= first < 1
    assert 0 <= second < 2


async def test_retry_after_is_obeyed(api: OpenAIApi, embedder: OpenAIEmbedder, naps: Naps) -> None:
    api.fail_with(Fault.RATE_LIMITED, retry_after="7")
    await embedder.embed(["x"])
    assert 7 <= naps.seconds[0] < 8


async def test_tries_come_to_an_end(api: OpenAIApi, embedder: OpenAIEmbedder, naps: Naps) -> None:
    api.fail_with(Fault.SERVER_ERROR, times=9)
    with pytest.raises(EmbedUnavailable, match="status 500") as caught:
        await embedder.embed(["x"])
    assert (len(api.requests), len(naps.seconds)) == (3, 2)
    assert caught.value.can_retry
    assert caught.value.details == {"status": 500, "model": "text-embedding-3-small", "retry_after": None}


async def test_a_long_retry_after_is_left_to_the_caller(api: OpenAIApi, embedder: OpenAIEmbedder, naps: Naps) -> None:
    api.fail_with(Fault.RATE_LIMITED, retry_after="3600")
    with pytest.raises(EmbedUnavailable) as caught:
        await embedder.embed(["x"])
    assert (caught.value.details["retry_after"], naps.seconds) == (3600, [])


async def test_a_server_that_hangs_is_given_up(api: OpenAIApi) -> None:
    embedder = OpenAIEmbedder(KEY, base_url=api.base_url, max_retries=0, timeout_seconds=0.2)
    api.fail_with(Fault.HANG)
    with pytest.raises(EmbedUnavailable, match="did not answer in time"):
        await embedder.embed(["x"])
    await embedder.aclose()


async def test_nobody_there(naps: Naps) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    embedder = OpenAIEmbedder(KEY, base_url=f"http://127.0.0.1:{port}/v1", max_retries=1, sleep=naps)
    with pytest.raises(EmbedUnavailable, match="can't be reached"):
        await embedder.embed(["x"])
    assert len(naps.seconds) == 1
    await embedder.aclose()


async def test_one_failed_request_ends_the_others(api: OpenAIApi, embedder: OpenAIEmbedder) -> None:
    """The hanging one would keep embed() waiting if the group did not cancel it."""
    api.fail_with(Fault.HANG, times=1)
    api.fail_with(Fault.KEY_REFUSED, times=3)
    with pytest.raises(EmbedKeyRefused):
        await asyncio.wait_for(embedder.embed([str(n) for n in range(9)]), 10)


async def test_a_cancelled_call_leaves_its_turn_to_others(api: OpenAIApi) -> None:
    embedder = OpenAIEmbedder(KEY, base_url=api.base_url, max_concurrency=1)
    api.fail_with(Fault.HANG)
    stuck = asyncio.create_task(embedder.embed(["x"]))
    await api.hanging.wait()
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    assert (await embedder.embed(["y"])).shape == (1, 8)
    await embedder.aclose()


@pytest.mark.parametrize(
    ("attempt", "retry_after", "chance", "seconds"),
    [
        (0, None, 0.5, 0.5),
        (3, None, 0.5, 4.0),
        (30, None, 0.5, 30.0),
        (0, 7.0, 0.5, 7.5),
        (9, 0.2, 0.5, 0.3),
        (5, 0.0, 0.9, 0.0),
    ],
)
def test_delays(attempt: int, retry_after: float | None, chance: float, seconds: float) -> None:
    assert retry_delay(attempt, retry_after, chance) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "7", "retry-after-ms": "250"}, 0.25),
        ({"retry-after": "Fri, 02 Jan 2026 00:00:30 GMT"}, 30.0),
        ({"retry-after": "Thu, 01 Jan 2026 00:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        ({"retry-after": "inf"}, None),
    ],
)
def test_what_a_server_asks_to_wait(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after_seconds(headers, datetime(2026, 1, 2, tzinfo=UTC)) == seconds
