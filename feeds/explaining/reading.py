"""A player's entries, newest first, from the journal and behind it the archive; bounded, however many there are.

Versions have no gap, so it is known which entry is missing, and no list of a player's entries is ever made.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from engine.state import PlayerState
from snapshots.archive.catalogue import Catalogue
from snapshots.archive.finding import Block, blocks_of_day
from snapshots.archive.format import public_payload
from snapshots.archive.place import Bucket
from snapshots.archive.reading import ArchivedRecords, demand_overlap
from snapshots.archive.segment import read_block
from snapshots.codec import KeyedEntry, decode_batch
from snapshots.contract import ARCHIVE, LogInfo, Store
from snapshots.recovery import held_entries, load_player

SNAPSHOTS_OVERTAKE_MAX: Final = 3
DAYS_READ_MAX: Final = 62
"""Days with segments that one request looks through. What is further back needs a cursor, or the name of the day."""
BLOCKS_READ_MAX: Final = 512
"""Blocks of segments that one request reads, each some ten thousand bytes."""
FIRSTS_KEPT_MAX: Final = 16_384


def days_after(day: str | None) -> str | None:
    """Where to look for what followed something of that day: as far ahead as one request sees. None: nobody knows."""
    if day is None:
        return None
    begin = datetime.strptime(day, "%Y/%m/%d").replace(tzinfo=UTC)
    return (begin + timedelta(days=DAYS_READ_MAX - 1)).strftime("%Y/%m/%d")


class Head(NamedTuple):
    """A player at the last durable version, and the entries that the journal still has, by version."""

    state: PlayerState
    held: Mapping[int, KeyedEntry]
    logs: Sequence[LogInfo]


class Found(NamedTuple):
    """Entries from the asked version down, without a gap; `day`: where to look for the one before.

    `ended`: neither journal nor archive has the one before. Otherwise this request has read as much as it may.
    """

    entries: Sequence[KeyedEntry]
    day: str | None
    ended: bool


async def head_of(store: Store, player_id: str) -> Head:
    """The player as the store has it; at version 0 if there is nothing. Raises StoreError.

    A snapshot may be newer than what was read of the journal: then that is read again. What is still not there has left
    the journal.
    """
    before = 0
    for _ in range(SNAPSHOTS_OVERTAKE_MAX):
        logs, entries = await held_entries(store, player_id)
        held = {entry.version: entry for entry in entries}
        state = (await load_player(store, player_id, entries)).player.state
        if state.version in held or state.version == before:
            break
        before = state.version
    return Head(state, held, logs)


class ArchivedEntries:
    """The archive's entries of players, by version. One for a process: where blocks begin is remembered."""

    def __init__(self, bucket: Bucket, records: ArchivedRecords) -> None:
        self._bucket, self._records = bucket, records
        self._firsts: OrderedDict[tuple[str, str, int], int] = OrderedDict()

    async def days(self) -> list[str]:
        """The days that have segments, oldest first. Raises ArchiveUnavailable."""
        return await Catalogue(self._bucket).days()

    async def blocks(self, player_id: str, day: str) -> list[Block]:
        """The player's blocks of a day, oldest first. Raises ArchiveUnavailable, CorruptArchive."""
        return await blocks_of_day(self._bucket, player_id, day)

    async def demand_whole(self, store: Store, head: Head) -> None:
        """Raises ArchiveBehind if entries may be on their way from the journal to the archive."""
        demand_overlap(await self._records.ends(), await store.reader_positions(ARCHIVE), head.logs)

    async def first_in(self, player_id: str, block: Block) -> int:
        """The player's lowest version in a block. Raises ArchiveUnavailable, CorruptArchive."""
        key = player_id, block.segment, block.offset
        if key not in self._firsts:
            await self.read(player_id, block)
        return self._firsts[key]

    async def read(self, player_id: str, block: Block) -> list[KeyedEntry]:
        """The player's entries in a block. Raises ArchiveUnavailable, CorruptArchive."""
        records = read_block(await self._bucket.get_range(block.segment, block.offset, block.length))
        name = player_id.encode()
        entries = [
            entry
            for payload in map(public_payload, records)
            if name in payload
            for entry in decode_batch(payload)
            if entry.player_id == player_id
        ]
        self._firsts[player_id, block.segment, block.offset] = min((each.version for each in entries), default=0)
        if len(self._firsts) > FIRSTS_KEPT_MAX:
            self._firsts.popitem(last=False)
        return entries


