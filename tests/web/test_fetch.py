"""Fetching: every way in which a site can fail, with its exact code and sentence, against real servers."""

from __future__ import annotations

import asyncio
import ipaddress
import itertools
import resource
import socket
import ssl
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from gleanery import errors
from gleanery.web.fetch import Fetcher, FetchLimits, looks_binary, retry_after_seconds
from gleanery.web.guard import AddressPolicy
from gleanery.web.scope import Scope
from gleanery.web.urls import parse_url
from tests.sites import Site
from tests.sites.hostile import hostile_site
from tests.web.conftest import AGENT, LOCAL


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async with hostile_site() as it:
        yield it


class Names(AbstractResolver):
    """A resolver that answers each name with the next of its addresses; a name it doesn't know does not exist."""

    def __init__(self, addresses: dict[str, list[str]], error: int = socket.EAI_NONAME) -> None:
        self.error = error
        self.answers = {name: itertools.chain(found, itertools.repeat(found[-1])) for name, found in addresses.items()}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self.answers:
            raise socket.gaierror(self.error, "made up")
        return [
            ResolveResult(hostname=host, host=address, port=port, family=socket.AF_INET, proto=6, flags=0)
            for address in next(self.answers[host]).split()
        ]

    async def close(self) -> None:
        pass


async def failure(fetcher: Fetcher, url: str) -> errors.FetchError:
    with pytest.raises(errors.FetchError) as caught:
        await fetcher.fetch(url)
    assert caught.value.url == url
    return caught.value


async def test_a_page(fetcher: Fetcher, site: Site) -> None:
    document = await fetcher.fetch(f"{site.url}/ok/1")
    assert document.url == document.requested_url == f"{site.url}/ok/1"
    assert (document.status, document.content_type, document.charset) == (200, "text/html", "utf-8")
    assert (document.etag, document.last_modified) == ('"1"', "Wed, 21 Oct 2015 07:28:00 GMT")
    assert b"<h1>Page 1</h1>" in document.body
    assert document.redirects == ()
    assert 0 < document.elapsed_seconds < 5
    asked = site.headers[0]
    assert asked["User-Agent"] == AGENT
    assert asked["Accept"] == "text/html,application/xhtml+xml"
    assert asked["Accept-Encoding"] == "gzip, deflate"


async def test_redirects_are_followed_and_told(fetcher: Fetcher, site: Site) -> None:
    document = await fetcher.fetch(f"{site.url}/chain/2")
    assert document.requested_url == f"{site.url}/chain/2"
    assert document.url == f"{site.url}/chain/0"
    assert document.redirects == (f"{site.url}/chain/1", f"{site.url}/chain/0")
    assert site.requests == ["/chain/2", "/chain/1", "/chain/0"]


@pytest.mark.parametrize("path", ["/gzip", "/deflate", "/raw-deflate"])
async def test_compressed_bodies(fetcher: Fetcher, site: Site, path: str) -> None:
    assert (await fetcher.fetch(site.url + path)).body.count(b"<h1>Compressed") == 1


async def test_gzip_of_two_members_and_padding(fetcher: Fetcher, site: Site) -> None:
    assert (await fetcher.fetch(f"{site.url}/two-gzips")).body.count(b"<h1>Compressed</h1>") == 2


@pytest.mark.parametrize(
    ("path", "charset", "start"),
    [
        ("/latin1", "iso-8859-1", b"<!doctype"),
        ("/utf16", None, b"\xff\xfe<\0"),
        ("/broken-encoding", "utf-8", b"<!doctype"),
        ("/no-type", None, b"<!doctype"),
        ("/many-attributes", None, b"<!doctype"),
        ("/nested-tags", None, b"<!doctype"),
    ],
)
async def test_odd_but_readable(fetcher: Fetcher, site: Site, path: str, charset: str | None, start: bytes) -> None:
    document = await fetcher.fetch(site.url + path)
    assert (document.charset, document.body[: len(start)]) == (charset, start)


