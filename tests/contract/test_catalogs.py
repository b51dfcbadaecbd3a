"""Rule 14: one catalog for all shards, put in force by a row whose number grows; the sandbox clock beside it."""

import asyncio
from contextlib import suppress

import pytest

from snapshots.contract import Address, CatalogRow, DoneRequest, Incarnation, LogHead, Owner, Store
from snapshots.errors import Fenced, StillHeld
from tests.contract.backends import Backend

OWNER = Owner("host-1", 100, 5_000)
FIRST = CatalogRow(1, "c1", 1_000, "ops")
SECOND = CatalogRow(2, "c2", 2_000, "git")


@pytest.fixture
async def term(store: Store) -> int:
    """Of a supervisor that has stored catalogs c1 and c2; none is in force."""
    await store.put_catalog("c1", b"one")
    await store.put_catalog("c2", b"two")
    return await store.take_term()


async def shard(store: Store, shard_id: str = "s0", nonce: str = "n") -> Incarnation:
    return (await store.claim(shard_id, OWNER, nonce)).incarnation


async def test_a_stored_catalog_is_not_in_force(store: Store, term: int) -> None:
    assert (await store.get_catalog("c1"), await store.get_catalog("c3")) == (b"one", None)
    assert (await store.routing()).catalog is None
    await store.put_catalog("c1", b"one")
    assert await store.get_catalog("c1") == b"one"


async def test_every_byte_of_a_large_catalog_survives(store: Store) -> None:
    content = bytes(range(256)) * 8_000
    await store.put_catalog("large", content)
    assert await store.get_catalog("large") == content


async def test_the_row_in_force_is_in_the_routing_table(store: Store, term: int) -> None:
    for row in (FIRST, SECOND):
        await store.commit_catalog(term, row)
        assert (await store.routing()).catalog == row


async def test_an_older_version_comes_back_under_a_new_number(store: Store, term: int) -> None:
    back = CatalogRow(3, "c1", 3_000, "ops")
    for row in (FIRST, SECOND, back):
        await store.commit_catalog(term, row)
    assert (await store.routing()).catalog == back


@pytest.mark.parametrize(
    "row",
    [
        CatalogRow(1, "c2", 2_000, "ops"),
        CatalogRow(1, "c1", 1_000, "somebody else"),
        CatalogRow(3, "c2", 2_000, "ops"),
        CatalogRow(0, "c2", 2_000, "ops"),
        CatalogRow(2, "c9", 2_000, "ops"),
    ],
    ids=["number taken", "another's row", "a gap", "backwards", "not stored"],
)
async def test_anything_but_the_next_number_and_a_stored_version_is_refused(
    store: Store, term: int, row: CatalogRow
) -> None:
    await store.commit_catalog(term, FIRST)
    with pytest.raises(Fenced):
        await store.commit_catalog(term, row)
    assert (await store.routing()).catalog == FIRST


async def test_of_two_commits_at_once_one_wins(store: Store, term: int) -> None:
    rows = [CatalogRow(1, "c1", at_ms, "ops") for at_ms in range(10)]
    outcomes = await asyncio.gather(*(store.commit_catalog(term, row) for row in rows), return_exceptions=True)
    (winner,) = [row for row, outcome in zip(rows, outcomes, strict=True) if outcome is None]
    assert [type(outcome) for outcome in outcomes if outcome is not None] == [Fenced] * 9
    assert (await store.routing()).catalog == winner


@pytest.mark.parametrize(("number", "refused"), [(0, True), (1, True), (2, False), (3, False)])
async def test_appends_decided_under_an_older_catalog_are_refused(
    store: Store, term: int, number: int, refused: bool
) -> None:
    inc = await shard(store)
    for row in (FIRST, SECOND):
        await store.commit_catalog(term, row)
    if refused:
        with pytest.raises(Fenced, match="catalog"):
            await store.append(inc, LogHead(), b"one", number)
    else:
        await store.append(inc, LogHead(), b"one", number)
    assert len(await store.read_log(inc.log_id, 0, 10)) == (0 if refused else 1)


async def test_a_refused_append_leaves_the_log_where_it_was(store: Store, term: int) -> None:
    inc = await shard(store)
    head = await store.append(inc, LogHead(), b"one")
    await store.commit_catalog(term, FIRST)
    with pytest.raises(Fenced):
        await store.append(inc, head, b"two", 0)
    assert (await store.append(inc, head, b"two again", 1)).seq == 2
    assert [record.payload for record in await store.read_log(inc.log_id, 0, 10)] == [b"one", b"two again"]


async def test_a_batch_that_was_written_succeeds_again_after_a_newer_catalog(store: Store, term: int) -> None:
    """Its answer was lost on the way; what is in the log stays there, and the shard must learn that it does."""
    inc = await shard(store)
    head = await store.append(inc, LogHead(), b"one", 0)
    await store.commit_catalog(term, FIRST)
    assert await store.append(inc, LogHead(), b"one", 0) == head
    assert len(await store.read_log(inc.log_id, 0, 10)) == 1


async def test_who_claims_later_is_bound_too(store: Store, term: int) -> None:
    await store.commit_catalog(term, FIRST)
    inc = await shard(store, "s7")
    with pytest.raises(Fenced, match="catalog"):
        await store.append(inc, LogHead(), b"one", 0)
    assert (await store.append(inc, LogHead(), b"one", 1)).seq == 1


