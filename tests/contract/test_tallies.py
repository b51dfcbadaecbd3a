"""Counters that are added to with an append: exactly once, by all shards together, for good."""

import asyncio

import pytest

from snapshots.contract import GENESIS, CatalogRow, Incarnation, LogHead, Owner, Store
from snapshots.errors import Fenced
from tests.contract.backends import Backend

OWNER = Owner("host-1", 100, 5_000)
WELCOME = ("players", "issued:welcome", "active:welcome")


async def shard(store: Store, shard_id: str = "s0", nonce: str = "n") -> Incarnation:
    return (await store.claim(shard_id, OWNER, nonce)).incarnation


async def counted(store: Store) -> list[int]:
    """The counters of `WELCOME`, in its order."""
    tallies = await store.tallies(WELCOME)
    return [tallies[name] for name in WELCOME]


async def test_deltas_add_up_over_batches(store: Store) -> None:
    """Two registrations and two awards; then one of the awards ends; then a batch that counts nothing."""
    inc = await shard(store)
    assert await counted(store) == [0, 0, 0]
    head = await store.append(inc, LogHead(), b"one", 0, {"players": 2, "issued:welcome": 2, "active:welcome": 2})
    assert await counted(store) == [2, 2, 2]
    head = await store.append(inc, head, b"two", 0, {"active:welcome": -1})
    await store.append(inc, head, b"three")
    assert await counted(store) == [2, 2, 1]


async def test_only_the_counters_asked_for_are_told(store: Store) -> None:
    inc = await shard(store)
    await store.append(inc, LogHead(), b"one", 0, {"players": 1, "issued:a": 5, "issued:b": 6})
    assert await store.tallies(["issued:b", "issued:c"]) == {"issued:b": 6, "issued:c": 0}
    assert await store.tallies([]) == {}


async def test_the_same_batch_again_counts_nothing(store: Store) -> None:
    """Its outcome was unknown: it is repeated, three times here, and counted once."""
    inc = await shard(store)
    for _ in range(3):
        await store.append(inc, LogHead(), b"one", 0, {"players": 1})
    head = LogHead(1, (await store.read_log(inc.log_id, 0, 1))[0].hash)
    for _ in range(2):
        await store.append(inc, head, b"two", 0, {"players": 1})
    assert (await counted(store))[0] == 2


@pytest.mark.parametrize("at", [0, 1, 2], ids=["another batch there", "another record before", "a gap"])
async def test_what_is_refused_is_not_counted(store: Store, at: int) -> None:
    inc = await shard(store)
    await store.append(inc, LogHead(), b"one", 0, {"players": 1})
    with pytest.raises(Fenced):
        await store.append(inc, LogHead(at, GENESIS), b"other", 0, {"players": 10})
    assert (await counted(store))[0] == 1


async def test_neither_a_former_process_nor_a_former_catalog_counts(store: Store) -> None:
    term = await store.take_term()
    old = await shard(store, nonce="old")
    new = await shard(store, nonce="new")
    with pytest.raises(Fenced):
        await store.append(old, LogHead(), b"one", 0, {"players": 1})
    await store.put_catalog("v1", b"content")
    await store.commit_catalog(term, CatalogRow(1, "v1", 0, "ann"))
    with pytest.raises(Fenced):
        await store.append(new, LogHead(), b"one", 0, {"players": 1})
    assert await counted(store) == [0, 0, 0]
    await store.append(new, LogHead(), b"one", 1, {"players": 1})
    assert (await counted(store))[0] == 1


async def test_shards_and_their_incarnations_count_together(store: Store) -> None:
    """An award is issued by s0 and ends at s1, where its player has moved; s0 dies and counts on."""
    first, other = await shard(store), await shard(store, "s1")
    await store.append(first, LogHead(), b"one", 0, {"issued:welcome": 1, "active:welcome": 1})
    await store.append(other, LogHead(), b"one", 0, {"active:welcome": -1})
    second = await shard(store, nonce="second")
    await store.append(second, LogHead(), b"two", 0, {"issued:welcome": 1, "active:welcome": 1})
    assert await counted(store) == [0, 2, 1]


async def test_counters_outlive_their_records_and_their_process(store: Store, backend: Backend) -> None:
    """Trimmed, sealed and finished logs, and a store opened anew."""
    term = await store.take_term()
    inc = await shard(store)
    head = await store.append(inc, LogHead(), b"one", 0, {"players": 1})
    await store.append(inc, head, b"two", 0, {"players": 1})
    await store.checkpoint(inc, 2, 2)
    await shard(store, nonce="next")
    await store.finish_log(term, inc.log_id)
    again = backend.store()
    await again.open()
    assert (await again.tallies(["players"]))["players"] == 2
    await again.close()


async def test_shards_that_count_at_once_lose_nothing(store: Store, backend: Backend) -> None:
    async def busy(shard_id: str) -> None:
        own = backend.store()
        await own.open()
        inc, head = await shard(own, shard_id), LogHead()
        for _ in range(20):
            head = await own.append(inc, head, b"batch", 0, {"players": 2, "active:welcome": -1})
        await own.close()

    await asyncio.gather(*(busy(f"s{number}") for number in range(3)))
    assert await counted(store) == [120, 0, -60]


@pytest.mark.parametrize(("most", "sign"), [(2**63 - 1, 1), (-(2**63), -1)])
async def test_what_would_overflow_a_counter_is_left_out_and_all_else_counts(
    store: Store, most: int, sign: int
) -> None:
    """Counters have 64 bits: the record is written all the same, and so are the batch's other deltas."""
    inc = await shard(store)
    head = await store.append(inc, LogHead(), b"one", 0, {"players": most, "issued:welcome": 1})
    head = await store.append(inc, head, b"two", 0, {"players": sign, "issued:welcome": 1})
    head = await store.append(inc, head, b"three", 0, {"players": 2 * most, "issued:welcome": 1})
    assert (head.seq, await counted(store)) == (3, [most, 3, 0])
    await store.append(inc, head, b"four", 0, {"players": -sign})
    assert await counted(store) == [most - sign, 3, 0]
