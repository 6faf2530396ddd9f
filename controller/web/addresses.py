"""Client addresses: behind a proxy on this machine, and which addresses count as one client."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, IPv6Network, ip_address

Headers = Iterable[tuple[bytes, bytes]]
"""The headers of a request, names in lower case."""


def origin(peer: str, headers: Headers) -> str:
    """The client's address: the peer, or behind a proxy on this machine, the address that the proxy states."""
    passed = [value for name, value in headers if name == b"x-forwarded-for"]
    try:
        # When listening on IPv6, 127.0.0.1 is ::ffff:127.0.0.1. Entries that a client has forged stand before the last.
        if passed and ip_address(peer.removeprefix("::ffff:")).is_loopback:
            return str(ip_address(passed[-1].decode("latin-1").rpartition(",")[2].strip()))
    except ValueError:
        pass  # no address: the proxy itself is counted
    return peer


def place_of(address: str) -> str:
    """The address for which failed attempts are counted: for IPv6 the /64, all of which belongs to one client."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Network((int(ip), 64), strict=False))


def network_of(address: str) -> str:
    """The address or IPv6 network whose connections are counted together."""
    host = ip_address(address)
    if isinstance(host, IPv6Address) and (host.is_loopback or host.is_link_local):
        return str(host)  # all machines on a link share the link-local network
    return place_of(address)
