"""The guard against requests to private addresses (SSRF): which addresses may be dialled, checked at the socket."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any

from ada_url import URL, HostType

from gleanery.errors import InvalidInput, InvalidUrl

SETTING = "GLEANERY_ALLOW_ADDRESSES"

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

# What `is_global` gets wrong or differs about from one Python to the next (IANA special-purpose registries, RFC 6890).
_NEVER_PUBLIC: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "100.64.0.0/10",  # carrier-grade NAT
        "168.63.129.16/32",  # Azure's platform channel, on a public number
        "192.0.0.0/24",  # protocol assignments, Oracle's metadata among them
        "192.88.99.0/24",  # 6to4 relays
        "240.0.0.0/4",
        "::/96",  # IPv4-compatible: ::127.0.0.1
        "::ffff:0:0:0/96",  # IPv4-translated
        "64:ff9b:1::/48",  # local NAT64
        "100::/64",
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",
        "2002::/16",  # 6to4
        "3fff::/20",
        "5f00::/16",
        "fc00::/7",
        "fec0::/10",  # site-local
    )
)
_NAT64 = ip_network("64:ff9b::/96")
_LOOPBACK = ("127.0.0.1", "::1")


def is_public(address: str) -> bool:
    """Whether an IP address is an ordinary one of the public internet. False for anything that is not an address."""
    if "%" in address:  # a zone id: an address of this link only
        return False
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return all(_is_plainly_public(form) for form in _forms(parsed))


def _forms(address: Address) -> Iterator[Address]:
    """The address itself, or the IPv4 one that it stands for where the network unwraps it."""
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        yield address.ipv4_mapped
    elif address in _NAT64:
        yield IPv4Address(int(address) & 0xFFFFFFFF)
    else:
        yield address


def _is_plainly_public(address: Address) -> bool:
    if not address.is_global or address.is_multicast or address.is_reserved or address.is_unspecified:
        return False
    return not any(address in network for network in _NEVER_PUBLIC if network.version == address.version)


@dataclass(frozen=True, slots=True)
class AddressPolicy:
    """Public addresses, and those that the operator allowed one by one.

    `own` is this server's own address and port: the bundled example is fetched from there.
    """

    allow: tuple[Network, ...] = ()
    own: tuple[str, int] | None = None

    @classmethod
    def parse(cls, texts: Iterable[str]) -> AddressPolicy:
        """From addresses and CIDR networks. Raises InvalidInput naming GLEANERY_ALLOW_ADDRESSES."""
        return cls(tuple(_parse_network(text.strip()) for text in texts if text.strip()))

    def permits(self, address: str, port: int | None = None) -> bool:
        """Whether `address` (as a resolver or a socket spells it) may be dialled."""
        return is_public(address) or self._is_allowed(address) or (port is not None and (address, port) == self.own)

    def _is_allowed(self, address: str) -> bool:
        try:
            parsed = ip_address(address.partition("%")[0])
        except ValueError:
            return False
        forms = (parsed, getattr(parsed, "ipv4_mapped", None))
        return any(form in network for form in forms if form for network in self.allow)


def _parse_network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            reason = f"{text!r} has bits set behind its prefix; did you mean {ip_network(text, strict=False)}?"
        else:
            reason = f"{text!r} is neither an IP address nor a network such as 127.0.0.1 or 10.0.0.0/8"
        raise InvalidInput(SETTING, reason) from None


class AddressRefused(OSError):
    """The guard's veto, raised where a socket is about to be made.

    Its text is constant: aiohttp keeps the class of several failures only when they read the same.
    """

    def __init__(self, address: str) -> None:
        super().__init__("private or reserved address")
        self.address = address


def socket_factory(policy: AddressPolicy) -> Callable[[tuple[Any, ...]], socket.socket]:
    """For `aiohttp.TCPConnector(socket_factory=…)`: the one place that sees the address really dialled.

    Literals, redirects, names and names that change their answer (DNS rebinding) all end here. The sockets raise
    AddressRefused for an address that `policy` does not permit.
    """

    def make(info: tuple[Any, ...]) -> socket.socket:
        family, kind, protocol, _, sockaddr = info
        address = str(sockaddr[0])
        has_zone = family == socket.AF_INET6 and len(sockaddr) > 3 and sockaddr[3] != 0
        zoned = f"{address}%{sockaddr[3]}" if has_zone and "%" not in address else address
        if not policy.permits(zoned, int(sockaddr[1])):
            raise AddressRefused(address)
        return socket.socket(family=family, type=kind, proto=protocol)

    return make


def check_host_literal(url: str, policy: AddressPolicy, field: str = "url") -> None:
    """Refuses at the door, before a task exists, an href whose host is a private literal or `localhost`.

    ada has normalised the spellings (0x7f.1, 2130706433, [::ffff:127.0.0.1]). Names are not looked up here: what they
    lead to is checked when they are dialled. Raises InvalidUrl with the code `address_forbidden`.
    """
    parsed = URL(url)
    host = parsed.hostname.strip("[]").rstrip(".")
    if parsed.host_type is not HostType.DEFAULT:
        is_forbidden = not policy.permits(host)
    else:
        is_local = host == "localhost" or host.endswith(".localhost")
        is_forbidden = is_local and not any(policy.permits(address) for address in _LOOPBACK)
    if is_forbidden:
        raise InvalidUrl(forbidden_sentence(host), kind="address_forbidden", field=field, host=host)


def forbidden_sentence(host: str, address: str | None = None) -> str:
    """What to tell somebody whose URL leads to a private address, and what to do about it."""
    if address is None or address == host:
        subject = f"{host} is a private or reserved address"
    else:
        subject = f"{host} leads to {address}, a private or reserved address"
    return f"{subject}, which is not fetched; to allow it, add it to {SETTING}"
