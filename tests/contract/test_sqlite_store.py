"""What only the SQLite backend can show: folders refused at start, locks, crashes in the middle of a slot move."""

import asyncio
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from engine.facts import Signals
from snapshots.contract import CatalogRow, Incarnation, LogHead, Owner, Routing, SnapshotRecord, StoredPlayer
from snapshots.errors import Corrupt, Fenced, StoreRefused, StoreUnavailable, StoreUnsuitable
from snapshots.sqlite import control as sqlite_control
from snapshots.sqlite import due as sqlite_due
from snapshots.sqlite import files as sqlite_files
from snapshots.sqlite import schema as sqlite_schema
from snapshots.sqlite import shard as sqlite_shard
from snapshots.sqlite.store import SqliteStore

OWNER = Owner("host-1", 100, 5_000)


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store")
    await opened.open()
    yield opened
    await opened.close()


async def test_the_folder_is_for_this_user_only(store: SqliteStore, tmp_path: Path) -> None:
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700


async def test_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "store").write_text("")
    with pytest.raises(StoreUnsuitable, match="is a file; give a folder"):
        await SqliteStore(tmp_path / "store").open()


async def test_a_folder_that_cant_be_made() -> None:
    with pytest.raises(StoreUnsuitable, match="can't be used"):
        await SqliteStore(Path("/proc/nowhere")).open()


async def test_not_a_database(tmp_path: Path) -> None:
    (tmp_path / "control.db").write_bytes(b"something else " * 100)
    with pytest.raises(StoreUnsuitable, match="file is not a database"):
        await SqliteStore(tmp_path).open()


async def test_a_newer_schema(store: SqliteStore, tmp_path: Path) -> None:
    await store.claim("s0", OWNER, "n")
    await store.close()
    execute(tmp_path / "store" / "shard-s0.db", "PRAGMA user_version = 9")
    with pytest.raises(StoreUnsuitable, match="has schema version 9; this version of Croupier needs 6"):
        await SqliteStore(tmp_path / "store").open()


async def test_a_lost_shard_file_is_never_taken_for_an_empty_shard(store: SqliteStore, tmp_path: Path) -> None:
    await store.claim("s0", OWNER, "n")
    await store.close()
    (tmp_path / "store" / "shard-s0.db").unlink()
    with pytest.raises(StoreUnsuitable, match=r"shard-s0\.db is missing"):
        await SqliteStore(tmp_path / "store").open()


def execute(path: Path, statement: str, *values: object) -> list[tuple[object, ...]]:
    connection = sqlite3.connect(path, isolation_level=None)
    rows = connection.execute(statement, values).fetchall()
    connection.close()
    return rows


async def test_a_folder_of_schema_1_is_brought_up_and_loses_nothing(tmp_path: Path) -> None:
    control, shard = tmp_path / "control.db", tmp_path / "shard-s0.db"
    for path, schema in ((control, sqlite_schema.CONTROL), (shard, sqlite_schema.SHARD)):
        for statement in (*schema[0].split(";\n"), "PRAGMA user_version = 1"):
            execute(path, statement)
    for path, statement in (
        (control, "UPDATE control SET term=4"),
        (control, "INSERT INTO slots VALUES (3, 's0')"),
        (control, "INSERT INTO shards VALUES ('s0')"),
        (shard, "UPDATE shard SET epoch=2, nonce='n', log_epoch=2, hash=zeroblob(16)"),
        (shard, "INSERT INTO logs VALUES (1, 4, 4)"),
        (shard, "INSERT INTO logs VALUES (2, 0, 0)"),
        (shard, f"INSERT INTO records VALUES ({(1 << 40) + 5}, x'', x'', x'')"),
        (shard, "INSERT INTO snapshots VALUES ('alice', 0, 7, x'01', x'02')"),
    ):
        execute(path, statement)
    store = SqliteStore(tmp_path)
    await store.open()
    routing = await store.routing()
    assert (routing.term, routing.slots[3], routing.catalog, routing.clock_offset_ms) == (4, "s0", None, 0)
    assert await store.load_player("alice") == StoredPlayer((SnapshotRecord("alice", 7, b"\x01", b"\x02"),))
    assert await store.due_players(range(256), [], 10**15, 10) == []
    assert (await store.append(Incarnation("s0", 2, "n", "s0-2"), LogHead(), b"one", 0, {"players": 1})).seq == 1
    assert await store.tallies(["players"]) == {"players": 1}
    assert [(log.log_id, log.last_seq) for log in await store.journal_logs()] == [("s0-1", 5), ("s0-2", 1)]
    assert [execute(path, "PRAGMA user_version") for path in (control, shard)] == [[(6,)], [(6,)]]
    await store.close()


async def test_a_lost_file_of_readers_is_never_taken_for_an_archive_that_needs_nothing(
    store: SqliteStore, tmp_path: Path
) -> None:
    await store.claim_reader("archive", "n")
    await store.close()
    (tmp_path / "store" / "readers.db").unlink()
    with pytest.raises(StoreUnsuitable, match=r"readers\.db is missing"):
        await SqliteStore(tmp_path / "store").open()


