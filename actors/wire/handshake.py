"""Mutual proof of the cluster secret when a connection opens. The secret itself never travels.

server → client   hello: 32 random bytes
client → server   32 random bytes ‖ HMAC(secret, "client" ‖ server's ‖ client's)
server → client   HMAC(secret, "server" ‖ server's ‖ client's)
"""

import hmac
import secrets

NONCE_BYTES = 32
PROOF_BYTES = 32


class HandshakeError(Exception):
    """The peer doesn't know the cluster secret."""


def _proof(secret: bytes, side: bytes, server_nonce: bytes, client_nonce: bytes) -> bytes:
    return hmac.digest(secret, side + server_nonce + client_nonce, "sha256")


class ServerHandshake:
    """The shard's side of one connection."""

    bytes_expected = NONCE_BYTES + PROOF_BYTES

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self.hello = secrets.token_bytes(NONCE_BYTES)

    def answer(self, data: bytes) -> bytes:
        """The server's proof, given the client's nonce and proof. Raises HandshakeError."""
        nonce, proof = data[:NONCE_BYTES], data[NONCE_BYTES:]
        if not hmac.compare_digest(proof, _proof(self._secret, b"client", self.hello, nonce)):
            raise HandshakeError("the peer's cluster secret is not ours")
        return _proof(self._secret, b"server", self.hello, nonce)


class ClientHandshake:
    """The caller's side: `answer` the hello, then `verify` the server's proof."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._nonce = secrets.token_bytes(NONCE_BYTES)
        self._hello = b""

    def answer(self, hello: bytes) -> bytes:
        """What to send after the server's hello."""
        self._hello = hello
        return self._nonce + _proof(self._secret, b"client", hello, self._nonce)

    def verify(self, proof: bytes) -> None:
        """Raises HandshakeError unless the server proved the secret."""
        if not hmac.compare_digest(proof, _proof(self._secret, b"server", self._hello, self._nonce)):
            raise HandshakeError("the shard's cluster secret is not ours")
