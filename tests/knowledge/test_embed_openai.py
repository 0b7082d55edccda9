"""The embedder over OpenAI's API, against a real server that misbehaves."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gleanery.config import EmbedderKind
from gleanery.errors import (
    EmbedError,
    EmbedKeyRefused,
    EmbedMismatch,
    EmbedModelUnknown,
    EmbedQuotaSpent,
    EmbedRateLimited,
    EmbedTextRefused,
    EmbedTimedOut,
    EmbedUnavailable,
    EmbedUnreachable,
    EmbedWrongDimensions,
)
from gleanery.knowledge.embedders.embedder import PROBE_TEXT
from gleanery.knowledge.embedders.limits import Share, alone
from gleanery.knowledge.embedders.openai import OpenAIEmbedder
from gleanery.knowledge.embedders.options import EmbedderOptions, host_of
from gleanery.knowledge.tokens import count_tokens
from gleanery.model import utc_now
from gleanery.store.sqlite import Database
from gleanery.store.sqlite_hosts import SqliteHosts
from gleanery.web.host_share import HostShare
from tests.sites.openai_api import Dislike, Fault, OpenAIApi, openai_api, vector_of

KEY = "sk-test-1234567890"


class Naps:
    """A clock that goes on only by sleeping: notes the seconds and lets others run."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.now = 1000.0

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)
        await asyncio.sleep(0)
        self.now += seconds

    def clock(self) -> float:
        return self.now


Make = Callable[..., OpenAIEmbedder]


@pytest.fixture
async def api() -> AsyncIterator[OpenAIApi]:
    async with openai_api(dimensions=8) as running:
        yield running


@pytest.fixture
def naps() -> Naps:
    return Naps()


@pytest.fixture
async def make(api: OpenAIApi, naps: Naps) -> AsyncIterator[Make]:
    """Makes an embedder of these options over the usual ones."""
    async with AsyncExitStack() as stack:

        def made(
            *,
            key: str | None = KEY,
            known_dimensions: int | None = None,
            share: Share = alone,
            naps: Naps = naps,
            **options: Any,
        ) -> OpenAIEmbedder:
            given = {"kind": EmbedderKind.OPENAI, "base_url": api.base_url, "batch_size": 3, **options}
            embedder = OpenAIEmbedder(
                EmbedderOptions.model_validate(given),
                key,
                known_dimensions=known_dimensions,
                max_retries=2,
                share=share,
                sleep=naps,
                clock=naps.clock,
            )
            stack.push_async_callback(embedder.aclose)
            return embedder

        yield made


@pytest.fixture
def embedder(make: Make) -> OpenAIEmbedder:
    return make()


def expected(*texts: str, dimensions: int = 8) -> Any:
    return np.stack([vector_of(text, dimensions) for text in texts])


async def test_rows_come_in_order_through_several_requests(api: OpenAIApi, embedder: OpenAIEmbedder) -> None:
    assert embedder.dimensions is None
    texts = [f"text {n}" for n in range(8)]
    embedding = await embedder.embed_each(texts)
    np.testing.assert_allclose(embedding.vectors, expected(*texts), atol=1e-6)
    assert (embedding.rows, embedding.failures) == (tuple(range(8)), {})
    assert (embedding.charged_tokens, embedding.requests) == (16, 3)
    assert embedding.tokens == tuple(count_tokens(text) for text in texts)
    assert embedder.dimensions == 8
    assert sorted(request.input for request in api.requests) == [tuple(texts[:3]), tuple(texts[3:6]), tuple(texts[6:])]
    assert {request.authorization for request in api.requests} == {f"Bearer {KEY}"}
    assert {request.model for request in api.requests} == {"text-embedding-3-small"}
    assert {request.dimensions for request in api.requests} == {None}


async def test_no_texts_ask_nobody(api: OpenAIApi, embedder: OpenAIEmbedder) -> None:
    assert (await embedder.embed([])).shape[0] == 0
    assert (await embedder.embed_each([])).vectors.shape[0] == 0
    assert api.requests == []


async def test_dimensions_are_asked_for_and_part_of_the_name(api: OpenAIApi, make: Make) -> None:
    embedder = make(model="text-embedding-3-large", dimensions=4)
    assert embedder.name == f"openai:text-embedding-3-large/4@{api.base_url.split('/')[2]}"
    np.testing.assert_allclose(await embedder.embed(["x"]), expected("x", dimensions=4), atol=1e-6)
    assert api.requests[0].dimensions == 4


