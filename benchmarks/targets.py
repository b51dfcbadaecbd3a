"""What is measured: each target's servers, how it is loaded, and what must be true of its money afterwards.

Another way of spinning becomes a target by a line in `SPECS`: `start` answers a `Target`, whose `load` takes
(connections, seconds) and answers a `Sample`, or is None for the signed one-call spins that `wrk` sends.
"""

import contextlib
import json
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks import bus_out, client, servers, shard_metrics, stream_load, two_calls
from benchmarks.load import LoadFailed, Sample
from benchmarks.postgres import postgres
from benchmarks.signed import Keys

Load = Callable[[int, int], Sample]
"""Connections and seconds in, a sample out."""


INTEGRATIONS: Final = """\
archive:
  place: {{url: "{folder}/archive"}}
  spool: "{folder}/archive-spool"
  key_file: "{folder}/archive.key"
bus:
  brokers: [{brokers}]
  topic: {topic}
"""


class Setting(NamedTuple):
    """What all targets of a run share. `actors` is how many players P3 has: each is a process."""

    folder: Path
    keys: Keys
    keys_file: Path
    players: int
    actors: int


class Target(NamedTuple):
    """A server that is ready. `roots` are the processes it descends from.

    `check(answered, slack)` raises LoadFailed unless the money is right and as many spins were accepted as were
    answered, plus at most `slack` that were under way when a measurement ended. `is_croupier`: it has shards to ask.
    """

    name: str
    url: str
    roots: tuple[int, ...]
    players: int
    check: Callable[[int, int], None] | None = None
    is_croupier: bool = False
    load: Load | None = None


class Spec(NamedTuple):
    """A target before it is started. `rate_max` is more than it reaches at 64 connections.

    One with names in `beside` is measured after the others, in fewer rounds, beside these alone: fifty idle actors, or
    three more idle clusters of Ray, take so much CPU that everything else would look slower than it is.
    """

    title: str
    start: Callable[[contextlib.ExitStack, Setting, str], Target]
    beside: tuple[str, ...] = ()
    open_loop: bool = False
    rate_max: int = 30_000


def _nothing(stack: contextlib.ExitStack, setting: Setting, name: str) -> Target:
    running = stack.enter_context(servers.peer(name, setting.folder))
    return Target(name, running.url, (running.pid,), setting.players)


def _player_peer(
    stack: contextlib.ExitStack, setting: Setting, name: str, peer: str, store: servers.Running, players: int
) -> Target:
    words = ["--store", store.url, "--keys", str(setting.keys_file), "--players", str(players)]
    running = stack.enter_context(servers.peer(peer, setting.folder, words, log_name=name))

    def check(answered: int, slack: int) -> None:
        with urllib.request.urlopen(f"{running.url}/totals", timeout=60) as answer:
            real, bonus, wagering, spins = json.load(answer)
        checked(name, client.Money(real, bonus, wagering), spins, players, answered, slack)

    return Target(name, running.url, (running.pid, store.pid), players, check)


def _p1(stack: contextlib.ExitStack, setting: Setting, name: str) -> Target:
    store = stack.enter_context(servers.redis(setting.folder, name, "everysec"))
    return _player_peer(stack, setting, name, "p1", store, setting.players)


def _p2(stack: contextlib.ExitStack, setting: Setting, name: str) -> Target:
    store = stack.enter_context(postgres("off" if name.endswith("async") else "on"))
    return _player_peer(stack, setting, name, "p2", store, setting.players)


def _p3(stack: contextlib.ExitStack, setting: Setting, name: str) -> Target:
    store = stack.enter_context(servers.redis(setting.folder, name, "everysec"))
    return _player_peer(stack, setting, name, "p3", store, setting.actors)


def _croupier(stack: contextlib.ExitStack, setting: Setting, name: str) -> Target:
    roots: tuple[int, ...] = ()
    if name == "sqlite":
        store = f"sqlite:{setting.folder / 'store'}"
    else:
        running = stack.enter_context(servers.redis(setting.folder, name, name.rpartition("-")[2]))
        store, roots = running.url, (running.pid,)
    return croupier_on(stack, setting, name, store, roots)


