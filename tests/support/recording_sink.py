"""Sinks of the tests: they record what they are given, and settle or fail as a test or a seed says."""

import asyncio
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from feeds.following.follower import Follower, MakeSink
from feeds.following.metrics import ReaderMetrics
from feeds.reading import Followed, Notes, SinkFailed
from feeds.settling import Debt, Settling
from snapshots.codec import KeyedEntry, decode_entry
from snapshots.contract import LogRecord, Position
from snapshots.errors import Fenced
from snapshots.slots import slot_of


class RecordingSink:
    """Settles at once, unless `settles` is False. `gates` hold the records of a shard until they are opened."""

    def __init__(self, notes: Notes | None = None) -> None:
        self.notes = notes
        self.taken: list[Followed] = []
        self.settles = True
        self.fails: str | None = None
        self.opened = self.closed = False
        self.gates: dict[str, asyncio.Event] = {}
        self._settled: dict[str, Position] = {}

    async def open(self) -> None:
        self.opened = True

    async def take(self, followed: Followed) -> None:
        if followed.shard_id in self.gates:
            await self.gates[followed.shard_id].wait()
        if self.fails is not None:
            raise SinkFailed(self.fails)
        self.taken.append(followed)
        if self.settles:
            self._settled[followed.shard_id] = followed.position

    def settled(self) -> Mapping[str, Position]:
        return self._settled

    async def ask(self, request: bytes) -> bytes:
        return b"asked " + request

    async def close(self) -> None:
        self.closed = True

    def records(self) -> list[tuple[str, int]]:
        """(log, seq) of all records, in the order they came."""
        return [(followed.log_id, followed.position.seq) for followed in self.taken]

    def versions(self) -> dict[str, list[int]]:
        """By player, the versions in the order they came."""
        found = defaultdict[str, list[int]](list)
        for followed in self.taken:
            for entry in followed.entries:
                found[entry.player_id].append(entry.version)
        return dict(found)


@asynccontextmanager
async def following(store: Any, make: MakeSink, name: str = "bus", archived: Any = None) -> AsyncIterator[Follower]:
    """A follower that runs meanwhile. If it ends by itself, that must be because it was fenced."""
    follower = Follower(store, name, make, ReaderMetrics(holds_journal=name == "archive"), archived)
    task = asyncio.create_task(follower.run())
    try:
        yield follower
    finally:
        task.cancel()
        (outcome,) = await asyncio.gather(task, return_exceptions=True)
        assert isinstance(outcome, asyncio.CancelledError | Fenced), outcome


class Topic:
    """What left for good, whichever reader sent it: by player the versions, without repeats."""

    def __init__(self) -> None:
        self.entries: dict[str, list[KeyedEntry]] = defaultdict(list)
        self.repeats = 0
        self.broken: list[str] = []
        """Versions that came too early."""

    def sent(self, entry: KeyedEntry) -> None:
        """The consumer drops what is at or below the last version."""
        known = self.entries[entry.player_id]
        if entry.version <= len(known):
            self.repeats += 1
            return
        if entry.version > len(known) + 1:
            self.broken.append(f"{entry.player_id}: {entry.version} follows {len(known)}")
            return
        known.append(entry)

    def of(self, player_id: str) -> list[Any]:
        """The player's transitions."""
        return [decode_entry(entry) for entry in self.entries[player_id]]


class Shelf:
    """Records that a reader has settled, to be read again, as from an archive."""

    def __init__(self) -> None:
        self._logs: dict[str, dict[int, LogRecord]] = defaultdict(dict)

    def put(self, log_id: str, record: LogRecord) -> None:
        known = self._logs[log_id].setdefault(record.seq, record)
        assert known == record, f"log {log_id} record {record.seq} has two contents"

    async def read_log(self, log_id: str, after_seq: int, limit: int) -> Sequence[LogRecord]:
        records = self._logs[log_id]
        seqs = range(after_seq + 1, after_seq + 1 + limit)
        return [records[seq] for seq in seqs if seq in records]


LANES = 3
OPEN_MAX = 20
"""Records: beyond that `take` waits."""


class LaneSink:
    """Sends entries in lanes, by player, each at its own pace; the seed decides the pace, and when the sink fails."""

    def __init__(self, rng: random.Random, topic: Topic, shelf: Shelf | None = None) -> None:
        self._rng, self._topic, self._shelf = rng, topic, shelf
        self._settling = Settling()
        self._lanes: list[asyncio.Queue[tuple[KeyedEntry, Debt]]] = [asyncio.Queue() for _ in range(LANES)]
        self._tasks: list[asyncio.Task[None]] = []
        self._taken: dict[tuple[str, Position], Followed] = {}

    async def open(self) -> None:
        await asyncio.sleep(self._rng.uniform(0, 0.05))
        if self._rng.random() < 0.1:
            raise SinkFailed("the seed says that it can't be opened")
        self._tasks = [asyncio.create_task(self._send(lane), name="lane") for lane in self._lanes]

    async def take(self, followed: Followed) -> None:
        while self._settling.owed() > OPEN_MAX:
            await asyncio.sleep(0.005)
            self._settling.settled()
        if self._rng.random() < 0.1:
            await asyncio.sleep(self._rng.expovariate(10))
        if self._rng.random() < 0.004:
            raise SinkFailed("the seed says that it fails")
        debt = self._settling.begin(followed.shard_id, followed.position)
        for entry in followed.entries:
            debt.owe()
            self._lanes[slot_of(entry.player_id) % LANES].put_nowait((entry, debt))
        if self._shelf is not None:
            self._shelf.put(followed.log_id, followed.record)
        debt.pay()

    async def _send(self, lane: "asyncio.Queue[tuple[KeyedEntry, Debt]]") -> None:
        while True:
            entry, debt = await lane.get()
            if self._rng.random() < 0.3:
                await asyncio.sleep(self._rng.expovariate(30))
            self._topic.sent(entry)
            debt.pay()

    def settled(self) -> Mapping[str, Position]:
        return self._settling.settled()

    async def ask(self, request: bytes) -> bytes:
        return request

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
