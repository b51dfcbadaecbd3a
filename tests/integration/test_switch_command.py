"""`croupier switch …` against a server on a real socket."""

import json
from collections.abc import Iterator

import pytest

from croupier.cli import main
from tests.support.answering_gateway import Gateway, answering_gateway

OFF = {"scope": "game", "id": "book", "enabled": False, "since": "2026-01-01T00:00:00.000Z", "by": "ann",
       "reason": "it pays twice", "number": 1, "replayed": False}  # fmt: skip
LISTED = {"number": 1, "switched_off": [{name: OFF[name] for name in ("scope", "id", "since", "by", "reason")}]}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    with answering_gateway({"/switches": (200, LISTED)}) as double:
        yield double


def run(gateway: Gateway, *words: str) -> int:
    return main(["switch", *words, "--url", gateway.url, "--token", "t"])


def test_the_list_says_what_since_when_by_whom_and_why(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, "list") == 0
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("game", "book", "2026-01-01", "ann", "pays"))
    assert run(gateway, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == LISTED
    gateway.answers["/switches"] = (200, {"number": 2, "switched_off": []})
    assert run(gateway, "list") == 0
    assert "nothing is switched off" in capsys.readouterr().out


def test_off_and_on_name_what_and_why(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers["/switches"] = (200, OFF)
    assert run(gateway, "off", "game", "book", "--reason", "it pays twice") == 0
    assert "game book is off since 2026-01-01" in capsys.readouterr().out
    gateway.answers["/switches"] = (200, {**OFF, "scope": "all", "id": None, "enabled": True})
    assert run(gateway, "on", "all") == 0
    assert "all is on" in capsys.readouterr().out
    assert [asked[2] for asked in gateway.asked] == [
        {"scope": "game", "id": "book", "enabled": False, "reason": "it pays twice"},
        {"scope": "all", "enabled": True},
    ]


def test_off_needs_a_reason(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(gateway, "off", "all")
    assert "--reason" in capsys.readouterr().err
    assert gateway.asked == []


def test_a_request_without_outcome_names_the_key_to_repeat_it_with(
    gateway: Gateway, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.answers["/switches"] = (503, {"detail": "the store does not answer"})
    assert run(gateway, "off", "all", "--reason", "r", "--key", "k-17") == 1
    told = capsys.readouterr().err
    assert "the store does not answer" in told and "--key k-17" in told