async def test_cookies_are_not_kept(fetcher: Fetcher, site: Site) -> None:
    await fetcher.fetch(f"{site.url}/cookie")
    assert b"none" in (await fetcher.fetch(f"{site.url}/cookie")).body


LOOP = "Its redirects go in a circle, back to {site}/loop-a."
HEADERS = "{host} sent more or longer headers than are read."


@pytest.mark.parametrize(
    ("path", "code", "message"),
    [
        ("/status/404", "http_404", "The site answered 404 Not Found."),
        ("/status/500", "http_500", "The site answered 500 Internal Server Error."),
        ("/status/799", "http_799", "The site answered 799."),
        ("/status/304", "http_304", "The site answered 304 Not Modified."),
        ("/loop-a", "redirect_loop", LOOP),
        ("/chain/6", "redirect_loop", "It redirects more than 5 times."),
        (
            "/redirect-to?url=file:///etc/passwd",
            "redirect_refused",
            "It redirects to file:///etc/passwd, which is not a web address that can be fetched.",
        ),
        ("/huge", "too_large", "It is larger than 1 MiB, the most that is read."),
        ("/bomb", "too_large", "It is larger than 1 MiB, the most that is read."),
        ("/big-header", "too_large", HEADERS),
        ("/many-headers", "too_large", HEADERS),
        ("/text", "not_html", "It is text/plain, not an HTML page."),
        ("/binary/pdf", "not_html", "It says it is text/html, but its content is binary."),
        ("/binary/png", "not_html", "It says it is text/html, but its content is binary."),
        ("/binary/nul", "not_html", "It says it is text/html, but its content is binary."),
        ("/no-type-binary", "not_html", "It names no content type and does not look like an HTML page."),
        ("/empty", "empty_page", "The page is empty."),
        ("/broken-gzip", "broken_body", "Its compressed body is damaged."),
        ("/short-gzip", "broken_body", "Its compressed body ends too early."),
        (
            "/unknown-encoding",
            "broken_body",
            "It is compressed with br, which was not asked for and can't be read.",
        ),
        ("/not-http", "broken_body", "What {host} answered is not HTTP."),
        ("/truncated", "connect_failed", "{host} broke off in the middle of the page."),
        ("/hang-up", "connect_failed", "{host} closed the connection without an answer."),
        ("/reset", "connect_failed", "The connection to {host} broke."),
    ],
)
async def test_failures(fetcher: Fetcher, site: Site, path: str, code: str, message: str) -> None:
    error = await failure(fetcher, site.url + path)
    host = site.url.removeprefix("http://")
    assert (error.code, error.message) == (code, message.format(site=site.url, host=host))
    assert error.can_retry is (code in ("connect_failed", "http_500"))


@pytest.mark.parametrize(
    ("path", "retry_after"),
    [
        ("/status/429", 7.0),
        ("/status/503", 0.0),
        ("/status/503?retry_after=99999", 3600.0),
        ("/status/503?retry_after=soon", None),
        ("/status/502", None),
    ],
)
async def test_retry_after(fetcher: Fetcher, site: Site, path: str, retry_after: float | None) -> None:
    error = await failure(fetcher, site.url + path)
    assert isinstance(error, errors.HttpStatus)
    assert error.retry_after == error.details["retry_after"] == retry_after
    assert error.can_retry


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("120", 120.0),
        ("0", 0.0),
        ("9" * 400, 3600.0),
        ("Wed, 21 Oct 2015 07:28:30 GMT", 30.0),
        ("Wed, 21 Oct 2015 07:28:30", 30.0),
        ("Wed, 21 Oct 2015 09:28:00 GMT", 3600.0),
        ("Wed, 21 Oct 2015 07:27:00 GMT", 0.0),
        ("-5", None),
        ("1.5", None),
        ("Wed, 99 Oct 2015", None),
    ],
)
def test_retry_after_seconds(value: str, seconds: float | None) -> None:
    assert retry_after_seconds(value, datetime(2015, 10, 21, 7, 28, tzinfo=UTC)) == seconds