async def test_nothing_of_the_former_catalog_is_written_once_the_commit_returned(
    store: Store, backend: Backend, term: int
) -> None:
    """Three shards append in processes of their own (here: stores of their own) while the catalog changes."""
    stores = [backend.store() for _ in range(3)]
    lengths: list[int] = []

    async def play(number: int, own: Store) -> None:
        await own.open()
        inc, head = await shard(own, f"s{number}", f"n{number}"), LogHead()
        with suppress(Fenced):
            while True:
                head = await own.append(inc, head, b"batch", 0)
        lengths.append(head.seq)

    players = [asyncio.create_task(play(number, own)) for number, own in enumerate(stores)]
    while not all([await store.read_log(f"s{number}-1", 0, 1) for number in range(3)]):
        await asyncio.sleep(0)
    await store.commit_catalog(term, FIRST)
    written = [len(await store.read_log(f"s{number}-1", 0, 10**6)) for number in range(3)]
    await asyncio.gather(*players)
    assert sorted(written) == sorted(lengths)
    await asyncio.gather(*(own.close() for own in stores))


async def test_the_clock_only_runs_ahead(store: Store, term: int) -> None:
    offsets = []
    assert (await store.routing()).clock_offset_ms == 0
    for offset_ms in (60_000, 10_000, 90_000_000_000, 0):
        await store.advance_clock(term, offset_ms)
        offsets.append((await store.routing()).clock_offset_ms)
    assert offsets == [60_000, 60_000, 90_000_000_000, 90_000_000_000]


async def test_where_the_supervisor_listens(store: Store, term: int) -> None:
    here, there = Address("127.0.0.1", 7000, None, "host-1"), Address("10.0.0.2", 7001, "/run/x.sock", "host-2", 9)
    assert (await store.routing()).supervisor is None
    for address in (here, there):
        await store.listen(term, address)
        assert (await store.routing()).supervisor == address


async def test_catalog_clock_and_supervisor_are_there_after_opening_again(
    store: Store, backend: Backend, term: int
) -> None:
    inc = await shard(store)
    await store.commit_catalog(term, FIRST)
    await store.advance_clock(term, 5_000)
    await store.listen(term, Address("127.0.0.1", 7000, None, "host-1"))
    routing = await store.routing()
    await store.close()
    again = backend.store()
    await again.open()
    assert await again.routing() == routing
    assert await again.get_catalog("c2") == b"two"
    with pytest.raises(Fenced, match="catalog"):
        await again.append(inc, LogHead(), b"one", 0)
    await again.close()


# --- counters that must be 0: nobody holds a currency whose exponent changes (rules §2.7)

YEN = ("players:JPY:0", "players:JPY:1")


async def test_a_catalog_that_spoils_what_is_held_is_refused_and_changes_nothing(store: Store, term: int) -> None:
    inc = await shard(store)
    await store.commit_catalog(term, FIRST, None, YEN)
    await store.append(inc, LogHead(), b"one", 1, {"players:JPY:0": 2})
    with pytest.raises(StillHeld, match="players:JPY:0 must be 0 for this catalog, and is 2"):
        await store.commit_catalog(term, SECOND, DoneRequest(b"k", b"c", b"a"), YEN)
    assert ((await store.routing()).catalog, await store.done_request(b"k")) == (FIRST, None)
    await store.commit_catalog(term, SECOND, DoneRequest(b"k", b"c", b"a"), YEN[1:])
    assert (await store.routing()).catalog == SECOND


async def test_what_is_held_counts_over_all_shards(store: Store, term: int) -> None:
    """A counter is a sum: one file may hold -1 of it, and what another one holds is not forgotten for that."""
    first, other = await shard(store, "s0"), await shard(store, "s1", "m")
    await store.append(first, LogHead(), b"one", 0, {"players:JPY:0": -1})
    await store.commit_catalog(term, FIRST, None, YEN)
    await store.append(other, LogHead(), b"one", 1, {"players:JPY:0": 2})
    with pytest.raises(StillHeld):
        await store.commit_catalog(term, SECOND, None, YEN)


async def test_the_row_in_force_succeeds_again_whoever_has_come_meanwhile(store: Store, term: int) -> None:
    inc = await shard(store)
    await store.commit_catalog(term, FIRST, None, YEN)
    await store.append(inc, LogHead(), b"one", 1, {"players:JPY:0": 1})
    await store.commit_catalog(term, FIRST, None, YEN)
    assert (await store.routing()).catalog == FIRST


async def test_whoever_registers_meanwhile_comes_before_the_look_or_after_the_catalog(
    store: Store, backend: Backend, term: int
) -> None:
    """Three shards register players under the old catalog until that is refused: the counter tells the truth."""
    stores = [backend.store() for _ in range(3)]

    async def register(number: int, own: Store) -> None:
        await own.open()
        inc, head = await shard(own, f"s{number}", f"n{number}"), LogHead()
        with suppress(Fenced):
            for _ in range(20):
                head = await own.append(inc, head, b"batch", 0, {"players:JPY:0": 1})

    registering = [asyncio.create_task(register(number, own)) for number, own in enumerate(stores)]
    try:
        await store.commit_catalog(term, FIRST, None, YEN)
    except StillHeld:
        await asyncio.gather(*registering)
        assert (await store.tallies(YEN))[YEN[0]] == 60
    else:
        await asyncio.gather(*registering)
        assert (await store.tallies(YEN))[YEN[0]] == 0
    await asyncio.gather(*(own.close() for own in stores))
