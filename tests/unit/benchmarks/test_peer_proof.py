"""A peer believes what Croupier believes: the same signed requests, and nothing else."""

from pathlib import Path

import pytest

from benchmarks.peers.proof import Proof, Unauthenticated
from benchmarks.signed import Key, Keys


@pytest.fixture
def keys() -> Keys:
    return Keys.fresh()


@pytest.fixture
def proof(keys: Keys, tmp_path: Path) -> Proof:
    keys.write(tmp_path / "keys.json")
    return Proof(tmp_path / "keys.json")


def headers(key: Key, now_s: int, target: str = "/spin?a=b") -> dict[bytes, bytes]:
    lines = key.headers("POST", target, "id-1", "", now_s).splitlines()
    return {name.lower().encode(): value.encode() for name, value in (line.split(": ") for line in lines)}


def test_a_signed_request_is_believed(proof: Proof, keys: Keys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000.0)
    assert proof.signer("POST", b"/spin", b"a=b", headers(keys.game, 1_000), b"") == "game"


@pytest.mark.parametrize("wrong", ["key", "query", "idempotency-key", "body", "time"])
def test_anything_else_is_not(proof: Proof, keys: Keys, monkeypatch: pytest.MonkeyPatch, wrong: str) -> None:
    monkeypatch.setattr("time.time", lambda: 1_000.0)
    key = Keys.fresh().game if wrong == "key" else keys.game
    sent = headers(key, 1_400 if wrong == "time" else 1_000)
    if wrong == "idempotency-key":
        sent[b"idempotency-key"] = b"id-2"
    query = b"a=c" if wrong == "query" else b"a=b"
    with pytest.raises(Unauthenticated):
        proof.signer("POST", b"/spin", query, sent, b"{}" if wrong == "body" else b"")
