"""Rule 2: a write of any kind by an old epoch, nonce, log or term is refused, and nothing is written."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial

import pytest
from msgspec.structs import replace

from engine.facts import Signals, WantedAward
from snapshots.contract import Address, CatalogRow, Incarnation, LogHead, Owner, SnapshotRecord, Store
from snapshots.errors import Fenced

OWNER = Owner("host-1", 100, 5_000)
OTHER = Owner("host-1", 200, 6_000)
ADDRESS = Address("127.0.0.1", 7000, None, "host-1")
SNAPSHOT = SnapshotRecord("alice", 9, b"state", b"window", due_ms=5_000)
CATALOG = CatalogRow(1, "c1", 1_000, "ops")
AWARD = WantedAward("gift", "r", 2, 2, None, None, None)

ShardWrite = Callable[[Store, Incarnation, LogHead, int], Awaitable[object]]
TermWrite = Callable[[Store, Incarnation, int], Awaitable[object]]

SHARD_WRITES: dict[str, ShardWrite] = {
    "serve": lambda store, inc, head, term: store.serve(inc, Address("10.0.0.9", 1, None, "host-9")),
    "heartbeat": lambda store, inc, head, term: store.heartbeat(inc),
    "retire": lambda store, inc, head, term: store.retire(inc),
    "append": lambda store, inc, head, term: store.append(inc, head, b"new"),
    "append again": lambda store, inc, head, term: store.append(inc, LogHead(), b"first"),
    "checkpoint": lambda store, inc, head, term: store.checkpoint(inc, 1, 1),
    "put_snapshots": lambda store, inc, head, term: store.put_snapshots(inc, [SNAPSHOT]),
    "put_due_marks": lambda store, inc, head, term: store.put_due_marks(inc, {3: "new"}),
    "release_slots": lambda store, inc, head, term: store.release_slots(inc, term, [3], ["vip"], "s1", {"alice": 4}),
    "reserve": lambda store, inc, head, term: store.reserve(inc, "alice", "c", Signals(), [AWARD], None, 5_000),
    "resolve_reservations": lambda store, inc, head, term: store.resolve_reservations(inc, ["r"], granted=False),
}
TERM_WRITES: dict[str, TermWrite] = {
    "assign": lambda store, inc, term: store.assign(term, {3: "s9"}, {"vip": "s9"}),
    "fence": lambda store, inc, term: store.fence(term, "s0"),
    "finish_log": lambda store, inc, term: store.finish_log(term, "s1-1"),
    "release_slots": lambda store, inc, term: store.release_slots(inc, term, [3], ["vip"], "s1", {"alice": 4}),
    "listen": lambda store, inc, term: store.listen(term, ADDRESS),
    "commit_catalog": lambda store, inc, term: store.commit_catalog(term, CATALOG),
    "advance_clock": lambda store, inc, term: store.advance_clock(term, 60_000),
    "forget_reader": lambda store, inc, term: store.forget_reader(term, "bus"),
}


async def everything(store: Store) -> tuple[object, ...]:
    """All that a store holds, to see that a refused write left no trace."""
    logs = await store.unfinished_logs()
    records = [await store.read_log(log.log_id, 0, 100) for log in logs]
    players: Sequence[object] = [await store.load_player(player_id) for player_id in ("alice", "vip")]
    due = await store.due_players(range(256), ["vip"], 10**15, 10)
    readers = await store.reader_positions("bus"), await store.handovers()
    limits = await store.usage(["gift"]), await store.held_reservations(10**15, 10)
    return await store.routing(), logs, records, players, due, await store.due_marks(), readers, limits


async def serving(store: Store) -> tuple[Incarnation, LogHead, int]:
    """Shard s0 with slot 3 and one record; shard s1 has come and gone, its log s1-1 is sealed."""
    term = await store.take_term()
    inc = (await store.claim("s0", OWNER, "n0")).incarnation
    await store.serve(inc, ADDRESS)
    await store.assign(term, {3: "s0"}, {"vip": "s0"})
    await store.put_snapshots(inc, [replace(SNAPSHOT, version=3, due_ms=7_000)])
    await store.reserve(inc, "alice", "c", Signals(), [replace(AWARD, value_micro_eur=7)], None, 5_000)
    await store.put_catalog("c1", b"content")
    await store.claim_reader("bus", "n")
    gone = (await store.claim("s1", OTHER, "n1")).incarnation
    await store.append(gone, LogHead(), b"left behind")
    await store.retire(gone)
    return inc, await store.append(inc, LogHead(), b"first"), term


async def superseded(store: Store, inc: Incarnation, term: int) -> Incarnation:
    await store.claim("s0", OTHER, "n0-next")
    return inc


async def fenced(store: Store, inc: Incarnation, term: int) -> Incarnation:
    await store.fence(term, "s0")
    return inc


async def moved_slots(store: Store, inc: Incarnation, term: int) -> Incarnation:
    await store.release_slots(inc, term, [], [], "s1", {"bob": 1})
    return inc


async def other_nonce(store: Store, inc: Incarnation, term: int) -> Incarnation:
    return replace(inc, nonce="n0-forged")


async def no_nonce(store: Store, inc: Incarnation, term: int) -> Incarnation:
    await store.fence(term, "s0")
    return replace(inc, nonce="", epoch=inc.epoch + 1)


async def other_log(store: Store, inc: Incarnation, term: int) -> Incarnation:
    return replace(inc, log_id="s0-77")


async def unknown_shard(store: Store, inc: Incarnation, term: int) -> Incarnation:
    return Incarnation("s7", 1, "n7", "s7-1")


STALE = [superseded, fenced, moved_slots, other_nonce, no_nonce, other_log, unknown_shard]


async def refused(store: Store, writes: Mapping[str, Callable[[], Awaitable[object]]]) -> set[str]:
    """The names of the writes that raise Fenced."""
    names = set()
    for name, write in writes.items():
        try:
            await write()
        except Fenced:
            names.add(name)
    return names


@pytest.mark.parametrize("make_stale", STALE, ids=lambda make: make.__name__)
async def test_a_stale_incarnation_writes_nothing(
    store: Store, make_stale: Callable[[Store, Incarnation, int], Awaitable[Incarnation]]
) -> None:
    inc, head, term = await serving(store)
    stale = await make_stale(store, inc, term)
    before = await everything(store)
    writes = {name: partial(write, store, stale, head, term) for name, write in SHARD_WRITES.items()}
    assert await refused(store, writes) == set(SHARD_WRITES)
    assert await everything(store) == before


async def test_a_retired_incarnation_writes_nothing_but_may_retire_again(store: Store) -> None:
    inc, head, term = await serving(store)
    await store.retire(inc)
    before = await everything(store)
    writes = {name: partial(write, store, inc, head, term) for name, write in SHARD_WRITES.items()}
    assert await refused(store, writes) == set(SHARD_WRITES) - {"retire"}
    assert await everything(store) == before


@pytest.mark.parametrize("age", [-1, +1])
async def test_another_term_writes_nothing(store: Store, age: int) -> None:
    inc, _, _ = await serving(store)
    term = await store.take_term()
    before = await everything(store)
    writes = {name: partial(write, store, inc, term + age) for name, write in TERM_WRITES.items()}
    assert await refused(store, writes) == set(TERM_WRITES)
    assert await everything(store) == before


@pytest.mark.parametrize("name", sorted(set(SHARD_WRITES) - {"put_snapshots"}))
async def test_the_current_incarnation_may_do_it_and_may_repeat_it(store: Store, name: str) -> None:
    """A snapshot put again fills both generations instead: see test_snapshots."""
    write = SHARD_WRITES[name]
    inc, head, term = await serving(store)
    first = await write(store, inc, head, term)
    after = await everything(store)
    again = await write(store, inc, head, term)
    assert await everything(store) == after
    if not isinstance(first, int):
        assert first == again


@pytest.mark.parametrize("write", TERM_WRITES.values(), ids=TERM_WRITES.keys())
async def test_the_current_term_may_do_it_and_may_repeat_it(store: Store, write: TermWrite) -> None:
    inc, _, term = await serving(store)
    before = await everything(store)
    first = await write(store, inc, term)
    after = await everything(store)
    assert after != before
    assert await write(store, inc, term) == first
    assert await everything(store) == after
