"""Rule 1 and 5: who holds a shard, whose lease may still run, and what becomes of the log."""

import time

import pytest

from snapshots.contract import Address, Incarnation, LogHead, Owner, ShardRow, Store
from snapshots.errors import Fenced
from tests.contract.backends import Backend

A, B, C = Owner("host-1", 100, 5_000), Owner("host-1", 200, 6_000), Owner("host-2", 300, 7_000)
ADDRESS = Address("127.0.0.1", 7000, "/run/s0.sock", "host-1", 9100)


async def test_a_claim_raises_the_epoch_seals_the_former_log_and_names_the_former_owner(store: Store) -> None:
    first = await store.claim("s0", A, "n1")
    second = await store.claim("s0", B, "n2")
    assert (first.incarnation, first.previous) == (Incarnation("s0", 1, "n1", "s0-1"), None)
    assert (second.incarnation, second.previous) == (Incarnation("s0", 2, "n2", "s0-2"), A)
    assert [(log.log_id, log.sealed) for log in await store.unfinished_logs()] == [("s0-1", True), ("s0-2", False)]


async def test_a_claim_is_idempotent_per_nonce(store: Store) -> None:
    await store.claim("s0", A, "n1")
    claim = await store.claim("s0", B, "n2")
    await store.append(claim.incarnation, LogHead(), b"x")
    assert await store.claim("s0", B, "n2") == claim
    assert len(await store.read_log("s0-2", 0, 10)) == 1
    assert (await store.routing()).shards["s0"].epoch == 2


async def test_serve_publishes_the_address_a_new_claim_takes_it_back(store: Store) -> None:
    inc = (await store.claim("s0", A, "n1")).incarnation
    assert (await store.routing()).shards == {"s0": ShardRow("s0", 1, A, None, "s0-1")}
    await store.serve(inc, ADDRESS)
    assert (await store.routing()).shards == {"s0": ShardRow("s0", 1, A, ADDRESS, "s0-1")}
    await store.claim("s0", B, "n2")
    assert (await store.routing()).shards == {"s0": ShardRow("s0", 2, B, None, "s0-2")}


async def test_retire_leaves_nobody_to_wait_for(store: Store) -> None:
    inc = (await store.claim("s0", A, "n1")).incarnation
    await store.serve(inc, ADDRESS)
    await store.retire(inc)
    assert (await store.routing()).shards == {"s0": ShardRow("s0", 1, None, None, "s0-1")}
    assert [log.sealed for log in await store.unfinished_logs()] == [True]
    assert (await store.claim("s0", B, "n2")).previous is None


async def test_fence_names_the_owner_again_and_again_and_so_does_the_next_claim(store: Store) -> None:
    term = await store.take_term()
    inc = (await store.claim("s0", A, "n1")).incarnation
    await store.serve(inc, ADDRESS)
    assert [await store.fence(term, "s0"), await store.fence(term, "s0")] == [A, A]
    assert (await store.routing()).shards == {"s0": ShardRow("s0", 2, None, None, "s0-1")}
    assert (await store.claim("s0", B, "n2")).previous == A
    assert await store.fence(term, "nobody") is None


async def test_who_never_served_hides_nobody_whose_lease_may_still_run(store: Store) -> None:
    """A serves, B claims and dies while waiting for A's lease: C must wait for A, not for B."""
    await store.serve((await store.claim("s0", A, "n1")).incarnation, ADDRESS)
    waiting = (await store.claim("s0", B, "n2")).incarnation
    assert (await store.claim("s0", C, "n3")).previous == A
    with pytest.raises(Fenced):
        await store.serve(waiting, ADDRESS)


async def test_retiring_before_serving_hides_nobody_either(store: Store) -> None:
    await store.serve((await store.claim("s0", A, "n1")).incarnation, ADDRESS)
    await store.retire((await store.claim("s0", B, "n2")).incarnation)
    assert (await store.claim("s0", C, "n3")).previous == A


async def test_logs_come_in_order_of_shard_and_epoch(store: Store) -> None:
    for number in range(11):
        await store.claim("s1", A, f"n{number}")
    await store.claim("s0", A, "m")
    assert [log.log_id for log in await store.unfinished_logs()] == ["s0-1", *(f"s1-{n}" for n in range(1, 12))]


@pytest.mark.parametrize(("shard_id", "nonce"), [("", "n"), ("../x", "n"), ("a/b", "n"), (".x", "n"), ("s0", "")])
async def test_a_name_that_can_be_no_shard_is_a_bug_of_the_caller(store: Store, shard_id: str, nonce: str) -> None:
    with pytest.raises(ValueError):
        await store.claim(shard_id, A, nonce)


async def test_the_clock_is_the_same_for_clock_and_heartbeat(store: Store) -> None:
    inc = (await store.claim("s0", A, "n1")).incarnation
    beat, clock = await store.heartbeat(inc), await store.clock_ms()
    assert abs(clock - beat) < 5_000
    assert abs(clock - time.time_ns() // 1_000_000) < 5_000


async def test_two_instances_see_each_other(store: Store, backend: Backend) -> None:
    other = backend.store()
    await other.open()
    inc = (await store.claim("s0", A, "n1")).incarnation
    await other.claim("s0", B, "n2")
    with pytest.raises(Fenced):
        await store.append(inc, LogHead(), b"x")
    await other.close()
