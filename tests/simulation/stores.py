"""The SQLite store without threads, behind a network that is slow, fails, stalls, repeats and delivers late, as the
seed says; and a store that loses what it was told last.
"""

import asyncio
import random
import sqlite3
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from snapshots.contract import CatalogRow, Claim, Incarnation, LogHead, LogInfo, Owner, Routing, Sealed
from snapshots.errors import StoreError, StoreUnavailable
from snapshots.sqlite import control as sqlite_control
from snapshots.sqlite import shard as sqlite_shard
from snapshots.sqlite.files import Files, _prepare, store_error
from snapshots.sqlite.schema import Schema
from snapshots.sqlite.store import SqliteStore
from tests.simulation.bonuses import Journal
from tests.simulation.hosts import RUNNING_NOWHERE, Host

T = TypeVar("T")

EPOCH_MS = 1_800_000_000_000
"""Where the store's clock starts."""
GENERATIONS = 2
GUST_EVERY_S, GUST_S = 4.0, 3.0
AGAIN_S = 1.0
"""A call that arrives twice does so within that time."""
TAIL_MS_MAX = 1_000
"""What a store that loses its tail loses at most."""
OF_A_TERM = frozenset(
    (
        sqlite_control.hold_term,
        sqlite_control.listen,
        sqlite_control.advance_clock,
        sqlite_control.assign,
        sqlite_control.commit_catalog,
        sqlite_control.sweep_journal,
    )
)
"""Writes that only the supervisor of the newest term may make; the term is their first argument."""
REPEATABLE = frozenset(
    ("append", "heartbeat", "put_snapshots", "checkpoint", "release_slots", "serve", "resolve_reservations")
)
"""Calls that the store may get twice: the contract says that a repeated one changes nothing."""


class _MemoryFiles(Files):
    """The files of the store in memory, with the schema they have on disk."""

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.shared()
        self.readers()

    def _connection(self, name: str, schema: Schema) -> sqlite3.Connection:
        if name not in self._open:
            connection = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
            _prepare(connection, Path(name), schema)
            self._open[name] = connection
        return self._open[name]

    def copy(self) -> dict[str, sqlite3.Connection]:
        """All there is, as it stands."""
        return {name: _copied(connection) for name, connection in self._open.items()}

    def put_back(self, copies: dict[str, sqlite3.Connection]) -> None:
        """All is as it was then; files that were not there yet are gone."""
        self.close()
        self._open.update({name: _copied(copy) for name, copy in copies.items()})


def _copied(connection: sqlite3.Connection) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None, cached_statements=256)
    connection.backup(copy)
    return copy


class Disk:
    """What all processes of a run store, and the journal as the test knows it."""

    def __init__(self) -> None:
        self.files, self.journal = _MemoryFiles(), Journal()
        self.power_cuts = 0
        self.make: Callable[[Disk], InlineSqlite] = InlineSqlite
        """How processes see it; `losing.LosingSqlite` if they may live on when the tail is lost."""
        self.claims: dict[str, int] = {}
        """By nonce, the how-manieth claim it was: an epoch may be given twice, once it was lost."""
        self.broken: list[str] = []
        """What it has done although it must have refused it."""
        self._kept: dict[str, tuple[Any, Any]] = {}
        self._saved: tuple[dict[str, sqlite3.Connection], Journal] | None = None

    def save(self) -> None:
        """All up to now is safe from `lose_tail`."""
        self._saved = self.files.copy(), self.journal.copy()

    def lose_tail(self) -> None:
        """The store forgets what it was told since `save`, as a Redis does that syncs once a second. What was on its
        way is lost, too.
        """
        assert self._saved is not None, "nothing was saved"
        copies, journal = self._saved
        self.files.put_back(copies)
        self.journal.go_back(journal)
        self.power_cuts += 1
        self._kept.clear()

    @property
    def history(self) -> str:
        """The name of what the store tells: another one once it has lost its tail."""
        return f"history {self.power_cuts}"

    def _unchanged(self, name: str, source: Any, read: Callable[[], T]) -> T:
        """What `read` has read from this source, read anew only after the source was written to: most of what is asked
        for is asked again and again.
        """
        kept = self._kept.get(name)
        if kept is None or kept[0] != source:
            kept = self._kept[name] = source, read()
        value: T = kept[1]
        return value

    def routing(self) -> Routing:
        """The table as it stands."""
        files, written = self.files, self.files.control().total_changes
        shards = self._unchanged("shards", written, files.shards)
        rows = [sqlite_shard.routing_row(files.shard(shard_id), shard_id) for shard_id in shards]
        return self._unchanged("routing", (written, rows), lambda: sqlite_control.routing(files))

    def journal_logs(self) -> list[LogInfo]:
        """The logs as they stand."""
        files, found = self.files, list[LogInfo]()
        for shard_id in self._unchanged("shards", files.control().total_changes, files.shards):
            file = files.shard(shard_id)
            found += self._unchanged(shard_id, file.total_changes, partial(sqlite_shard.all_logs, file, shard_id))
        return found

    def damage_newest(self, player_id: str) -> bool:
        """Spoils the player's newest snapshot, unless there is no older generation; whether it did."""
        files = [self.files.shard(shard_id) for shard_id in self.files.shards()]
        found = [
            (version, generation, file)
            for file in files
            for version, generation in file.execute(
                "SELECT version, generation FROM snapshots WHERE player_id=?", (player_id,)
            )
        ]
        if len(found) < GENERATIONS:
            return False
        version, generation, file = max(found, key=lambda row: row[0])
        file.execute(
            "UPDATE snapshots SET state=x'00' WHERE player_id=? AND version=? AND generation=?",
            (player_id, version, generation),
        )
        return True

    def close(self) -> None:
        self.files.close()
        for copy in self._saved[0].values() if self._saved is not None else ():
            copy.close()


