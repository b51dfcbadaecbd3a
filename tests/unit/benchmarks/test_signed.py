"""What the load generator sends is what a game server would: proved, fresh, and of one size."""

from pathlib import Path

import pytest

from benchmarks.load import LoadFailed, _sample
from benchmarks.signed import Keys, request, write_spins
from gateway.access.auth import ProofAuth
from gateway.access.keys import load_keys
from gateway.http.wire import HttpRequest


def records(path: Path, size: int) -> list[list[str]]:
    content = path.read_bytes()
    return [content[at : at + size].decode().split("\r\n") for at in range(0, len(content), size)]


def headers(lines: list[str]) -> dict[bytes, bytes]:
    pairs = (line.split(": ", 1) for line in lines[1:] if ": " in line)
    return {name.lower().encode(): value.encode() for name, value in pairs}


def test_every_record_is_one_whole_request_with_a_key_of_its_own(tmp_path: Path) -> None:
    size = write_spins(tmp_path / "spins", Keys.fresh().game, first=98, count=5, players=3)
    found = records(tmp_path / "spins", size)
    assert [lines[0].split("&")[0] for lines in found] == [
        f"POST /spin?player_id=bench-{number:06d}" for number in (2, 0, 1, 2, 0)
    ]
    assert [headers(lines)[b"idempotency-key"] for lines in found] == [b"r%012d" % n for n in range(98, 103)]


def test_the_server_believes_the_signatures(tmp_path: Path) -> None:
    keys = Keys.fresh()
    keys.write(tmp_path / "keys.json")
    proof = ProofAuth(load_keys(tmp_path / "keys.json"))
    body = '{"amount": 5}'
    for key, target in ((keys.game, "/spin?a=b"), (keys.platform, "/players/p/deposits")):
        lines = request(key, "POST", target, "id-1", body).decode().split("\r\n")
        caller = proof.caller(HttpRequest("POST", target.encode(), b"", headers(lines), body.encode()))
        assert (caller.id, caller.roles) == (key.id, frozenset({key.role}))


@pytest.mark.parametrize("bad", ["failed", "refused", "reused"])
def test_one_answer_that_was_no_success_spoils_the_measurement(bad: str) -> None:
    result = {"requests": 10, "duration_us": 1_000_000, "bytes": 3_000, "failed": 0, "refused": 0, "reused": 0}
    result |= {"p50_us": 1, "p99_us": 2, "max_us": 3}
    assert _sample(result, "http://x", cpu_s=0.5) == (10, 10, 1, 2, 3, 50, 300)
    with pytest.raises(LoadFailed, match=f"1 of 10 requests were {bad}"):
        _sample(result | {bad: 1}, "http://x", cpu_s=0.5)
