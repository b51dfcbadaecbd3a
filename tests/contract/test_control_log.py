"""The control log: numbers without a gap, entries that stay, room that is bounded."""

import asyncio

import pytest

from snapshots.contract import CONTROL_ENTRY_BYTES_MAX, ControlSpan, Reader, Store
from snapshots.errors import ControlLogFull, Fenced
from snapshots.redis import control_log as redis_control_log
from snapshots.sqlite import control_log as sqlite_control_log
from tests.contract.backends import Backend


def numbered(first: int, last: int) -> list[tuple[int, bytes]]:
    return [(number, b"entry \0\xff %d" % number) for number in range(first, last + 1)]


async def grow(store: Store, first: int, last: int) -> int:
    return await store.append_control([entry for _, entry in numbered(first, last)])


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for 10 entries, of which 4 always stay."""
    for module in (sqlite_control_log, redis_control_log):
        monkeypatch.setattr(module, "CONTROL_MAX", 10)
        monkeypatch.setattr(module, "CONTROL_KEPT", 4)


async def test_entries_are_numbered_from_1_and_read_in_their_order(store: Store) -> None:
    assert await store.control_span() == ControlSpan(1, 0)
    assert list(await store.control_entries(0, 10)) == []
    assert await grow(store, 1, 3) == 3
    assert await grow(store, 4, 5) == 5
    assert list(await store.control_entries(0, 10)) == numbered(1, 5)
    assert list(await store.control_entries(1, 2)) == numbered(2, 3)
    assert list(await store.control_entries(5, 2)) == list(await store.control_entries(0, 0)) == []
    assert await store.control_span() == ControlSpan(1, 5)


async def test_nothing_appended_is_nothing_written(store: Store) -> None:
    assert await store.append_control([]) == 0
    await grow(store, 1, 2)
    assert await store.append_control([]) == 2


async def test_any_process_may_write_and_no_number_is_given_twice(store: Store, backend: Backend) -> None:
    other = backend.store()
    await other.open()
    lasts = await asyncio.gather(*(each.append_control([b"a", b"b"]) for each in (store, other) * 8))
    await other.close()
    assert sorted(lasts) == list(range(2, 34, 2))
    assert [number for number, _ in await store.control_entries(0, 100)] == list(range(1, 33))


async def test_entries_stay_for_the_next_process(store: Store, backend: Backend) -> None:
    await grow(store, 1, 3)
    await store.close()
    again = backend.store()
    await again.open()
    assert list(await again.control_entries(0, 10)) == numbered(1, 3)
    assert await again.append_control([b"next"]) == 4
    await again.close()


async def test_an_entry_that_is_too_long_is_a_bug_of_the_caller(store: Store) -> None:
    with pytest.raises(ValueError, match="entry"):
        await store.append_control([b"fine", b"x" * (CONTROL_ENTRY_BYTES_MAX + 1)])
    assert await store.append_control([]) == 0


@pytest.mark.usefixtures("small")
async def test_what_is_archived_is_removed_but_the_newest_stay(store: Store) -> None:
    reader = await store.claim_reader("audit", "n")
    await grow(store, 1, 9)
    await store.trim_control(reader, 2)
    assert await store.control_span() == ControlSpan(3, 9)
    await store.trim_control(reader, 9)
    assert list(await store.control_entries(0, 10)) == numbered(6, 9)
    await store.trim_control(reader, 1)
    assert await grow(store, 10, 10) == 10
    assert await store.control_span() == ControlSpan(6, 10)


@pytest.mark.usefixtures("small")
async def test_only_the_reader_of_now_trims(store: Store) -> None:
    former = await store.claim_reader("audit", "n1")
    await store.claim_reader("audit", "n2")
    await grow(store, 1, 9)
    for reader in (former, Reader("nobody", 1, "n")):
        with pytest.raises(Fenced, match="reader"):
            await store.trim_control(reader, 9)
    assert await store.control_span() == ControlSpan(1, 9)


@pytest.mark.usefixtures("small")
async def test_without_an_archive_the_oldest_go(store: Store) -> None:
    await grow(store, 1, 10)
    assert await grow(store, 11, 12) == 12
    assert list(await store.control_entries(0, 20)) == numbered(7, 12)


@pytest.mark.usefixtures("small")
async def test_with_an_archive_nothing_is_lost_and_the_log_is_full(store: Store) -> None:
    archive = await store.claim_reader("archive", "n")
    await grow(store, 1, 10)
    with pytest.raises(ControlLogFull, match="10 entries"):
        await grow(store, 11, 11)
    assert await store.control_span() == ControlSpan(1, 10)
    await store.trim_control(archive, 10)
    assert await grow(store, 11, 11) == 11