class _InlineWorker:
    """Does the work at once, in the loop's own thread."""

    def __init__(self, files: Files) -> None:
        self.files = files

    def submit(self, call: Callable[..., Any], *args: Any, **kwargs: Any) -> "asyncio.Future[Any]":
        future = asyncio.get_running_loop().create_future()
        try:
            future.set_result(call(*args, **kwargs))
        except sqlite3.Error as error:
            future.set_exception(store_error(error))
        except Exception as error:
            future.set_exception(error)
        return future

    async def stop(self) -> None:
        """The disk is closed by whoever made it."""


class InlineSqlite(SqliteStore):
    """The production store; each call happens at one instant of virtual time. The journal hears what was written."""

    def __init__(self, disk: Disk) -> None:
        super().__init__(Path("/nowhere"))
        self._disk = disk
        self._workers = (_InlineWorker(disk.files),) * 3  # type: ignore[assignment]

    def admit(self, name: str) -> None:
        """A call arrives. This store lets every call in."""

    async def open(self) -> None:
        """It is."""

    async def fill(self) -> float | None:
        return 0.0

    def _on_files(self, call: Callable[..., T], *args: Any, **named: Any) -> "asyncio.Future[T]":
        done = super()._on_files(call, *args, **named)
        if call in OF_A_TERM and done.exception() is None:
            (newest,) = self._disk.files.control().execute("SELECT term FROM control").fetchone()
            if args[0] != newest:
                self._disk.broken.append(f"{call.__name__} under term {args[0]}, although {newest} is taken (rule 7)")
        return done

    async def routing(self) -> Routing:
        return self._disk.routing()

    async def journal_logs(self) -> list[LogInfo]:
        return self._disk.journal_logs()

    async def claim(self, shard_id: str, owner: Owner, nonce: str, sealed: Sealed | None = None) -> Claim:
        claim = await super().claim(shard_id, owner, nonce, sealed)
        self._disk.claims.setdefault(nonce, len(self._disk.claims))
        return claim

    async def append(self, inc: Incarnation, head: LogHead, payload: bytes, *args: Any, **named: Any) -> LogHead:
        written = await super().append(inc, head, payload, *args, **named)
        self._disk.journal.took(inc.log_id, written.seq, payload)
        return written

    async def commit_catalog(self, term: int, row: CatalogRow, *args: Any, **named: Any) -> None:
        await super().commit_catalog(term, row, *args, **named)
        self._disk.journal.in_force = row.version

    async def clock_ms(self) -> int:
        return EPOCH_MS + round(asyncio.get_running_loop().time() * 1000)


class Weather:
    """How bad things are for everybody. It comes in gusts; `calm` ends it.

    Without a break between them nothing would get done: each start of a shard that fails leaves a log that the next one
    has to read, too, so that it needs even more calls that must all succeed.
    """

    def __init__(self, rng: random.Random, time: Callable[[], float]) -> None:
        self.rng, self._time = rng, time
        self.fail, self.slow, self.twice = 0.02, 0.05, 0.03
        self.patience_s = rng.choice((0.4, None))
        """How long a caller waits for the store: as with Redis, or for ever, as with SQLite."""

        self.unheard: list[asyncio.Future[Any]] = []
        """What the dead wait for. It is kept, so that they wait until the end."""
        self.loses_tail = False
        """Whether readers have to wait until what they read can't be lost any more."""

    def calm(self) -> None:
        self.fail = self.slow = self.twice = 0.0

    def delay_s(self) -> float:
        """One way between a process and the store."""
        rng = self.rng
        if rng.random() < self.slow and self._bad():
            return rng.uniform(0.05, 0.8)
        return rng.uniform(0.0002, 0.002)

    def lost(self) -> bool:
        return self.rng.random() < self.fail and self._bad()

    def _bad(self) -> bool:
        return self._time() % GUST_EVERY_S < GUST_S


