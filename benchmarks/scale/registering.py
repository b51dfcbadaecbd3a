"""Registers players without a server: by the engine, and as snapshots through the store's own contract.

A million registrations over HTTP would take half an hour and measure nothing. The counter of registered players does
not know those written here.
"""

import time
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Final

from msgspec.structs import replace

from actors.host.processes import this_process
from benchmarks.flood import SetupFailed
from benchmarks.signed import player
from engine.catalog import Catalog
from engine.commands import Command, Register
from engine.due import next_due_ms
from engine.player import execute
from engine.state import Player
from engine.transition import Transition
from snapshots.codec import encode_snapshot
from snapshots.opening import open_store
from snapshots.records import SnapshotRecord

SHARD: Final = "s0"
BATCH: Final = 500


async def register(store_url: str, catalog: Catalog, players: int) -> None:
    """Writes them as shard `s0` would; Croupier must have run on the store once, and must not run now.

    Raises what the store raises, SetupFailed if the engine refuses.
    """
    store = open_store(store_url)
    await store.open()
    incarnation = (await store.claim(SHARD, this_process(), "benchmark")).incarnation
    records = (_registered(catalog, number) for number in range(players))
    for batch in _batches(records):
        await store.put_snapshots(incarnation, batch)
    await store.retire(incarnation)
    await store.close()


def _registered(catalog: Catalog, number: int) -> SnapshotRecord:
    """The countries are those of `client.registration`."""
    fresh = Player.new(player(number))
    body = Register("EUR", "SE" if number % 3 == 0 else "US")
    done = execute(fresh, catalog, Command("platform:register", time.time_ns() // 1_000_000, body))
    if not isinstance(done, Transition):
        raise SetupFailed(f"{player(number)} can't be registered: {done}")
    return replace(encode_snapshot(fresh), due_ms=next_due_ms(fresh.state, catalog))


def _batches(records: Iterable[SnapshotRecord]) -> Iterator[list[SnapshotRecord]]:
    left = iter(records)
    while batch := list(islice(left, BATCH)):
        yield batch
