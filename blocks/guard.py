"""Where a platform may send us for a file, and where it may not: links are somebody else's words.

Private networks are allowed, because platforms and storages live there. Refused are this machine itself, link-local
addresses, and those at which clouds tell whoever asks the secrets of the machine. What counts is the address that a
connection is about to be made to, whatever the name in the link resolves to by then, and again after each redirect.
"""

from __future__ import annotations

import ipaddress
import socket
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import aiohttp
from yarl import URL

from exporters.errors import RequestError, quoted, readable

LOOPBACK, LINK_LOCAL, METADATA = "this machine", "link-local", "a cloud's metadata"
UNLISTED = "not among media_hosts"
LIST_IT = "if that is the right address, name it in media_hosts"

_METADATA = frozenset(
    map(
        ipaddress.ip_address,
        (
            *("169.254.169.254", "169.254.170.2", "169.254.170.23", "fd00:ec2::254", "fd00:ec2::23"),  # AWS, and others
            *("fd20:ce::254", "100.100.100.200", "168.63.129.16", "192.0.0.192"),  # Google, Alibaba, Azure, Oracle
        ),
    )
)
_METADATA_NAMES = (
    "metadata",
    "metadata.google.internal",
    "metadata.goog",
    "instance-data",
    "instance-data.ec2.internal",
)
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_HERE = "localhost"


class RefusedAddressError(RequestError):
    """A link leads where nothing is fetched from.

    Args:
        message: says so.
        kind: of place, in words that many links can share.
    """

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message, kind)
        self.message, self.kind = message, kind

    def __str__(self) -> str:
        return readable(self.message)


class RefusedConnectionError(OSError):
    """As the connector may raise it; whoever translates its errors tells it from others."""

    def __init__(self, kind: str, advice: str) -> None:
        super().__init__(f"refused: {kind}")
        self.kind, self.advice = kind, advice


@dataclass(frozen=True)
class Guard:
    """What connections of a source may lead to.

    Args:
        own: URL of the source itself, empty if it has none: what lives on this machine or its link may lead there.
        hosts: the only ones besides it, if any; `*.example.org` is any name below. An address that is written out, or
            `localhost`, is allowed whatever it is.
        proxy: URL that requests go through, empty: the environment says.
        advice: what to do where the right address is refused.
    """

    own: str = ""
    hosts: tuple[str, ...] = ()
    proxy: str = ""
    advice: str = "check the address"

    def connector(self, **options: Any) -> aiohttp.TCPConnector:
        """Connections that are looked at one by one."""
        return aiohttp.TCPConnector(socket_factory=self._socket, **options)

    async def middleware(
        self, request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
    ) -> aiohttp.ClientResponse:
        """Look at the name of each address that is asked, redirects too: a proxy would resolve it elsewhere."""
        self.check(request.url)
        return await handler(request)

    def check(self, url: URL) -> None:
        """Raises RefusedAddressError for a host that is not allowed, by its name alone."""
        host = _plain(url.raw_host or "")
        if host in _METADATA_NAMES and host not in self._names:
            raise refused(host, METADATA, self.advice)
        if host and host == self._own_host:
            return
        if self.hosts and not self._is_listed(host):
            raise refused(host, UNLISTED, self.advice)
        address = "127.0.0.1" if host == _HERE or host.endswith(f".{_HERE}") else _literal(host)
        if kind := address and self._refusal(address, url.port or 0):
            raise refused(host, kind, self.advice)

    def _socket(self, found: Any) -> socket.socket:
        family, type_, protocol, _, (address, port, *_) = found
        if kind := self._refusal(str(address), int(port)):
            raise RefusedConnectionError(kind, self.advice)
        return socket.socket(family, type_, protocol)

    def _refusal(self, address: str, port: int) -> str:
        """Why this address is not connected to; empty when it is."""
        kind = kind_of(address)
        if not kind or _parsed(address) in self._addresses or (kind == LOOPBACK and _HERE in self._names):
            return ""
        if kind != METADATA and kind in self._own_kinds:
            return ""
        return "" if (_parsed(address), port) in self._proxies else kind

    def _is_listed(self, host: str) -> bool:
        return _parsed(host) in self._addresses or any(
            host == one or (one.startswith("*.") and host.endswith(one[1:])) for one in self._names
        )

    @cached_property
    def _names(self) -> tuple[str, ...]:
        return tuple(map(_pattern, self.hosts))

    @cached_property
    def _addresses(self) -> frozenset[Any]:
        return frozenset(filter(None, map(_parsed, self._names)))

    @cached_property
    def _own_host(self) -> str:
        try:
            return _plain(URL(self.own).raw_host or "")
        except ValueError:
            return ""

    @cached_property
    def _own_kinds(self) -> frozenset[str]:
        """Asked for only when something is about to be refused: it may have to be resolved."""
        return frozenset(kind_of(address) for address, _ in _resolved(self.own))

    @cached_property
    def _proxies(self) -> frozenset[Any]:
        urls = (self.proxy,) if self.proxy else tuple(urllib.request.getproxies_environment().values())
        return frozenset((_parsed(address), port) for url in urls for address, port in _resolved(url))


