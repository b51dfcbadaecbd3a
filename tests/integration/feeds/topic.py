"""What a consumer makes of a topic's messages."""

from __future__ import annotations

from collections.abc import Iterable

from confluent_kafka import Message


def header(message: Message[bytes, bytes], name: str) -> str:
    """One attribute of an event."""
    return dict(message.headers() or [])[name].decode()


def deduplicated(messages: Iterable[Message[bytes, bytes]]) -> dict[str, list[str]]:
    """By player, the ids of events as a consumer sees them that drops what is not above the last one it handled."""
    seen: dict[str, list[str]] = {}
    last: dict[str, tuple[int, int]] = {}
    for message in messages:
        player_id = header(message, "ce_subject")
        version, n = map(int, header(message, "ce_sequence").split("."))
        if (version, n) > last.get(player_id, (0, 0)):
            last[player_id] = (version, n)
            seen.setdefault(player_id, []).append(header(message, "ce_id"))
    return seen
