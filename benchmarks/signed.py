"""Requests signed as game servers and the platform sign them, and files of spins that `wrk` reads record by record."""

import hashlib
import hmac
import json
import secrets
import time
from pathlib import Path
from typing import NamedTuple

GAME = "book-of-dunes"
BET = 10
"""Minor units; every win is as high, so that no balance ever changes."""


class Key(NamedTuple):
    """An API key: whose it is, and the secret it signs with."""

    id: str
    secret: str
    role: str

    def headers(self, method: str, target: str, idempotency_key: str, body: str, now_s: int) -> str:
        """The header lines that prove one request, each ended by CRLF."""
        signed = f"{now_s}\n{method}\n{target}\n{idempotency_key}\n{body}"
        sign = hmac.digest(self.secret.encode(), signed.encode(), hashlib.sha256).hex()
        keyed = f"Idempotency-Key: {idempotency_key}\r\n" if idempotency_key else ""
        return f"X-Api-Key: {self.id}\r\nX-Request-Timestamp: {now_s}\r\nX-Request-Sign: {sign}\r\n{keyed}"


class Keys(NamedTuple):
    """The two machines that call during a run."""

    game: Key
    platform: Key

    @classmethod
    def fresh(cls) -> "Keys":
        """New random secrets."""
        return cls(
            Key("game", secrets.token_hex(32), "game_server"), Key("platform", secrets.token_hex(32), "platform")
        )

    def write(self, path: Path) -> None:
        """The keys file the server reads."""
        path.write_text(json.dumps({"api_keys": [key._asdict() for key in self]}))
        path.chmod(0o600)


def request(key: Key, method: str, target: str, idempotency_key: str = "", body: str = "") -> bytes:
    """One HTTP/1.1 request as bytes, signed now."""
    proof = key.headers(method, target, idempotency_key, body, int(time.time()))
    kind = "Content-Type: application/json\r\n" if body else ""
    return (
        f"{method} {target} HTTP/1.1\r\nHost: bench\r\n{proof}{kind}Content-Length: {len(body)}\r\n\r\n{body}".encode()
    )


def player(number: int) -> str:
    """The id of player `number`; all ids are equally long."""
    return f"bench-{number:06d}"


def write_spins(path: Path, key: Key, first: int, count: int, players: int) -> int:
    """Writes `count` one-call spins with the idempotency keys `first`, `first + 1` … and answers the size of each.

    All records are equally long, so that the load generator needs no parsing. Players take turns.
    """
    size = 0
    with path.open("wb") as file:
        for number in range(first, first + count):
            target = f"/spin?player_id={player(number % players)}&game_id={GAME}&mode=real&bet={BET}&win={BET}"
            size = file.write(request(key, "POST", target, f"r{number:012d}"))
    return size
