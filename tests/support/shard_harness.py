"""Shards without Ray: a `Desk` asks one Shard directly, `start_shard` runs a whole ShardProcess on this loop."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec

from actors.background.due_work import Scheduler
from actors.background.snapshotter import Snapshotter
from actors.metrics.shard import ShardMetrics
from actors.outcome import Answered, Unavailable
from actors.routing.owner_of import slot_of
from actors.settings import ShardSettings
from actors.shard import committer
from actors.shard.context import ShardContext
from actors.shard.ownership import Ownership
from actors.shard.ownership_lost import OwnershipLost
from actors.shard.ring import Ring
from actors.shard.shard import Shard
from actors.supervision.shard_process import ShardProcess
from actors.wire.frames import Kind, Reply, Request, RequestFrame, ShardReport
from engine.catalog import Catalog
from engine.commands import Deposit, Register, Spin
from engine.queries import GetPlayer
from engine.rejections import Rejection
from engine.views import AnyReply
from snapshots.contract import SLOTS, Claim, Owner, Store
from snapshots.opening import open_store
from snapshots.tail_index import TailIndex
from tests.support.faulty_store import FaultyStore
from tests.support.playing import campaign, catalog_with, wager

SECRET = "a cluster secret"
OWNER = Owner("a host that nobody can look into", 1, 1)
FAR_MS = 4_102_444_800_000
"""2100-01-01: campaigns here must outlive every real clock."""
NOT_OWNER = "not_owner"
EVEN, ODD = range(0, SLOTS, 2), range(1, SLOTS, 2)
REGISTER, LOOK = Register("EUR", "FI"), GetPlayer()


def spin(bet: int = 10, win: int | None = 0) -> Spin:
    return Spin("book", "real", bet, win)


def catalog() -> Catalog:
    """`gift`: 500 cents, to be wagered 10 times within one day."""
    return catalog_with(campaign("gift", 500, valid_from_ms=0, valid_to_ms=FAR_MS, wager=wager(10, valid_days=1)))


def players_in(slots: Sequence[int], count: int) -> list[str]:
    """Ids of that many players who live in those slots."""
    names = (f"p{number}" for number in range(100_000))
    found = (name for name in names if slot_of(name) in slots)
    return [next(found) for _ in range(count)]


def settings(folder: Path, **changes: Any) -> ShardSettings:
    """Quick to take over; background rounds only when a test asks for them."""
    quick: dict[str, Any] = {
        "store_url": f"sqlite:{folder}", "lease_ms": 1_500, "heartbeat_ms": 20, "snapshot_interval_ms": 3_600_000,
    }  # fmt: skip
    return ShardSettings(cluster_secret=SECRET, **(quick | changes))


class Sink:
    """Where replies go. `order` lists the numbers of the requests answered, oldest first."""

    def __init__(self) -> None:
        self.order: list[int] = []
        self.waiting: dict[int, asyncio.Future[Any]] = {}

    def expect(self, rid: int) -> "asyncio.Future[Any]":
        self.waiting[rid] = asyncio.get_running_loop().create_future()
        return self.waiting[rid]

    def reply(self, reply: Reply) -> None:
        self.order.append(reply.rid)
        self.waiting[reply.rid].set_result(decoded(reply))


def decoded(reply: Reply) -> Any:
    """What the gateway would make of a reply; NOT_OWNER as it is."""
    if reply.kind == Kind.NOT_OWNER:
        return NOT_OWNER
    types: Mapping[int, Any] = {Kind.REJECTION: Rejection, Kind.UNAVAILABLE: Unavailable, Kind.REPORT: ShardReport}
    payload = msgspec.msgpack.decode(reply.payload, type=types.get(reply.kind, AnyReply))
    return Answered(payload, reply.kind == Kind.REPLAY) if reply.kind in (Kind.ANSWER, Kind.REPLAY) else payload


class Asking:
    """Asks a shard directly, without a socket, under its current epoch unless told another."""

    def __init__(self, shard: Shard) -> None:
        self.shard, self.reply_to, self._rid = shard, Sink(), 0

    def ask(self, player_id: str, key: str, body: Any, epoch: int | None = None) -> "asyncio.Future[Any]":
        self._rid += 1
        future = self.reply_to.expect(self._rid)
        request = Request(self._rid, player_id, f"gs:{key}" if key else "", body)
        self.shard.handle(
            self.reply_to, RequestFrame(self.shard.context.inc.epoch if epoch is None else epoch, [request])
        )
        return future

    async def look(self, player_id: str) -> Any:
        """The player as the shard shows it."""
        return (await self.ask(player_id, "", LOOK)).answer

    async def seat(self, player_id: str, amount: int = 1_000) -> None:
        """Registers the player and deposits."""
        await self.ask(player_id, f"{player_id}-reg", REGISTER)
        await self.ask(player_id, f"{player_id}-dep", Deposit(amount))


class Desk(Asking):
    """A Shard on a faulty store, without process, socket or heartbeats: the test renews the lease."""

    def __init__(self, shard: Shard, store: FaultyStore, ended: list[str]) -> None:
        super().__init__(shard)
        self.store, self.ended = store, ended

    @property
    def resident(self) -> set[str]:
        return set(self.shard.context.residents.by_id)


@asynccontextmanager
async def desk(
    folder: Path, rules: Catalog | None = None, store_type: type[FaultyStore] = FaultyStore, **changes: Any
) -> AsyncIterator[Desk]:
    """Shard s0, owner of all slots, under a fresh lease; `rules` instead of `catalog()`."""
    store = store_type(open_store(f"sqlite:{folder}"))
    await store.open()
    await deal(store, {"s0": range(SLOTS)})
    claim = await store.claim("s0", OWNER, "nonce")
    ended: list[str] = []
    ownership = Ownership("s0", await store.routing())
    context = ShardContext(
        store,  # type: ignore[arg-type]
        claim.incarnation,
        rules or catalog(),
        ownership,
        TailIndex(),
        settings(folder, **changes),
        ShardMetrics(),
        ended.append,
    )
    shard = Shard(context)
    shard.context.committer.renewed(committer.boottime_s())
    try:
        yield Desk(shard, store, ended)
    finally:
        shard.context.end("the test is over")
        await store.close()


def snapshotter_of(shard: Shard) -> Snapshotter:
    """One that runs when the test says so."""
    return Snapshotter(shard.context, shard.loader.arrive)


def scheduler_of(shard: Shard) -> Scheduler:
    """One that runs when the test says so."""
    run_due = lambda resident: shard.turn.run_due(resident)  # noqa: E731  # tests put another in its place
    return Scheduler(shard.context, snapshotter_of(shard), shard.facts, shard.loader.arrive, run_due)


async def deal(store: Any, table: Mapping[str, Sequence[int]], dedicated: Mapping[str, str] | None = None) -> int:
    """Assigns slots to shards; answers the term."""
    term: int = await store.take_term()
    slots = {slot: shard_id for shard_id, owned in table.items() for slot in owned}
    await store.assign(term, slots, dedicated or {})
    return term


async def watch_history(context: ShardContext, store: FaultyStore) -> None:
    """From now on the store is taken for one that may lose its tail, and which loses no claim, no move, no term."""
    store.answers["own_again"] = []
    told = OwnershipLost(context.store, Claim(context.inc, None), OWNER, Ring(0))
    context.keep_ring(told, await context.store.routing(), "the first")


class TestShard(ShardProcess):
    """A shard process on a faulty store, without a metrics port. `ended` tells why it ended."""

    __test__ = False

    def __init__(self, folder: Path, rules: Catalog | None = None, **changes: Any) -> None:
        self.ended: list[str] = []
        super().__init__(settings(folder, **changes), rules or catalog(), self.ended.append)
        self.faults = FaultyStore(self.store)
        self.store: Store = self.faults  # type: ignore[assignment]

    async def prepare(self) -> None:
        await self.store.open()

    async def crash(self) -> None:
        """What SIGKILL leaves behind: nothing drained, nothing retired."""
        if self.shard is not None:
            self.shard.context.end("killed")
            if (fallback := self.shard.context.committer.fallback) is not None:
                await fallback.close()
        self._cancel_tasks()
        await self.store.close()

    @property
    def asking(self) -> Asking:
        assert self.shard is not None
        return Asking(self.shard)


@asynccontextmanager
async def start_shard(
    folder: Path, shard_id: str = "s0", rules: Catalog | None = None, **changes: Any
) -> AsyncIterator[TestShard]:
    """A serving shard process; crashed at the end unless the test ended it."""
    process = TestShard(folder, rules, **changes)
    await process.prepare()
    try:
        await process.activate(shard_id)
        yield process
    finally:
        await process.crash()


@asynccontextmanager
async def table_for(folder: Path, *shards: str) -> AsyncIterator[Any]:
    """A store on the folder with all slots dealt to the shards in turn; yields (store, term)."""
    store = open_store(f"sqlite:{folder}")
    await store.open()
    dealt = {shard_id: range(number, SLOTS, len(shards)) for number, shard_id in enumerate(shards)}
    try:
        yield store, await deal(store, dealt)
    finally:
        await store.close()


async def eventually(happened: Callable[[], Any]) -> None:
    """Lets the loop run until it has happened; for what has no event of its own. The test's time-out is the limit."""
    while not happened():
        await asyncio.sleep(0.002)