class SimStore:
    """A process's store. Nothing gets through until the virtual second `stalled`; all fails until `cut_off`.

    A call is carried out when it arrives, whatever has become of its caller meanwhile: it may have given up, be frozen,
    or be dead.
    """

    def __init__(self, disk: Disk, weather: Weather, host: Host | None = None) -> None:
        self._disk, self._weather, self._host = disk, weather, host
        self._inner = disk.make(disk)
        self.stalled = self.cut_off = 0.0

    async def open(self) -> None:
        await self._inner.open()

    async def close(self) -> None:
        await self._inner.close()

    async def follow_lineage(self) -> str:
        """Asks nobody."""
        return await self._inner.follow_lineage()

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        method = getattr(self._inner, name)
        loop = asyncio.get_running_loop()

        async def call(*args: Any, **named: Any) -> Any:
            answer: asyncio.Future[Any] = loop.create_future()
            if self._host is None or self._host.alive:
                self._send(loop, answer, name, lambda: method(*args, **named))
            else:
                self._weather.unheard.append(answer)
            if self._weather.patience_s is None:
                return await answer
            patience = loop.call_later(self._weather.patience_s, _fail, answer, "no answer in time")
            try:
                return await answer
            finally:
                patience.cancel()

        self.__dict__[name] = call
        return call

    def _send(
        self,
        loop: asyncio.AbstractEventLoop,
        answer: "asyncio.Future[Any]",
        name: str,
        work: Callable[[], Coroutine[Any, Any, Any]],
    ) -> None:
        """What happens from here on happens at the store, which never freezes."""
        cuts = self._disk.power_cuts
        loop.call_later(self._way_s(loop), self._arrive, loop, answer, name, work, cuts, context=RUNNING_NOWHERE)

    def _way_s(self, loop: asyncio.AbstractEventLoop) -> float:
        return max(self._weather.delay_s(), self.stalled - loop.time())

    def _arrive(
        self,
        loop: asyncio.AbstractEventLoop,
        answer: "asyncio.Future[Any]",
        name: str,
        work: Callable[[], Coroutine[Any, Any, Any]],
        cuts: int,
    ) -> None:
        if self._weather.lost() or loop.time() < self.cut_off or cuts != self._disk.power_cuts:
            _fail(answer, "lost on the way there")
            return
        try:
            self._inner.admit(name)
            if name in REPEATABLE and self._weather.rng.random() < self._weather.twice:
                loop.call_later(self._weather.rng.uniform(0, AGAIN_S), self._again, work, cuts)
            outcome = _at_once(work())
        except Exception as failure:
            loop.call_later(self._way_s(loop), _raise, answer, failure)
            return
        if self._weather.lost():
            _fail(answer, "lost on the way back")
        else:
            loop.call_later(self._way_s(loop), self._come_back, answer, outcome, cuts)

    def _again(self, work: Callable[[], Coroutine[Any, Any, Any]], cuts: int) -> None:
        """The same call arrives once more. Nobody hears what becomes of it."""
        if cuts == self._disk.power_cuts:
            with suppress(StoreError):
                _at_once(work())

    def _come_back(self, answer: "asyncio.Future[Any]", outcome: Any, cuts: int) -> None:
        if cuts != self._disk.power_cuts:
            _fail(answer, "the store has lost power")
        elif not answer.done():
            answer.set_result(outcome)


def _at_once(work: Coroutine[Any, Any, Any]) -> Any:
    """The store's work waits for nothing, so that each call is one instant."""
    try:
        work.send(None)
    except StopIteration as done:
        return done.value
    raise RuntimeError("the store would have waited")


def _raise(answer: "asyncio.Future[Any]", failure: Exception) -> None:
    if not answer.done():
        answer.set_exception(failure)
        answer.exception()  # perhaps nobody waits any more


def _fail(answer: "asyncio.Future[Any]", why: str) -> None:
    _raise(answer, StoreUnavailable(why))
