"""Where checkpoints lie: one per minute in which the tree grew, and one at the end of each day (UTC)."""

from datetime import UTC, datetime
from typing import Final, NamedTuple

from snapshots.archive.naming import day_of
from snapshots.archive.place import Bucket
from snapshots.audit.notes import VerifierKey

CHECKPOINTS: Final = "checkpoints"
KEYS: Final = "keys"
_END: Final = "end"


class Stored(NamedTuple):
    """A checkpoint's object, and the size that its name says."""

    name: str
    size: int

    @property
    def day(self) -> str:
        """`2026/11/28`"""
        return self.name.removeprefix(f"{CHECKPOINTS}/").rpartition("/")[0]

    @property
    def ends_day(self) -> bool:
        """Whether it is the last one of its day."""
        return self.name.rpartition("/")[2].startswith(_END)


def checkpoint_name(time_ms: int, size: int) -> str:
    """The checkpoint that is signed now (Unix ms)."""
    clock = datetime.fromtimestamp(time_ms / 1_000, UTC).strftime("%H%M%S")
    return f"{CHECKPOINTS}/{day_of(time_ms)}/{clock}-{size:012d}.note"


def day_end_name(day: str, size: int) -> str:
    """The checkpoint at the end of `day`."""
    return f"{CHECKPOINTS}/{day}/{_END}-{size:012d}.note"


def key_name(key: VerifierKey) -> str:
    """Where the public key lies."""
    return f"{KEYS}/{key.id.hex()}.vkey"


async def days(bucket: Bucket) -> list[str]:
    """The days that have checkpoints, oldest first. Raises ArchiveUnavailable."""
    found: list[str] = []
    for year in await bucket.folders(CHECKPOINTS):
        for month in await bucket.folders(f"{CHECKPOINTS}/{year}"):
            found += [f"{year}/{month}/{day}" for day in await bucket.folders(f"{CHECKPOINTS}/{year}/{month}")]
    return found


async def of_day(bucket: Bucket, day: str) -> list[Stored]:
    """The checkpoints of a day in the order of their sizes, its last one last. Raises ArchiveUnavailable."""
    names = await bucket.names(f"{CHECKPOINTS}/{day}")
    found = [Stored(name, int(name.rpartition("-")[2].partition(".")[0])) for name in names]
    return sorted(found, key=lambda stored: (stored.size, stored.name))


async def newest(bucket: Bucket) -> Stored | None:
    """The checkpoint of the newest day with the largest size. Raises ArchiveUnavailable."""
    for day in reversed(await days(bucket)):
        if found := await of_day(bucket, day):
            return found[-1]
    return None


async def stored_keys(bucket: Bucket) -> list[str]:
    """The verifier keys that lie in the archive. Raises ArchiveUnavailable."""
    return [(await bucket.get(name)).decode().strip() for name in await bucket.names(KEYS)]
