"""Receipts for those who ask: the entries of a round, from the archive and the tree."""

import asyncio
from collections.abc import Sequence
from math import ceil
from typing import Final, Literal

import msgspec
from msgspec.structs import replace

from feeds.audit.metrics import AuditMetrics
from feeds.audit.standing import day_after
from snapshots.archive.catalogue import Catalogue
from snapshots.archive.place import Bucket
from snapshots.audit import checkpoints
from snapshots.audit.leaves import read_entry_leaf
from snapshots.audit.locating import Found, leaves_of_player
from snapshots.audit.notes import read_checkpoint
from snapshots.audit.receipts import FORMAT, ProvenEntry, Receipt, is_of, proven
from snapshots.audit.tiles import TileReader
from snapshots.errors import StoreError

DAYS_MAX: Final = 31
"""Days with segments that are searched for a round, from the newest on, if no day is named."""
ENTRIES_MAX: Final = 64
"""Entries of one round in a receipt, the first ones."""
AT_ONCE_MAX: Final = 4


class Asked(msgspec.Struct, tag="receipt", tag_field="do", frozen=True):
    """Who asks for the receipt of a round.

    `day`: it was archived on that day (`2026/11/28`) or the one after; None: on one of the last.
    """

    player_id: str
    session_id: str
    day: str | None = None


class Said(msgspec.Struct, frozen=True, omit_defaults=True):
    """The receipt, or why there is none. `version` is the newest one of the player that was seen in the tree."""

    outcome: Literal["proven", "pending", "not_found", "busy", "unavailable"]
    receipt: Receipt | None = None
    version: int = 0
    detail: str = ""
    retry_after_s: int = 0


class Receipts:
    """Looks into the archive's objects alone, whoever wrote them."""

    def __init__(self, bucket: Bucket, metrics: AuditMetrics, checkpoint_s: float) -> None:
        self._bucket, self._metrics, self._retry_s = bucket, metrics, max(1, ceil(checkpoint_s))
        self._places = asyncio.Semaphore(AT_ONCE_MAX)

    async def answer(self, asked: Asked) -> bytes:
        """A `Said` as JSON."""
        if self._places.locked():
            said = Said("busy", detail="too many receipts are asked for at once")
        else:
            async with self._places:
                try:
                    said = await self._find(asked)
                except StoreError as failure:
                    said = Said("unavailable", detail=str(failure))
        self._metrics.receipts.labels(said.outcome).inc()
        return msgspec.json.encode(replace(said, retry_after_s=self._retry_s))

    async def _find(self, asked: Asked) -> Said:
        version = 0
        days = await Catalogue(self._bucket).days() if asked.day is None else _with_the_next(asked.day)
        entries: list[Found] = []
        for day in reversed(days[-DAYS_MAX:]):
            leaves = await leaves_of_player(self._bucket, asked.player_id, day)
            version = max([version, *(found.version for found in leaves if found.number is not None)])
            more = [found for found in leaves if is_of(read_entry_leaf(found.leaf), asked.session_id)]
            entries += more
            if entries and not more:
                break
        if not entries:
            return Said("not_found", version=version)
        return await self._prove(asked, _once(entries[::-1]), version)

    async def _prove(self, asked: Asked, entries: list[Found], version: int) -> Said:
        stored = await checkpoints.newest(self._bucket)
        size = 0 if stored is None else stored.size
        covered = [found for found in entries if found.number is not None and found.number < size]
        if stored is None or not covered:
            return Said("pending", version=version)
        note = (await self._bucket.get(stored.name)).decode()
        tiles = TileReader(self._bucket, read_checkpoint(note).size)
        shown = [await _proven(tiles, found) for found in covered[:ENTRIES_MAX]]
        receipt = Receipt(
            format=FORMAT,
            player_id=asked.player_id,
            session_id=asked.session_id,
            entries=shown,
            checkpoint=note,
            more=len(shown) < len(entries),
        )
        return Said("proven", receipt, version)


def _with_the_next(day: str) -> Sequence[str]:
    """The day and the one after, as what is played shortly before midnight is archived after it."""
    try:
        return [day, day_after(day)]
    except (ValueError, OverflowError):
        return [day]


def _once(entries: list[Found]) -> list[Found]:
    """The first leaf of each version: a record that was archived twice has two."""
    return list({found.version: found for found in reversed(entries)}.values())[::-1]


async def _proven(tiles: TileReader, found: Found) -> ProvenEntry:
    index = found.number or 0
    return proven(found.leaf, found.version, index, await tiles.path(index))
