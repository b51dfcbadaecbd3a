"""Rule 12: a store can name all players of a slot, page by page, and knows under which rules its index is complete."""

import pytest

from snapshots.contract import SLOTS, Incarnation, Owner, Place, SnapshotRecord, Store
from snapshots.errors import Fenced
from snapshots.slots import slot_of
from tests.contract.backends import Backend

OWNER = Owner("host-1", 100, 5_000)
ALL = range(SLOTS)
NAMES = [f"p{number}" for number in range(60)]
CROWD = [name for name in map("c{}".format, range(150 * SLOTS)) if slot_of(name) == 7][:140]
"""More in one slot than Redis keeps in its small form, which it always reads as a whole."""


def of_slots(names: list[str], *slots: int) -> set[str]:
    return {name for name in names if slot_of(name) in slots}


async def shard(store: Store, shard_id: str = "s0", nonce: str = "n") -> Incarnation:
    return (await store.claim(shard_id, OWNER, nonce)).incarnation


async def put(store: Store, inc: Incarnation, names: list[str], version: int = 1, due_ms: int | None = None) -> None:
    await store.put_snapshots(inc, [SnapshotRecord(name, version, b"state", b"window", due_ms) for name in names])


async def pages(store: Store, slots: list[int] | range, limit: int) -> list[tuple[list[str], Place | None]]:
    """All pages until the last."""
    page = await store.stored_players(slots, limit)
    found = [(list(page.players), page.next)]
    while page.next is not None:
        page = await store.stored_players(slots, limit, page.next)
        found.append((list(page.players), page.next))
    return found


async def test_nobody_is_stored_in_an_empty_store(store: Store) -> None:
    await shard(store)
    assert await pages(store, ALL, 5) == [([], None)]
    assert await pages(store, [], 5) == [([], None)]


@pytest.mark.parametrize("limit", [1, 7, 1_000])
async def test_everybody_comes_up_once_whether_work_is_due_or_not(store: Store, limit: int) -> None:
    inc = await shard(store)
    await put(store, inc, NAMES[:30])
    await put(store, inc, NAMES[30:] + CROWD, due_ms=1_000)
    found = await pages(store, ALL, limit)
    names = [name for players, _ in found for name in players]
    assert sorted(names) == sorted(NAMES + CROWD)
    assert len(found) == 1 if limit == 1_000 else len(found) > 5


@pytest.mark.parametrize("limit", [1, 7])
async def test_slots_below_the_place_of_a_page_have_been_read(store: Store, limit: int) -> None:
    await put(store, await shard(store), NAMES + CROWD)
    slots, seen = list(range(128)), set[str]()
    for players, place in await pages(store, slots, limit):
        seen |= set(players)
        below = range(128 if place is None else place.slot)
        assert of_slots(NAMES + CROWD, *below) <= seen
    assert seen == of_slots(NAMES + CROWD, *slots)


async def test_only_the_slots_asked_for(store: Store) -> None:
    await put(store, await shard(store), NAMES)
    slots = [slot_of(NAMES[0]), slot_of(NAMES[1])]
    assert {name for players, _ in await pages(store, slots, 2) for name in players} == of_slots(NAMES, *slots)


async def test_going_on_where_a_slot_is_no_longer_asked_for(store: Store) -> None:
    await put(store, await shard(store), CROWD + NAMES)
    page = await store.stored_players(ALL, 3)
    assert page.next is not None
    later = [slot for slot in ALL if slot > page.next.slot]
    found = await store.stored_players(later, 1_000, page.next)
    assert (set(found.players), found.next) == (of_slots(CROWD + NAMES, *later), None)


async def test_who_is_written_while_pages_are_read_is_not_lost(store: Store) -> None:
    """A new snapshot of everybody after each page, of which every other one changes the due time."""
    inc, seen, version = await shard(store), set[str](), 1
    await put(store, inc, CROWD + NAMES)
    page = await store.stored_players(ALL, 20)
    while page.next is not None:
        seen |= set(page.players)
        version += 1
        await put(store, inc, CROWD + NAMES, version, due_ms=version if version % 2 else None)
        page = await store.stored_players(ALL, 20, page.next)
    assert seen | set(page.players) == set(CROWD + NAMES)


async def test_who_moved_comes_up_once_and_dedicated_players_do_too(store: Store) -> None:
    term = await store.take_term()
    loser, gainer = await shard(store, "s0"), await shard(store, "s1", "m")
    await store.assign(term, {slot_of("alice"): "s0"}, {"vip": "s0"})
    await put(store, loser, ["alice", "vip"], 1)
    await store.release_slots(loser, term, [slot_of("alice")], [], "s1", {"alice": 1})
    await put(store, gainer, ["alice"], 2)
    assert sorted(name for players, _ in await pages(store, ALL, 1) for name in players) == ["alice", "vip"]


async def test_marks_are_kept_by_slot_and_survive_a_reopen(store: Store, backend: Backend) -> None:
    term = await store.take_term()
    inc = await shard(store)
    await store.assign(term, {1: "s0", 2: "s0"}, {})
    assert await store.due_marks() == {}
    await store.put_due_marks(inc, {})
    await store.put_due_marks(inc, {1: "old", 2: "old"})
    await store.put_due_marks(inc, {2: "new"})
    await store.close()
    again = backend.store()
    await again.open()
    assert await again.due_marks() == {1: "old", 2: "new"}
    await again.close()


async def test_marks_follow_a_slot_that_moves(store: Store) -> None:
    term = await store.take_term()
    loser, gainer = await shard(store, "s0"), await shard(store, "s1", "m")
    await store.assign(term, {1: "s0", 2: "s0"}, {})
    await store.put_due_marks(loser, {1: "old", 2: "old"})
    after = await store.release_slots(loser, term, [1], [], "s1", {})
    assert await store.due_marks() == {1: "old", 2: "old"}
    await store.put_due_marks(gainer, {1: "new"})
    for inc, marks in ((loser, {2: "late"}), (after, {1: "late"}), (after, {1: "late", 2: "late"})):
        with pytest.raises(Fenced):
            await store.put_due_marks(inc, marks)
    assert await store.due_marks() == {1: "new", 2: "old"}


async def test_a_slot_nobody_owns_is_marked_by_nobody(store: Store) -> None:
    inc = await shard(store)
    with pytest.raises(Fenced):
        await store.put_due_marks(inc, {5: "mine"})
    assert await store.due_marks() == {}
