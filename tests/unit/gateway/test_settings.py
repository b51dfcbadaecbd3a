"""Where a server without proof may listen."""

import pytest

from gateway.settings import bind_allowed


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_loopback_may_be_open(host: str) -> None:
    assert bind_allowed(host, "open")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.1", "casino.example", "", "localhost.casino.example"])
def test_anything_else_needs_proof(host: str) -> None:
    assert not bind_allowed(host, "open")
    assert bind_allowed(host, "hmac")