async def test_a_server_of_ones_own_needs_no_key(api: OpenAIApi, make: Make) -> None:
    assert (await make(key=None).embed(["x"])).shape == (1, 8)


async def test_what_a_server_does_not_charge_is_counted(api: OpenAIApi, embedder: OpenAIEmbedder) -> None:
    api.tells_usage = False
    assert (await embedder.embed_each(["one two three", "four"])).charged_tokens == 4


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


async def test_texts_are_cut_and_requests_kept_below_the_limits(api: OpenAIApi, make: Make) -> None:
    embedder = make(batch_size=96)
    assert (await embedder.embed(["word " * 9000 + str(n) for n in range(32)])).shape == (32, 8)
    assert sorted(len(request.input) for request in api.requests) == [2, 30]
    assert {count_tokens(text) for text in api.texts} == {8191}


async def test_own_limits_of_texts_and_requests(api: OpenAIApi, make: Make) -> None:
    embedder = make(max_tokens=8, max_request_tokens=20, batch_size=100)
    assert (embedder.max_tokens, embedder.bulk_size) == (8, 400)
    await embedder.embed_each(["word " * 50] * 5)
    assert sorted(len(request.input) for request in api.requests) == [1, 2, 2]
    assert embedder.count_tokens(["word " * 50, "a"]) == [8, 1]


async def test_only_so_many_requests_run_at_once(api: OpenAIApi, make: Make) -> None:
    embedder = make(batch_size=1, concurrency=2)
    api.fail_with(Fault.HANG, times=20)
    embedding = asyncio.create_task(embedder.embed_each([str(n) for n in range(20)]))
    await api.hanging.wait()
    api.release()
    assert len((await embedding).rows) == 20
    assert 1 <= api.most_at_once <= 2


async def test_a_query_waits_for_no_bulk(api: OpenAIApi, make: Make) -> None:
    embedder = make(batch_size=1, concurrency=2)
    api.fail_with(Fault.HANG, times=2)
    bulk = asyncio.create_task(embedder.embed_each(["a", "b", "c"]))
    await api.hanging.wait()
    async with asyncio.timeout(10):
        assert (await embedder.embed(["query"])).shape == (1, 8)
    assert not bulk.done()
    api.release()
    await bulk


# What fails


