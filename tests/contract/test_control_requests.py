"""Control requests are done once: the answer is stored in the same step as the change, and a bounded number is kept."""

import pytest

from snapshots.contract import CATALOGS_KEPT, REQUESTS_KEPT, CatalogRow, DoneRequest, Store
from snapshots.errors import Fenced
from tests.contract.backends import Backend

FIRST, SECOND = CatalogRow(1, "c1", 1_000, "ops"), CatalogRow(2, "c2", 2_000, "git")


def done(number: int, answer: bytes = b"done") -> DoneRequest:
    """A request under a key of its own; keys and answers are any bytes."""
    return DoneRequest(b"\xff\0key-%d" % number, b"\0content", answer)


@pytest.fixture
async def term(store: Store) -> int:
    """Of a supervisor that has stored catalogs c1 and c2; none is in force."""
    await store.put_catalog("c1", b"one")
    await store.put_catalog("c2", b"two")
    return await store.take_term()


async def test_what_was_done_is_remembered_with_its_answer(store: Store, term: int) -> None:
    assert await store.done_request(done(1).key) is None
    await store.commit_catalog(term, FIRST, done(1, b"deployed \0\xff"))
    await store.advance_clock(term, 60_000, done(2, b""))
    assert await store.done_request(done(1).key) == done(1, b"deployed \0\xff")
    assert await store.done_request(done(2).key) == done(2, b"")


async def test_nothing_is_remembered_without_a_key(store: Store, term: int) -> None:
    await store.commit_catalog(term, FIRST)
    await store.advance_clock(term, 60_000)
    assert await store.done_request(b"") is None


async def test_a_refused_change_is_not_remembered(store: Store, term: int) -> None:
    await store.commit_catalog(term, FIRST)
    for row in (CatalogRow(1, "c2", 1, "ops"), CatalogRow(3, "c2", 1, "ops"), CatalogRow(2, "c9", 1, "ops")):
        with pytest.raises(Fenced):
            await store.commit_catalog(term, row, done(1))
    with pytest.raises(Fenced, match="term"):
        await store.commit_catalog(term - 1, SECOND, done(1))
    with pytest.raises(Fenced, match="term"):
        await store.advance_clock(term - 1, 60_000, done(1))
    assert await store.done_request(done(1).key) is None


async def test_the_row_in_force_again_remembers_the_request_and_changes_nothing(store: Store, term: int) -> None:
    """A deploy of the version that is in force already has an answer of its own."""
    await store.commit_catalog(term, FIRST, done(1))
    before = await store.routing()
    await store.commit_catalog(term, FIRST, done(2))
    assert await store.done_request(done(2).key) == done(2)
    assert await store.routing() == before


async def test_the_first_answer_stays(store: Store, term: int) -> None:
    """A write without an outcome is repeated; a later one under the same key says nothing new."""
    await store.advance_clock(term, 60_000, done(1, b"first"))
    await store.advance_clock(term, 60_000, done(1, b"first"))
    await store.advance_clock(term, 90_000, done(1, b"second"))
    assert await store.done_request(done(1).key) == done(1, b"first")


async def test_the_last_128_are_kept(store: Store, term: int) -> None:
    for number in range(REQUESTS_KEPT + 3):
        await store.advance_clock(term, 1_000 * number, done(number))
        await store.advance_clock(term, 1_000 * number, done(number))
    kept = [number for number in range(REQUESTS_KEPT + 3) if await store.done_request(done(number).key)]
    assert kept == list(range(3, 131))


async def test_other_stores_and_later_ones_know_it(store: Store, backend: Backend, term: int) -> None:
    other = backend.store()
    await other.open()
    await store.commit_catalog(term, FIRST, done(1))
    assert await other.done_request(done(1).key) == done(1)
    await store.close()
    await other.close()
    again = backend.store()
    await again.open()
    assert await again.done_request(done(1).key) == done(1)
    await again.close()


async def stored(store: Store, count: int) -> list[str]:
    """Which of the versions v0, v1, … are still there."""
    names = [f"v{number}" for number in range(count)]
    return [name for name in names if await store.get_catalog(name) is not None]


async def test_the_catalog_in_force_and_the_last_16_are_kept(store: Store, term: int) -> None:
    await store.put_catalog("v0", b"zero")
    await store.commit_catalog(term, CatalogRow(1, "v0", 1_000, "ops"))
    for number in range(1, 20):
        await store.put_catalog(f"v{number}", b"content")
    assert await stored(store, 20) == ["v0", *(f"v{number}" for number in range(4, 20))]
    await store.commit_catalog(term, CatalogRow(2, "v10", 2_000, "ops"))
    await store.put_catalog("v20", b"content")
    assert await stored(store, 21) == [f"v{number}" for number in range(5, 21)]
    assert (await store.get_catalog("c1"), CATALOGS_KEPT) == (None, 16)


async def test_a_catalog_stored_again_is_among_the_last(store: Store) -> None:
    """A deploy stores before it commits: what it is about to put in force must not go in between."""
    for number in range(CATALOGS_KEPT):
        await store.put_catalog(f"v{number}", b"content")
    await store.put_catalog("v0", b"content")
    await store.put_catalog("v16", b"content")
    assert await stored(store, 17) == ["v0", *(f"v{number}" for number in range(2, 17))]
