"""Signatures, by the standard's own words."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from feeds.webhooks.signing import SecretUnusable, Signer

KEY = bytes(range(32))


def coded(prefix: str, key: bytes) -> str:
    return prefix + base64.b64encode(key).decode()


def test_the_example_of_the_standard() -> None:
    """The published example of Standard Webhooks 1.0."""
    signer = Signer(["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"])
    headers = signer.headers("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, b'{"test": 2432232314}')
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"


@pytest.mark.parametrize("key", [KEY, KEY + Ed25519PrivateKey.from_private_bytes(KEY).public_key().public_bytes_raw()])
def test_ed25519_keys_come_with_or_without_their_public_half(key: bytes) -> None:
    signature = Signer([coded("whsk_", key)]).headers("m", 1, b"{}")["webhook-signature"]
    public = Ed25519PrivateKey.from_private_bytes(KEY).public_key()
    public.verify(base64.b64decode(signature.removeprefix("v1a,")), b"m.1.{}")


@pytest.mark.parametrize(
    ("secret", "reason"),
    [
        ("hunter2", "must begin with"),
        ("whsec_" + "!" * 40, "base64"),
        (coded("whsec_", b"short"), "24 to 64"),
        (coded("whsec_", b"x" * 65), "24 to 64"),
        (coded("whsk_", b"x" * 31), "32 or 64"),
    ],
)
def test_a_secret_of_another_form_is_refused_without_telling_it(secret: str, reason: str) -> None:
    with pytest.raises(SecretUnusable, match=reason) as refused:
        Signer([secret])
    assert secret not in str(refused.value)