async def test_a_flaky_page_passes_in_the_end(fetcher: Fetcher, site: Site) -> None:
    for _ in range(2):
        assert (await failure(fetcher, f"{site.url}/flaky/2")).details == {
            "url": f"{site.url}/flaky/2",
            "status": 503,
            "retry_after": 1.0,
        }
    assert b"Here at last" in (await fetcher.fetch(f"{site.url}/flaky/2")).body


async def test_a_bomb_leaves_memory_flat(fetcher: Fetcher, site: Site) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    await failure(fetcher, f"{site.url}/bomb")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30 * 1024


async def test_too_large_by_its_own_word_is_not_read(site: Site) -> None:
    async with Fetcher(LOCAL, AGENT, limits=FetchLimits(max_bytes=100)) as fetcher:
        error = await failure(fetcher, f"{site.url}/many-attributes")
    assert (error.code, error.details["max_bytes"]) == ("too_large", 100)


@pytest.mark.parametrize(
    ("path", "limits", "message"),
    [
        ("/slow", FetchLimits(total_seconds=0.3), "The page did not arrive within 0.3 seconds."),
        ("/never", FetchLimits(total_seconds=0.3), "The page did not arrive within 0.3 seconds."),
        ("/never", FetchLimits(silence_seconds=0.3), "{host} sent nothing for 0.3 seconds."),
        ("/slow", FetchLimits(silence_seconds=0.01), "{host} sent nothing for 0.01 seconds."),
    ],
)
async def test_time_outs(site: Site, path: str, limits: FetchLimits, message: str) -> None:
    async with Fetcher(LOCAL, AGENT, limits=limits) as fetcher:
        error = await failure(fetcher, site.url + path)
    assert (error.code, error.can_retry) == ("timed_out", True)
    assert error.message == message.format(host=site.url.removeprefix("http://"))


async def test_a_connection_that_nobody_accepts_times_out() -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        host, port = listener.getsockname()
        with socket.create_connection((host, port)):  # fills the backlog: the next one waits for its SYN's answer
            async with Fetcher(LOCAL, AGENT, limits=FetchLimits(connect_seconds=0.3)) as fetcher:
                error = await failure(fetcher, f"http://{host}:{port}/")
    assert error.code == "timed_out"
    assert error.message == f"{host}:{port} did not accept a connection within 0.3 seconds."


async def test_refused(fetcher: Fetcher) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        error = await failure(fetcher, f"http://127.0.0.1:{port}/")
    assert (error.code, error.can_retry) == ("connect_failed", True)
    assert error.message == f"Nothing answers at 127.0.0.1:{port}: the connection was refused."


@pytest.mark.parametrize(
    ("reason", "message", "can_retry"),
    [
        (
            socket.EAI_NONAME,
            "There is no host nowhere.test: its name does not resolve. Check the spelling.",
            False,
        ),
        (
            socket.EAI_AGAIN,
            "The name nowhere.test can't be looked up now: the name server does not answer.",
            True,
        ),
    ],
)
async def test_names_that_do_not_resolve(reason: int, message: str, can_retry: bool) -> None:
    async with Fetcher(LOCAL, AGENT, resolver=Names({}, reason)) as fetcher:
        error = await failure(fetcher, "http://nowhere.test/")
    assert (error.code, error.message, error.can_retry) == ("host_not_found", message, can_retry)


async def test_a_name_that_can_not_even_be_asked_for(fetcher: Fetcher) -> None:
    assert (await failure(fetcher, f"http://{'a' * 64}.test/")).code == "host_not_found"


