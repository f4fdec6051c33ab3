"""The one place that decides whether an address may be fetched. fetch.py is the one place that does it."""

from __future__ import annotations

import ipaddress
import re
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from unshelve.errors import Refused, Unavailable

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], Iterable[str]]
"""Gives the numeric addresses of a host."""

LONGEST_URL: Final = 2048

_HOST: Final = re.compile(
    r"(?=.{1,253}\Z)(?!-)[A-Za-z0-9_-]{1,63}(?<!-)(\.(?!-)[A-Za-z0-9_-]{1,63}(?<!-))*\.?", re.ASCII
)
_PORTS: Final = {"http": 80, "https": 443}
_NAT64: Final = (ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48"))


@dataclass(frozen=True, slots=True, kw_only=True)
class UrlRules:
    """What may be fetched."""

    schemes: frozenset[str] = frozenset({"https", "http"})
    private: bool = False
    """Whether addresses of this machine and its own network may be asked."""
    hosts: frozenset[str] | None = None
    """If given: only these hosts."""
    own: frozenset[str] = frozenset()
    """Hosts that may be asked though their addresses are of this machine or its network: somebody allowed them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SafeUrl:
    """An address that may be fetched, with the numeric address that was looked at and must be the one asked.

    Asking the name again could give another answer (DNS rebinding).
    """

    url: str
    scheme: str
    host: str
    port: int
    address: str


def check_url(text: str, *, rules: UrlRules | None = None, resolve: Resolve | None = None) -> SafeUrl:
    """The address, when it may be fetched. Raises Refused otherwise, and Unavailable when its host has no address.

    Refused are other schemes than those of the rules, names and passwords in the address, hosts written in any
    but the plain form (decimal, octal, hexadecimal numbers), and hosts of which any address is private, loopback,
    link-local, multicast or reserved, also inside IPv6 forms.
    """
    rules = rules or UrlRules()
    scheme, host, port = _parts(text, rules)
    if rules.hosts is not None and host not in rules.hosts:
        raise _refused("its host is not one of those that may be asked")
    literal = _literal(host)
    addresses = [literal] if literal is not None else _resolved(host, port, resolve or _system_resolve)
    if not rules.private and host.lower() not in rules.own:
        for address in addresses:
            if not _public(address):
                raise _refused("it leads to this machine or its own network")
    return SafeUrl(url=text, scheme=scheme, host=host, port=port, address=str(addresses[0]))


def _parts(text: str, rules: UrlRules) -> tuple[str, str, int]:
    if len(text) > LONGEST_URL:
        raise _refused(f"it is longer than {LONGEST_URL} characters")
    if not text.isascii() or any(ord(letter) <= 32 or ord(letter) == 127 for letter in text) or "\\" in text:
        raise _refused("it holds spaces, backslashes, control characters or letters outside ASCII")
    try:
        parts = urlsplit(text)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise _refused("it cannot be read") from None
    if parts.scheme not in rules.schemes:
        raise _refused(f"only {' and '.join(sorted(rules.schemes))} may be asked")
    if "@" in parts.netloc:
        raise _refused("it holds a name or a password")
    if not host:
        raise _refused("it names no host")
    if port == 0:
        raise _refused("its port is 0")
    return parts.scheme, host.removesuffix("."), port or _PORTS.get(parts.scheme, 0)


def _literal(host: str) -> IPAddress | None:
    """The address when the host is one in its plain form; None for a name."""
    try:
        return ipaddress.ip_address(host.partition("%")[0]) if ":" in host else ipaddress.IPv4Address(host)
    except ValueError:
        pass
    last = host.rsplit(".", 1)[-1]
    if ":" in host or not _HOST.fullmatch(host) or last.isdigit() or last.lower().startswith("0x"):
        # A last part that is a number makes resolvers read the whole as an address: 2130706433, 0x7f.1, 127.1.
        raise _refused("its host is written in a form that is not plain")
    return None


def _resolved(host: str, port: int, resolve: Resolve) -> list[IPAddress]:
    try:
        found = [ipaddress.ip_address(each.partition("%")[0]) for each in resolve(host, port)]
    except OSError as error:
        raise Unavailable(f"The host {host[:80]} could not be found.", code="host-not-found") from error
    if not found:
        raise Unavailable(f"The host {host[:80]} has no address.", code="host-not-found")
    return found


def _system_resolve(host: str, port: int) -> list[str]:
    return [str(found[4][0]) for found in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _public(address: IPAddress) -> bool:
    if isinstance(address, ipaddress.IPv6Address):
        inner = _inner(address)
        if inner is not None:
            return _public(inner)
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved


def _inner(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """The IPv4 address that an IPv6 address carries (mapped, compatible, 6to4, Teredo, NAT64)."""
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if address.teredo is not None:
        return address.teredo[1]
    if any(address in network for network in _NAT64) or int(address) >> 32 == 0:
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def _refused(why: str) -> Refused:
    return Refused(f"The address may not be fetched: {why}.", code="url-refused")
