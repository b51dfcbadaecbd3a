"""`croupier up`: starts or joins Ray, the supervisor, the shards and the gateways; drains everything on SIGTERM."""

import asyncio
import logging
import os
import secrets
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from types import ModuleType
from typing import TYPE_CHECKING, TypeVar
from urllib.error import URLError
from urllib.request import urlopen

from actors.stored_catalogs import CatalogContent
from actors.supervision.terms import until_free
from croupier.catalog import Checked, check_folder
from croupier.catalog.folder import read_folder
from croupier.deploying.control import content_of
from croupier.deploying.exponents import exponent_problems
from croupier.integrations import load_integrations
from croupier.integrations.plans import archive_of, reader_plans
from croupier.reporting.planning import with_schedules
from croupier.running.catalog_at_start import Standing, catalog_standing, change_at_start
from croupier.running.children import Children
from croupier.running.handing_over import COMMAND, STARTED, hand_over
from croupier.running.operators import by_operator, record
from croupier.settings import Settings
from engine.control_entries import encode_control_entry
from feeds.integrations import Integrations
from gateway.access.keys import load_keys
from gateway.listening import BACKLOG, bind, url_of
from snapshots.contract import Store, TermLease
from snapshots.errors import StoreError, StoreUnsuitable, TermHeld
from snapshots.opening import open_store

if TYPE_CHECKING:
    from actors.ray.deployment import Deployment
    from actors.ray.starting import RunningSupervisor

log = logging.getLogger("croupier")
_T = TypeVar("_T")

GATEWAY_START_TIMEOUT_S = 60
LOST_LOOK_S = 0.5
RAY_ENVIRONMENT = {
    "RAY_worker_niceness": "0",
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_task_events_report_interval_ms": "0",
}
"""Ray would start workers at nice 15, and shards would be the last to get a CPU; and its control store would keep a
record of each of the last 100 000 calls of actors, which is a gigabyte that nobody reads.
"""


class CannotStart(Exception):
    """Croupier can't start. The message is one sentence for whoever typed the command."""


class TakenOver(Exception):
    """Another Croupier has taken the store over, and this one has stopped. The message is one sentence."""


class Running:
    """A Croupier started by this process. `url` is where its gateways serve, if there are any.

    `stop` drains and ends everything.
    """

    def __init__(self, url: str, supervisor: "RunningSupervisor", gateways: "Gateways", bus: Children) -> None:
        self.url, self.supervisor = url, supervisor
        self._gateways, self._bus = gateways, bus

    def stop(self) -> None:
        """Gateways finish what they have, shards drain, snapshot and retire, Ray ends."""
        self._bus.stop()
        self._gateways.stop()
        try:
            self.supervisor.stop()
        finally:
            _ray().stop_ray()


def start(settings: Settings) -> Running:
    """Starts everything and returns when it serves. Raises CannotStart, BindRefused, CatalogInvalid, KeysInvalid,
    IntegrationsInvalid.
    """
    files = read_folder(settings.catalog)
    checked = check_folder(settings.catalog).sound()
    content = content_of(checked, files)
    if settings.keys is not None:
        load_keys(settings.keys)
    integrations = integrations_of(settings)
    instance = f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(4)}"
    former = check_store(settings, checked, instance)
    listener = bind(settings.host, settings.port)
    listener.listen(BACKLOG)
    url = url_of(listener) if settings.gateways else "without a gateway"
    _start_ray(settings)
    try:
        if settings.ray_address is not None and not _ray().RunningSupervisor.exists():
            await_term(settings, instance)
        supervisor = _ray().RunningSupervisor(_deployment(settings, integrations, content, instance))
        failure = supervisor.wait_ready()
        if failure is not None:
            raise CannotStart(failure)
        tell_catalog(settings, former)
        gateways = Gateways(settings, listener)
        gateways.start()
        bus = bus_in(settings, integrations)
        bus.start()
        bus.watch()
    except BaseException:
        _ray().stop_ray()
        raise
    return Running(url, supervisor, gateways, bus)


def integrations_of(settings: Settings) -> Integrations:
    """What of the world outside is connected. Raises IntegrationsInvalid, also for a secret that is not there.

    On a Ray cluster the readers run on other machines: whether the secrets are there is not known here.
    """
    if settings.integrations is None:
        return Integrations()
    return load_integrations(settings.integrations, with_secrets=settings.ray_address is None)


