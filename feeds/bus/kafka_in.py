"""The bus in: events of other systems become commands. `run` is its face; one call per process.

What is in memory is bounded, an offset is committed only after its command (or dead letter) is durable, and a message
that comes again is applied once: its command has the same id.
"""

import asyncio
import logging
import time
from typing import Any, Final

from confluent_kafka import KafkaException
from prometheus_client import CollectorRegistry

from actors.outcome import Players
from actors.routing.breaker import Breaker
from feeds.bus.incoming.attempts import Attempts
from feeds.bus.incoming.consuming import ConsumerThread
from feeds.bus.incoming.dead_letters import DeadLetters, DurableProducer
from feeds.bus.incoming.intake import Intake
from feeds.bus.incoming.metrics import BusInMetrics
from feeds.bus.incoming.settings import BusInSettings
from feeds.bus.incoming.watermarks import ReaderStore, Watermarks

log = logging.getLogger("croupier.bus_in")

PLAYERS_OPEN_S: Final = 2.0
RESTART_FIRST_S, RESTART_MAX_S = 1.0, 30.0
STEADY_S: Final = 60.0
"""A consumer that worked for so long is begun again at once when it fails."""


async def run(
    settings: BusInSettings, players: Players, store: ReaderStore, stop: asyncio.Event, registry: CollectorRegistry
) -> None:
    """Reads the topics until `stop` is set, then finishes what is under way within five seconds.

    Raises CredentialMissing, or KafkaException if librdkafka does not accept the settings.
    """
    metrics = BusInMetrics(registry)
    metrics.reads(topic.name for topic in settings.topics)
    to_players = Breaker("bus_in_players", open_s=PLAYERS_OPEN_S)
    to_broker = Breaker("bus_in_dead_letters")
    metrics.watch(to_players)
    metrics.watch(to_broker)
    producer = DurableProducer(settings)
    attempts = Attempts(players, to_players, metrics, lambda: int(time.time() * 1_000))
    intake = Intake(settings, attempts, DeadLetters(settings, producer, to_broker), Watermarks(store), metrics)
    try:
        await _consume(settings, intake, metrics, stop)
    finally:
        await intake.close()
        await producer.close()


async def _consume(settings: BusInSettings, intake: Intake, metrics: BusInMetrics, stop: asyncio.Event) -> None:
    """One consumer after the other, until `stop`: a consumer that failed is replaced after a rest."""
    rest_s = RESTART_FIRST_S
    while not stop.is_set():
        begun = time.monotonic()
        failure = await _one_consumer(ConsumerThread(settings, intake, metrics), stop)
        if failure is None:
            return
        rest_s = RESTART_FIRST_S if time.monotonic() - begun > STEADY_S else min(RESTART_MAX_S, 2 * rest_s)
        log.error("the consumer failed and is replaced in %g s: %s", rest_s, _told(failure))
        try:
            async with asyncio.timeout(rest_s):
                await stop.wait()
        except TimeoutError:
            pass


async def _one_consumer(consumer: ConsumerThread, stop: asyncio.Event) -> Exception | None:
    """Until it ends by itself or is told to stop; its failure."""
    stopping = asyncio.create_task(stop.wait())
    try:
        waited: list[asyncio.Future[Any]] = [consumer.ended, stopping]
        await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
    finally:
        stopping.cancel()
        consumer.stop()
    return await consumer.ended


def _told(failure: Exception) -> str:
    return str(failure.args[0]) if isinstance(failure, KafkaException) else f"{type(failure).__name__}: {failure}"
