"""Many indexes in one: so that what became of a player in a day is found without reading thousands of indexes.

After every `FOLD_SEGMENTS` segments their indexes are put together, once more, as one object. Nothing depends on it: an
index that is in no fold is read by itself.
"""

from collections.abc import Mapping, Sequence

import msgspec

from snapshots.archive.catalogue import Catalogue
from snapshots.archive.index import FOLD_MARK, Head, decode_object, encode_object, encode_players
from snapshots.archive.naming import FOLDS, day_of, number_of
from snapshots.archive.place import Bucket
from snapshots.errors import AlreadyStored

FOLD_SEGMENTS = 64

Players = Mapping[str, Sequence[int]]


class Folded(msgspec.Struct, frozen=True, array_like=True):
    """One of the segments of a fold, and its blocks (offset, length)."""

    number: int
    segment: str
    blocks: Sequence[tuple[int, int]]


class Fold(msgspec.Struct, frozen=True, array_like=True):
    """The head. By player, the partitions have pairs: which of `segments`, which of its blocks."""

    segments: Sequence[Folded]
    partitions: Sequence[int]


_fold = msgspec.msgpack.Decoder(Fold)


def decode_fold(start: bytes) -> Fold:
    """The head of a fold. Raises CorruptArchive."""
    return decode_object(start, FOLD_MARK, _fold)


def build_fold(indexes: Sequence[tuple[Head, Players]]) -> bytes:
    """One object of several indexes. It takes a second: call it in a thread."""
    players: dict[str, list[int]] = {}
    for place, (_, owners) in enumerate(indexes):
        for player_id, blocks in owners.items():
            pairs = players.setdefault(player_id, [])
            for block in blocks:
                pairs += (place, block)
    partitions = encode_players(players)
    segments = [Folded(head.number, head.segment, head.blocks) for head, _ in indexes]
    return encode_object(FOLD_MARK, Fold(segments, [len(part) for part in partitions]), partitions)


def fold_name(cut_ms: int, number: int) -> str:
    """Where the fold lies whose last segment is `number`, cut at `cut_ms`."""
    return f"{FOLDS}/{day_of(cut_ms)}/{number:012d}.fold"


def is_due(number: int) -> bool:
    """Whether a fold ends with this segment."""
    return (number + 1) % FOLD_SEGMENTS == 0


async def names_to_fold(catalogue: Catalogue, number: int) -> list[str]:
    """The indexes of the fold that ends with segment `number`, oldest first. Raises ArchiveUnavailable."""
    first = number + 1 - FOLD_SEGMENTS
    found: list[str] = []
    for day in reversed(await catalogue.days()):
        names = await catalogue.names(day)
        found = [name for name in names if first <= number_of(name) <= number] + found
        if names and number_of(names[0]) <= first:
            break
    return found


async def put_fold(bucket: Bucket, name: str, content: bytes) -> None:
    """Stores a fold. One that is there already may lack an index that came later: it is as good. Raises
    ArchiveUnavailable.
    """
    try:
        await bucket.put_new(name, content)
    except AlreadyStored:
        return