def check_store(settings: Settings, checked: Checked, instance: str) -> Standing:
    """Opens the store once, compares the catalog with what players hold there, and closes it (rules §2.7).

    If this process starts its own Ray, it first waits until the store's term is free. If it joins a Ray cluster, this
    store's supervisor may run there already, and is joined, too. Returns what is in force. Raises CannotStart with one
    sentence that says what is wrong.
    """

    async def check(store: Store) -> Standing:
        if settings.ray_address is None:
            await _term_free(settings, instance)(store)
        standing = await catalog_standing(store)
        in_force = None if standing.content is None else standing.content.catalog
        changed = await exponent_problems(store, in_force, checked)
        if changed:
            raise CannotStart(f"the catalog does not fit this store: {changed[0]}")
        return standing

    return _with_store(settings, check)


def tell_catalog(settings: Settings, former: Standing) -> None:
    """The control log tells of the catalog that the start put in force. If it can't be written, that is logged."""

    async def tell(store: Store) -> None:
        entry = change_at_start(settings.catalog, former, await catalog_standing(store))
        if entry is not None:
            await store.append_control([encode_control_entry(entry)])

    try:
        _with_store(settings, tell)
    except CannotStart as failure:
        log.warning("the control log does not tell which catalog the start put in force: %s", failure)


def await_term(settings: Settings, instance: str) -> None:
    """Waits until no other instance holds the store. Raises CannotStart, at once if the other instance lives."""
    _with_store(settings, _term_free(settings, instance))


def _term_free(settings: Settings, instance: str) -> Callable[[Store], Awaitable[None]]:
    async def wait(store: Store) -> None:
        if not settings.take_over:
            await until_free(store, instance, _say_waiting)

    return wait


def _say_waiting(lease: TermLease) -> None:
    print(
        f"croupier: {lease.holder} holds the store; waiting up to {lease.left_ms / 1000:.1f} s to see whether it lives",
        file=sys.stderr,
        flush=True,
    )


def _with_store(settings: Settings, use: Callable[[Store], Awaitable[_T]]) -> _T:
    async def opened() -> _T:
        store = open_store(settings.store)
        try:
            await store.open()
            return await use(store)
        finally:
            await store.close()

    try:
        return asyncio.run(opened())
    except (StoreUnsuitable, TermHeld) as problem:
        raise CannotStart(str(problem)) from problem
    except StoreError as problem:
        raise CannotStart(f"the store can't be read: {problem}") from problem


def _ray() -> ModuleType:
    """Imports Ray. Ray reads its environment when it is imported, so that is set first (see `_start_ray`)."""
    from actors.ray import starting

    return starting


def _start_ray(settings: Settings) -> None:
    os.environ.update(RAY_ENVIRONMENT)
    if settings.ray_address is None:
        os.environ.update(RAY_AUTH_MODE="token", RAY_AUTH_TOKEN=secrets.token_hex(32))
    try:
        _ray().start_ray(settings.ray_address, settings.namespace)
    except Exception as problem:  # Ray raises nothing more special if its node does not start in time
        where = settings.ray_address or "of its own"
        raise CannotStart(f"Croupier can't start or join the Ray cluster {where}: {problem}") from problem


def _deployment(settings: Settings, integrations: Integrations, content: CatalogContent, instance: str) -> "Deployment":
    shard_host = settings.shard_host or ("127.0.0.1" if settings.ray_address is None else "")
    archive = archive_of(integrations, settings, os.environ)
    deployment: Deployment = _ray().Deployment(
        shard=settings.shard(shard_host, None if archive is None else archive.place),
        client=settings.client(),
        supervisor=settings.supervisor(),
        content=content,
        log_level=settings.log_level,
        instance=instance,
        readers=with_schedules(
            reader_plans(integrations, archive, settings.store),
            integrations.reports,
            settings.store,
            settings.integrations,
        ),
        take_over=settings.take_over,
    )
    return deployment


