"""The section bus_in of integrations.yaml."""

from typing import Any

import msgspec
import pytest

from feeds.bus.incoming.settings import BusInSettings

SOUND: dict[str, Any] = {
    "brokers": ["kafka:9092"],
    "topics": [{"name": "cashier", "types": ["com.croupier.Deposit.v1"]}],
    "first_start": "latest",
}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"topics": []}, "topics"),
        ({"topics": SOUND["topics"] * 2}, "cashier more than once"),
        ({"topics": [{"name": "a.dead-letters", "types": ["com.croupier.Deposit.v1"]}]}, "dead letters"),
        ({"topics": [{"name": "cashier", "types": ["com.croupier.Win.v1"]}]}, "types"),
        ({"topics": [{"name": "cashier", "types": []}]}, "types"),
        ({"topics": [{"name": "no spaces", "types": ["com.croupier.Deposit.v1"]}]}, "name"),
        ({"first_start": "now"}, "first_start"),
        ({"waiting_events_max": 5}, "waiting_events_max"),
        ({"ca_file": "/ca.pem"}, "tls is off"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_mistake_is_named(changes: dict[str, Any], words: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=words):
        msgspec.convert(SOUND | changes, BusInSettings)


def test_where_a_topic_begins_must_be_chosen() -> None:
    with pytest.raises(msgspec.ValidationError, match="first_start"):
        msgspec.convert({name: value for name, value in SOUND.items() if name != "first_start"}, BusInSettings)
