"""Proof of who calls: an HMAC-SHA256 over what is sent, with the secret of an API key."""

import hmac
import time
from collections.abc import Callable
from email.utils import parsedate_to_datetime


class Signer:
    """Signs as one API key. Without a key it signs nothing, which only a server with `--auth open` accepts.

    Raises ValueError for a key id without a secret, or the other way round.
    """

    def __init__(self, key_id: str = "", secret: str = "", clock: Callable[[], float] = time.time) -> None:
        if bool(key_id) != bool(secret):
            raise ValueError("key_id and secret belong together: give both, or none for a server with --auth open")
        self._key_id = key_id
        self._secret = secret.encode()
        self._clock = clock

    def headers(self, method: str, target: bytes, key: str, body: bytes) -> dict[str, str]:
        """The headers of proof, as of now. `target` is `path?query` exactly as sent, `key` "" if there is none."""
        if not self._key_id:
            return {}
        timestamp = str(int(self._clock()))
        message = b"\n".join((timestamp.encode(), method.encode(), target, key.encode(), body))
        sign = hmac.digest(self._secret, message, "sha256").hex()
        return {"x-api-key": self._key_id, "x-request-timestamp": timestamp, "x-request-sign": sign}

    def clock_skew_s(self, date: str | None) -> float | None:
        """How far the clock behind an answer's `Date` is ahead of this one; None if there is no such header."""
        try:
            return parsedate_to_datetime(date or "").timestamp() - self._clock()
        except ValueError:
            return None