ALLOW = "a private or reserved address, which is not fetched; to allow it, add it to GLEANERY_ALLOW_ADDRESSES."


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("http://127.0.0.2:9/", f"127.0.0.2 is {ALLOW}"),
        ("http://0x7f.2/", f"127.0.0.2 is {ALLOW}"),
        ("http://169.254.169.254/latest/meta-data", f"169.254.169.254 is {ALLOW}"),
        ("http://[::1]:9/", f"::1 is {ALLOW}"),
        ("http://[64:ff9b::7f00:1]/", f"64:ff9b::7f00:1 is {ALLOW}"),
    ],
)
async def test_private_addresses_are_refused_directly_and_by_redirect(
    fetcher: Fetcher, site: Site, target: str, sentence: str
) -> None:
    for url in (parse_url(target), f"{site.url}/redirect-to?url={quote(target, safe='')}"):
        with pytest.raises(errors.AddressForbidden) as caught:
            await fetcher.fetch(url)
        assert (caught.value.code, caught.value.message) == ("address_forbidden", sentence)
        assert not caught.value.can_retry


async def test_localhost_is_refused_without_permission(site: Site) -> None:
    port = site.url.rpartition(":")[2]
    async with Fetcher(AddressPolicy(), AGENT) as fetcher:
        error = await failure(fetcher, f"http://localhost:{port}/ok/1")
    assert error.code == "address_forbidden"
    assert site.requests == []


async def test_a_name_that_changes_its_address_is_refused_when_it_does(site: Site) -> None:
    """DNS rebinding: the first answer may be dialled, the second is a private address."""
    port = site.url.rpartition(":")[2]
    names = Names({"rebind.test": ["127.0.0.1", "127.0.0.2"]})
    async with Fetcher(LOCAL, AGENT, resolver=names) as fetcher:
        # The connection is used up by its error, so that the next request has to dial.
        assert (await failure(fetcher, f"http://rebind.test:{port}/truncated")).code == "connect_failed"
        error = await failure(fetcher, f"http://rebind.test:{port}/ok/1")
    assert error.code == "address_forbidden"
    assert error.message == f"rebind.test leads to 127.0.0.2, {ALLOW}"
    assert site.requests == ["/truncated"]


async def test_a_name_with_several_private_addresses_is_refused(site: Site) -> None:
    names = Names({"many.test": ["10.0.0.1 127.0.0.2 192.168.0.1"]})
    async with Fetcher(LOCAL, AGENT, resolver=names) as fetcher:
        assert (await failure(fetcher, "http://many.test/")).code == "address_forbidden"


async def test_of_a_name_with_both_only_the_permitted_address_is_dialled(site: Site) -> None:
    port = site.url.rpartition(":")[2]
    names = Names({"both.test": ["10.0.0.1 127.0.0.1"]})
    async with Fetcher(LOCAL, AGENT, resolver=names) as fetcher:
        assert (await fetcher.fetch(f"http://both.test:{port}/ok/1")).status == 200


async def test_the_crawl_may_refuse_a_redirect(fetcher: Fetcher, site: Site) -> None:
    scope = Scope.of(f"{site.url}/chain/")
    document = await fetcher.fetch(f"{site.url}/chain/1", may_follow=lambda url: scope.refusal(url, 1))
    assert document.url == f"{site.url}/chain/0"
    with pytest.raises(errors.RedirectRefused) as caught:
        await fetcher.fetch(f"{site.url}/redirect-to?url=/ok/1", may_follow=lambda url: scope.refusal(url, 1))
    assert caught.value.message == f"It redirects to {site.url}/ok/1, which is not part of this crawl (outside_path)."
    assert caught.value.details["reason"] == "outside_path"
    assert caught.value.details["location"] == f"{site.url}/ok/1"
    assert "/ok/1" not in site.requests


async def test_any_type_and_prefix(fetcher: Fetcher, site: Site) -> None:
    assert (await fetcher.fetch_any(f"{site.url}/text")).body == b"just text"
    assert (await fetcher.fetch_any(f"{site.url}/empty")).body == b""
    assert (await fetcher.fetch_prefix(f"{site.url}/text", 4)).body == b"just"
    assert len((await fetcher.fetch_prefix(f"{site.url}/bomb", 70_000)).body) == 70_000


