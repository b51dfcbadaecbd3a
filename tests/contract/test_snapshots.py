"""Rule 2, 6 and 8: two generations, never a lower version, slot moves, and players loaded back from both stores."""

import pytest
from msgspec.structs import replace

from snapshots.codec import encode_snapshot
from snapshots.contract import Incarnation, LogHead, Owner, SnapshotRecord, Store, StoredPlayer
from snapshots.errors import CorruptSnapshot, Fenced, VersionGap
from snapshots.recovery import load_player
from tests.contract.backends import Backend
from tests.support.deposits import batch, player_at, step, steps

OWNER = Owner("host-1", 100, 5_000)


def at(version: int, mark: bytes = b"") -> SnapshotRecord:
    return SnapshotRecord("alice", version, b"state %d" % version + mark, b"window %d" % version + mark)


async def shard(store: Store, shard_id: str = "s0") -> Incarnation:
    return (await store.claim(shard_id, OWNER, f"nonce-{shard_id}")).incarnation


@pytest.mark.parametrize(
    ("puts", "stored"),
    [
        ([], []),
        ([1], [1]),
        ([1, 2], [2, 1]),
        ([1, 2, 3], [3, 2]),
        ([1, 2, 3, 4], [4, 3]),
        ([3, 2], [3]),
        ([1, 3, 2], [3, 1]),
        ([3, 3], [3, 3]),
        ([1, 3, 3], [3, 3]),
        ([3, 3, 4], [4, 3]),
    ],
)
async def test_generations(store: Store, puts: list[int], stored: list[int]) -> None:
    inc = await shard(store)
    for version in puts:
        await store.put_snapshots(inc, [at(version)])
    assert await store.load_player("alice") == StoredPlayer(tuple(at(version) for version in stored))


async def test_rule_15_a_store_that_may_lose_snapshots_counts_the_calls_that_put_them(store: Store) -> None:
    inc = await shard(store)
    assert (await store.standing(inc)).puts == 0
    told = [await store.put_snapshots(inc, [at(version)]) for version in (4, 6, 5)]
    loses = bool(await store.lineage_now())
    assert told == ([1, 2, 3] if loses else [0, 0, 0])
    with pytest.raises(Fenced):
        await store.put_snapshots(replace(inc, nonce="another"), [at(7)])
    assert (await store.standing(inc)).puts == told[-1]


async def test_many_players_in_one_call(store: Store) -> None:
    inc = await shard(store)
    records = [SnapshotRecord(f"p{number}", 7, b"s" * 500, b"w" * 5_000) for number in range(500)]
    await store.put_snapshots(inc, records)
    assert (await store.load_player("p499")).generations == (records[499],)
    await store.put_snapshots(inc, [])


async def test_a_player_who_moved_is_found_with_the_newest_generations(store: Store) -> None:
    first, second = await shard(store, "s0"), await shard(store, "s1")
    await store.put_snapshots(first, [at(4)])
    await store.put_snapshots(first, [at(6)])
    await store.put_snapshots(second, [at(8)])
    assert await store.load_player("alice") == StoredPlayer((at(8), at(6)))
    await store.put_snapshots(second, [at(5)])
    assert (await store.load_player("alice")).generations[0] == at(8)


async def test_a_slot_move_gives_slots_raises_the_epoch_and_records_versions(store: Store) -> None:
    term = await store.take_term()
    inc = await shard(store)
    await store.assign(term, {1: "s0", 2: "s0"}, {"vip": "s0", "whale": "s0"})
    after = await store.release_slots(inc, term, [2], ["vip"], "s1", {"alice": 7, "vip": 3})
    assert after == Incarnation("s0", 2, inc.nonce, inc.log_id)
    routing = await store.routing()
    assert (routing.slots[:4], routing.dedicated) == (("", "s0", "s1", ""), {"vip": "s1", "whale": "s0"})
    assert routing.shards["s0"].epoch == 2
    assert await store.load_player("alice") == StoredPlayer((), 7)
    assert await store.release_slots(inc, term, [2], ["vip"], "s1", {"alice": 7, "vip": 3}) == after
    assert (await store.routing()) == routing


async def test_a_repeated_move_is_recognised_even_after_the_term_ended(store: Store) -> None:
    term = await store.take_term()
    inc = await shard(store)
    after = await store.release_slots(inc, term, [2], [], "s1", {})
    await store.take_term()
    assert await store.release_slots(inc, term, [2], [], "s1", {}) == after
    with pytest.raises(Fenced):
        await store.release_slots(inc, term, [2], [], "s2", {})


