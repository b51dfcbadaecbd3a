"""What a deployment may configure, and how mistakes are told."""

import base64
from typing import Any

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from feeds.reading import SinkFailed
from feeds.webhooks.making import make
from feeds.webhooks.settings import WebhooksSettings
from tests.support.notes import MemoryNotes

GOOD: dict[str, Any] = {"url": "https://pms.example/hooks", "secrets": [{"env": "PMS_SECRET"}]}


def read(**changes: Any) -> WebhooksSettings:
    endpoint = {**GOOD, **changes}
    return msgspec.json.decode(msgspec.json.encode({"endpoints": {"pms": endpoint}}), type=WebhooksSettings)


def test_changes_of_level_and_status_are_told_by_default_and_only_the_latest() -> None:
    endpoint = read().endpoints["pms"]
    assert (endpoint.events, endpoint.delivers) == (("LevelChanged", "PlayerBlocked", "PlayerUnblocked"), "latest")
    assert read(events=["LevelChanged", "BetPlaced"]).endpoints["pms"].delivers == "every"
    assert read(mode="every").endpoints["pms"].delivers == "every"


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"url": "http://pms.example/"}, "allow_http"),
        ({"url": "ftp://pms.example/"}, "must begin with https://"),
        ({"url": "https:///hooks"}, "name a host"),
        ({"url": "https://me:secret@pms.example/"}, "user name or password"),
        ({"url": "https://pms.example/#top"}, "after #"),
        ({"url": "https://pms.example:70000/"}, "[Pp]ort"),
        ({"events": ["LevelUp"]}, "there is no 'LevelUp'; there are .*LevelChanged"),
        ({"events": ["LevelChanged", "LevelChanged"]}, "twice"),
        ({"events": []}, "length >= 1"),
        ({"networks": ["10.0.0.1/8"]}, "host bits set"),
        ({"secrets": []}, "length >= 1"),
        ({"secrets": [{"env": "A", "file": "b"}]}, "either env or file"),
        ({"secrets": ["whsec_in_the_file"]}, "object"),
        ({"mode": "some"}, "Invalid enum"),
        ({"timeout_ms": 5}, ">= 100"),
        ({"retries": 3}, "retries"),
    ],
)
def test_a_mistake_is_told_in_words(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=reason):
        read(**changes)


def many(count: int, **changes: Any) -> WebhooksSettings:
    endpoints = {f"e{number}": {**GOOD, **changes} for number in range(count)}
    return msgspec.json.decode(msgspec.json.encode({"endpoints": endpoints}), type=WebhooksSettings)


def test_what_may_wait_is_shared_and_bounded() -> None:
    assert many(1).owed_max("e0") == 10_000
    assert many(32).owed_max("e31") == 1_875
    assert many(6, owed_max=10_000).owed_max("e0") == 10_000
    with pytest.raises(msgspec.ValidationError, match="all endpoints together must be at most 60000"):
        many(7, owed_max=10_000)


def test_an_endpoint_that_is_alone_has_a_reader_of_its_own() -> None:
    settings = many(3, alone=False)
    alone = msgspec.structs.replace(settings.endpoints["e1"], alone=True)
    mixed = WebhooksSettings({**settings.endpoints, "e1": alone})
    assert {name: list(each.endpoints) for name, each in mixed.by_reader().items()} == {
        "webhooks": ["e0", "e2"],
        "webhooks-e1": ["e1"],
    }
    assert list(WebhooksSettings({"e1": alone}).by_reader()) == ["webhooks-e1"]
    with pytest.raises(msgspec.ValidationError, match="at most 4 endpoints can be alone"):
        many(5, alone=True)


def test_names_of_endpoints_can_be_typed() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(msgspec.json.encode({"endpoints": {"p m/s": GOOD}}), type=WebhooksSettings)


async def test_a_missing_secret_is_told_by_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = msgspec.json.encode({"endpoints": {"pms": GOOD}})
    monkeypatch.delenv("PMS_SECRET", raising=False)
    with pytest.raises(SinkFailed, match="webhook pms: environment variable PMS_SECRET"):
        await make(settings, MemoryNotes(), CollectorRegistry())
    monkeypatch.setenv("PMS_SECRET", "hunter2")
    with pytest.raises(SinkFailed, match="webhook pms: a signing secret must begin with") as refused:
        await make(settings, MemoryNotes(), CollectorRegistry())
    assert "hunter2" not in str(refused.value)


async def test_a_sink_can_be_made_again_and_its_metrics_count_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PMS_SECRET", "whsec_" + base64.b64encode(bytes(32)).decode())
    registry, notes = CollectorRegistry(), MemoryNotes()
    for _ in range(2):
        sink = await make(msgspec.json.encode({"endpoints": {"pms": GOOD}}), notes, registry)
        await sink.open()
        await sink.close()
    assert registry.get_sample_value("webhook_disabled", {"endpoint": "pms"}) == 0