async def test_lost_shared_limits_are_never_taken_for_unused_ones(store: SqliteStore, tmp_path: Path) -> None:
    await store.close()
    (tmp_path / "store" / "shared.db").unlink()
    with pytest.raises(StoreUnsuitable, match=r"shared\.db is missing"):
        await SqliteStore(tmp_path / "store").open()


async def test_an_append_never_waits_for_the_shared_limits(store: SqliteStore, tmp_path: Path) -> None:
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    locker = sqlite3.connect(tmp_path / "store" / "shared.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    waiting = asyncio.create_task(store.see("alice", Signals(ip="203.0.113.7"), 1_000, 30))
    head = await store.append(inc, LogHead(), b"one")
    await store.append(inc, head, b"two")
    assert not waiting.done()
    locker.execute("ROLLBACK")
    locker.close()
    await waiting


async def test_a_catalog_is_in_force_once_no_append_of_the_former_one_is_under_way(
    store: SqliteStore, tmp_path: Path
) -> None:
    """An append that has read the former number holds its shard's lock: the commit returns after it."""
    term = await store.take_term()
    await store.claim("s0", OWNER, "n")
    await store.put_catalog("c1", b"content")
    appending = sqlite3.connect(tmp_path / "store" / "shard-s0.db", isolation_level=None)
    appending.execute("BEGIN IMMEDIATE")
    committing = asyncio.create_task(store.commit_catalog(term, CatalogRow(1, "c1", 1_000, "ops")))
    other = SqliteStore(tmp_path / "store")
    await other.open()
    await until_in_force(other)
    assert not committing.done()
    appending.execute("COMMIT")
    appending.close()
    await committing
    await other.close()


async def until_in_force(store: SqliteStore) -> Routing:
    while (routing := await store.routing()).catalog is None:
        await asyncio.sleep(0)
    return routing


async def test_what_a_moved_player_left_in_the_index_is_forgotten_when_it_comes_up(
    store: SqliteStore, tmp_path: Path
) -> None:
    first, second = [(await store.claim(shard_id, OWNER, shard_id)).incarnation for shard_id in ("s0", "s1")]
    await store.put_snapshots(first, [SnapshotRecord("alice", 1, b"", b"", 1_000)])
    await store.put_snapshots(second, [SnapshotRecord("alice", 2, b"", b"", 2_000)])
    counts = "SELECT count(*) FROM due WHERE due_ms IS NOT NULL"
    found = [await store.due_players(range(256), [], before_ms, 10) for before_ms in (999, 1_000, 2_000)]
    assert found == [[], [], ["alice"]]
    assert [execute(tmp_path / "store" / f"shard-{shard}.db", counts) for shard in ("s0", "s1")] == [[(0,)], [(1,)]]


@pytest.mark.parametrize(
    ("query", "values"),
    [
        (sqlite_due._OF_SLOTS, ("[1]", 1, "[]", 1, 1)),
        (sqlite_due._OF_PLAYERS, ('[[1, "a"]]', 1, 1)),
        (sqlite_due._STORED, (1, "", 1)),
    ],
    ids=["of slots", "of players", "all players of a slot"],
)
async def test_due_players_reads_no_more_than_the_index(
    store: SqliteStore, tmp_path: Path, query: str, values: tuple[object, ...]
) -> None:
    await store.claim("s0", OWNER, "n")
    plan = [str(row[-1]) for row in execute(tmp_path / "store" / "shard-s0.db", f"EXPLAIN QUERY PLAN {query}", *values)]
    assert any(step.startswith(("SEARCH due", "SEARCH found")) for step in plan)
    assert not any(step.startswith(("SCAN due", "SCAN found")) for step in plan)


async def test_locked_by_somebody_is_unavailable_and_may_be_repeated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_files, "BUSY_TIMEOUT_S", 0.05)
    store = SqliteStore(tmp_path)
    await store.open()
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    locker = sqlite3.connect(tmp_path / "shard-s0.db", isolation_level=None)
    locker.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreUnavailable, match="locked"):
        await store.append(inc, LogHead(), b"one")
    locker.execute("ROLLBACK")
    locker.close()
    assert (await store.append(inc, LogHead(), b"one")).seq == 1
    await store.close()


async def test_a_full_disk_is_unavailable_and_writes_nothing(store: SqliteStore) -> None:
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    own = store._worker(0)
    await own.submit(lambda: own.files.shard("s0").execute("PRAGMA max_page_count = 1"))
    with pytest.raises(StoreRefused, match="full") as refusal:
        await store.append(inc, LogHead(), b"x" * 1_000_000)
    assert (refusal.value.reason, refusal.value.proved, refusal.value.passes) == ("full", True, False)
    assert list(await store.read_log(inc.log_id, 0, 10)) == []
    await own.submit(lambda: own.files.shard("s0").execute("PRAGMA max_page_count = 1000000"))
    assert (await store.append(inc, LogHead(), b"x" * 1_000_000)).seq == 1


