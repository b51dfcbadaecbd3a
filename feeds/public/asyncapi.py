"""The AsyncAPI 3 document of the bus: which topic carries which events, their headers and their data."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from feeds.public.catalogue import EVENTS
from feeds.public.data.base import PublicData
from feeds.public.event import SCHEMA_VERSION, Family, ce_type
from feeds.public.schemas import schema, schema_urn

DESCRIPTION: Final = (
    "What happened to the players, in the order of each player's versions, at least once. The key is the player's id."
    " Drop an event whose (version, n) of `ce_sequence` is not above the last one that you handled of that player."
)
_HEADERS: Final[dict[str, dict[str, Any]]] = {
    "ce_specversion": {"type": "string", "const": "1.0"},
    "ce_id": {"type": "string", "description": "`<player>-<version>-<n>`: the same whenever the event is told again."},
    "ce_source": {"type": "string", "description": "`/croupier/<installation>`"},
    "ce_subject": {"type": "string", "description": "The player's id, which is the key as well."},
    "ce_time": {"type": "string", "format": "date-time", "description": "When it happened."},
    "ce_sequence": {
        "type": "string",
        "pattern": r"^[1-9][0-9]*\.[0-9]+$",
        "description": "`<version>.<n>`: two numbers that only grow for a player. Compare them as numbers.",
    },
    "content-type": {"type": "string", "const": "application/json"},
}
_TITLES: Final[dict[Family, str]] = {
    "account": "Registration, profile, standing, sessions",
    "bets": "Bets, wins, rounds, bets on other verticals",
    "bonus": "Bonuses and free spins",
    "loyalty": "Levels, points, cashback",
    "money": "Deposits and withdrawals",
}


def document(topics: Mapping[Family, str | None], version: str) -> bytes:
    """The document as JSON. `topics`: where each family goes, None for those that go nowhere; `version`: Croupier's."""
    told = {family: topic for family, topic in topics.items() if topic is not None}
    return msgspec.json.encode(
        {
            "asyncapi": "3.0.0",
            "info": {"title": "Croupier: public events", "version": version, "description": DESCRIPTION},
            "defaultContentType": "application/json",
            "channels": {family: _channel(family, topic) for family, topic in told.items()},
            "operations": {f"tell_{family}": _operation(family) for family in told},
            "components": {
                "messages": {kind.__name__: _message(kind) for family in told for kind in EVENTS[family]},
            },
        }
    )


def _channel(family: Family, topic: str) -> dict[str, Any]:
    return {
        "address": topic,
        "title": _TITLES[family],
        "messages": {kind.__name__: {"$ref": f"#/components/messages/{kind.__name__}"} for kind in EVENTS[family]},
        "bindings": {"kafka": {"topic": topic, "bindingVersion": "0.5.0"}},
    }


def _operation(family: Family) -> dict[str, Any]:
    """In AsyncAPI 3 the action is that of the application described: Croupier sends."""
    return {
        "action": "send",
        "channel": {"$ref": f"#/channels/{family}"},
        "messages": [{"$ref": f"#/channels/{family}/messages/{kind.__name__}"} for kind in EVENTS[family]],
    }


def _message(kind: type[PublicData]) -> dict[str, Any]:
    name = kind.__name__
    own = {
        "ce_type": {"type": "string", "const": ce_type(name)},
        "ce_dataschema": {"type": "string", "description": f"`{schema_urn(name)}`, or where the platform serves it."},
    }
    data = schema(kind)
    return {
        "name": ce_type(name),
        "title": name,
        "summary": data["description"],
        "contentType": "application/json",
        "headers": {"type": "object", "required": [*_HEADERS, *own], "properties": _HEADERS | own},
        "payload": {"schemaFormat": "application/schema+json;version=draft-07", "schema": data},
        "bindings": {
            "kafka": {"key": {"type": "string", "description": "The player's id."}, "bindingVersion": "0.5.0"}
        },
        "tags": [{"name": f"v{SCHEMA_VERSION}"}],
    }
