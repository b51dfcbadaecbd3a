"""`croupier gateway`: one gateway process. It needs no Ray: routes come from the store, spins go over the channel."""

import asyncio
import os
import socket
import sys

import uvloop

from actors.client import ShardClient
from actors.cluster_view import ClusterView
from actors.garbage import rarely_collect_garbage
from croupier.settings import Settings
from gateway.app import create_app
from gateway.auth import Authenticator, OpenAuth, ProofAuth
from gateway.keys import load_keys
from gateway.serve import OnReady, serve, url_of
from snapshots.opening import open_store


def run_gateway(settings: Settings, catalog_version: str, listener: socket.socket, on_ready: OnReady) -> None:
    """Serves on `listener` until SIGTERM, or until the process that started it is gone. Raises StoreUnsuitable."""
    uvloop.run(_serve(settings, catalog_version, listener, on_ready))


async def _serve(settings: Settings, catalog_version: str, listener: socket.socket, on_ready: OnReady) -> None:
    store = open_store(settings.store)
    await store.open()
    client = ShardClient(store.routing, settings.cluster_secret, settings.client())
    await client.start()
    view = ClusterView(client, catalog_version, url_of(listener).removeprefix("http://"))
    viewing = asyncio.create_task(view.run(), name="cluster view")
    app = create_app(client, _authenticator(settings), view, settings.gateway())
    app.openapi()  # built now, not under load
    rarely_collect_garbage()
    stop = asyncio.Event()
    _stop_with_parent(stop)
    try:
        await serve(app, listener, settings.gateway(), on_ready, stop)
    finally:
        viewing.cancel()
        await client.stop()
        await store.close()


def _authenticator(settings: Settings) -> Authenticator:
    if settings.auth_mode == "open" or settings.keys is None:
        return OpenAuth()
    return ProofAuth(load_keys(settings.keys), settings.gateway().timestamp_skew_s)


def _stop_with_parent(stop: asyncio.Event) -> None:
    """`croupier up` holds the other end of our standard input: its end is ours."""
    if os.environ.get("CROUPIER_PARENT_PIPE") == "1":
        asyncio.get_running_loop().add_reader(sys.stdin.fileno(), stop.set)
