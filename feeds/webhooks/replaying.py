"""Sending events again that were told or given up before, by id or by time."""

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from feeds.public.mapping import public_events
from feeds.reading import Notes
from feeds.webhooks.endpoint import Endpoint
from feeds.webhooks.messages import Message, message_of
from feeds.webhooks.owed import owed_decoder, place_key
from snapshots.codec import KeyedEntry, decode_entry


class NotReplayed(Exception):
    """The replay is impossible. The message is for the operator."""


class Lookup(Protocol):
    """What happened earlier, from the archive."""

    async def player_entries(self, player_id: str, since_ms: int) -> Sequence[KeyedEntry]:
        """A player's entries from the day of `since_ms` (Unix ms) on. Raises StoreError."""

    def entries_since(self, from_ms: int) -> AsyncIterator[KeyedEntry]:
        """All entries from the day of `from_ms` (Unix ms) on; those of a player in their order. Raises StoreError."""


class Replays:
    """Replays for the endpoints of one sink. Without a `lookup` only what was given up can be sent again."""

    def __init__(self, notes: Notes, lookup: Lookup | None = None) -> None:
        self._notes, self._lookup = notes, lookup

    async def by_id(self, endpoint: Endpoint, ids: Sequence[str]) -> tuple[int, tuple[str, ...]]:
        """How many were lined up, and which were not found. Raises NotReplayed, StoreError."""
        _check(endpoint)
        replayed, missing = 0, []
        for event_id in ids:
            message = await self._find(endpoint, event_id)
            if message is None:
                missing.append(event_id)
            elif endpoint.table.again(message):
                replayed += 1
        return replayed, tuple(missing)

    async def by_time(self, endpoint: Endpoint, from_ms: int, to_ms: int) -> tuple[int, int | None]:
        """How many were lined up, and from when on (Unix ms) there was no room. Raises NotReplayed, StoreError."""
        _check(endpoint)
        if self._lookup is None:
            raise NotReplayed("A replay by time needs the archive, and this deployment gives webhooks none.")
        replayed = 0
        async for keyed in self._lookup.entries_since(from_ms):
            for message in _messages(keyed, endpoint.settings.events):
                if not from_ms <= message.time_ms < to_ms:
                    continue
                if not endpoint.has_room():
                    return replayed, message.time_ms
                replayed += endpoint.table.again(message)
        return replayed, None

    async def _find(self, endpoint: Endpoint, event_id: str) -> Message | None:
        player_id, version, n = parsed_id(event_id)
        wanted = Message(player_id, version, n, "", 0, b"")
        key = place_key("dead", endpoint.name, wanted)
        noted = (await self._notes.read(key, limit=1)).get(key)
        if noted is not None:
            return owed_decoder.decode(noted).message
        if self._lookup is None:
            return None
        for keyed in await self._lookup.player_entries(player_id, 0):
            if keyed.version == version:
                messages = _messages(keyed, endpoint.settings.events)
                return next((message for message in messages if message.place == wanted.place), None)
        return None


def parsed_id(event_id: str) -> tuple[str, int, int]:
    """Player, version and place of an event's id. Raises NotReplayed."""
    player_id, _, rest = event_id[:200].rpartition("-")
    player_id, _, version = player_id.rpartition("-")
    if not (player_id and version.isdecimal() and rest.isdecimal()):
        raise NotReplayed(f"{event_id[:200]!a} is not the id of an event: those are <player>-<version>-<n>.")
    return player_id, int(version), int(rest)


def _messages(keyed: KeyedEntry, types: Sequence[str]) -> list[Message]:
    return [message_of(event) for event in public_events(decode_entry(keyed)) if event.type in types]


def _check(endpoint: Endpoint) -> None:
    if endpoint.settings.delivers == "latest":
        raise NotReplayed(
            f"Endpoint {endpoint.name} is told the latest state only, and a replay would take it backwards: "
            "configure an endpoint in mode every for what is past."
        )
    if endpoint.disabled:
        raise NotReplayed(f"Endpoint {endpoint.name} is disabled: enable it first.")
