"""Rule 3: compare-and-append, checkpoint, trimming, finishing; and damage in what was written."""

from collections.abc import Callable

import pytest

from snapshots.contract import GENESIS, Incarnation, LogHead, LogInfo, Owner, Store, next_hash
from snapshots.errors import CorruptLog, Fenced
from snapshots.recovery import load_player, read_player, read_tails
from tests.contract.backends import Backend
from tests.support.deposits import batch, step

OWNER = Owner("host-1", 100, 5_000)


async def shard(store: Store, shard_id: str = "s0", nonce: str = "n") -> Incarnation:
    return (await store.claim(shard_id, OWNER, nonce)).incarnation


async def fill(store: Store, inc: Incarnation, payloads: list[bytes]) -> LogHead:
    head = LogHead()
    for payload in payloads:
        head = await store.append(inc, head, payload)
    return head


async def test_records_are_chained_and_read_in_pages(store: Store) -> None:
    inc = await shard(store)
    head = await fill(store, inc, [b"one", b"two", b"three"])
    first, second = next_hash(GENESIS, b"one"), next_hash(next_hash(GENESIS, b"one"), b"two")
    assert head == LogHead(3, next_hash(second, b"three"))
    records = await store.read_log(inc.log_id, 0, 2)
    assert [(r.seq, r.previous, r.hash, r.payload) for r in records] == [
        (1, GENESIS, first, b"one"),
        (2, first, second, b"two"),
    ]
    assert [r.payload for r in await store.read_log(inc.log_id, 2, 10)] == [b"three"]
    assert list(await store.read_log(inc.log_id, 3, 10)) == []
    assert list(await store.read_log("s9-1", 0, 10)) == []


async def test_the_same_batch_at_the_same_place_succeeds_again_without_writing(store: Store) -> None:
    inc = await shard(store)
    head = await fill(store, inc, [b"one"])
    assert await store.append(inc, LogHead(), b"one") == head
    assert len(await store.read_log(inc.log_id, 0, 10)) == 1


@pytest.mark.parametrize(
    ("at", "payload"),
    [(0, b"other"), (2, b"ahead"), (1, b"wrong hash")],
    ids=["other batch at the same place", "a gap", "after another record"],
)
async def test_anything_else_is_refused(store: Store, at: int, payload: bytes) -> None:
    inc = await shard(store)
    await fill(store, inc, [b"one"])
    with pytest.raises(Fenced):
        await store.append(inc, LogHead(at, GENESIS), payload)
    assert [r.payload for r in await store.read_log(inc.log_id, 0, 10)] == [b"one"]


async def test_only_the_last_batch_may_be_repeated(store: Store) -> None:
    inc = await shard(store)
    await fill(store, inc, [b"one", b"two"])
    with pytest.raises(Fenced):
        await store.append(inc, LogHead(), b"one")


async def test_large_batches_and_every_byte_survive(store: Store) -> None:
    inc = await shard(store)
    payload = bytes(range(256)) * 8_000
    await fill(store, inc, [payload, b"", b"\r\n\0"])
    assert [r.payload for r in await store.read_log(inc.log_id, 0, 10)] == [payload, b"", b"\r\n\0"]


async def test_a_checkpoint_only_moves_up_and_trims_what_it_is_told(store: Store) -> None:
    inc = await shard(store)
    head = await fill(store, inc, [b"%d" % number for number in range(1, 6)])
    await store.checkpoint(inc, 4, 2)
    await store.checkpoint(inc, 3, 1)
    assert await store.unfinished_logs() == [LogInfo("s0-1", "s0", False, 4, 2, 5)]
    assert [r.seq for r in await store.read_log(inc.log_id, 0, 10)] == [3, 4, 5]
    await store.checkpoint(inc, 5, 5)
    assert list(await store.read_log(inc.log_id, 0, 10)) == []
    assert (await store.append(inc, head, b"6")).seq == 6


async def test_a_checkpoint_beyond_the_log_or_a_trim_beyond_the_checkpoint_is_refused(store: Store) -> None:
    inc = await shard(store)
    await fill(store, inc, [b"one"])
    with pytest.raises(Fenced):
        await store.checkpoint(inc, 2, 0)
    with pytest.raises(ValueError):
        await store.checkpoint(inc, 0, 1)
    assert await store.unfinished_logs() == [LogInfo("s0-1", "s0", False, 0, 0, 1)]


async def test_only_a_sealed_log_is_finished_and_only_itself(store: Store) -> None:
    term = await store.take_term()
    old = await shard(store, nonce="old")
    await fill(store, old, [b"old"])
    with pytest.raises(Fenced):
        await store.finish_log(term, old.log_id)
    new = await shard(store, nonce="new")
    await fill(store, new, [b"new"])
    await store.finish_log(term, old.log_id)
    await store.finish_log(term, old.log_id)
    assert [log.log_id for log in await store.unfinished_logs()] == [new.log_id]
    assert list(await store.read_log(old.log_id, 0, 10)) == []
    assert [r.payload for r in await store.read_log(new.log_id, 0, 10)] == [b"new"]


async def test_the_log_of_a_released_epoch_goes_on(store: Store) -> None:
    """A slot move raises the epoch; the log stays, and stays live."""
    term = await store.take_term()
    inc = await shard(store)
    head = await fill(store, inc, [b"one"])
    after = await store.release_slots(inc, term, [1], [], "s1", {})
    assert after == Incarnation("s0", 2, "n", "s0-1")
    assert (await store.append(after, head, b"two")).seq == 2
    with pytest.raises(Fenced):
        await store.finish_log(term, "s0-1")


def torn(payload: bytes) -> bytes:
    return payload[:-3]


def overwritten(payload: bytes) -> bytes:
    return b"\xff" * len(payload)


@pytest.mark.parametrize("damage", [torn, overwritten])
async def test_a_record_that_cant_be_read_is_named(
    store: Store, backend: Backend, damage: Callable[[bytes], bytes]
) -> None:
    inc = await shard(store)
    payloads = [batch(step("alice", 1)), batch(step("alice", 2)), batch(step("alice", 3))]
    await fill(store, inc, payloads)
    backend.damage_record(inc.log_id, 2, damage(payloads[1]))
    with pytest.raises(CorruptLog, match=r"log s0-1 record 2"):
        await read_tails(store, await store.unfinished_logs(), lambda player_id: True)


async def test_a_damaged_entry_stops_its_player_and_nobody_else(store: Store, backend: Backend) -> None:
    inc = await shard(store)
    payload = batch(step("alice", 1), step("bob", 1))
    await fill(store, inc, [payload, batch(step("alice", 2), step("bob", 2))])
    backend.damage_record(inc.log_id, 1, payload.replace(b"game:alice-1", b"game:aXice-1"))
    index = await read_tails(store, await store.unfinished_logs(), lambda player_id: True)
    with pytest.raises(CorruptLog, match="alice"):
        index.peek("alice")
    with pytest.raises(CorruptLog, match="alice"):
        await read_player(store, inc.log_id, "alice")
    bob = (await load_player(store, "bob", index.peek("bob"))).player
    assert (bob.state.version, bob.state.real) == (2, 100)


async def test_a_replaced_record_is_noticed_although_it_is_well_formed(store: Store, backend: Backend) -> None:
    inc = await shard(store)
    await fill(store, inc, [batch(step("alice", 1)), batch(step("alice", 2))])
    backend.damage_record(inc.log_id, 2, batch(step("alice", 2, amount=1_000_000)))
    index = await read_tails(store, await store.unfinished_logs(), lambda player_id: True)
    with pytest.raises(CorruptLog):
        index.peek("alice")
