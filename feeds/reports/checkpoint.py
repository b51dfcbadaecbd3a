"""Which signed checkpoint of the archive vouches for a period: the first one that was signed after it."""

import base64
from collections.abc import Sequence
from typing import Final

from snapshots.archive.naming import day_of
from snapshots.archive.place import Bucket
from snapshots.audit.checkpoints import Stored, checkpoint_name, days, newest, of_day
from snapshots.audit.notes import NoteInvalid, read_checkpoint
from snapshots.errors import ArchiveUnavailable

DAYS_SEARCHED_MAX: Final = 31


async def vouching(bucket: Bucket, until_ms: int) -> str:
    """The first checkpoint signed at `until_ms` (Unix ms) or later, else the newest one, in words; empty without any.

    So the same period names the same checkpoint, as soon as there is one behind it.
    """
    try:
        stored = await _first(bucket, until_ms) or await newest(bucket)
        if stored is None:
            return ""
        found = read_checkpoint((await bucket.get(stored.name)).decode())
    except (ArchiveUnavailable, NoteInvalid, UnicodeDecodeError):
        return ""
    return f"{found.origin}, {found.size} entries, root {base64.b64encode(found.root).decode()}"


async def _first(bucket: Bucket, until_ms: int) -> Stored | None:
    """The names of a day's checkpoints begin with their time; the one at the day's end comes last."""
    begin = day_of(until_ms)
    at = checkpoint_name(until_ms, 0).rpartition("/")[2].partition("-")[0]
    for day in [day for day in await days(bucket) if day >= begin][:DAYS_SEARCHED_MAX]:
        found = await of_day(bucket, day)
        later = found if day > begin else [stored for stored in found if stored.ends_day or _time(stored) >= at]
        if later:
            return _earliest(later)
    return None


def _time(stored: Stored) -> str:
    return stored.name.rpartition("/")[2].partition("-")[0]


def _earliest(found: Sequence[Stored]) -> Stored:
    return min(found, key=lambda stored: (stored.ends_day, _time(stored), stored.size))