def refused(host: str, kind: str, advice: str) -> RefusedAddressError:
    return RefusedAddressError(f"Nothing is fetched from {quoted(host[:80])} ({kind}); {advice}.", kind)


def refusal_of(error: aiohttp.ClientConnectorError) -> RefusedAddressError | None:
    """The refusal behind a connection that could not be made; None when it was something else."""
    cause = error.os_error
    return refused(error.host or "", cause.kind, cause.advice) if isinstance(cause, RefusedConnectionError) else None


async def guarded_client(own: str, **options: Any) -> aiohttp.ClientSession:
    """What fsspec reads web addresses with."""
    guard = Guard(own)
    return aiohttp.ClientSession(connector=guard.connector(), middlewares=(guard.middleware,), **options)


def kind_of(address: str) -> str:
    """What an address is that links do not lead to; empty for all others."""
    parsed = _parsed(address)
    if parsed is None:
        return ""
    if parsed in _METADATA:
        return METADATA
    if parsed.is_loopback or parsed.is_unspecified:  # connecting to no address connects to this machine
        return LOOPBACK
    return LINK_LOCAL if parsed.is_link_local else ""


def check_hosts(hosts: Sequence[str]) -> tuple[str, ...]:
    """The hosts as a guard takes them.

    Raises:
        RequestError: one of them is none.
    """
    for host in hosts:
        name = _plain(host)
        inner = name.removeprefix("*.")
        if not inner or (_parsed(name) is None and not set(inner).isdisjoint("*/:@? ")):
            raise RequestError(
                f"media_hosts takes names such as cdn.example.org or *.example.org, not {quoted(host[:80])}; "
                f"correct it."
            )
    return tuple(hosts)


def _pattern(host: str) -> str:
    """A listed host as links have it, in the letters of addresses."""
    name = _plain(host)
    try:
        return ".".join(part if part.isascii() else part.encode("idna").decode() for part in name.split("."))
    except UnicodeError:
        return name


def _plain(host: str) -> str:
    return host.strip().strip("[]").rstrip(".").lower()


def _literal(host: str) -> str:
    """The address that a name already is, also in the forms that only the resolver knows (0x7f.1, 2130706433)."""
    if _parsed(host):
        return host
    try:
        return socket.inet_ntoa(socket.inet_aton(host)) if host[:1].isdigit() else ""
    except OSError:
        return ""


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """An address as what it stands for: an IPv4 one within an IPv6 one is reached all the same."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return None
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo or (None, None))[1]
        if parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        return inner or parsed
    return parsed


def _resolved(url: str) -> set[tuple[str, int]]:
    """The addresses and port of a URL's host; none where there are none."""
    try:
        parsed = URL(url if "://" in url else f"//{url}")
        if not parsed.host:
            return set()
        found = socket.getaddrinfo(parsed.host, parsed.port or 80, type=socket.SOCK_STREAM)
    except (OSError, ValueError, UnicodeError):
        return set()
    return {(str(address[0]), int(address[1])) for *_, address in found}