async def test_a_file_that_may_not_be_written_refuses_and_writes_nothing(store: SqliteStore) -> None:
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    own = store._worker(0)
    await own.submit(lambda: own.files.shard("s0").execute("PRAGMA query_only = 1"))
    with pytest.raises(StoreRefused, match="readonly") as refusal:
        await store.append(inc, LogHead(), b"one")
    assert (refusal.value.reason, refusal.value.proved) == ("readonly", True)
    await own.submit(lambda: own.files.shard("s0").execute("PRAGMA query_only = 0"))
    assert (await store.append(inc, LogHead(), b"one")).seq == 1


@pytest.mark.parametrize(
    ("code", "reason", "proved"),
    [
        (sqlite3.SQLITE_IOERR_FSYNC, "ioerr", False),
        (sqlite3.SQLITE_IOERR_WRITE, "ioerr", False),
        (sqlite3.SQLITE_READONLY_DBMOVED, "readonly", True),
        (sqlite3.SQLITE_CANTOPEN, "noperm", True),
    ],
)
def test_only_an_io_error_leaves_open_whether_the_commit_is_in_the_file(code: int, reason: str, proved: bool) -> None:
    error = sqlite3.OperationalError("it failed")
    error.sqlite_errorcode = code
    refusal = sqlite_files.store_error(error)
    assert isinstance(refusal, StoreRefused) and (refusal.reason, refusal.proved) == (reason, proved)


def test_a_locked_file_is_silence() -> None:
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    assert type(sqlite_files.store_error(error)) is StoreUnavailable


async def test_a_damaged_file_is_corrupt_not_empty(store: SqliteStore, tmp_path: Path) -> None:
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    for version in range(40):
        await store.put_snapshots(inc, [SnapshotRecord(f"p{version}", 1, b"s" * 2_000, b"w" * 2_000)])
    await store.close()
    path = tmp_path / "store" / "shard-s0.db"
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xff" * (len(content) - 4096))
    again = SqliteStore(tmp_path / "store")
    await again.open()
    with pytest.raises(Corrupt):
        await again.load_player("p1")
    await again.close()


class Crash(Exception):
    """The process ends here."""


@pytest.mark.parametrize("point", ["before the shard's file", "between the files"])
async def test_a_slot_move_that_crashes_half_way_gives_nothing_away_and_can_be_repeated(
    store: SqliteStore, monkeypatch: pytest.MonkeyPatch, point: str
) -> None:
    term = await store.take_term()
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    await store.assign(term, {1: "s0"}, {})

    def crash(*_: object) -> None:
        raise Crash

    with monkeypatch.context() as patch:
        patch.setattr(
            *((sqlite_shard, "release") if point.startswith("before") else (sqlite_control, "_put_slots")), crash
        )
        with pytest.raises(Crash):
            await store.release_slots(inc, term, [1], [], "s1", {"alice": 7})
    routing = await store.routing()
    assert routing.slots[1] == "s0"
    assert routing.shards["s0"].epoch == (1 if point.startswith("before") else 2)

    after = await store.release_slots(inc, term, [1], [], "s1", {"alice": 7})
    routing = await store.routing()
    assert (after.epoch, routing.slots[1], routing.shards["s0"].epoch) == (2, "s1", 2)
    assert await store.load_player("alice") == StoredPlayer((), 7)


WRITER = """
import asyncio, sys
from pathlib import Path
from snapshots.contract import Incarnation, LogHead, Owner
from snapshots.sqlite.store import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.open()
    inc = (await store.claim("s0", Owner("h", 1, 1), "n")).incarnation
    head = LogHead()
    while True:
        head = await store.append(inc, head, b"batch")
        print(head.seq, flush=True)

asyncio.run(main())
"""


async def test_everything_confirmed_survives_a_sigkill(tmp_path: Path) -> None:
    with subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        while int(writer.stdout.readline()) < 50:
            pass
        os.kill(writer.pid, signal.SIGKILL)
        confirmed = int((writer.stdout.read().split() or ["50"])[-1])
    store = SqliteStore(tmp_path)
    await store.open()
    assert len(await store.read_log("s0-1", 0, 1_000_000)) in (confirmed, confirmed + 1)
    await store.claim("s0", OWNER, "next")
    with pytest.raises(Fenced):
        await store.append(Incarnation("s0", 1, "n", "s0-1"), LogHead(), b"late")
    await store.close()


async def test_many_processes_may_open_a_new_folder_at_once(tmp_path: Path) -> None:
    stores = [SqliteStore(tmp_path / "new") for _ in range(8)]
    await asyncio.gather(*(store.open() for store in stores))
    claims = await asyncio.gather(*(store.claim("s0", OWNER, f"n{n}") for n, store in enumerate(stores)))
    assert sorted(claim.incarnation.epoch for claim in claims) == [1, 2, 3, 4, 5, 6, 7, 8]
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_closed_store_says_so(store: SqliteStore) -> None:
    inc = (await store.claim("s0", OWNER, "n")).incarnation
    await store.close()
    await store.close()
    with pytest.raises(StoreUnavailable, match="not open"):
        await store.append(inc, LogHead(), b"x")
