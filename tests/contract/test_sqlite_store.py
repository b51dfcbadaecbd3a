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

from snapshots import sqlite_control, sqlite_files, sqlite_shard
from snapshots.contract import Incarnation, LogHead, Owner, SnapshotRecord, StoredPlayer
from snapshots.errors import Corrupt, Fenced, StoreUnavailable, StoreUnsuitable
from snapshots.sqlite_store import SqliteStore

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
    with pytest.raises(StoreUnsuitable, match="has schema version 9; this version of Croupier needs 1"):
        await SqliteStore(tmp_path / "store").open()


async def test_a_lost_shard_file_is_never_taken_for_an_empty_shard(store: SqliteStore, tmp_path: Path) -> None:
    await store.claim("s0", OWNER, "n")
    await store.close()
    (tmp_path / "store" / "shard-s0.db").unlink()
    with pytest.raises(StoreUnsuitable, match=r"shard-s0\.db is missing"):
        await SqliteStore(tmp_path / "store").open()


def execute(path: Path, statement: str) -> None:
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute(statement)
    connection.close()


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
    with pytest.raises(StoreUnavailable, match="full"):
        await store.append(inc, LogHead(), b"x" * 1_000_000)
    assert list(await store.read_log(inc.log_id, 0, 10)) == []
    await own.submit(lambda: own.files.shard("s0").execute("PRAGMA max_page_count = 1000000"))
    assert (await store.append(inc, LogHead(), b"x" * 1_000_000)).seq == 1


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
from snapshots.sqlite_store import SqliteStore

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