def croupier_on(
    stack: contextlib.ExitStack,
    setting: Setting,
    name: str,
    store: str,
    roots: tuple[int, ...],
    extra: str = "--shards 1",
    *,
    archive: bool = False,
) -> Target:
    """`croupier up` on a store, with the run's players registered."""
    running = stack.enter_context(
        servers.croupier(name, store, setting.keys_file, setting.folder, extra, archive=archive)
    )
    client.prepare(running.url, setting.keys.platform, setting.players)
    before = shard_metrics.scrape(running.url)

    def check(answered: int, slack: int) -> None:
        found = client.money(running.url, setting.keys.platform, setting.players)
        spins = shard_metrics.between(before, shard_metrics.scrape(running.url)).spins
        checked(name, found, spins, setting.players, answered, slack)

    return Target(name, running.url, (running.pid, *roots), setting.players, check, is_croupier=True)


def _with_readers(stack: contextlib.ExitStack, setting: Setting, name: str) -> Target:
    """With the archive in a folder, and all events to the mock brokers, which are processes of the run's own."""
    running = stack.enter_context(servers.redis(setting.folder, name, "everysec"))
    integrations = setting.folder / "integrations.yaml"
    integrations.write_text(
        INTEGRATIONS.format(folder=setting.folder, brokers=stack.enter_context(bus_out.brokers()), topic=bus_out.TOPIC)
    )
    roots = (running.pid,)
    extra = f"--shards 1 --integrations {integrations}"
    return croupier_on(stack, setting, name, running.url, roots, extra, archive=True)


Generator = Callable[[str, Path, int, int, int, int], Sample]
"""Loads a url with a keys file: players, connections, seconds, number of the run."""


def _generated(generator: Generator) -> Callable[[contextlib.ExitStack, Setting, str], Target]:
    """The same with another generator than wrk; a server of its own."""

    def start(stack: contextlib.ExitStack, setting: Setting, name: str) -> Target:
        running = stack.enter_context(servers.redis(setting.folder, name, "everysec"))
        target = croupier_on(stack, setting, name, running.url, (running.pid,))
        runs = iter(range(1_000_000))

        def load(connections: int, seconds: int) -> Sample:
            return generator(target.url, setting.keys_file, setting.players, connections, seconds, next(runs))

        def check(answered: int, _slack: int) -> None:
            found = client.money(target.url, setting.keys.platform, setting.players)
            checked(name, found, answered, setting.players, answered, 0)

        return target._replace(load=load, check=check)

    return start


def checked(name: str, found: client.Money, spins: int, players: int, answered: int, slack: int) -> None:
    """Every bet was won back, so all deposits and bonuses must be there, and every spin must be on record once."""
    awarded = -(-players // 3)
    expected = client.Money(players * client.DEPOSIT, awarded * client.DEPOSIT, awarded)
    if found != expected:
        raise LoadFailed(f"{name}: the balances are wrong: {found}, expected {expected}")
    if not answered <= spins <= answered + slack:
        raise LoadFailed(f"{name}: {spins} spins on record, {answered} answered, at most {slack} were under way")


SPECS: Final = {
    "p0": Spec("P0 FastAPI, does nothing", _nothing, open_loop=True),
    "p1": Spec("P1 FastAPI + Redis function (AOF everysec)", _p1, open_loop=True),
    "p2": Spec("P2 FastAPI + PostgreSQL (commit synced)", _p2, open_loop=True),
    "p2-async": Spec("P2 with synchronous_commit off", _p2, beside=("p0",)),
    "p3": Spec("P3 Ray actor per player", _p3, beside=("p0",)),
    "p4": Spec("P4 plain ASGI, does nothing", _nothing, rate_max=60_000),
    "redis-everysec": Spec("Croupier, Redis (AOF everysec)", _croupier, open_loop=True),
    "redis-always": Spec("Croupier, Redis (AOF always)", _croupier, beside=("p0",)),
    "sqlite": Spec("Croupier, SQLite (default)", _croupier, beside=("p0",)),
    "readers": Spec("Croupier, Redis (AOF everysec), archive and bus", _with_readers, beside=("p0", "redis-everysec")),
    "two-calls": Spec("Croupier, Redis (AOF everysec), two calls", _generated(two_calls.measure), beside=("p0",)),
    "stream": Spec(
        "Croupier, Redis (AOF everysec), spin stream", _generated(stream_load.measure), beside=("p0", "redis-everysec")
    ),
}