async def test_what_was_given_away_cant_be_given_again(store: Store) -> None:
    term = await store.take_term()
    inc = await shard(store)
    after = await store.release_slots(inc, term, [2], ["vip"], "s1", {})
    for slots, dedicated in (([2], []), ([], ["vip"])):
        with pytest.raises(Fenced):
            await store.release_slots(after, term, slots, dedicated, "s2", {})
    assert (await store.routing()).shards["s0"].epoch == 2


async def test_versions_released_never_fall(store: Store) -> None:
    term = await store.take_term()
    inc = await shard(store)
    inc = await store.release_slots(inc, term, [1], [], "s1", {"alice": 7})
    await store.release_slots(inc, term, [2], [], "s1", {"alice": 5})
    assert (await store.load_player("alice")).minimum_version == 7


async def test_assign_replaces_the_slots_named_and_all_dedicated_players(store: Store) -> None:
    first = await store.take_term()
    await store.assign(first, dict.fromkeys(range(256), "s0"), {"vip": "s0"})
    term = await store.take_term()
    await store.assign(term, {255: "s1"}, {"whale": "s1"})
    routing = await store.routing()
    assert (routing.term, routing.dedicated) == (first + 1, {"whale": "s1"})
    assert routing.slots == ("s0",) * 255 + ("s1",)


async def test_a_player_comes_back_from_snapshot_and_tail(store: Store) -> None:
    inc = await shard(store)
    await store.append(inc, LogHead(), batch(*steps("alice", range(1, 6))))
    assert (await load_player(store, "nobody")).player.state.currency == ""
    await store.put_snapshots(inc, [encode_snapshot(player_at("alice", 5))])
    alice = (await load_player(store, "alice")).player
    assert (alice.state, alice.window.parts()) == (player_at("alice", 5).state, player_at("alice", 5).window.parts())


async def test_a_damaged_newest_generation_is_replaced_by_the_older_one_and_the_log(
    store: Store, backend: Backend
) -> None:
    inc = await shard(store)
    head = await store.append(inc, LogHead(), batch(*steps("alice", [1, 2])))
    await store.put_snapshots(inc, [encode_snapshot(player_at("alice", 2))])
    await store.append(inc, head, batch(*steps("alice", [3, 4])))
    await store.put_snapshots(inc, [encode_snapshot(player_at("alice", 4))])
    await store.checkpoint(inc, 2, 1)
    backend.damage_snapshot("alice", 4)
    alice = (await load_player(store, "alice")).player
    assert (alice.state.version, alice.state.real) == (4, 300)


async def test_damage_that_the_log_cant_heal_stops_the_player(store: Store, backend: Backend) -> None:
    inc = await shard(store)
    await store.append(inc, LogHead(), batch(*steps("alice", [1, 2])))
    await store.put_snapshots(inc, [encode_snapshot(player_at("alice", 2))])
    await store.checkpoint(inc, 1, 1)
    backend.damage_snapshot("alice", 2)
    with pytest.raises(CorruptSnapshot, match="alice"):
        await load_player(store, "alice")


async def test_a_snapshot_older_than_the_released_version_is_refused(store: Store) -> None:
    term = await store.take_term()
    inc = await shard(store)
    await store.put_snapshots(inc, [encode_snapshot(player_at("alice", 2))])
    await store.release_slots(inc, term, [1], [], "s1", {"alice": 3})
    with pytest.raises(VersionGap, match="version 3 was durable"):
        await load_player(store, "alice")
    log = await store.read_log("s0-1", 0, 1)
    assert list(log) == []


@pytest.mark.parametrize("clean", [True, False], ids=["closed", "another process still has it open"])
async def test_everything_is_there_after_opening_again(store: Store, backend: Backend, clean: bool) -> None:
    term = await store.take_term()
    inc = await shard(store)
    await store.assign(term, {9: "s0"}, {"vip": "s0"})
    head = await store.append(inc, LogHead(), batch(step("alice", 1)))
    await store.put_snapshots(inc, [at(1)])
    routing, records = await store.routing(), await store.read_log(inc.log_id, 0, 10)
    if clean:
        await store.close()
    again = backend.store()
    await again.open()
    assert await again.routing() == routing
    assert await again.read_log(inc.log_id, 0, 10) == records
    assert await again.load_player("alice") == StoredPlayer((at(1),))
    assert (await again.append(inc, head, b"two")).seq == 2
    await again.close()
