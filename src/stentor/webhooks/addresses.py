"""Which addresses a webhook may be sent to, checked where the connection is made.

A name that resolved to a public address when it was looked at may resolve to another one a moment
later (DNS rebinding), so the address that counts is the one that the socket is about to connect
to.
"""

from __future__ import annotations

import ipaddress
import socket
from typing import Any

IPAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

# RFC 6052: the last 32 bits are an IPv4 address, which a translator would connect to.
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
# All that is handed out to be routed (IANA, "IPv6 Global Unicast Address Assignments").
_UNICAST = ipaddress.ip_network("2000::/3")
# Special, but not all known to every supported version of `ipaddress` (IANA, "Special-Purpose
# Address Registry"): a cloud's metadata is served at 192.0.0.192, 6to4 relays were anycast at
# 192.88.99.0/24 (RFC 7526), and 3fff::/20 is for documentation (RFC 9637).
_SPECIAL = tuple(
    ipaddress.ip_network(network) for network in ("192.0.0.0/24", "192.88.99.0/24", "3fff::/20")
)


class PrivateAddress(OSError):
    """A connection to an address that is not public was refused."""


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the public internet, and holds no other that is not."""
    if any(address in network for network in _SPECIAL):
        return False
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    inner = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if inner is not None:
        return is_public(inner)
    return address in _UNICAST and address.is_global and address.teredo is None


def public_socket(info: tuple[Any, ...]) -> socket.socket:
    """A socket for an address as `socket.getaddrinfo` gives it.

    Raises:
        PrivateAddress: the address is not public.
    """
    family, kind, protocol, _, sockaddr = info
    host = str(sockaddr[0]).partition("%")[0]
    if not is_public(ipaddress.ip_address(host)):
        raise PrivateAddress(f"{host} is not a public address")
    return socket.socket(family, kind, protocol)
