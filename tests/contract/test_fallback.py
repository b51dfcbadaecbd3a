"""Rule 16 in the store: a shard with a grant is taken only through its sealed file, or by accepting the loss."""

import asyncio
import resource
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from snapshots.contract import AppendedRecord, CatalogRow, FallbackGrant, Incarnation, LogHead, Owner, Sealed, Store
from snapshots.errors import FallbackHeld, Fenced, StoreUnsuitable
from snapshots.fallback.file import file_name
from snapshots.fallback.log import FallbackLog
from snapshots.fallback.taking import take_file
from snapshots.opening import open_store
from tests.contract.backends import RedisBackend
from tests.support.redis_server import RedisServer

A, B = Owner("host-1", 100, 5_000), Owner("host-1", 200, 6_000)


@pytest.fixture
async def store(redis_server: RedisServer) -> AsyncIterator[Store]:
    """Redis alone: SQLite needs no fallback."""
    opened = RedisBackend(redis_server).store()
    await opened.open()
    yield opened
    await opened.close()


async def granted(store: Store, folder: Path) -> tuple[int, Incarnation, FallbackLog]:
    """Shard s0 with three records, whose incarnation has a file and a grant."""
    term = await store.take_term()
    inc = (await store.claim("s0", A, "n1")).incarnation
    file = await FallbackLog.create(folder / file_name(inc), inc)
    await store.grant_fallback(inc, FallbackGrant("n1", term, "host-1", str(file.path), 5))
    return term, inc, file


async def appended(store: Store, inc: Incarnation, count: int) -> list[AppendedRecord]:
    records, head = [], LogHead()
    for number in range(count):
        records.append(AppendedRecord(head, b"batch %d" % number, {"spins": 1}))
        head = await store.append(inc, head, records[-1].payload, 0, {"spins": 1})
    return records


def following(records: list[AppendedRecord], count: int) -> list[AppendedRecord]:
    made, head = list[AppendedRecord](), records[-1].after
    for number in range(count):
        made.append(AppendedRecord(head, b"without the store %d" % number, {"spins": 1}))
        head = made[-1].after
    return made


async def test_rule_16_a_grant_is_shown_and_keeps_everybody_away(store: Store, tmp_path: Path) -> None:
    term, inc, file = await granted(store, tmp_path)
    row = (await store.routing()).shards["s0"]
    assert row.fallback == FallbackGrant("n1", term, "host-1", str(file.path), 5)
    with pytest.raises(FallbackHeld):
        await store.claim("s0", B, "n2")
    with pytest.raises(FallbackHeld):
        await store.claim("s0", B, "n2", Sealed("another nonce"))
    with pytest.raises(FallbackHeld):
        await store.fence(term, "s0")
    assert (await store.claim("s0", A, "n1")).incarnation == inc, "the owner repeats its own claim"
    assert await store.heartbeat(inc)
    await file.close()


async def test_rule_16_a_grant_needs_the_current_term_and_incarnation(store: Store, tmp_path: Path) -> None:
    term, inc, file = await granted(store, tmp_path)
    await store.take_term()
    with pytest.raises(Fenced, match="term"):
        await store.grant_fallback(inc, FallbackGrant("n1", term, "host-1", "elsewhere", 6))
    with pytest.raises(Fenced, match="epoch"):
        await store.grant_fallback(
            Incarnation("s0", 1, "n0", "s0-1"), FallbackGrant("n0", term + 1, "host-1", "elsewhere", 6)
        )
    await store.grant_fallback(inc, FallbackGrant("n1", term + 1, "host-1", str(file.path), 6))
    assert (row := (await store.routing()).shards["s0"].fallback) is not None and row.term == term + 1
    await file.close()


async def test_rule_16_who_gives_the_grant_up_or_retires_is_followed_as_ever(store: Store, tmp_path: Path) -> None:
    term, inc, file = await granted(store, tmp_path)
    await store.give_up_fallback(inc)
    await store.give_up_fallback(inc)
    second = (await store.claim("s0", B, "n2")).incarnation
    assert (await store.routing()).shards["s0"].fallback is None
    await store.grant_fallback(second, FallbackGrant("n2", term, "host-1", "anywhere", 6))
    await store.retire(second)
    await store.claim("s0", A, "n3")
    with pytest.raises(Fenced):
        await store.give_up_fallback(inc)
    await file.close()


async def test_rule_16_a_shard_is_taken_through_an_empty_file(store: Store, tmp_path: Path) -> None:
    """Its owner goes on writing to the store until the claim, and can go nowhere else any more."""
    _, inc, file = await granted(store, tmp_path)
    await appended(store, inc, 3)
    taken = await take_file(store, "s0")
    assert taken is not None and (taken.sealed, taken.drained) == (Sealed("n1"), 0)
    with pytest.raises(Fenced, match="sealed"):
        await file.begin(inc, LogHead(), ())
    assert (await store.claim("s0", B, "n2", taken.sealed)).previous == A
    await taken.done()
    assert not file.path.exists() and await take_file(store, "s0") is None
    await file.close()