async def test_cancelling_leaves_no_connection(fetcher: Fetcher, site: Site) -> None:
    task = asyncio.create_task(fetcher.fetch(f"{site.url}/never"))
    await site.asked.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await fetcher.fetch(f"{site.url}/ok/1")).status == 200


@pytest.mark.parametrize(
    ("body", "charset", "is_binary"),
    [
        (b"<p>text</p>", None, False),
        (b"<p>one stray \0 in much text</p>" + b"x" * 200, None, False),
        (b"PK\x03\x04...", "utf-8", True),
        (b"RIFF....WEBPVP8", None, True),
        ("<p>wide</p>".encode("utf-16-le"), None, False),
        (" <p>wide</p>".encode("utf-16-be"), "utf-16be", False),
        (b"\1\0\2\0" * 50, None, True),
    ],
)
def test_looks_binary(body: bytes, charset: str | None, is_binary: bool) -> None:
    assert looks_binary(body, charset) is is_binary


def certificate(folder: Path, name: str, valid_until: datetime) -> ssl.SSLContext:
    """A server's TLS context with a certificate that it signed itself, for 127.0.0.1 and `name`."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    names = x509.SubjectAlternativeName(
        [x509.DNSName(name), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))] if name == "right.test"
        else [x509.DNSName(name)]
    )  # fmt: skip
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(valid_until - timedelta(days=9))
        .not_valid_after(valid_until)
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = folder / "cert.pem"
    pem.write_bytes(made.public_bytes(serialization.Encoding.PEM))
    secret = folder / "key.pem"
    secret.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem, secret)
    return context


@pytest.mark.parametrize(
    ("name", "days", "is_trusted", "reason"),
    [
        ("right.test", 5, False, "self-signed certificate"),
        ("right.test", -5, True, "certificate has expired"),
        (
            "wrong.test",
            5,
            True,
            "IP address mismatch, certificate is not valid for '127.0.0.1'",
        ),
    ],
)
async def test_certificates(tmp_path: Path, name: str, days: int, is_trusted: bool, reason: str) -> None:
    server = certificate(tmp_path, name, datetime.now(UTC) + timedelta(days=days))
    client = ssl.create_default_context(cafile=str(tmp_path / "cert.pem") if is_trusted else None)
    async with hostile_site(ssl_context=server) as site, Fetcher(LOCAL, AGENT, ssl_context=client) as fetcher:
        error = await failure(fetcher, f"{site.url}/ok/1")
    host = site.url.removeprefix("https://")
    assert (error.code, error.can_retry) == ("tls_failed", False)
    assert error.message == f"The certificate of {host} is not valid: {reason}."
    assert error.details["reason"].rstrip(".") == reason


async def test_https_with_a_trusted_certificate(tmp_path: Path) -> None:
    server = certificate(tmp_path, "right.test", datetime.now(UTC) + timedelta(days=5))
    client = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
    async with hostile_site(ssl_context=server) as site, Fetcher(LOCAL, AGENT, ssl_context=client) as fetcher:
        assert (await fetcher.fetch(f"{site.url}/ok/1")).status == 200


async def test_https_where_plain_http_is_spoken(fetcher: Fetcher, site: Site) -> None:
    host = site.url.removeprefix("http://")
    error = await failure(fetcher, f"https://{host}/ok/1")
    assert error.code == "tls_failed"
    assert error.message.startswith(f"No secure connection to {host} was possible: ")


async def test_the_loop_stays_free_while_a_bomb_is_read(site: Site) -> None:
    limits = FetchLimits(max_bytes=64 * 2**20)
    turns: list[float] = []  # the CPU time of each: what others take of a busy machine is no matter

    async def tick() -> None:
        while True:
            at = time.thread_time()
            await asyncio.sleep(0)
            turns.append(time.thread_time() - at)

    async with Fetcher(LOCAL, AGENT, limits=limits) as fetcher:
        ticker = asyncio.create_task(tick())
        assert (await failure(fetcher, f"{site.url}/bomb")).code == "too_large"
        ticker.cancel()
    assert sorted(turns)[int(len(turns) * 0.99)] < 0.02
