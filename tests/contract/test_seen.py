"""Who else used the same device, IP or payment instrument lately: the facts behind the fraud rules."""

import asyncio

import pytest

from engine.facts import Seen, Signals
from snapshots.contract import DAY_MS, SEEN_PLAYERS_MAX, Store
from tests.contract.backends import Backend

NOW_MS = 1_800_000_000_000
WINDOW_DAYS = 30
PHONE = Signals(ip="203.0.113.7", device="phone", payment_instrument="card", country="SE")


async def see(store: Store, player_id: str, signals: Signals = PHONE, now_ms: int = NOW_MS) -> Seen:
    return await store.see(player_id, signals, now_ms, WINDOW_DAYS)


async def test_the_others_are_counted_each_once(store: Store) -> None:
    assert await see(store, "alice") == Seen(0, 0, 0)
    assert await see(store, "alice") == Seen(0, 0, 0)
    assert await see(store, "bob") == Seen(1, 1, 1)
    assert await see(store, "carol", Signals(ip="203.0.113.7", device="tablet")) == Seen(2, 0, 0)
    assert await see(store, "alice") == Seen(2, 1, 1)


async def test_signals_of_different_kinds_never_meet(store: Store) -> None:
    await see(store, "alice", Signals(ip="x"))
    await see(store, "bob", Signals(device="x"))
    assert await see(store, "carol", Signals(payment_instrument="x")) == Seen(0, 0, 0)
    assert await see(store, "carol", Signals(ip="x", device="x")) == Seen(1, 1, 0)


async def test_no_signals_no_answer(store: Store) -> None:
    await see(store, "alice", Signals(country="SE"))
    assert await see(store, "bob", Signals(country="SE")) == Seen(0, 0, 0)


@pytest.mark.parametrize(("later_ms", "others"), [(0, 1), (WINDOW_DAYS * DAY_MS, 1), (WINDOW_DAYS * DAY_MS + 1, 0)])
async def test_only_the_window_counts(store: Store, later_ms: int, others: int) -> None:
    await see(store, "alice")
    assert (await see(store, "bob", now_ms=NOW_MS + later_ms)).device == others


async def test_a_new_use_brings_a_player_back_into_the_window_and_an_old_one_never_takes_it_out(store: Store) -> None:
    for now_ms in (NOW_MS, NOW_MS + 20 * DAY_MS, NOW_MS + 10 * DAY_MS):
        await see(store, "alice", now_ms=now_ms)
    assert (await see(store, "bob", now_ms=NOW_MS + 50 * DAY_MS)).ip == 1
    assert (await see(store, "bob", now_ms=NOW_MS + 51 * DAY_MS)).ip == 0


async def test_a_signal_keeps_the_latest_thousand_players(store: Store) -> None:
    """An IP of a whole country: the count ends at 999 others, and stays there."""
    shared = Signals(ip="203.0.113.7")
    for first in range(0, SEEN_PLAYERS_MAX + 20, 102):
        numbers = range(first, first + 102)
        await asyncio.gather(*(see(store, f"p{number}", shared, NOW_MS + number) for number in numbers))
    assert (await see(store, "alice", shared, NOW_MS + 5_000)).ip == SEEN_PLAYERS_MAX - 1
    assert (await see(store, "bob", shared, NOW_MS + 5_001)).ip == SEEN_PLAYERS_MAX - 1


async def test_twenty_players_on_one_device_at_once_see_each_other(store: Store, backend: Backend) -> None:
    """Whoever comes last sees all the others: no two are recorded without one seeing the other."""
    other = backend.store()
    await other.open()
    stores = [store, other] * 10
    seen = await asyncio.gather(*(see(own, f"p{number}") for number, own in enumerate(stores)))
    assert sorted(one.device for one in seen) == list(range(20))
    await other.close()


async def test_it_is_remembered_after_opening_again(store: Store, backend: Backend) -> None:
    await see(store, "alice")
    await store.close()
    again = backend.store()
    await again.open()
    assert await see(again, "bob") == Seen(1, 1, 1)
    await again.close()
