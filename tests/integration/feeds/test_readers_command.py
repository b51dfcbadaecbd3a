"""`croupier readers …` against a server on a real socket."""

import json
from collections.abc import Iterator

import pytest

from croupier.cli import main
from tests.support.answering_gateway import Gateway, answering_gateway
from tests.support.gateway_doubles import READER_ANSWERS

NOBODY = {"count": 0, "players": []}


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    answers = {
        "/readers/bus/stopped": (200, READER_ANSWERS["stopped"]),
        "/readers/bus/stopped?after=p1": (200, NOBODY),
        "/readers/bus/stopped/p1/resume": (200, READER_ANSWERS["resume"]),
    }
    with answering_gateway(answers) as double:
        yield double


def run(gateway: Gateway, *words: str) -> int:
    return main(["readers", *words, "--url", gateway.url, "--token", "t"])


def test_who_is_stopped_is_shown_and_is_a_failure(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, "stopped", "bus") == 1
    shown = capsys.readouterr().out
    assert all(word in shown for word in ("1 players are stopped in reader bus", "p1", "3", "5", "2026-03-01"))
    assert run(gateway, "stopped", "bus", "--json") == 1
    assert json.loads(capsys.readouterr().out) == READER_ANSWERS["stopped"]
    assert run(gateway, "stopped", "bus", "--after", "p1") == 0
    assert "no player is stopped in reader bus" in capsys.readouterr().out


def test_a_player_goes_on(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, "resume", "bus", "p1") == 0
    assert "what came after version 3" in capsys.readouterr().out
    assert gateway.asked == [("POST", "/readers/bus/stopped/p1/resume", {}, "Bearer t")]
    gateway.answers["/readers/bus/stopped/p1/resume"] = (200, {"player_id": "p1", "resumed": False, "last": 0})
    assert run(gateway, "resume", "bus", "p1") == 1
    assert "p1 is not stopped in reader bus" in capsys.readouterr().err


def test_what_the_gateway_refuses_is_said(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers["/readers/buss/stopped"] = (400, {"detail": "There is no reader buss; there are: archive, bus."})
    assert run(gateway, "stopped", "buss") == 1
    assert "There is no reader buss; there are: archive, bus." in capsys.readouterr().err
