"""Where a partition goes on, fenced."""

import pytest

from feeds.bus.incoming.watermarks import FIRST_START_MS, Left, Watermarks, reader_name
from snapshots.errors import Fenced
from snapshots.rows import checked_claim
from tests.support.reader_store import MemoryReaders

PLACE = ("cashier", 3)


async def test_a_partition_goes_on_where_it_was_left() -> None:
    store = MemoryReaders()
    first = Watermarks(store)
    assert await first.claim(PLACE) == Left(None, known_topic=False)
    await first.write(PLACE, 17)
    assert await Watermarks(store).claim(PLACE) == Left(17, known_topic=False)


async def test_a_partition_that_comes_later_belongs_to_a_known_topic() -> None:
    store, now_ms = MemoryReaders(), 1_000_000
    watermarks = Watermarks(store, lambda: now_ms)
    await watermarks.claim(("cashier", 0))
    now_ms += FIRST_START_MS
    assert not (await watermarks.claim(("cashier", 1))).known_topic, "processes that start together are still at it"
    now_ms += 1
    assert await watermarks.claim(("cashier", 2)) == Left(None, known_topic=True)
    assert not (await watermarks.claim(("other", 2))).known_topic


async def test_a_watermark_never_goes_back_unless_it_is_set() -> None:
    store = MemoryReaders()
    watermarks = Watermarks(store)
    await watermarks.claim(PLACE)
    await watermarks.write(PLACE, 17)
    await watermarks.write(PLACE, 5)
    assert store.next_of(*PLACE) == 17
    await watermarks.set(PLACE, 5)
    assert store.next_of(*PLACE) == 5


async def test_only_the_latest_claim_may_write() -> None:
    store = MemoryReaders()
    old, new = Watermarks(store), Watermarks(store)
    await old.claim(PLACE)
    await new.claim(PLACE)
    with pytest.raises(Fenced):
        await old.write(PLACE, 1)
    await new.write(PLACE, 2)
    assert store.next_of(*PLACE) == 2


@pytest.mark.parametrize("topic", ["cashier", "a.b_c-D", "x" * 220, "x" * 219 + "y"])
def test_every_partition_has_a_name_that_the_store_accepts(topic: str) -> None:
    checked_claim(reader_name((topic, 99_999)), "nonce")


def test_long_topics_have_different_names() -> None:
    assert reader_name(("x" * 219 + "y", 0)) != reader_name(("x" * 220, 0))
