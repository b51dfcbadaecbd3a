"""How many notices a player got of each category on a day, in a bounded number of notes."""

from collections.abc import Mapping
from typing import Final
from zlib import crc32

import msgspec

from feeds.reading import Notes

BUCKETS: Final = 4_096
"""Players share notes, so that their number is bounded however many players there are."""
DAYS_KEPT: Final = 2
"""Time zones lie up to a day apart."""
PREFIX: Final = "count:"
PAGE: Final = 64

Counts = dict[str, tuple[int, int]]
"""`player category` → (day, count). A day is the date's ordinal."""

_decode = msgspec.json.Decoder(Counts).decode
_encode = msgspec.json.Encoder().encode


async def outdated_notes(notes: Notes, today: int, after: str) -> tuple[Mapping[str, bytes | None], str]:
    """What to write so that a page of notes has no counts of days gone by, and the key behind which the next begins.

    `today` is the date's ordinal (UTC); the key is empty at the end. Nothing may be counted until it is written. Raises
    StoreError.
    """
    page = await notes.read(PREFIX, after, PAGE)
    changed: dict[str, bytes | None] = {}
    for key, value in page.items():
        counts = _decode(value)
        kept = {name: entry for name, entry in counts.items() if entry[0] > today - DAYS_KEPT}
        if len(kept) < len(counts):
            changed[key] = _encode(kept) if kept else None
    return changed, max(page) if len(page) == PAGE else ""


async def counted_note(
    notes: Notes, player_id: str, category: str, day: int, most: int
) -> Mapping[str, bytes | None] | None:
    """The note that counts one more; None if the player has had as many as may be. Raises StoreError.

    It must be written before any other is asked for.
    """
    key = f"{PREFIX}{crc32(player_id.encode()) % BUCKETS:04d}"
    found = (await notes.read(key, limit=1)).get(key)
    counts = {} if found is None else _decode(found)
    name = f"{player_id} {category}"
    last, count = counts.get(name, (day, 0))
    count = count if last == day else 0
    if count >= most:
        return None
    newest = max(day, last)
    kept = {other: entry for other, entry in counts.items() if entry[0] > newest - DAYS_KEPT}
    return {key: _encode({**kept, name: (day, count + 1)})}
