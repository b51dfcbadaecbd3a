"""`croupier webhooks …` against a server on a real socket."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from croupier.cli import main
from tests.support.answering_gateway import Gateway, answering_gateway
from tests.support.gateway_doubles import ENDPOINT, READER_ANSWERS


@pytest.fixture
def gateway() -> Iterator[Gateway]:
    verbs = {f"/webhooks/pms/{verb}": (200, said) for verb, said in READER_ANSWERS.items()}
    with answering_gateway({"/webhooks": (200, READER_ANSWERS["list"]), **verbs}) as double:
        yield double


def run(gateway: Gateway, *words: str) -> int:
    return main(["webhooks", *words, "--url", gateway.url, "--token", "t"])


def test_list_as_json_is_what_the_gateway_says(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, "list", "--json") == 0
    assert json.loads(capsys.readouterr().out) == {"endpoints": [ENDPOINT]}
    assert gateway.asked == [("GET", "/webhooks", None, "Bearer t")]


def test_a_disabled_endpoint_is_a_failure(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    gateway.answers["/webhooks"] = (200, {"endpoints": [{**ENDPOINT, "state": "disabled", "why": "gone"}]})
    assert run(gateway, "list") == 1
    shown = capsys.readouterr().out
    assert "disabled" in shown and "gone" in shown


def test_a_test_that_fails_says_why(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, "test", "pms") == 0
    gateway.answers["/webhooks/pms/test"] = (
        200,
        {"endpoint": "pms", "outcome": "failed", "status": 401, "ms": 7, "detail": "it answered 401"},
    )
    assert run(gateway, "test", "pms") == 1
    assert "it answered 401" in capsys.readouterr().err


def test_a_replay_names_ids_or_times(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, "replay", "pms", "--id", "p1-3-0", "--id", "p1-4-0") == 0
    assert run(gateway, "replay", "pms", "--from", "2026-01-01T00:00:00Z", "--to", "2026-01-01T01:00:00+01:00") == 0
    assert [asked[2] for asked in gateway.asked] == [
        {"ids": ["p1-3-0", "p1-4-0"]},
        {"from_ms": 1_767_225_600_000, "to_ms": 1_767_225_600_000},
    ]
    assert "1 events are sent to pms again" in capsys.readouterr().out


def test_a_time_without_zone_is_refused_in_words(gateway: Gateway, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run(gateway, "replay", "pms", "--from", "2026-01-01T00:00:00")
    assert "has no time zone" in capsys.readouterr().err


@pytest.mark.parametrize(("verb", "body"), [("enable", {"from_now": False}), ("disable", {})])
def test_an_endpoint_is_switched(gateway: Gateway, verb: str, body: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(gateway, verb, "pms") == 0
    assert gateway.asked == [("POST", f"/webhooks/pms/{verb}", body, "Bearer t")]
    gateway.answers[f"/webhooks/pms/{verb}"] = (404, {"detail": "There is no endpoint 'pms'; there are: crm."})
    assert run(gateway, verb, "pms") == 1
    assert "there are: crm" in capsys.readouterr().err
