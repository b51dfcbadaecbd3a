"""Players whose points are watched share notes: none of them is forgotten, whoever changes beside them."""

import asyncio
from random import Random

import pytest

from feeds.notifications.points_watch import FIRST_LOOK_MS, PointsWatch
from feeds.public.data.loyalty import PointsAccrued
from feeds.public.event import PublicEvent
from tests.support.notes import MemoryNotes


class SlowNotes(MemoryNotes):
    """Others get a turn while it writes."""

    async def write(self, notes: "dict[str, bytes | None]") -> None:  # type: ignore[override]
        await asyncio.sleep(0)
        await super().write(notes)


async def loaded(notes: MemoryNotes) -> dict[str, int]:
    watch = PointsWatch(notes, 1, 1_000_000)
    await watch.load()
    found = {}
    while (due_ms := watch.table.next_ms()) is not None:
        found |= dict.fromkeys((player_id for player_id, _ in watch.table.take_due(due_ms)), due_ms)
    return found


@pytest.mark.parametrize("seed", range(3))
async def test_changes_at_the_same_time_are_all_noted(seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.notifications.points_watch.BUCKETS", 3)
    rng, notes, expected = Random(seed), SlowNotes(), dict[str, int]()
    watch = PointsWatch(notes, 1, 1_000)
    for _ in range(40):
        changes = [{f"p{rng.randrange(60)}": rng.choice([None, rng.randrange(9_999)])} for _ in range(8)]
        await asyncio.gather(*(watch.change(change, {}) for change in changes))
        for change in changes:
            for player_id, due_ms in change.items():
                expected.pop(player_id, None)
                if due_ms is not None:
                    expected[player_id] = due_ms
        assert await loaded(notes) == expected
    assert len(notes.kept) <= 3


async def test_watching_has_a_limit() -> None:
    watch = PointsWatch(MemoryNotes(), 1, 2)
    for player_id in ("p1", "p2", "p3"):
        event = PublicEvent("PointsAccrued", 1, 0, player_id, 1_000, PointsAccrued(player_id, "c", 5))
        await watch.change(watch.of(event, 1_000), {})
    assert watch.table.next_ms() == 1_000 + FIRST_LOOK_MS
    assert len(watch.table) == 2
    assert not watch.wants("p3")