@pytest.mark.parametrize(
    ("fault", "error", "sentence"),
    [
        (Fault.KEY_REFUSED, EmbedKeyRefused, "set a valid OPENAI_API_KEY"),
        (Fault.QUOTA_SPENT, EmbedQuotaSpent, "has no quota left"),
        (Fault.WRONG_COUNT, EmbedMismatch, "with 1 vectors for 2 texts"),
        (Fault.NOT_JSON, EmbedMismatch, "no list of vectors"),
        (Fault.ZEROS, EmbedTextRefused, "no direction"),
        (Fault.REDIRECT, EmbedMismatch, r"elsewhere \(status 307\)"),
        (Fault.FLOOD, EmbedMismatch, "more than vectors can take"),
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


async def test_an_unknown_model_is_named(make: Make) -> None:
    with pytest.raises(EmbedModelUnknown, match="no embedding model 'no-such-model'"):
        await make(model="no-such-model").embed(["x"])


async def test_a_change_of_dimensions_is_refused(api: OpenAIApi, embedder: OpenAIEmbedder) -> None:
    await embedder.embed(["x"])
    api.fail_with(Fault.WRONG_DIMENSIONS)
    with pytest.raises(EmbedWrongDimensions, match="7 dimensions where 8 were expected") as caught:
        await embedder.embed(["x"])
    assert caught.value.details == {"expected": 8, "got": 7}


async def test_vectors_must_be_as_long_as_those_stored(make: Make) -> None:
    with pytest.raises(EmbedWrongDimensions, match="8 dimensions where 12 were expected"):
        await make(known_dimensions=12).embed(["x"])


async def test_a_model_that_has_one_size_only_says_so(api: OpenAIApi, make: Make) -> None:
    api.fail_with(Fault.NO_DIMENSIONS)
    with pytest.raises(EmbedWrongDimensions, match="unset the dimensions"):
        await make(dimensions=4).embed(["x"])


@pytest.mark.parametrize("fault", [Fault.RATE_LIMITED, Fault.SERVER_ERROR, Fault.DROP, Fault.CUT])
async def test_what_passes_is_tried_again(api: OpenAIApi, embedder: OpenAIEmbedder, naps: Naps, fault: Fault) -> None:
    api.fail_with(fault, times=2)
    np.testing.assert_allclose(await embedder.embed(["x"]), expected("x"), atol=1e-6)
    first, second = naps.seconds
    assert 0 <= first < 1
    assert 0 <= second < 2


async def test_retry_after_is_obeyed_by_all(api: OpenAIApi, make: Make, naps: Naps) -> None:
    embedder = make(concurrency=1)
    api.fail_with(Fault.RATE_LIMITED, retry_after="7")
    await embedder.embed_each([str(n) for n in range(9)])
    assert len(naps.seconds) == 1
    assert 7 <= naps.seconds[0] < 8
    assert len(api.requests) == 4


async def test_tries_come_to_an_end(api: OpenAIApi, embedder: OpenAIEmbedder, naps: Naps) -> None:
    api.fail_with(Fault.SERVER_ERROR, times=9)
    with pytest.raises(EmbedUnavailable, match="status 500") as caught:
        await embedder.embed(["x"])
    assert (len(api.requests), len(naps.seconds)) == (3, 2)
    assert caught.value.can_retry
    assert caught.value.details == {"status": 500, "model": "text-embedding-3-small", "retry_after": None}


async def test_a_long_retry_after_is_left_to_the_caller(api: OpenAIApi, embedder: OpenAIEmbedder, naps: Naps) -> None:
    api.fail_with(Fault.RATE_LIMITED, retry_after="3600")
    with pytest.raises(EmbedRateLimited) as caught:
        await embedder.embed(["x"])
    assert (caught.value.details["retry_after"], naps.seconds) == (3600, [])


async def test_a_server_that_hangs_is_given_up(api: OpenAIApi, make: Make, naps: Naps) -> None:
    api.fail_with(Fault.HANG, times=9)
    with pytest.raises(EmbedTimedOut, match=r"did not answer within 0\.2 s"):
        await make(timeout_seconds=0.2).embed(["x"])
    assert len(naps.seconds) == 2


async def test_nobody_there(make: Make, naps: Naps) -> None:
    with socket.create_server(("127.0.0.1", 0)) as reserved:
        port = reserved.getsockname()[1]
    with pytest.raises(EmbedUnreachable, match="can't be reached"):
        await make(base_url=f"http://127.0.0.1:{port}/v1").embed(["x"])
    assert len(naps.seconds) == 2


async def test_one_failed_request_ends_the_others(api: OpenAIApi, embedder: OpenAIEmbedder) -> None:
    """The hanging one would keep embed_each() waiting if the group did not cancel it."""
    api.fail_with(Fault.HANG, times=1)
    api.fail_with(Fault.KEY_REFUSED, times=3)
    async with asyncio.timeout(10):
        with pytest.raises(EmbedKeyRefused):
            await embedder.embed_each([str(n) for n in range(9)])


async def test_a_cancelled_call_leaves_its_turn_to_others(api: OpenAIApi, make: Make) -> None:
    embedder = make(concurrency=1)
    api.fail_with(Fault.HANG)
    stuck = asyncio.create_task(embedder.embed_each(["x"]))
    await api.hanging.wait()
    stuck.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stuck
    assert (await embedder.embed_each(["y"])).rows == (0,)


# A text that the server doesn't take


@pytest.mark.parametrize(
    ("dislike", "reason"),
    [
        (Dislike("bad"), "text_refused"),
        (Dislike("bad", 400, "This model's maximum context length is 8192 tokens.", "x"), "text_too_long"),
        (Dislike("bad", 413, "Payload"), "text_too_long"),
        (Dislike("bad", 400, "blocked", "content_filter"), "content_filtered"),
        (Dislike("bad", 200, fill=0.0), "no_vector"),
        (Dislike("bad", 200, fill=float("nan")), "no_vector"),
        (Dislike("bad", 200, fill=float("inf")), "no_vector"),
    ],
)
async def test_one_bad_text_fails_alone(api: OpenAIApi, make: Make, dislike: Dislike, reason: str) -> None:
    api.dislikes = (dislike,)
    texts = [f"text {n}" for n in range(7)] + ["a bad one"] + [f"text {n}" for n in range(8, 16)]
    embedding = await make(batch_size=16).embed_each(texts)
    assert embedding.rows == (*range(7), *range(8, 16))
    np.testing.assert_allclose(embedding.vectors, expected(*texts[:7], *texts[8:]), atol=1e-6)
    [(row, failure)] = embedding.failures.items()
    assert (row, failure.code, failure.details["reason"]) == (7, "embed_text_refused", reason)
    assert PROBE_TEXT in api.texts
    assert len(api.requests) <= 2 + 2 * 4, "log2(16) halvings, and the probe"


async def test_all_bad_texts_of_a_batch_fail_each(api: OpenAIApi, make: Make) -> None:
    api.dislikes = (Dislike("bad"),)
    embedding = await make(batch_size=8).embed_each(["bad"] * 8)
    assert (embedding.rows, list(embedding.failures)) == ((), list(range(8)))
    assert len(api.requests) == 15 + 1, "a tree of halves, and the probe"
    assert embedding.vectors.shape == (0, 8)


@pytest.mark.parametrize(
    ("dislike", "sentence"),
    [(Dislike("", 400, "your plan has no embeddings"), "no single text"), (Dislike("", 200), "have no direction")],
)
async def test_a_server_that_refuses_every_text_is_no_matter_of_texts(
    api: OpenAIApi, make: Make, dislike: Dislike, sentence: str
) -> None:
    api.dislikes = (dislike,)
    with pytest.raises(EmbedMismatch, match=sentence) as caught:
        await make(batch_size=64).embed_each([str(n) for n in range(64)])
    assert (caught.value.code, len(api.requests)) == ("embed_mismatch", 2)


async def test_a_server_that_takes_fewer_texts_at_once_gets_fewer_from_then_on(api: OpenAIApi, make: Make) -> None:
    embedder = make(batch_size=16, concurrency=1)
    api.most_texts = 4
    texts = [str(n) for n in range(16)]
    np.testing.assert_allclose((await embedder.embed_each(texts)).vectors, expected(*texts), atol=1e-6)
    api.requests.clear()
    assert embedder.bulk_size == 4
    await embedder.embed_each(texts)
    assert [len(request.input) for request in api.requests] == [4, 4, 4, 4]


async def test_a_bad_query_says_so(api: OpenAIApi, embedder: OpenAIEmbedder) -> None:
    api.dislikes = (Dislike("bad"),)
    with pytest.raises(EmbedTextRefused, match="It says: input is not acceptable"):
        await embedder.embed(["bad"])
    assert len(api.requests) == 1


# Rates


async def test_requests_a_minute_are_kept_to(make: Make, naps: Naps) -> None:
    embedder = make(batch_size=1, requests_per_minute=60)
    await embedder.embed_each([str(n) for n in range(61)])
    assert naps.now - 1000 == pytest.approx(60, abs=0.01), "60 in the first minute, then the next"


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [({"requests_per_minute": 60}, (62 - 15) * 60 / 46), ({"tokens_per_minute": 120}, (124 - 30) * 60 / 90)],
)
async def test_processes_on_one_store_keep_to_the_limits_together(
    api: OpenAIApi, make: Make, tmp_path: Path, limit: dict[str, int], seconds: float
) -> None:
    """31 requests of two tokens from each of two: a quarter of what a minute allows at once, then the rest of it spread."""
    server = f"vectors:{host_of(api.base_url)}"
    async with (
        Database(tmp_path / "gleanery.db", lambda _: None, utc_now) as database,
        HostShare(SqliteHosts(database), "one") as one,
        HostShare(SqliteHosts(database), "other") as other,
        one.processes(server),
        other.processes(server),
    ):
        await one.beat()
        clocks = [Naps(), Naps()]
        embedders = [
            make(batch_size=1, share=share.processes, naps=naps, **limit)
            for share, naps in zip((one, other), clocks, strict=True)
        ]
        await asyncio.gather(*(embedder.embed_each(["two words"] * 31) for embedder in embedders))
    assert len(api.requests) == 62
    assert [clock.now - 1000 for clock in clocks] == pytest.approx([seconds] * 2)


async def test_tokens_a_minute_are_kept_to(make: Make, naps: Naps) -> None:
    embedder = make(batch_size=1, tokens_per_minute=40)
    await embedder.embed_each(["one two three four five six seven eight nine ten"] * 5)  # 10 tokens each
    assert naps.now - 1000 == pytest.approx(80, abs=0.01), "10 at once, then half a token a second"


async def test_what_the_server_says_of_its_limits_is_heard(api: OpenAIApi, make: Make, naps: Naps) -> None:
    api.headers = {
        "x-ratelimit-limit-requests": "10",
        "x-ratelimit-remaining-requests": "0",
        "x-ratelimit-reset-requests": "1m40s",
    }
    embedder = make(concurrency=1, batch_size=1)
    await embedder.embed_each(["a", "b"])
    assert naps.now - 1000 == pytest.approx(10), "it refills one request every ten seconds"
