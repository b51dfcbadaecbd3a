"""`croupier scale`, `drain`, `rolling-restart`, `rebalance` against a server on a real socket."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from croupier.cli import main
from tests.support.answering_gateway import Gateway, answering_gateway
from tests.support.gateway_doubles import OPERATION

BEGUN = {"operation": OPERATION, "replayed": False}
HALF_WAY = {**OPERATION, "slots_moved": 64, "slots_left": 64, "longest_wait_ms": 9}
DONE = {**OPERATION, "state": "done", "slots_moved": 128, "slots_left": 0, "longest_wait_ms": 14}
EARLIER = {**DONE, "number": 2, "asked": "1 → 2 shards"}
UNKNOWN = (503, {"detail": "the supervisor does not answer"})


def seen(*operations: Any) -> list[tuple[int, Any]]:
    return [(200, {"operation": operation}) for operation in operations]


@pytest.fixture(autouse=True)
def _without_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("croupier.live_command.LOOK_S", 0)
    monkeypatch.setattr("croupier.asking_gateway.AGAIN_S", 0)


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    begun = {f"/cluster/{what}": (200, BEGUN) for what in ("scale", "drain", "rolling-restart", "rebalance")}
    with answering_gateway({**begun, "/cluster": seen(EARLIER, HALF_WAY, DONE)}) as double:
        yield double


def run(gateway: Gateway, *words: str) -> int:
    return main([*words, "--url", gateway.url, "--token", "t"])


def test_it_shows_each_step_and_what_it_came_to(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, "scale", "--shards", "4") == 0
    shown = capsys.readouterr()
    assert shown.err.splitlines() == [
        "2 → 4 shards: running; 0 slots moved, 128 left",
        "2 → 4 shards: running; 64 slots moved, 64 left",
        "2 → 4 shards: done; 128 slots moved, 0 left",
    ]
    assert "128 slots moved, 0 shards replaced; players waited 14 ms at the longest" in shown.out
    assert gateway.asked[0] == ("POST", "/cluster/scale", {"shards": 4}, "Bearer t")


@pytest.mark.parametrize(
    ("words", "path", "body"),
    [
        (("drain", "s1"), "/cluster/drain", {"shard": "s1"}),
        (("drain", "--node", "10.0.0.7"), "/cluster/drain", {"node": "10.0.0.7"}),
        (("rolling-restart",), "/cluster/rolling-restart", {}),
        (("rebalance",), "/cluster/rebalance", {}),
    ],
)
def test_what_is_asked(gateway: Gateway, words: tuple[str, ...], path: str, body: Any) -> None:
    assert run(gateway, *words, "--no-wait") == 0
    assert [asked[:3] for asked in gateway.asked] == [("POST", path, body)]


def test_a_begin_without_an_answer_is_repeated_with_the_same_key(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.answers["/cluster/rebalance"] = [UNKNOWN, UNKNOWN, (200, BEGUN)]
    assert run(gateway, "rebalance", "--json") == 0
    assert json.loads(capsys.readouterr().out) == DONE
    begun_by = gateway.keys[:3]
    assert len(set(begun_by)) == 1 and begun_by[0]


def test_a_failed_operation_is_a_failure_and_says_why(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers["/cluster"] = seen({**OPERATION, "state": "failed", "trouble": "shard s2 can't start"})
    assert run(gateway, "scale", "--shards", "4") == 1
    assert "shard s2 can't start" in capsys.readouterr().err


@pytest.mark.parametrize("words", [("drain",), ("drain", "s1", "--node", "n")])
def test_drain_needs_one_thing(gateway: Gateway, words: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, *words) == 1
    assert "either a SHARD or --node NODE" in capsys.readouterr().err
    assert gateway.asked == []


def test_a_refusal_is_said_in_the_servers_words(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers["/cluster/drain"] = (404, {"detail": "There is no shard s9; there are: s0, s1."})
    assert run(gateway, "drain", "s9") == 1
    assert "There is no shard s9; there are: s0, s1." in capsys.readouterr().err
    assert len(gateway.asked) == 1


def test_status_shows_how_far_it_is(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    shard = {"shard_id": "s0", "epoch": 3, "serving": True, "pid": 7, "address": "h:1", "slots": 256}
    shard |= {"resident_players": 2, "pending_entries": 0, "node": "f00dfeedcafe0123"}
    gateway.answers["/cluster"] = (200, {"term": 2, "shards": [shard], "readers": [], "operation": HALF_WAY})
    assert run(gateway, "status") == 0
    shown = capsys.readouterr().out
    assert "operation 3, 2 → 4 shards: running; 64 slots moved, 64 left" in shown
    assert "s0" in shown
    assert run(gateway, "status", "--json") == 0
    assert json.loads(capsys.readouterr().out) == gateway.answers["/cluster"][1]


def test_nobody_answers(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers["/cluster/rebalance"] = UNKNOWN
    assert run(gateway, "rebalance") == 1
    assert "the supervisor does not answer" in capsys.readouterr().err
