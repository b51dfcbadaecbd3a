"""What tests of the archive share: a journal that plays by itself, notes in memory, a sink in a folder."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry

from engine.commands import Command, CommandBody, Deposit, ErasePlayer, Register, Spin, StartSession
from engine.player import execute
from engine.state import Player
from engine.transition import Transition
from feeds.archive.disk import Disk
from feeds.archive.metrics import ArchiveMetrics
from feeds.archive.settings import ArchiveSettings
from feeds.archive.sink import ArchiveSink
from feeds.reading import Followed
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace, Bucket
from snapshots.archive.reading import ArchivedRecords
from snapshots.archive.sealing import KeyRing
from snapshots.codec import decode_batch, encode_batch, encode_entry
from snapshots.contract import GENESIS, LogRecord, Position, next_hash
from snapshots.errors import ArchiveUnavailable
from tests.support.patience import PATIENCE_S
from tests.support.playing import START_MS, catalog_with

KEK = bytes(range(32))
IP, DEVICE, CARD = "198.51.100.77", "device-of-alice", "card-4711"
CATALOG = catalog_with()


class MemoryNotes:
    """Notes of the reader `archive`, as they would lie in the store; also what `KeyRing` asks of a store."""

    def __init__(self) -> None:
        self.kept: dict[str, bytes] = {}
        self.written: list[Mapping[str, bytes | None]] = []

    async def read(self, prefix: str = "", after: str = "", limit: int = 1_000) -> Mapping[str, bytes]:
        if prefix in self.kept and limit == 1:
            return {prefix: self.kept[prefix]}
        found = sorted(key for key in self.kept if key.startswith(prefix) and key > after)
        return {key: self.kept[key] for key in found[:limit]}

    async def write(self, notes: Mapping[str, bytes | None]) -> None:
        await asyncio.sleep(0)
        self.written.append(notes)
        for key, value in notes.items():
            if value is None:
                self.kept.pop(key, None)
            else:
                self.kept[key] = value

    async def reader_notes(
        self, name: str, prefix: str = "", after: str = "", limit: int = 1_000
    ) -> Mapping[str, bytes]:
        assert name == "archive"
        return await self.read(prefix, after, limit)


class PlayedLog:
    """A log of one shard, written by players who really play. Every call of `batch` makes one record."""

    def __init__(self, shard_id: str = "s0", epoch: int = 1) -> None:
        self.shard_id, self.epoch, self.log_id = shard_id, epoch, f"{shard_id}-{epoch}"
        self.records: list[LogRecord] = []
        self.players: dict[str, Player] = {}
        self._commands = 0

    def play(self, player_id: str, body: CommandBody) -> Transition:
        """One accepted command."""
        self._commands += 1
        player = self.players.setdefault(player_id, Player.new(player_id))
        command = Command(f"gs:{self.log_id}:{self._commands}", START_MS + self._commands, body)
        done = execute(player, CATALOG, command)
        assert isinstance(done, Transition), done
        return done

    def batch(self, *transitions: Transition) -> Followed:
        """These transitions as the log's next record."""
        payload = encode_batch([(t.player_id, t.version, encode_entry(t)) for t in transitions])
        previous = self.records[-1].hash if self.records else GENESIS
        record = LogRecord(len(self.records) + 1, previous, next_hash(previous, payload), payload)
        self.records.append(record)
        return self.followed(record)

    def followed(self, record: LogRecord) -> Followed:
        """As the reader hands it to its sink."""
        position = Position(self.epoch, record.seq)
        return Followed(self.shard_id, self.log_id, position, record, decode_batch(record.payload))

    def arrive(self, player_id: str) -> Followed:
        """A player registers, opens a session and deposits: all of it personal."""
        return self.batch(
            self.play(player_id, Register("EUR", "FI", "fi")),
            self.play(player_id, StartSession(IP, DEVICE, "FI")),
            self.play(player_id, Deposit(10_000, CARD, IP, DEVICE)),
        )

    def spins(self, player_id: str, count: int) -> list[Followed]:
        """As many records of one spin each."""
        return [self.batch(self.play(player_id, Spin("book", "real", 10, 10))) for _ in range(count)]

    def erase(self, player_id: str) -> Followed:
        """The player's money is spent, and then the player is erased."""
        left = self.players[player_id].state.real
        return self.batch(
            self.play(player_id, Spin("book", "real", left, 0)), self.play(player_id, ErasePlayer("asked"))
        )


