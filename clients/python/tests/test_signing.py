"""Signatures, against an example that was worked out with openssl."""

import pytest

from croupier_client import Croupier
from croupier_client.signing import Signer

SECRET = "0123456789abcdef"
SIGNER = Signer("game-1", SECRET, clock=lambda: 1_700_000_000.9)


def test_a_call_with_a_body() -> None:
    # printf '1700000000\nPOST\n/spin/ada-3/result\nres-1\n{"player_id":"ada","win":250,"final":true}' |
    #     openssl dgst -sha256 -hmac 0123456789abcdef
    body = b'{"player_id":"ada","win":250,"final":true}'
    assert SIGNER.headers("POST", b"/spin/ada-3/result", "res-1", body) == {
        "x-api-key": "game-1",
        "x-request-timestamp": "1700000000",
        "x-request-sign": "77e8b48fcdd25df4489e9da6e5c9966570c9359c959e3edf43e30cd906b46d8c",
    }


def test_a_read_without_key_and_body() -> None:
    # printf '1700000000\nGET\n/spin/ada-3?player_id=ada\n\n' | openssl dgst -sha256 -hmac 0123456789abcdef
    headers = SIGNER.headers("GET", b"/spin/ada-3?player_id=ada", "", b"")
    assert headers["x-request-sign"] == "3868823219cdd4551b03f640aa69537638adfbfdc194e6e9f6ec6d3379fe867b"


def test_without_a_key_nothing_is_signed() -> None:
    assert Signer().headers("GET", b"/spin/stream", "", b"") == {}


@pytest.mark.parametrize(("key_id", "secret"), [("game-1", ""), ("", SECRET)])
def test_half_a_key_is_none(key_id: str, secret: str) -> None:
    with pytest.raises(ValueError, match="belong together"):
        Croupier("http://127.0.0.1:1", key_id=key_id, secret=secret)


def test_the_secret_is_not_shown() -> None:
    assert SECRET not in repr(Croupier("http://127.0.0.1:1", key_id="game-1", secret=SECRET)._origin)


@pytest.mark.parametrize(
    ("date", "skew_s"),
    [("Tue, 14 Nov 2023 22:15:00 GMT", 99.1), ("Tue, 14 Nov 2023 22:13:00 GMT", -20.9), ("soon", None), (None, None)],
)
def test_the_servers_clock_is_told_from_its_date(date: str | None, skew_s: float | None) -> None:
    assert SIGNER.clock_skew_s(date) == pytest.approx(skew_s)
