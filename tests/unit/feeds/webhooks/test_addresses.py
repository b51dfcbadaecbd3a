"""Which addresses webhooks may be sent to."""

import socket

import pytest

from feeds.webhooks.addresses import AddressGuard, AddressRefused

FORBIDDEN = [
    "127.0.0.1",
    "127.8.8.8",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "::127.0.0.1",
    "::ffff:127.0.0.1",
    "::ffff:169.254.169.254",
    "::ffff:0:10.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b:1::1",
    "2002:7f00:1::1",
    "2002:a9fe:a9fe::",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "fc00::1",
    "fd12:3456::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "ff02::1",
    "not-an-address",
    "",
]
PUBLIC = ["8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"]


@pytest.mark.parametrize("address", FORBIDDEN)
def test_what_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused):
        AddressGuard().check(address)


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_allowed(address: str) -> None:
    AddressGuard().check(address)


@pytest.mark.parametrize(
    ("network", "allowed", "forbidden"),
    [
        ("10.20.0.0/16", ["10.20.3.4", "::ffff:10.20.3.4", "64:ff9b::10.20.3.4"], ["10.21.0.1", "fd00::1"]),
        ("fd00:1::/32", ["fd00:1::5"], ["fd00:2::5", "10.20.3.4"]),
        ("169.254.7.7/32", ["169.254.7.7"], ["169.254.169.254"]),
    ],
)
def test_networks_allow_what_is_in_them_and_no_more(network: str, allowed: list[str], forbidden: list[str]) -> None:
    guard = AddressGuard([network])
    for address in allowed:
        guard.check(address)
    for address in forbidden:
        with pytest.raises(AddressRefused):
            guard.check(address)


def test_no_socket_is_made_for_a_forbidden_address() -> None:
    with pytest.raises(AddressRefused, match="not a public address"):
        AddressGuard().socket((socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80)))
