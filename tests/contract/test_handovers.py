"""Every change of shards is noted in the step that makes it, with where both logs stood."""

import pytest

from snapshots.contract import Handover, Incarnation, LogHead, Position, Store
from snapshots.errors import Fenced
from tests.contract.test_readers import grow, shard


async def test_a_release_notes_where_both_logs_stand(store: Store) -> None:
    term = await store.take_term()
    await store.assign(term, {3: "s0", 4: "s0", 5: "s1"}, {"vip": "s0"})
    loser, gainer = await shard(store, "s0", records=4), await shard(store, "s1", records=2)
    assert await store.handovers() == []
    moved = await store.release_slots(loser, term, [4, 3], ["vip"], "s1", {"alice": 7})
    assert await store.release_slots(loser, term, [4, 3], ["vip"], "s1", {"alice": 7}) == moved
    (row,) = await store.handovers()
    assert row == Handover(1, [3, 4], ["vip"], "s0", Position(1, 4), "s1", Position(1, 2))
    back = await store.release_slots(gainer, term, [3], [], "s0", {})
    assert isinstance(back, Incarnation)
    assert [row.number for row in await store.handovers()] == [1, 2]
    assert await store.handovers(1) == [Handover(2, [3], [], "s1", Position(1, 2), "s0", Position(1, 4))]


async def test_a_refused_release_notes_nothing(store: Store) -> None:
    term = await store.take_term()
    await store.assign(term, {3: "s1"}, {})
    loser = await shard(store, "s0")
    with pytest.raises(Fenced, match="releases what s1 owns"):
        await store.release_slots(loser, term, [3], [], "s2", {})
    assert await store.handovers() == []


async def test_assigning_notes_whose_owner_changes_and_nobody_else(store: Store) -> None:
    term = await store.take_term()
    await store.assign(term, {slot: f"s{slot % 2}" for slot in range(256)}, {})
    await store.retire(await shard(store, "s0", records=3))
    await store.retire(await shard(store, "s1", records=1))
    assert await store.handovers() == [], "at first nobody had them"
    await store.assign(term, {slot: f"s{slot % 3}" for slot in range(6)}, {})
    found = {(row.loser, row.gainer): (list(row.slots), row.left, row.gained) for row in await store.handovers()}
    assert found == {
        ("s0", "s2"): ([2], Position(1, 3), Position(0, 0)),
        ("s1", "s0"): ([3], Position(1, 1), Position(1, 3)),
        ("s0", "s1"): ([4], Position(1, 3), Position(1, 1)),
        ("s1", "s2"): ([5], Position(1, 1), Position(0, 0)),
    }


async def test_dedicated_players_come_from_their_slot_and_go_back_to_it(store: Store) -> None:
    term = await store.take_term()
    await store.assign(term, dict.fromkeys(range(256), "s0"), {})
    await store.retire(await shard(store, "s0", records=2))
    await store.assign(term, {}, {"alice": "d-a"})
    await store.assign(term, {}, {"alice": "d-a"})
    await store.assign(term, {}, {"alice": "d-b"})
    await store.assign(term, dict.fromkeys(range(256), "s1"), {})
    rows = await store.handovers()
    alice = [(row.loser, row.gainer) for row in rows if "alice" in row.players]
    assert alice == [("s0", "d-a"), ("d-a", "d-b"), ("d-b", "s1")]
    assert [(row.loser, len(row.slots)) for row in rows if row.slots] == [("s0", 256)]


async def test_a_handover_goes_when_all_readers_have_passed_it_and_its_records_are_gone(store: Store) -> None:
    term = await store.take_term()
    bus, archive = await store.claim_reader("bus", "n"), await store.claim_reader("archive", "n")
    await store.assign(term, {3: "s0"}, {})
    loser = await shard(store, "s0", records=2)
    await shard(store, "s1")
    moved = await store.release_slots(loser, term, [3], [], "s1", {})
    head = LogHead(2, (await store.read_log("s0-1", 1, 1))[0].hash)
    await grow(store, moved, head, 1)
    await store.commit_reader(bus, {"s0": Position(1, 2)}, {})
    await store.commit_reader(archive, {"s0": Position(1, 1)}, {})
    await store.checkpoint(moved, 3, 3)
    await store.sweep_journal(term)
    assert len(await store.handovers()) == 1, "the archive has not passed it"
    await store.commit_reader(archive, {"s0": Position(1, 3)}, {})
    await store.sweep_journal(term)
    assert len(await store.handovers()) == 1, "a new reader would begin before it"
    await store.checkpoint(moved, 3, 3)
    await store.sweep_journal(term)
    assert await store.handovers() == []


async def test_a_player_s_way_is_known_as_long_as_a_reader_has_not_passed_its_beginning(store: Store) -> None:
    term, bus = await store.take_term(), await store.claim_reader("bus", "n")
    await store.assign(term, {3: "s0"}, {})
    first, second = await shard(store, "s0", records=2), await shard(store, "s1", records=1)
    await shard(store, "s2")
    await store.release_slots(first, term, [3], [], "s1", {})
    moved = await store.release_slots(second, term, [3], [], "s2", {})
    await store.commit_reader(bus, {"s0": Position(1, 1), "s1": Position(1, 1)}, {})
    await store.checkpoint(moved, 1, 1)
    await store.sweep_journal(term)
    assert [(row.loser, row.gainer) for row in await store.handovers()] == [("s0", "s1"), ("s1", "s2")]
