"""Posting: what is sent, what counts as an answer, and every way in which there is none, against real servers."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gleanery import errors
from gleanery.web.guard import AddressPolicy
from gleanery.web.post import MAX_ANSWER_BYTES, Poster, PostReply
from tests.sites.receiver import Answer, Receiver, receiver, silent_line
from tests.web.conftest import AGENT, LOCAL
from tests.web.test_fetch import Names, certificate

BODY = b'{"type":"task.completed"}'
JSON = {"Content-Type": "application/json"}
ALLOW = "a private or reserved address, which is not fetched; to allow it, add it to GLEANERY_ALLOW_ADDRESSES."


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with receiver() as it:
        yield it


@pytest.fixture
async def poster() -> AsyncIterator[Poster]:
    async with Poster(LOCAL, AGENT) as it:
        yield it


async def failure(poster: Poster, url: str) -> errors.FetchError:
    with pytest.raises(errors.FetchError) as caught:
        await poster.post(url, BODY, JSON)
    assert caught.value.url == url
    return caught.value


async def test_what_is_sent(poster: Poster, there: Receiver) -> None:
    reply = await poster.post(f"{there.url}/hook?token=a%2Fb", BODY, {**JSON, "webhook-id": "msg_1"})
    assert reply == PostReply(204, None)
    [call] = there.calls
    assert (call.method, call.path, call.body) == ("POST", "/hook?token=a%2Fb", BODY)
    assert call.headers["content-type"] == "application/json"
    assert call.headers["content-length"] == str(len(BODY))
    assert call.headers["user-agent"] == AGENT
    assert call.headers["accept-encoding"] == "identity"
    assert call.id == "msg_1"


@pytest.mark.parametrize("status", [200, 201, 400, 404, 410, 429, 500, 503])
async def test_every_status_is_an_answer(poster: Poster, there: Receiver, status: int) -> None:
    there.answer(Answer(status, body=b"whatever"))
    assert await poster.post(there.url, BODY, JSON) == PostReply(status, None)


async def test_retry_after(poster: Poster, there: Receiver) -> None:
    at = (datetime.now(UTC) + timedelta(seconds=100)).strftime("%a, %d %b %Y %H:%M:%S GMT")
    waits = []
    for value in ("7", "999999", "soon", at):
        there.answer(Answer(429, {"Retry-After": value}))
        waits.append((await poster.post(there.url, BODY, JSON)).retry_after)
    assert waits[:3] == [7.0, 3600.0, None]
    assert waits[3] is not None
    assert 90 < waits[3] <= 100


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_is_an_answer_and_not_followed(poster: Poster, there: Receiver, status: int) -> None:
    async with receiver() as target:
        there.answer(Answer(status, {"Location": f"{target.url}/other"}))
        assert (await poster.post(there.url, BODY, JSON)).status == status
        assert target.calls == []
    assert len(there.calls) == 1


async def test_cookies_are_not_kept(poster: Poster, there: Receiver) -> None:
    there.answer(Answer(200, {"Set-Cookie": "session=1; Path=/"}))
    await poster.post(there.url, BODY, JSON)
    await poster.post(there.url, BODY, JSON)
    assert [call.headers.get("cookie") for call in there.calls] == [None, None]


async def test_of_an_endless_answer_only_the_beginning_is_read(poster: Poster, there: Receiver) -> None:
    there.answer(Answer(200, is_endless=True))
    assert (await poster.post(there.url, BODY, JSON)).status == 200
    # What the buffers of two sockets hold goes out as well; without a cap it would be without end.
    assert MAX_ANSWER_BYTES <= there.sent_bytes < 64 * 2**20


async def test_a_compressed_answer_is_not_unpacked(poster: Poster, there: Receiver) -> None:
    there.answer(Answer(200, {"Content-Encoding": "gzip"}, body=b"this is not gzip"))
    assert (await poster.post(there.url, BODY, JSON)).status == 200


async def test_a_status_counts_even_if_its_body_never_comes() -> None:
    async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(BODY)
        writer.write(b"HTTP/1.1 202 Accepted\r\nContent-Length: 10\r\n\r\nhalf")
        await reader.read()
        writer.close()

    server = await asyncio.start_server(half, "127.0.0.1", 0)
    async with server, Poster(LOCAL, AGENT, total_seconds=2) as poster:
        port = server.sockets[0].getsockname()[1]
        assert (await poster.post(f"http://127.0.0.1:{port}/", BODY, JSON)).status == 202


async def test_a_slow_receiver(there: Receiver) -> None:
    there.answer(Answer(gate=asyncio.Event()))
    async with Poster(LOCAL, AGENT, total_seconds=0.2) as poster:
        error = await failure(poster, f"{there.url}/hook?token=secret")
    host = there.url.removeprefix("http://")
    assert (error.code, error.message) == ("timed_out", f"{host} did not answer within 0.2 seconds.")


async def test_a_broken_line(poster: Poster, there: Receiver) -> None:
    there.answer(Answer(is_cut=True))
    error = await failure(poster, there.url)
    assert error.code == "connect_failed"
    assert len(there.calls) == 1


async def test_nobody_listens(poster: Poster) -> None:
    async with silent_line() as line:
        error = await failure(poster, f"{line.receiver.url}/hook?token=secret")
        host = line.receiver.url.removeprefix("http://")
        assert (error.code, error.message) == (
            "connect_failed",
            f"Nothing answers at {host}: the connection was refused.",
        )
        there = await line.go_up()
        assert (await poster.post(f"{there.url}/hook", BODY, JSON)).status == 204


async def test_what_is_not_http(poster: Poster) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(BODY)
        writer.write(b"SSH-2.0-OpenSSH_9.2\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        error = await failure(poster, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/")
    assert error.code == "broken_body"


async def test_a_name_that_does_not_resolve(there: Receiver) -> None:
    async with Poster(LOCAL, AGENT, resolver=Names({}, socket.EAI_NONAME)) as poster:
        assert (await failure(poster, "http://nowhere.test/")).code == "host_not_found"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "10.0.0.1", "[::1]", "169.254.169.254", "0x7f.1"])
async def test_private_literals_are_refused(there: Receiver, host: str) -> None:
    port = there.url.rpartition(":")[2]
    async with Poster(AddressPolicy(), AGENT) as poster:
        assert (await failure(poster, f"http://{host}:{port}/")).code == "address_forbidden"
    assert there.calls == []


async def test_a_name_with_a_private_address_is_refused(there: Receiver) -> None:
    port = there.url.rpartition(":")[2]
    async with Poster(LOCAL, AGENT, resolver=Names({"inside.test": ["127.0.0.2"]})) as poster:
        error = await failure(poster, f"http://inside.test:{port}/?token=secret")
    assert (error.code, error.message) == ("address_forbidden", f"inside.test leads to 127.0.0.2, {ALLOW}")
    assert there.calls == []


async def test_a_name_that_changes_its_address_is_refused_when_it_does(there: Receiver) -> None:
    port = there.url.rpartition(":")[2]
    names = Names({"rebind.test": ["127.0.0.1", "127.0.0.2"]})
    async with Poster(LOCAL, AGENT, resolver=names) as poster:
        assert (await poster.post(f"http://rebind.test:{port}/", BODY, JSON)).status == 204
        assert (await failure(poster, f"http://rebind.test:{port}/")).code == "address_forbidden"
    assert len(there.calls) == 1


async def test_this_server_itself_is_no_receiver(there: Receiver) -> None:
    port = int(there.url.rpartition(":")[2])
    async with Poster(AddressPolicy(own=("127.0.0.1", port)), AGENT, resolver=Names({"own.test": ["127.0.0.1"]})) as it:
        assert (await failure(it, there.url)).code == "address_forbidden"
        assert (await failure(it, f"http://own.test:{port}/")).code == "address_forbidden"
    assert there.calls == []


@pytest.mark.parametrize("url", ["ftp://example.org/", "nonsense", "http://user:pass@example.org/", ""])
async def test_what_is_not_a_web_address(poster: Poster, url: str) -> None:
    with pytest.raises(errors.InvalidUrl):
        await poster.post(url, BODY, JSON)


async def test_certificates_are_checked(tmp_path: Path, poster: Poster) -> None:
    server = certificate(tmp_path, "right.test", datetime.now(UTC) + timedelta(days=5))
    client = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    async with receiver(server) as there, Poster(LOCAL, AGENT, ssl_context=client) as trusting:
        assert (await failure(poster, there.url)).code == "tls_failed"
        assert (await trusting.post(there.url, BODY, JSON)).status == 204
