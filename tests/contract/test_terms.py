"""Rule 7: the supervisor's term, and the lease by which one instance of Croupier keeps the others away."""

import asyncio

import pytest

from snapshots.contract import Address, Store
from snapshots.errors import Fenced, TermHeld
from tests.contract.backends import Backend

LONG_MS, SHORT_MS = 60_000, 40


async def test_nobody_holds_a_new_store(store: Store) -> None:
    lease = await store.term_lease()
    assert (lease.term, lease.holder, lease.left_ms) == (0, "", 0)


async def test_who_holds_the_term_keeps_others_away_and_is_named(store: Store) -> None:
    term = await store.take_term("ann", LONG_MS)
    with pytest.raises(TermHeld) as refused:
        await store.take_term("bob", LONG_MS)
    assert refused.value.holder == "ann" and 0 < refused.value.left_ms <= LONG_MS
    lease = await store.term_lease()
    assert (lease.term, lease.holder) == (term, "ann") and 0 < lease.left_ms <= LONG_MS
    await store.listen(term, Address("127.0.0.1", 1, None, "host"))


async def test_a_refused_taker_changes_nothing(store: Store) -> None:
    term = await store.take_term("ann", LONG_MS)
    for _ in range(2):
        with pytest.raises(TermHeld):
            await store.take_term("bob", LONG_MS)
    assert ((await store.routing()).term, (await store.term_lease()).holder) == (term, "ann")


async def test_the_holder_itself_takes_a_new_term_at_any_time(store: Store) -> None:
    """A supervisor that was restarted: the lease is its instance's, and goes on from now."""
    first = await store.take_term("ann", LONG_MS)
    assert await store.take_term("ann", LONG_MS) == first + 1
    with pytest.raises(Fenced):
        await store.hold_term(first, LONG_MS)
    with pytest.raises(TermHeld):
        await store.take_term("bob", LONG_MS)


async def test_a_lease_that_nobody_renews_runs_out(store: Store) -> None:
    first = await store.take_term("ann", SHORT_MS)
    await run_out(store)
    assert await store.take_term("bob", LONG_MS) == first + 1
    with pytest.raises(Fenced):
        await store.hold_term(first, LONG_MS)
    assert (await store.term_lease()).holder == "bob"


async def test_a_lease_that_is_renewed_goes_on(store: Store) -> None:
    term = await store.take_term("ann", SHORT_MS)
    before = await store.term_lease()
    await store.hold_term(term, LONG_MS)
    after = await store.term_lease()
    assert after.until_ms > before.until_ms and after.left_ms > SHORT_MS
    with pytest.raises(TermHeld):
        await store.take_term("bob", LONG_MS)


async def test_a_lease_that_ran_out_unnoticed_is_renewed_as_long_as_nobody_else_came(store: Store) -> None:
    term = await store.take_term("ann", SHORT_MS)
    await run_out(store)
    await store.hold_term(term, LONG_MS)
    with pytest.raises(TermHeld):
        await store.take_term("bob", LONG_MS)


async def test_taking_over_ends_the_former_holder(store: Store) -> None:
    first = await store.take_term("ann", LONG_MS)
    second = await store.take_term("bob", LONG_MS, take_over=True)
    assert second == first + 1
    for write in (store.hold_term(first, LONG_MS), store.leave_term(first), store.assign(first, {0: "s0"}, {})):
        with pytest.raises(Fenced):
            await write
    with pytest.raises(TermHeld) as refused:
        await store.take_term("ann", LONG_MS)
    assert refused.value.holder == "bob"


async def test_a_goodbye_lets_the_next_one_in_at_once(store: Store) -> None:
    term = await store.take_term("ann", LONG_MS)
    await store.leave_term(term)
    assert ((await store.term_lease()).holder, (await store.term_lease()).left_ms) == ("", 0)
    assert await store.take_term("bob", LONG_MS) == term + 1


async def test_a_goodbye_that_is_repeated_is_fine(store: Store) -> None:
    term = await store.take_term("ann", LONG_MS)
    await store.leave_term(term)
    await store.leave_term(term)


async def test_who_gives_no_name_keeps_nobody_away(store: Store) -> None:
    first = await store.take_term()
    assert await store.take_term("ann", LONG_MS) == first + 1


async def test_one_of_two_takers_wins(backend: Backend) -> None:
    stores = [backend.store(), backend.store()]
    for each in stores:
        await each.open()
    takers = [store.take_term(name, LONG_MS) for name, store in zip(("ann", "bob"), stores, strict=True)]
    outcomes = await asyncio.gather(*takers, return_exceptions=True)
    assert sorted(type(outcome).__name__ for outcome in outcomes) == ["TermHeld", "int"]
    for each in stores:
        await each.close()


async def run_out(store: Store) -> None:
    while (await store.term_lease()).left_ms:
        await asyncio.sleep(0.005)
