"""How fast one process reads the journal and has Kafka acknowledge its events: python -m benchmarks.bus_out [SPINS]

The brokers are librdkafka's mock cluster in a process of its own on the loopback; the journal lies in a SQLite folder,
and all of it is there before the reader begins, as after an outage. A spin is told as three events.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from feeds.bus.envelope import Envelope
from feeds.bus.kafka_out import KafkaOut
from feeds.bus.settings import BusSettings
from feeds.following.follower import Follower
from feeds.following.metrics import ReaderMetrics
from feeds.public.mapping import public_events
from feeds.reading import Followed, Notes, Sink
from snapshots.codec import decode_entry
from snapshots.contract import LogHead, Owner, Position, Store
from snapshots.opening import open_store
from tests.support.kafka import mock_kafka
from tests.support.played_journal import played

SPINS = 100_000
PLAYERS = 2_000
TOPIC = "events"
BATCH_MAX = 50
EVENTS_PER_SPIN = 3


@contextmanager
def brokers() -> Iterator[str]:
    """The mock cluster in a process of its own; answers its addresses."""
    command = [sys.executable, "-m", "benchmarks.bus_out", "--brokers"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.terminate()


def serve() -> None:
    """Until the one who started it ends it."""
    with mock_kafka() as cluster:
        cluster.create_topic(TOPIC, partitions=12)
        print(cluster.bootstrap_servers, flush=True)
        sys.stdin.read()


def mapping(journal: Sequence[Followed]) -> None:
    """Decoding, mapping and rendering alone."""
    envelope = Envelope("bench", None)
    wall, cpu, count = time.perf_counter(), time.process_time(), 0
    for record in journal:
        for keyed in record.entries:
            for event in public_events(decode_entry(keyed)):
                envelope.value(event)
                envelope.headers(event)
                count += 1
    report("decoding, mapping, rendering", count, time.perf_counter() - wall, time.process_time() - cpu)


async def append(store: Store, journal: Sequence[Followed]) -> Position:
    """Writes all of it into one shard's log; answers its end."""
    claim = await store.claim("shard-1", Owner("bench", 1, 1), "bench")
    head = LogHead()
    for record in journal:
        head = await store.append(claim.incarnation, head, record.record.payload)
    return Position(claim.incarnation.epoch, head.seq)


async def following(store: Store, servers: str, end: Position) -> None:
    """From the first record until the cursor stands at the last one."""
    settings = BusSettings(brokers=tuple(servers.split(",")), topic=TOPIC)

    async def make(notes: Notes) -> Sink:
        return KafkaOut(settings, notes, CollectorRegistry())

    follower = Follower(store, "bus", make, ReaderMetrics(holds_journal=False))
    wall, cpu = time.perf_counter(), time.process_time()
    running = asyncio.create_task(follower.run())
    while (await store.reader_positions("bus")).get("shard-1") != end:
        await asyncio.sleep(0.05)
    seconds, burnt = time.perf_counter() - wall, time.process_time() - cpu
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    report("from the store to the committed cursor", spins() * EVENTS_PER_SPIN, seconds, burnt)


def report(what: str, events: int, seconds: float, cpu_s: float) -> None:
    """One line of figures."""
    print(f"{what}: {events} events, {events / seconds:,.0f}/s, {cpu_s / events * 1e6:.1f} us of CPU per event")


def spins() -> int:
    """How many the journal has."""
    return int(sys.argv[1]) if len(sys.argv) > 1 else SPINS


async def measure(servers: str, folder: str) -> None:
    """Both measurements over one journal."""
    journal = played(seed=7, players=PLAYERS, spins=spins(), batch_max=BATCH_MAX)
    mapping(journal)
    store = open_store(f"sqlite:{folder}")
    await store.open()
    try:
        end = await append(store, journal)
        journal.clear()
        await following(store, servers, end)
    finally:
        await store.close()


def main() -> None:
    """Runs the measurements, or the brokers."""
    if sys.argv[1:] == ["--brokers"]:
        serve()
        return
    with brokers() as servers, tempfile.TemporaryDirectory() as folder:
        asyncio.run(measure(servers, folder))


if __name__ == "__main__":
    main()
