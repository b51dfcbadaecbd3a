"""Kill-switches in each store: thrown once per key, one after the other, seen by every other process."""

import asyncio

import msgspec
import pytest

from actors.stored_switches import (
    DONE_KEPT,
    NAME,
    OFF,
    Thrown,
    ThrowSwitch,
    decoded_switches,
    stored_switches,
    throw_switch,
)
from engine.switches import SWITCHES_MAX, Scope, Switch, Switches
from snapshots.contract import Store
from snapshots.errors import StoreUnavailable
from tests.contract.backends import Backend
from tests.support.faulty_store import FaultyStore

BOOK = Switch("game", "book", 1_000, "ann", "it pays twice")


def off(switch: Switch = BOOK, key: str = "k1", content: str = "off") -> ThrowSwitch:
    return ThrowSwitch(switch, False, key.encode(), content.encode())


def on(scope: Scope = "game", id_: str = "book", key: str = "k2") -> ThrowSwitch:
    return ThrowSwitch(Switch(scope, id_, 2_000, "bob"), True, key.encode(), b"on")


async def switches(store: Store) -> Switches:
    return decoded_switches(await stored_switches(store))


async def test_none_is_off_in_a_new_store(store: Store) -> None:
    assert (await stored_switches(store), await switches(store)) == (b"", Switches())


async def test_off_and_on_again_as_others_and_later_ones_see_it(store: Store, backend: Backend) -> None:
    other = backend.store()
    await other.open()
    assert await throw_switch(store, off()) == Thrown(1, None, BOOK)
    assert await switches(other) == Switches(1, (BOOK,))
    assert await throw_switch(other, on()) == Thrown(2, BOOK, None)
    assert await switches(store) == Switches(2)
    await throw_switch(store, off(Switch("all", "", 5, "ann"), "k3"))
    await store.close()
    await other.close()
    again = backend.store()
    await again.open()
    assert [switch.scope for switch in (await switches(again)).off] == ["all"]
    await again.close()


async def test_a_repeat_gets_the_first_answer_and_another_request_under_its_key_none(store: Store) -> None:
    first = await throw_switch(store, off())
    await throw_switch(store, on())
    assert await throw_switch(store, off()) == Thrown(1, None, BOOK, replayed=True)
    assert first == Thrown(1, None, BOOK)
    assert await throw_switch(store, off(content="another reason")) == "key_taken"
    assert await switches(store) == Switches(2)


async def test_what_is_off_stays_as_it_is_under_another_key(store: Store) -> None:
    await throw_switch(store, off())
    before = await stored_switches(store)
    later = Switch("game", "book", 9_000, "bob", "me too")
    assert await throw_switch(store, off(later, "k9")) == Thrown(1, BOOK, BOOK)
    assert await stored_switches(store) == before


async def test_gateways_that_throw_at_once_overwrite_nothing(store: Store, backend: Backend) -> None:
    """Each of three gateways throws some; whoever was overtaken begins anew."""
    gateways = [backend.store() for _ in range(3)]
    for gateway in gateways:
        await gateway.open()
    wanted = [off(Switch("player", f"p{number}", number, "ann"), f"k{number}") for number in range(9)]

    async def throw(gateway: Store, each: ThrowSwitch) -> None:
        while True:
            try:
                await throw_switch(gateway, each)
            except StoreUnavailable:
                continue
            return

    await asyncio.gather(*(throw(gateways[number % 3], each) for number, each in enumerate(wanted)))
    found = await switches(store)
    assert (found.number, {switch.id for switch in found.off}) == (9, {f"p{number}" for number in range(9)})
    for gateway in gateways:
        await gateway.close()


async def filled(store: Store, count: int, reason: str = "") -> None:
    """So many players are off, by one write."""
    writer = await store.claim_notes(NAME, "filling")
    held = Switches(count, tuple(Switch("player", f"p{number}", 0, "ann", reason) for number in range(count)))
    await store.commit_reader(writer, {}, {OFF: msgspec.msgpack.encode(held)})


@pytest.mark.parametrize(("count", "reason"), [(SWITCHES_MAX, ""), (129, "ä" * 1_000)])
async def test_there_is_room_for_so_many_and_for_fewer_with_long_reasons(store: Store, count: int, reason: str) -> None:
    await filled(store, count, reason)
    before = await stored_switches(store)
    assert await throw_switch(store, off(Switch("game", "book", 0, "ann", reason))) == "full"
    assert await stored_switches(store) == before
    for number in range(2):
        assert await throw_switch(store, on("player", f"p{number}", f"on {number}")) != "full"
    assert await throw_switch(store, off(Switch("game", "book", 0, "ann", reason), "again")) != "full"


async def test_the_last_64_requests_are_remembered(store: Store) -> None:
    for number in range(DONE_KEPT + 1):
        await throw_switch(store, on(key=f"k{number}"))
    first, last = [await throw_switch(store, on(key=f"k{number}")) for number in (0, DONE_KEPT)]
    assert isinstance(first, Thrown) and not first.replayed
    assert isinstance(last, Thrown) and last.replayed


async def test_a_write_whose_answer_was_lost_is_done_once(store: Store) -> None:
    faulty = FaultyStore(store)
    faulty.fail("commit_reader", "after")
    with pytest.raises(StoreUnavailable):
        await throw_switch(faulty, off())  # type: ignore[arg-type]
    assert await throw_switch(store, off()) == Thrown(1, None, BOOK, replayed=True)
