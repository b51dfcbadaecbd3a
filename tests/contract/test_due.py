"""Rule 12: the index of due work follows the newest snapshot of each player, wherever the player is."""

from collections.abc import Sequence

import pytest

from snapshots.contract import Incarnation, LogHead, Owner, SnapshotRecord, Store
from snapshots.errors import Fenced
from snapshots.slots import slot_of
from tests.contract.backends import Backend

OWNER = Owner("host-1", 100, 5_000)
ALL = range(256)


def at(version: int, due_ms: int | None, player_id: str = "alice") -> SnapshotRecord:
    return SnapshotRecord(player_id, version, b"state", b"window", due_ms)


async def shard(store: Store, shard_id: str = "s0", nonce: str = "n") -> Incarnation:
    return (await store.claim(shard_id, OWNER, nonce)).incarnation


async def due(store: Store, before_ms: int, slots: Sequence[int] = ALL, limit: int = 100) -> list[str]:
    return list(await store.due_players(slots, [], before_ms, limit))


async def test_who_is_due_comes_earliest_first_and_no_more_than_asked(store: Store) -> None:
    inc = await shard(store)
    assert await due(store, 10**15) == []
    times = {"alice": 3_000, "bob": 1_000, "carol": None, "dave": 2_000, "eve": 2_001}
    await store.put_snapshots(inc, [at(1, due_ms, player_id) for player_id, due_ms in times.items()])
    assert await due(store, 999) == []
    assert await due(store, 2_000) == ["bob", "dave"]
    assert await due(store, 10**15) == ["bob", "dave", "eve", "alice"]
    assert await due(store, 10**15, limit=2) == ["bob", "dave"]


async def test_of_players_due_at_once_each_comes_up_however_small_the_page(store: Store) -> None:
    inc = await shard(store)
    waiting = {f"p{number}" for number in range(50)}
    await store.put_snapshots(inc, [at(1, 1_000, player_id) for player_id in waiting])
    while page := await due(store, 1_000, limit=7):
        assert len(page) <= 7 and set(page) <= waiting
        waiting -= set(page)
        await store.put_snapshots(inc, [at(2, None, player_id) for player_id in page])
    assert waiting == set()


@pytest.mark.parametrize(
    ("puts", "expected"),
    [
        ([(1, 5_000), (2, 6_000)], {5_999: [], 6_000: ["alice"]}),
        ([(1, 5_000), (2, None)], {10**15: []}),
        ([(1, None), (2, 5_000)], {5_000: ["alice"]}),
        ([(2, 6_000), (1, 1_000)], {5_999: [], 6_000: ["alice"]}),
        ([(2, 6_000), (2, 4_000)], {3_999: [], 4_000: ["alice"]}),
        ([(2, 6_000), (2, None)], {10**15: []}),
        ([(1, 5_000), (2, 6_000), (3, 7_000)], {6_999: [], 7_000: ["alice"]}),
    ],
    ids=["later", "no more", "newly", "an older version is skipped", "same version, earlier", "settled", "third"],
)
async def test_the_newest_snapshot_alone_counts(
    store: Store, puts: list[tuple[int, int | None]], expected: dict[int, list[str]]
) -> None:
    inc = await shard(store)
    for version, due_ms in puts:
        await store.put_snapshots(inc, [at(version, due_ms)])
    assert {before_ms: await due(store, before_ms) for before_ms in expected} == expected


async def test_a_load_answers_the_due_time_of_the_newest_version_only(store: Store) -> None:
    inc = await shard(store)
    await store.put_snapshots(inc, [at(1, 5_000)])
    await store.put_snapshots(inc, [at(2, 6_000)])
    assert (await store.load_player("alice")).generations == (at(2, 6_000), at(1, None))
    await store.put_snapshots(inc, [at(2, 6_000)])
    assert (await store.load_player("alice")).generations == (at(2, 6_000), at(2, 6_000))


async def test_only_the_slots_asked_for(store: Store) -> None:
    inc = await shard(store)
    await store.put_snapshots(inc, [at(1, 1_000, "alice"), at(1, 1_000, "bob")])
    assert slot_of("alice") != slot_of("bob")
    assert await due(store, 1_000, [slot_of("alice")]) == ["alice"]
    assert await due(store, 1_000, [slot_of("bob")]) == ["bob"]
    assert await due(store, 1_000, []) == []


async def test_a_dedicated_player_comes_up_by_name_and_not_by_slot(store: Store) -> None:
    term = await store.take_term()
    inc = await shard(store)
    await store.assign(term, {}, {"vip": "s1"})
    await store.put_snapshots(inc, [at(1, 2_000, "vip"), at(1, 1_000, "alice")])
    assert await due(store, 5_000) == ["alice"]
    assert await store.due_players([], ["vip"], 5_000, 10) == ["vip"]
    assert await store.due_players(ALL, ["vip"], 5_000, 10) == ["alice", "vip"]
    assert await store.due_players(ALL, ["vip", "nobody"], 1_999, 10) == ["alice"]
    assert await due(store, 5_000, limit=1) == ["alice"]