class PlayerEntries:
    """One player's entries, as one request sees them: what it has listed of the archive it does not list again."""

    def __init__(self, store: Store, head: Head, archive: ArchivedEntries | None) -> None:
        self._store, self._archive, self.head = store, archive, head
        self.blocks_left = BLOCKS_READ_MAX
        self._days: list[str] | None = None
        self._blocks: dict[str, list[Block]] = {}

    async def down_from(self, version: int, count: int, day: str | None = None) -> Found:
        """At most `count` entries from `version` down. Raises StoreError; ArchiveBehind: ask again in a moment.

        `day`: the entries lie in segments of that day or earlier ones.
        """
        entries: list[KeyedEntry] = []
        while len(entries) < count and version - len(entries) in self.head.held:
            entries.append(self.head.held[version - len(entries)])
        missing = version - len(entries)
        if len(entries) == count or not missing or self._archive is None:
            return Found(entries, None, not missing or len(entries) < count)
        found = await self._archived(self._archive, _Search(missing, count - len(entries)), day)
        if found.ended and not found.entries and day is None:
            await self._archive.demand_whole(self._store, self.head)
        return found._replace(entries=[*entries, *found.entries])

    async def one(self, version: int, day: str | None = None) -> KeyedEntry | None:
        """The entry of a version; None if it is not there or too far back. Raises StoreError."""
        if not 0 < version <= self.head.state.version:
            return None
        found = await self.down_from(version, 1, day)
        return found.entries[0] if found.entries else None

    async def _archived(self, archive: ArchivedEntries, search: "_Search", day: str | None) -> Found:
        if self._days is None:
            self._days = await archive.days()
        days = [each for each in self._days if day is None or each <= day]
        looked = day
        for looked in reversed(days[-DAYS_READ_MAX:]):
            await self._in_day(archive, looked, search)
            if search.done or not self.blocks_left:
                break
        whole = len(days) <= DAYS_READ_MAX and self.blocks_left > 0
        return Found(search.entries(), looked, whole and not search.done)

    async def _in_day(self, archive: ArchivedEntries, day: str, search: "_Search") -> None:
        """Reads the day's blocks from the one that may hold the wanted entry on, backwards."""
        player_id = self.head.state.player_id
        if day not in self._blocks:
            self._blocks[day] = await archive.blocks(player_id, day)
        blocks = self._blocks[day]
        low, high = 0, len(blocks)
        while low < high and self.blocks_left:
            middle = (low + high) // 2
            self.blocks_left -= 1
            if await archive.first_in(player_id, blocks[middle]) <= search.next:
                low = middle + 1
            else:
                high = middle
        for block in reversed(blocks[:low]):
            if search.done or not self.blocks_left:
                return
            self.blocks_left -= 1
            search.add(await archive.read(player_id, block))


class _Search:
    """Collects the entries from a version down."""

    def __init__(self, version: int, count: int) -> None:
        self._from, self._last = version, max(0, version - count)
        self._found: dict[int, KeyedEntry] = {}
        self.next = version

    @property
    def done(self) -> bool:
        """All is there."""
        return self.next <= self._last

    def add(self, entries: Sequence[KeyedEntry]) -> None:
        """Keeps what is wanted of a block."""
        for entry in entries:
            if self._last < entry.version <= self._from:
                self._found[entry.version] = entry
        while self.next in self._found:
            self.next -= 1

    def entries(self) -> list[KeyedEntry]:
        """What was found without a gap, newest first."""
        return [self._found[version] for version in range(self._from, self.next, -1)]
