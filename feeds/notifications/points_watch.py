"""When to ask the engine whether a player's points are about to expire.

Points expire after a time without play, so that each bet moves their end. Nobody follows that here: when a player first
has points, and again whenever they may expire soon, the engine is asked. Players share notes: there may be many.
"""

import asyncio
from collections.abc import Mapping
from typing import Final
from zlib import crc32

import msgspec

from feeds.notifications.agenda import DueTable
from feeds.public.data import loyalty
from feeds.public.event import PublicEvent
from feeds.reading import Notes

PREFIX: Final = "points:"
BUCKETS: Final = 4_096
PAGE: Final = 64
FIRST_LOOK_MS: Final = 24 * 3_600_000
"""How long after a player's first points the engine is asked when they expire."""

_BEGINS: Final = (loyalty.PointsAccrued, loyalty.PointsAdjusted, loyalty.PointsReturned)
_decode = msgspec.json.Decoder(dict[str, int]).decode
_encode = msgspec.json.Encoder().encode


class PointsWatch:
    """Players and when to ask about each (Unix ms), in memory and in notes. `before_ms` None: nobody is told."""

    def __init__(self, notes: Notes, before_ms: int | None, most: int) -> None:
        self.before_ms = before_ms
        self._notes, self._most = notes, most
        self._changing = asyncio.Lock()
        self._buckets: list[dict[str, int]] = [{} for _ in range(BUCKETS)]
        self.table: DueTable[str] = DueTable()

    async def load(self) -> None:
        """Raises StoreError."""
        after = ""
        while page := await self._notes.read(PREFIX, after, PAGE):
            after = max(page)
            for value in page.values():
                for player_id, due_ms in _decode(value).items():
                    self._put(player_id, due_ms)

    def wants(self, player_id: str) -> bool:
        """Whether points of that player are to be watched, and are not yet; nobody's are while there is no room."""
        return self.before_ms is not None and player_id not in self._bucket(player_id) and len(self.table) < self._most

    def of(self, event: PublicEvent, real_ms: int) -> dict[str, int | None]:
        """What the event changes: when to ask about the player next, or not any more (None)."""
        watched = event.player_id in self._bucket(event.player_id)
        if isinstance(event.data, loyalty.PointsExpired):
            return {event.player_id: None} if watched else {}
        if isinstance(event.data, _BEGINS) and self.wants(event.player_id):
            return {event.player_id: real_ms + FIRST_LOOK_MS}
        return {}

    async def change(self, changes: Mapping[str, int | None], also: Mapping[str, bytes | None]) -> None:
        """Notes the changes together with other notes, all or none. Raises StoreError."""
        async with self._changing:
            changed: dict[int, dict[str, int]] = {}
            for player_id, due_ms in changes.items():
                number = _number(player_id)
                bucket = changed.setdefault(number, dict(self._buckets[number]))
                bucket.pop(player_id, None)
                if due_ms is not None:
                    bucket[player_id] = due_ms
            notes = {_key(number): _encode(bucket) if bucket else None for number, bucket in changed.items()}
            await self._notes.write({**also, **notes})
            for player_id, due_ms in changes.items():
                self._put(player_id, due_ms)

    def _put(self, player_id: str, due_ms: int | None) -> None:
        if due_ms is None:
            self._bucket(player_id).pop(player_id, None)
            self.table.drop(player_id)
        else:
            self._bucket(player_id)[player_id] = due_ms
            self.table.put(player_id, due_ms, player_id)

    def _bucket(self, player_id: str) -> dict[str, int]:
        return self._buckets[_number(player_id)]


def _number(player_id: str) -> int:
    return crc32(player_id.encode()) % BUCKETS


def _key(number: int) -> str:
    return f"{PREFIX}{number:04d}"
