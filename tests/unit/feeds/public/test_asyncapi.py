"""The AsyncAPI document: nothing dangles, nothing is missing."""

from collections.abc import Iterator
from typing import Any

import jsonschema
import msgspec

from feeds.bus.envelope import Envelope
from feeds.bus.settings import FamilyTopics
from feeds.public.asyncapi import document
from feeds.public.catalogue import EVENTS, FAMILIES
from feeds.public.mapping import public_events
from tests.unit.feeds.public.golden import as_json
from tests.unit.feeds.public.samples import TRANSITIONS

DOCUMENT: dict[str, Any] = msgspec.json.decode(document(FamilyTopics().by_family(), "0.1.0"))


def references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("$ref"), str):
            yield node["$ref"]
        for child in node.values():
            yield from references(child)
    elif isinstance(node, list):
        for child in node:
            yield from references(child)


def resolved(reference: str) -> Any:
    node: Any = DOCUMENT
    for part in reference.removeprefix("#/").split("/"):
        node = node[part]
    return node


def test_no_reference_dangles() -> None:
    found = list(references(DOCUMENT))
    assert len(found) > len(FAMILIES)
    assert all(resolved(reference) for reference in found)


def test_every_event_is_sent_to_the_topic_of_its_family() -> None:
    assert {family: set(channel["messages"]) for family, channel in DOCUMENT["channels"].items()} == {
        family: {kind.__name__ for kind in kinds} for family, kinds in EVENTS.items()
    }
    assert {operation["action"] for operation in DOCUMENT["operations"].values()} == {"send"}


def test_a_family_that_goes_nowhere_is_not_in_it() -> None:
    topics = FamilyTopics(account=None, bets="all", bonus="all").by_family()
    found = msgspec.json.decode(document(topics, "0.1.0"))
    assert "account" not in found["channels"] and "PlayerBlocked" not in found["components"]["messages"]
    assert [found["channels"][family]["address"] for family in ("bets", "bonus")] == ["all", "all"]


def test_messages_are_as_the_document_says() -> None:
    envelope = Envelope("casino-1", None)
    for sample in TRANSITIONS:
        for event in public_events(sample):
            described = DOCUMENT["components"]["messages"][event.type]
            jsonschema.validate(as_json(event.data), described["payload"]["schema"])
            jsonschema.validate(dict(envelope.headers(event)), described["headers"])
