"""Which addresses may be connected to. Asked for every single address, at the moment before the connection is made.

So it makes no difference whether an address came from a name, from a name that now resolves to something else, or from
the url itself: none is connected to that was not looked at.
"""

import socket
from collections.abc import Sequence
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Any, Final

Address = IPv4Address | IPv6Address
AddressInfo = tuple[int | socket.AddressFamily, int | socket.SocketKind, int, str, Sequence[Any]]
"""As `socket.getaddrinfo` answers it."""

GIVEN_OUT: Final = IPv6Network("2000::/3")
"""All that is given out to the internet lies in here."""
IPV4_INSIDE: Final = (IPv6Network("64:ff9b::/96"), IPv6Network("::/96"))
"""NAT64, and IPv4 addresses as they were once written in IPv6: the last 32 bits are the address that is meant."""


class AddressRefused(OSError):
    """The address is not one that webhooks may be sent to."""


class AddressGuard:
    """Public addresses are allowed, and those in `networks`. Makes the sockets of an endpoint."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks = [ip_network(network) for network in networks]

    def socket(self, info: AddressInfo) -> socket.socket:
        """A socket for this address. Raises AddressRefused."""
        family, kind, protocol, _, where = info
        self.check(str(where[0]))
        return socket.socket(family=family, type=kind, proto=protocol)

    def check(self, text: str) -> None:
        """Raises AddressRefused if `text` is not an address, or one that is not allowed."""
        try:
            address = ip_address(text.partition("%")[0])
        except ValueError:
            raise AddressRefused(f"{text[:64]!r} is not an address") from None
        meant = unwrapped(address)
        if self._allowed(address) or self._allowed(meant):
            return
        if not (is_public(address) and is_public(meant)):
            raise AddressRefused(f"{address} is not a public address, nor in the endpoint's networks")

    def _allowed(self, address: Address) -> bool:
        return any(address.version == network.version and address in network for network in self._networks)


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, if it does; else the address itself."""
    if isinstance(address, IPv4Address):
        return address
    if address.ipv4_mapped is not None:
        return address.ipv4_mapped
    if address.sixtofour is not None:
        return address.sixtofour
    if any(address in network for network in IPV4_INSIDE) and int(address) > 1:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address


def is_public(address: Address) -> bool:
    """Whether anybody on the internet may have this address. Addresses that stand for IPv4 count by what they mean."""
    if address.is_multicast or address.is_unspecified or address.is_loopback or address.is_link_local:
        return False
    if isinstance(address, IPv6Address) and unwrapped(address) != address:
        return True
    if isinstance(address, IPv6Address) and address not in GIVEN_OUT:
        return False
    return address.is_global and not address.is_reserved
