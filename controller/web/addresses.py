"""Where somebody comes from: through a proxy on this machine, and which addresses count as one place."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv6Address, IPv6Network, ip_address

Headers = Iterable[tuple[bytes, bytes]]
"""Of a request, names in small letters."""


def origin(peer: str, headers: Headers) -> str:
    """Where a request comes from: the peer; through a proxy on this machine, where that has it from."""
    passed = [value for name, value in headers if name == b"x-forwarded-for"]
    try:
        # Where we listen on IPv6, IPv4's 127.0.0.1 is ::ffff:127.0.0.1. What a stranger has put there stands before.
        if passed and ip_address(peer.removeprefix("::ffff:")).is_loopback:
            return str(ip_address(passed[-1].decode("latin-1").rpartition(",")[2].strip()))
    except ValueError:
        pass  # no address: it is the proxy itself that is counted
    return peer


def place_of(address: str) -> str:
    """What wrong tries from an address count for: of IPv6 the /64, since whoever has one address has them all."""
    try:
        ip = ip_address(address)
    except ValueError:
        return address
    if not isinstance(ip, IPv6Address):
        return str(ip)
    return str(ip.ipv4_mapped or IPv6Network((int(ip), 64), strict=False))


def network_of(address: str) -> str:
    """Whose connections are counted together: an address, or a network of IPv6 that one customer has."""
    host = ip_address(address)
    if isinstance(host, IPv6Address) and (host.is_loopback or host.is_link_local):
        return str(host)  # all of a link share the network of the link's own addresses
    return place_of(address)
