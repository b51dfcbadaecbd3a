"""Shards that write what a test says, and the sinks that a follower made of what it read."""

import asyncio
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, generate_latest

from feeds.reading import Notes
from snapshots.contract import Incarnation, LogHead, Owner, Position
from snapshots.slots import slot_of
from tests.support.deposits import batch, steps
from tests.support.faulty_store import FaultyStore
from tests.support.recording_sink import RecordingSink
from tests.support.shard_harness import eventually

OWNER = Owner("host-1", 100, 5_000)
ALICE = slot_of("alice")


class Writer:
    """A store, and shards that write into it what a test says."""

    def __init__(self, store: FaultyStore) -> None:
        self.store = store
        self.claims = 0
        self.heads: dict[str, LogHead] = {}
        self.incs: dict[str, Incarnation] = {}

    async def claim(self, shard_id: str) -> None:
        self.claims += 1
        self.incs[shard_id] = (await self.store.claim(shard_id, OWNER, f"n{self.claims}")).incarnation
        self.heads[shard_id] = LogHead()

    async def write(self, shard_id: str, *payloads: bytes) -> None:
        for payload in payloads:
            self.heads[shard_id] = await self.store.append(self.incs[shard_id], self.heads[shard_id], payload)

    async def move(self, term: int, slot: int, loser: str, gainer: str) -> None:
        self.incs[loser] = await self.store.release_slots(self.incs[loser], term, [slot], [], gainer, {})

    async def cursor(self, shard_id: str, name: str = "bus") -> Position | None:
        found: Position | None = (await self.store.inner.reader_positions(name)).get(shard_id)
        return found


class Sinks:
    """Every sink that a follower made, newest last."""

    def __init__(self) -> None:
        self.made: list[RecordingSink] = []
        self.next_ones: list[RecordingSink] = []

    async def __call__(self, notes: Notes) -> RecordingSink:
        sink = self.next_ones.pop(0) if self.next_ones else RecordingSink()
        sink.notes = notes
        self.made.append(sink)
        return sink

    @property
    def last(self) -> RecordingSink:
        return self.made[-1]

    async def has(self, records: int) -> RecordingSink:
        await eventually(lambda: self.made and len(self.last.taken) >= records)
        return self.last


def deposits(player_id: str, versions: Sequence[int]) -> list[bytes]:
    """One batch per version."""
    return [batch(done) for done in steps(player_id, versions)]


async def until_at(writer: Writer, shard_id: str, position: Position, name: str = "bus") -> None:
    while await writer.cursor(shard_id, name) != position:
        await asyncio.sleep(0.002)


def exposed(metrics: object) -> str:
    registry = CollectorRegistry()
    registry.register(metrics)  # type: ignore[arg-type]
    return generate_latest(registry).decode()