class Gateways:
    """The gateway processes: they share one listening socket, know no Ray, and end with this process."""

    def __init__(self, settings: Settings, listener: socket.socket) -> None:
        self._settings, self._listener = settings, listener
        self._children = Children("gateway", settings.gateways, self._launch)

    def start(self) -> None:
        """Starts all gateways, waits until they serve, and from then on replaces those that die."""
        self._children.start()
        if self._settings.gateways:
            self._await_ready()
            self._children.watch()
        else:
            self._listener.close()

    def _launch(self, number: int) -> "subprocess.Popen[bytes]":
        settings, fd = self._settings, self._listener.fileno()
        command = ["gateway", "--fd", str(fd), "--host", settings.host]
        command += ["--catalog", str(settings.catalog), "--auth", settings.auth_mode]
        command += ["--keys", str(settings.keys)] if settings.keys is not None else []
        command += ["--sandbox"] if settings.sandbox else []
        command += ["--integrations", str(settings.integrations)] if settings.integrations is not None else []
        watches = settings.catalog_watch and number == 0
        return _child(settings, command, [fd], CROUPIER_CATALOG_WATCH="1" if watches else "0")

    def _await_ready(self) -> None:
        url = (
            url_of(self._listener).replace("//0.0.0.0:", "//127.0.0.1:").replace("//[::]:", "//[::1]:")
            + "/health/ready"
        )
        deadline = time.monotonic() + GATEWAY_START_TIMEOUT_S
        while time.monotonic() < deadline:
            dead = self._children.ended()
            if dead is not None:
                raise CannotStart(f"a gateway ended at start with exit code {dead.returncode}")
            try:
                with urlopen(url, timeout=1):
                    return
            except (URLError, OSError):
                time.sleep(0.05)
        raise CannotStart(f"the gateways did not become ready within {GATEWAY_START_TIMEOUT_S} s")

    def stop(self) -> None:
        """Ends all gateways."""
        self._children.stop()
        self._listener.close()


def bus_in(settings: Settings, integrations: Integrations) -> Children:
    """The process that reads the event bus, if that is configured and not left to others."""

    def launch(_number: int) -> "subprocess.Popen[bytes]":
        return _child(settings, ["bus-in", "--integrations", str(settings.integrations)])

    return Children("bus-in", 0 if integrations.bus_in is None or settings.no_bus_in else 1, launch)


def _child(
    settings: Settings, arguments: Sequence[str], sockets: Sequence[int] = (), **more: str
) -> "subprocess.Popen[bytes]":
    """A process of this Croupier that knows no Ray. It ends when this process does: its input is a pipe from here.

    Whatever is secret is a variable: arguments are shown to everybody on the machine, and a store's URL has a password.
    """
    environment = {**os.environ, "CROUPIER_CLUSTER_SECRET": settings.cluster_secret, "CROUPIER_STORE": settings.store}
    environment |= {"CROUPIER_LOG_LEVEL": settings.log_level, "CROUPIER_PARENT_PIPE": "1"} | more
    command = [sys.executable, "-m", "croupier", *arguments]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=None if sockets else subprocess.DEVNULL, pass_fds=sockets,
        env=environment, start_new_session=True,
    )  # fmt: skip


def run_until_signalled(settings: Settings, announce: Callable[[str], None]) -> None:
    """Starts, announces the URL, waits for SIGTERM or SIGINT, stops.

    Raises TakenOver if another Croupier took the store meanwhile.
    """
    stop = threading.Event()
    running = start(settings)
    told = {"url": running.url, "shards": settings.shards, "gateways": settings.gateways}
    own = _tell(settings, STARTED, told | {"take_over": settings.take_over})
    for number in (signal.SIGTERM, signal.SIGINT):  # this comes after the start, because Ray sets handlers of its own
        signal.signal(number, lambda *_: stop.set())
    announce(running.url)
    lost = None
    while lost is None and not stop.wait(LOST_LOOK_S):
        lost = running.supervisor.lost()
    noticed = _tell(settings, "stopping" if lost is None else "taken over by another", {})
    if lost is not None:
        hand_over(settings.store, running.supervisor, own, noticed, settings.gateways, stop)
    running.stop()
    if lost is not None:
        raise TakenOver(f"another Croupier has taken over the store, so this one has stopped: {lost}")


def _tell(settings: Settings, event: str, told: Mapping[str, object]) -> int:
    """An entry of the control log on this Croupier itself; its number. If it can't be written that is logged: 0."""
    try:
        return record(settings.store, by_operator(COMMAND, subject=event, after=dict(told)))
    except StoreError as failure:
        log.warning("the control log does not tell that Croupier is %s: %s", event, failure)
        return 0
