"""Signatures of Standard Webhooks 1.0: `v1` by HMAC-SHA256, `v1a` by Ed25519."""

import hmac
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Callable, Mapping, Sequence
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

HMAC_PREFIX: Final = "whsec_"
ED25519_PREFIX: Final = "whsk_"
HMAC_BYTES_MIN, HMAC_BYTES_MAX = 24, 64
"""As the standard asks of keys for HMAC."""
ED25519_BYTES: Final = (32, 64)
"""A seed, or a seed with its public key behind it."""


class SecretUnusable(Exception):
    """A secret has not the form that the standard asks for. The message never tells the secret."""


_Signature = Callable[[bytes], str]


class Signer:
    """Signs with every secret it was made with, in their order."""

    def __init__(self, secrets: Sequence[str]) -> None:
        """Raises SecretUnusable."""
        self._signatures = [_signature(secret) for secret in secrets]

    def headers(self, message_id: str, timestamp_s: int, body: bytes) -> Mapping[str, str]:
        """The three headers of the standard; `timestamp_s`: when this attempt is made (Unix seconds)."""
        signed = b"%s.%d.%s" % (message_id.encode(), timestamp_s, body)
        return {
            "webhook-id": message_id,
            "webhook-timestamp": str(timestamp_s),
            "webhook-signature": " ".join(sign(signed) for sign in self._signatures),
        }


def _signature(secret: str) -> _Signature:
    if secret.startswith(HMAC_PREFIX):
        return _by_hmac(_key(secret.removeprefix(HMAC_PREFIX)))
    if secret.startswith(ED25519_PREFIX):
        return _by_ed25519(_key(secret.removeprefix(ED25519_PREFIX)))
    raise SecretUnusable(f"a signing secret must begin with {HMAC_PREFIX} or {ED25519_PREFIX}")


def _key(encoded: str) -> bytes:
    try:
        return b64decode(encoded + "=" * (-len(encoded) % 4), validate=True)
    except (NotBase64, ValueError):
        raise SecretUnusable("what follows the prefix of a signing secret must be base64") from None


def _by_hmac(key: bytes) -> _Signature:
    if not HMAC_BYTES_MIN <= len(key) <= HMAC_BYTES_MAX:
        raise SecretUnusable(f"a {HMAC_PREFIX} secret must hold {HMAC_BYTES_MIN} to {HMAC_BYTES_MAX} bytes")
    return lambda signed: "v1," + b64encode(hmac.digest(key, signed, "sha256")).decode()


def _by_ed25519(key: bytes) -> _Signature:
    if len(key) not in ED25519_BYTES:
        raise SecretUnusable(f"a {ED25519_PREFIX} key must hold 32 or 64 bytes")
    private = Ed25519PrivateKey.from_private_bytes(key[:32])
    return lambda signed: "v1a," + b64encode(private.sign(signed)).decode()
