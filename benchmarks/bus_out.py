"""How fast one process reads the journal's records and has Kafka acknowledge their events: python -m benchmarks.bus_out

The brokers are librdkafka's mock cluster in a process of its own on the loopback. The journal lies in memory: reading
the store is measured elsewhere.
"""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

from prometheus_client import CollectorRegistry

from feeds.bus.envelope import Envelope
from feeds.bus.kafka_out import KafkaOut
from feeds.bus.settings import BusSettings
from feeds.public.mapping import public_events
from feeds.reading import Followed
from snapshots.codec import decode_entry
from tests.support.kafka import mock_kafka
from tests.support.notes import MemoryNotes
from tests.support.played_journal import played

SPINS = 100_000
PLAYERS = 2_000
TOPIC = "events"


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


def mapping(journal: list[Followed]) -> None:
    """Decoding, mapping and rendering alone."""
    envelope = Envelope("bench", None)
    started, count = time.process_time(), 0
    for record in journal:
        for keyed in record.entries:
            for event in public_events(decode_entry(keyed)):
                envelope.value(event)
                envelope.headers(event)
                count += 1
    report("decoding, mapping, rendering", count, time.process_time() - started, time.process_time() - started)


async def producing(journal: list[Followed], servers: str) -> None:
    """Until everything is acknowledged."""
    settings = BusSettings(brokers=tuple(servers.split(",")), topic=TOPIC)
    registry = CollectorRegistry()
    sink = KafkaOut(settings, MemoryNotes(), registry)
    await sink.open()
    wall, cpu = time.perf_counter(), time.process_time()
    for record in journal:
        await sink.take(record)
    while sink.settled().get("shard-1") != journal[-1].position:
        await asyncio.sleep(0.005)
    seconds, burnt = time.perf_counter() - wall, time.process_time() - cpu
    delivered = registry.get_sample_value("bus_out_delivered_total") or 0
    await sink.close()
    report("decoding to acknowledged", int(delivered), seconds, burnt)


def report(what: str, events: int, seconds: float, cpu_s: float) -> None:
    """One line of figures."""
    print(f"{what}: {events} events, {events / seconds:,.0f}/s, {cpu_s / events * 1e6:.1f} us of CPU per event")


def main() -> None:
    """Runs both measurements."""
    if sys.argv[1:] == ["--brokers"]:
        serve()
        return
    journal = played(seed=7, players=PLAYERS, spins=SPINS, batch_max=50)
    mapping(journal)
    with brokers() as servers:
        asyncio.run(producing(journal, servers))


if __name__ == "__main__":
    main()