@pytest.mark.parametrize("stored", [0, 1, 5], ids=["nothing is stored", "the batch in flight is", "all is"])
async def test_rule_16_what_is_in_the_file_comes_first(store: Store, tmp_path: Path, stored: int) -> None:
    term, inc, file = await granted(store, tmp_path)
    known = await appended(store, inc, 3)
    alone = following(known, 5)
    await file.begin(inc, known[-1].after, known[1:])
    for record in alone:
        await file.append(record)
    for record in alone[:stored]:
        await store.append(inc, record.before, record.payload, 0, record.tallies)
    with pytest.raises(FallbackHeld):
        await store.claim("s0", B, "n2", Sealed("n1", known[-1].after) if stored else Sealed("n1", alone[-1].after))
    taken = await take_file(store, "s0")
    assert taken is not None and (taken.sealed, taken.drained) == (Sealed("n1", alone[-1].after), 5 - stored)
    assert await store.fence(term, "s0", taken.sealed) == A
    await taken.done()
    log = await store.read_log("s0-1", 0, 100)
    assert [record.payload for record in log] == [record.payload for record in (*known, *alone)]
    assert await store.tallies(["spins"]) == {"spins": 8}
    await file.close()


async def test_rule_16_a_store_that_lost_its_last_records_gets_those_of_the_file_again(
    store: Store, redis_server: RedisServer, tmp_path: Path
) -> None:
    """What Redis had acknowledged last, and lost with its host, lies in the file, too."""
    _, inc, file = await granted(store, tmp_path)
    known = await appended(store, inc, 1)
    lost = following(known, 2)
    await file.begin(inc, lost[-1].after, lost)
    (alone,) = following(lost, 1)
    await file.append(alone)
    taken = await take_file(store, "s0")
    assert taken is not None and taken.drained == 3
    await store.claim("s0", B, "n2", taken.sealed)
    await taken.done()
    assert len(await store.read_log("s0-1", 0, 100)) == 4
    await file.close()


async def test_rule_16_a_file_that_does_not_fit_or_is_not_here_needs_an_operator(store: Store, tmp_path: Path) -> None:
    term, inc, file = await granted(store, tmp_path)
    known = await appended(store, inc, 3)
    (alone,) = following(known, 1)
    await file.begin(inc, known[-1].after, ())
    await file.append(alone)
    await store.append(inc, known[-1].after, b"another history")
    with pytest.raises(FallbackHeld, match="can't be appended"):
        await take_file(store, "s0")
    await file.remove()
    with pytest.raises(FallbackHeld, match=r"on host host-1, and that file is not here.*--accept-loss"):
        await take_file(store, "s0")
    await store.fence(term, "s0", Sealed("n1"))
    await store.claim("s0", B, "n2")


@contextmanager
def no_room() -> Iterator[None]:
    """Whatever this process writes to a file fails, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("lives", [True, False], ids=["its owner has it open", "it was closed"])
async def test_rule_16_a_file_that_a_full_disk_keeps_from_being_sealed_is_named(
    store: Store, tmp_path: Path, lives: bool
) -> None:
    """Its owner may live, and a shard whose file is not sealed is nobody's."""
    _, inc, file = await granted(store, tmp_path)
    await file.begin(inc, LogHead(), ())
    await file.append(AppendedRecord(LogHead(), b"batch", {}))
    if not lives:
        await file.close()
    with no_room(), pytest.raises(FallbackHeld, match=rf"shard s0: {file.path} on host .* can't be sealed.*make room"):
        await take_file(store, "s0")
    taken = await take_file(store, "s0")
    assert taken is not None and taken.drained == 1
    await taken.keep()
    if lives:
        await file.close()


async def test_rule_16_a_file_of_another_version_is_here_and_not_read(store: Store, tmp_path: Path) -> None:
    _, _, file = await granted(store, tmp_path)
    await file.close()
    with sqlite3.connect(file.path) as other:
        other.execute("PRAGMA user_version = 7")
    other.close()
    with pytest.raises(FallbackHeld, match="has version 7; this version of Croupier reads 2"):
        await take_file(store, "s0")


async def test_rule_16_what_was_decided_under_the_catalog_before_is_not_lost(store: Store, tmp_path: Path) -> None:
    term, inc, file = await granted(store, tmp_path)
    await file.begin(inc, LogHead(), ())
    await file.append(AppendedRecord(LogHead(), b"batch", {}))
    await store.put_catalog("v1", b"{}")
    await store.commit_catalog(term, CatalogRow(1, "v1", 0, "a test"))
    taken = await take_file(store, "s0")
    assert taken is not None and taken.drained == 1
    await asyncio.gather(taken.keep(), file.close())


async def test_sqlite_grants_nothing(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path}")
    await store.open()
    inc = (await store.claim("s0", A, "n1")).incarnation
    with pytest.raises(StoreUnsuitable, match="nothing to fall back to"):
        await store.grant_fallback(inc, FallbackGrant("n1", 1, "host-1", "x", 0))
    await store.give_up_fallback(inc)
    await store.close()
