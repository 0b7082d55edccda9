"""The guard: which addresses are public, and that a private one is refused in every spelling."""

from __future__ import annotations

import socket

import pytest

from gleanery.errors import InvalidInput, InvalidUrl
from gleanery.web.guard import AddressPolicy, AddressRefused, check_host_literal, is_public, socket_factory
from gleanery.web.urls import parse_url

PUBLIC = "8.8.8.8 1.1.1.1 93.184.216.34 2606:4700::1111 2001:4860:4860::8888 ::ffff:8.8.8.8 64:ff9b::808:808"
PRIVATE = (
    "0.0.0.0 127.0.0.1 127.255.255.254 10.0.0.1 172.16.0.1 192.168.1.1 169.254.169.254 100.100.100.200 192.0.0.192 "
    "192.0.0.9 192.0.2.1 192.88.99.1 198.18.0.1 168.63.129.16 224.0.0.1 240.0.0.1 255.255.255.255 :: ::1 ::127.0.0.1 "
    "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:0:7f00:1 64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::1 2002:7f00:1:: "
    "2001:0:1::1 2001:db8::1 3fff::1 5f00::1 fc00::1 fd00:ec2::254 fe80::1 fe80::1%eth0 2606:4700::1111%eth0 fec0::1 "
    "ff02::1 100::1 localhost 0x7f.1 300.1.1.1"
)


@pytest.mark.parametrize("address", PUBLIC.split())
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", [*PRIVATE.split(), ""])
def test_not_public(address: str) -> None:
    assert not is_public(address)


def test_policy_permits_what_is_public_or_listed() -> None:
    policy = AddressPolicy.parse([" 127.0.0.1", "10.1.0.0/16", "", "fd00::/8"])
    permitted = ["8.8.8.8", "127.0.0.1", "::ffff:127.0.0.1", "10.1.2.3", "fd00::1"]
    assert [address for address in (*permitted, "127.0.0.2", "10.2.0.1", "::1", "x") if policy.permits(address)] == (
        permitted
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "localhost",
            "GLEANERY_ALLOW_ADDRESSES: 'localhost' is neither an IP address nor a network "
            "such as 127.0.0.1 or 10.0.0.0/8",
        ),
        (
            "10.0.0.5/8",
            "GLEANERY_ALLOW_ADDRESSES: '10.0.0.5/8' has bits set behind its prefix; did you mean 10.0.0.0/8?",
        ),
    ],
)
def test_policy_refuses(text: str, message: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        AddressPolicy.parse([text])
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://127.0.0.1:80/", "127.0.0.1"),
        ("http://0x7f.1/", "127.0.0.1"),
        ("http://2130706433/", "127.0.0.1"),
        ("http://017700000001/", "127.0.0.1"),
        ("http://127。0。0。1/", "127.0.0.1"),
        ("http://[::1]/", "::1"),
        ("http://[::ffff:127.0.0.1]/", "::ffff:7f00:1"),
        ("http://[::127.0.0.1]/", "::7f00:1"),
        ("http://169.254.169.254/latest", "169.254.169.254"),
        ("http://LOCALHOST/", "localhost"),
        ("http://localhost./", "localhost"),
        ("http://a.localhost/", "a.localhost"),
    ],
)
def test_literals_are_refused_at_the_door(url: str, host: str) -> None:
    with pytest.raises(InvalidUrl) as caught:
        check_host_literal(parse_url(url), AddressPolicy(), field="url")
    assert caught.value.code == "address_forbidden"
    assert caught.value.message == (
        f"url: {host} is a private or reserved address, which is not fetched; "
        "to allow it, add it to GLEANERY_ALLOW_ADDRESSES"
    )


@pytest.mark.parametrize("url", ["http://8.8.8.8/", "http://example.org/", "http://[2606:4700::1111]/"])
def test_public_literals_and_names_pass_the_door(url: str) -> None:
    check_host_literal(url, AddressPolicy())


def test_allowed_literals_pass_the_door() -> None:
    policy = AddressPolicy.parse(["127.0.0.1"])
    for url in ("http://127.0.0.1/", "http://localhost:3000/", "http://[::ffff:7f00:1]/"):
        check_host_literal(url, policy)


def test_socket_factory_sees_the_address_that_is_dialled() -> None:
    make = socket_factory(AddressPolicy.parse(["127.0.0.1"]))
    make((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", 80))).close()
    with pytest.raises(AddressRefused) as caught:
        make((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.2", 80)))
    assert caught.value.address == "127.0.0.2"
    with pytest.raises(AddressRefused):
        make((socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2606:4700::1111", 80, 0, 3)))