class FaultyBucket:
    """A bucket that gives no answer while `broken`; else the real one."""

    def __init__(self, real: Bucket) -> None:
        self.real, self.broken = real, False
        self.puts = 0

    async def put_new(self, name: str, content: bytes) -> None:
        self._fail(name)
        self.puts += 1
        await self.real.put_new(name, content)

    async def get(self, name: str) -> bytes:
        self._fail(name)
        return await self.real.get(name)

    async def get_range(self, name: str, start: int, length: int) -> bytes:
        self._fail(name)
        return await self.real.get_range(name, start, length)

    async def folders(self, prefix: str) -> list[str]:
        self._fail(prefix)
        return await self.real.folders(prefix)

    async def names(self, prefix: str) -> list[str]:
        self._fail(prefix)
        return await self.real.names(prefix)

    def _fail(self, name: str) -> None:
        if self.broken:
            raise ArchiveUnavailable(f"{name}: refused")


class Archive:
    """A sink in a folder, and what is around it. `changes` are settings."""

    def __init__(
        self,
        folder: Path,
        notes: MemoryNotes | None = None,
        disk: Disk | None = None,
        keks: tuple[bytes, ...] = (KEK,),
        **changes: Any,
    ) -> None:
        """`keks`: the key-encryption key, and its predecessors behind it."""
        self.folder, self.notes, self.disk, self._keks = folder, notes or MemoryNotes(), disk, keks
        given: dict[str, Any] = {
            "place": ArchivePlace(str(folder / "archive")),
            "spool": str(folder / "spool"),
            "key_file": str(folder / "key"),
            "segment_age_s": 0.05,
        }
        self.settings = ArchiveSettings(**(given | changes))
        self.bucket = FaultyBucket(open_bucket(self.settings.place))
        self.registry = CollectorRegistry()
        self.sink = self._new_sink()

    def _new_sink(self) -> ArchiveSink:
        metrics = ArchiveMetrics(self.registry)
        kek, *previous = self._keks
        return ArchiveSink(self.settings, self.bucket, self.notes, kek, metrics, self.disk, previous=previous)

    async def __aenter__(self) -> "Archive":
        await self.sink.open()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.sink.close()

    def reading(self, keys: bool = True) -> ArchivedRecords:
        """The archive as somebody else reads it, with or without keys."""
        ring = KeyRing(self.notes, self._keks[0], self._keks[1:]) if keys else None  # type: ignore[arg-type]
        return ArchivedRecords(open_bucket(self.settings.place), ring)

    def metric(self, name: str) -> float:
        """The value of one of the archive's metrics."""
        return self.registry.get_sample_value(f"archive_{name}") or 0.0

    async def until_settled(self, position: Position, shard_id: str = "s0") -> None:
        """Waits until the sink says that all up to there is on the disk."""
        async with asyncio.timeout(PATIENCE_S):
            while self.sink.settled().get(shard_id, Position(0, 0)) < position:
                await asyncio.sleep(0.005)

    async def until_empty(self) -> None:
        """Waits until nothing waits in the spool."""
        async with asyncio.timeout(PATIENCE_S):
            while list(Path(self.settings.spool).glob("*.cut")):
                await asyncio.sleep(0.01)

    async def until_stored(self, seq: int, shard_id: str = "s0") -> None:
        """Waits until the segments hold the shard's log up to there."""
        reading = self.reading()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                end = (await reading.ends()).get(shard_id)
                if end is not None and end.seq >= seq:
                    return
                await asyncio.sleep(0.01)


async def chained_records(archive: ArchivedRecords, shard_id: str) -> list[LogRecord]:
    """All of a shard: each log without a hole from its first record on, each record the successor of the last."""
    found: list[LogRecord] = []
    for log in await archive.logs(shard_id, Position(0, 0)):
        seq, previous = 0, GENESIS
        while page := await archive.read_log(log.log_id, seq, 200):
            for record in page:
                assert (record.seq, record.previous) == (seq + 1, previous)
                seq, previous = record.seq, record.hash
            found += page
        assert seq == log.last_seq
    return found
