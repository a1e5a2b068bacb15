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
_NAT64_LOCAL = ipaddress.ip_network("64:ff9b:1::/48")
# RFC 3879, deprecated, but still routed inside some networks.
_SITE_LOCAL = ipaddress.ip_network("fec0::/10")
# RFC 4291, section 2.5.5.1, deprecated.
_COMPATIBLE = ipaddress.ip_network("::/96")


class PrivateAddress(OSError):
    """A connection to an address that is not public was refused."""


def is_public(address: IPAddress) -> bool:
    """Whether an address is one of the public internet, and holds no other that is not."""
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_global and not address.is_multicast
    if address in _NAT64_LOCAL or address in _SITE_LOCAL or address in _COMPATIBLE:
        return False
    inner = address.ipv4_mapped or address.sixtofour
    if address in _NAT64:
        inner = ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    if inner is not None and not is_public(inner):
        return False
    # IPv4-mapped addresses are never global themselves; what they map to has been looked at.
    if address.ipv4_mapped is not None:
        return True
    return address.is_global and not address.is_multicast and address.teredo is None


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
