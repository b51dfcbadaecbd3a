"""Who calls a peer: Croupier's HMAC on the raw request, and nothing else of its access control."""

import hmac
import json
import time
from pathlib import Path
from typing import Final

from fastapi import Request

SKEW_S: Final = 300


class Unauthenticated(Exception):
    """The request is not signed as it must be."""


class Proof:
    """The keys of `keys.json`. Raises what opening and reading the file raises."""

    def __init__(self, keys: Path) -> None:
        listed: list[dict[str, str]] = json.loads(keys.read_text())["api_keys"]
        self._secrets = {key["id"].encode(): (key["secret"].encode(), key["id"]) for key in listed}

    async def client(self, request: Request) -> str:
        """The id of the key that signed the request. Raises Unauthenticated."""
        headers = dict(request.scope["headers"])
        body = b"" if headers.get(b"content-length", b"0") == b"0" else await request.body()
        return self.signer(request.method, request.scope["raw_path"], request.scope["query_string"], headers, body)

    def signer(self, method: str, path: bytes, query: bytes, headers: dict[bytes, bytes], body: bytes) -> str:
        """The same from a request's parts; header names are lower-case."""
        secret, client = self._secrets.get(headers.get(b"x-api-key", b""), (b"nobody", ""))
        timestamp = headers.get(b"x-request-timestamp", b"")
        target = path + b"?" + query if query else path
        message = b"\n".join((timestamp, method.encode(), target, headers.get(b"idempotency-key", b""), body))
        signed = hmac.compare_digest(
            hmac.digest(secret, message, "sha256").hex().encode(), headers.get(b"x-request-sign", b"")
        )
        if not signed or not client or not timestamp.isdigit() or abs(time.time() - int(timestamp)) > SKEW_S:
            raise Unauthenticated
        return client
