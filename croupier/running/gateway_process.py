"""`croupier gateway`: one gateway process. It needs no Ray: routes come from the store, spins go over the channel."""

import asyncio
import os
import socket
import threading
from contextlib import suppress

import uvloop

from actors.host.garbage import rarely_collect_garbage
from actors.routing.client import ShardClient
from actors.routing.cluster_view import ClusterView
from croupier.deploying.control import CatalogControl
from croupier.deploying.watching import watch_catalog
from croupier.explaining.child import ExplainingChild
from croupier.explaining.pipe import Begin
from croupier.integrations import load_integrations
from croupier.integrations.plans import archive_of
from croupier.integrations.topics import event_topics
from croupier.running.asked_operations import AskedOperations
from croupier.running.asked_readers import AskedReaders
from croupier.running.control_log import StoredControlLog
from croupier.running.last_snapshots import LastSnapshots
from croupier.running.proposals import StoredProposals
from croupier.running.report_children import ReportChildren, own_reports
from croupier.running.stopping import stop_with_parent
from croupier.running.switches import StoredSwitches
from croupier.running.watched_keys import WatchedKeys
from croupier.settings import Settings
from feeds.integrations import Integrations
from feeds.public.asyncapi import document
from gateway.access.auth import Authenticator, OpenAuth
from gateway.app import VERSION, create_app
from gateway.listening import url_of
from gateway.ports import LogUnavailable
from gateway.recording.recording import Recording
from gateway.serve import OnReady, serve
from snapshots.opening import open_store


def run_gateway(settings: Settings, listener: socket.socket, on_ready: OnReady) -> None:
    """Serves on `listener` until SIGTERM, or until the process that started it is gone. Raises StoreUnsuitable."""
    uvloop.run(_serve(settings, listener, on_ready))


async def _serve(settings: Settings, listener: socket.socket, on_ready: OnReady) -> None:
    store = open_store(settings.store)
    await store.open()
    client = ShardClient(store.routing, settings.cluster_secret, settings.client())
    await client.start()
    control = CatalogControl(store, client)
    await control.start()
    view = ClusterView(client, url_of(listener).removeprefix("http://"))
    following = [
        asyncio.create_task(view.run(), name="cluster view"),
        asyncio.create_task(control.run(), name="catalog"),
    ]
    authenticator = _authenticator(settings)
    control_log = StoredControlLog(store)
    reports = ReportChildren(settings, own_reports(settings))
    history = ExplainingChild(_histories(settings))
    app = create_app(
        players=client,
        auth=authenticator,
        cluster=view,
        control=control,
        control_log=control_log,
        proposals=StoredProposals(store),
        switches=StoredSwitches(store),
        settings=settings.gateway(),
        events=document(event_topics(settings.integrations), VERSION),
        readers=AskedReaders(client),
        reports=reports,
        history=history,
        operations=AskedOperations(client),
        snapshots=LastSnapshots(store, client, control),
    )
    app.state.metrics.registry.register(client.breakers)
    app.state.metrics.registry.register(reports.unreconciled)
    recording: Recording = app.state.parts.recording
    following.append(asyncio.create_task(recording.run(), name="control log"))
    if isinstance(authenticator, WatchedKeys):
        app.state.metrics.registry.register(authenticator.rates)
        following.append(asyncio.create_task(authenticator.follow(recording.later), name="keys"))
    app.openapi()  # the document is built now, not under load
    rarely_collect_garbage()
    stop = asyncio.Event()
    stop_with_parent(stop)
    stopped = threading.Event()
    if settings.catalog_watch:
        watch_catalog(settings.catalog, control, control_log, app.state.metrics.registry, stopped)
    try:
        await serve(app, listener, settings.gateway(), on_ready, stop)
    finally:
        stopped.set()
        for task in following:
            task.cancel()
        await reports.close()
        with suppress(LogUnavailable):
            await recording.flush()
        await history.close()
        await client.stop()
        await store.close()


def _histories(settings: Settings) -> Begin:
    """What the process that reads histories needs to know. Raises IntegrationsInvalid."""
    file = settings.integrations
    integrations = Integrations() if file is None else load_integrations(file, with_secrets=False)
    archive = archive_of(integrations, settings, os.environ)
    return Begin(settings.store, None if archive is None else archive.place, settings.cluster_secret)


def _authenticator(settings: Settings) -> Authenticator:
    """How callers are checked. Raises KeysInvalid."""
    if settings.auth_mode == "open" or settings.keys is None:
        return OpenAuth()
    return WatchedKeys(settings.keys, settings.gateway().timestamp_skew_s)
