"""`croupier bus-in`: one process that reads the event bus. It needs no Ray: commands go to shards over the channel."""

import asyncio
import logging
from collections.abc import Callable

import uvloop
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.gc_collector import GCCollector
from prometheus_client.process_collector import ProcessCollector

from actors.host.garbage import rarely_collect_garbage
from actors.routing.client import ShardClient
from actors.settings import ClientSettings
from croupier.running.stopping import stop_when_told
from feeds.bus.incoming.settings import BusInSettings
from feeds.bus.kafka_in import run
from snapshots.opening import open_store

log = logging.getLogger("croupier.bus_in")
OnReady = Callable[[str], None]


def run_bus_in(
    settings: BusInSettings, store_url: str, cluster_secret: str, metrics: tuple[str, int], on_ready: OnReady
) -> None:
    """Reads until SIGTERM, or until the process that started it is gone. Raises StoreUnsuitable, CredentialMissing.

    `metrics` is host and port of `/metrics` (0 picks a free port); `on_ready` gets its URL.
    """
    uvloop.run(_run(settings, store_url, cluster_secret, metrics, on_ready))


async def _run(
    settings: BusInSettings, store_url: str, cluster_secret: str, metrics: tuple[str, int], on_ready: OnReady
) -> None:
    stop = asyncio.Event()
    stop_when_told(stop)
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    store = open_store(store_url)
    await store.open()
    client = ShardClient(store.routing, cluster_secret, ClientSettings())
    await client.start()
    host, port = metrics
    server, _ = start_http_server(port, addr=host, registry=registry)
    rarely_collect_garbage()
    try:
        on_ready(f"http://{host}:{server.server_port}/metrics")
        await run(settings, client, store, stop, registry)
    finally:
        server.shutdown()
        await client.stop()
        await store.close()