async def test_dedicated_players_elsewhere_take_nobodys_place_on_a_page(store: Store) -> None:
    term = await store.take_term()
    inc = await shard(store)
    names = [name for name in map("v{}".format, range(9_000)) if slot_of(name) == slot_of("alice")][:5]
    await store.assign(term, {}, dict.fromkeys(names, "s1"))
    await store.put_snapshots(inc, [at(1, 1_000, name) for name in names] + [at(1, 2_000, "alice")])
    assert await due(store, 5_000, limit=1) == ["alice"]


@pytest.mark.parametrize(
    ("after_move", "expected"),
    [
        ([], ["alice"]),
        ([at(6, 9_000)], []),
        ([at(6, None)], []),
        ([at(7, 9_000)], []),
        ([at(7, None)], []),
        ([at(7, 900)], ["alice"]),
        ([at(6, None), at(6, 900)], ["alice"]),
    ],
    ids=[
        "not loaded yet: the former shard's word holds",
        "same version, later",
        "same version, done",
        "later",
        "done",
        "still due",
        "twice at the same version",
    ],
)
async def test_the_index_follows_a_move(store: Store, after_move: list[SnapshotRecord], expected: list[str]) -> None:
    term = await store.take_term()
    loser, gainer = await shard(store, "s0"), await shard(store, "s1", "m")
    slot = slot_of("alice")
    await store.assign(term, {slot: "s0"}, {})
    await store.put_snapshots(loser, [at(6, 1_000)])
    await store.release_slots(loser, term, [slot], [], "s1", {"alice": 6})
    for record in after_move:
        await store.put_snapshots(gainer, [record])
    assert await due(store, 5_000, [slot]) == expected
    assert await due(store, 5_000, [slot], limit=1) == expected
    later = [record.player_id for record in after_move[-1:] if record.due_ms] or expected
    assert await due(store, 9_000, [slot]) == later


async def test_stale_rows_of_many_players_who_moved_hide_nobody(store: Store) -> None:
    first, second = await shard(store, "s0"), await shard(store, "s1", "m")
    moved = [f"p{number}" for number in range(40)]
    await store.put_snapshots(first, [at(1, 1_000, player_id) for player_id in moved] + [at(1, 3_000, "alice")])
    await store.put_snapshots(second, [at(2, None, player_id) for player_id in moved])
    assert await due(store, 5_000, limit=3) == ["alice"]
    assert await due(store, 5_000, limit=3) == ["alice"]


async def test_a_player_who_came_back_is_due_by_its_newest_snapshot(store: Store) -> None:
    first, second = await shard(store, "s0"), await shard(store, "s1", "m")
    await store.put_snapshots(first, [at(1, 1_000)])
    await store.put_snapshots(second, [at(2, 2_000)])
    await store.put_snapshots(first, [at(3, 3_000)])
    assert [await due(store, before_ms) for before_ms in (2_999, 3_000)] == [[], ["alice"]]


@pytest.mark.parametrize("elsewhere", [9_000, 500, None], ids=["later", "sooner", "never"])
async def test_a_load_tells_what_the_index_tells_whichever_shard_wrote_it(store: Store, elsewhere: int | None) -> None:
    """Rules changed twice, while the player did nothing but move: the same version, written by three owners."""
    first, second, third = [await shard(store, f"s{number}", f"n{number}") for number in range(3)]
    for inc, due_ms in ((second, 1_000), (first, elsewhere), (third, 2_000), (second, elsewhere), (first, 1_000)):
        await store.put_snapshots(inc, [at(6, due_ms)])
        assert (await store.load_player("alice")).generations[0].due_ms == due_ms
        assert await due(store, 10**15) == (["alice"] if due_ms else [])
        assert (await store.load_player("alice")).generations[0].due_ms == due_ms, "still, after stale rows are gone"


async def test_a_refused_snapshot_leaves_the_index_alone(store: Store) -> None:
    stale = await shard(store, nonce="old")
    await store.put_snapshots(stale, [at(1, 1_000)])
    await shard(store, nonce="new")
    for record in (at(2, None), at(2, 500), at(1, 700, "bob")):
        with pytest.raises(Fenced):
            await store.put_snapshots(stale, [record])
    assert (await due(store, 999), await due(store, 1_000)) == ([], ["alice"])


async def test_the_index_survives_passivation_and_a_reopen(store: Store, backend: Backend) -> None:
    """Passivation is a snapshot of both generations; then nobody has the player in memory, and its log may be gone."""
    term = await store.take_term()
    inc = await shard(store)
    await store.append(inc, LogHead(), b"batch")
    await store.put_snapshots(inc, [at(4, 1_000)])
    await store.put_snapshots(inc, [at(4, 1_000)])
    await store.checkpoint(inc, 1, 1)
    await store.retire(inc)
    await store.finish_log(term, inc.log_id)
    await store.close()
    again = backend.store()
    await again.open()
    assert await due(again, 1_000) == ["alice"]
    await again.close()
