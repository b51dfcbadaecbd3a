"""A public event as a Kafka message: CloudEvents 1.0 in binary mode, the data as JSON."""

import msgspec

from feeds.public.event import PublicEvent, ce_type, instant
from feeds.public.schemas import schema_file, schema_urn

Headers = list[tuple[str, str | bytes | None]]
"""As librdkafka takes them."""
_encode = msgspec.json.Encoder().encode


class Envelope:
    """`source` is the installation's, `schemas_url` where the schemas are served (None: named by a URN)."""

    def __init__(self, installation: str, schemas_url: str | None) -> None:
        self._source = f"/croupier/{installation}"
        self._schemas_url = schemas_url
        self._by_type: dict[str, Headers] = {}

    def headers(self, event: PublicEvent) -> Headers:
        """All attributes of the event; those that its type has alone are made once."""
        fixed = self._by_type.get(event.type)
        if fixed is None:
            fixed = self._by_type[event.type] = self._fixed(event.type)
        return [
            ("ce_id", event.id),
            ("ce_subject", event.player_id),
            ("ce_time", instant(event.time_ms)),
            ("ce_sequence", event.sequence),
            *fixed,
        ]

    def value(self, event: PublicEvent) -> bytes:
        """The data."""
        return _encode(event.data)

    def _fixed(self, name: str) -> Headers:
        return [
            ("ce_specversion", "1.0"),
            ("ce_source", self._source),
            ("ce_type", ce_type(name)),
            ("ce_dataschema", schema_uri(name, self._schemas_url)),
            ("content-type", "application/json"),
        ]


def schema_uri(name: str, schemas_url: str | None) -> str:
    """What names the schema of the event called `name`."""
    return schema_urn(name) if schemas_url is None else f"{schemas_url}{schema_file(name)}"
