"""The archive that `croupier up` keeps by default: the journal byte by byte, without persons who were erased."""

import asyncio
from pathlib import Path

import pytest

from engine.transition import Transition
from snapshots.archive.opening import open_archive
from snapshots.archive.place import ArchivePlace
from snapshots.archive.sealing import KeyRing, read_key
from snapshots.codec import decode_batch, decode_entry
from snapshots.contract import GENESIS, LogRecord, Position
from snapshots.opening import open_store
from tests.support.croupier_up import CroupierUp, register, wait_until

pytestmark = pytest.mark.timeout(180)

DEVICE = "device-of-alice"


async def archived(folder: Path) -> list[LogRecord]:
    """All of shard s0 that the archive holds, as a reader with the keys reads it."""
    store = open_store(f"sqlite:{folder}")
    await store.open()
    try:
        keys = KeyRing(store, read_key((folder / "archive.key").read_text()))
        archive = open_archive(ArchivePlace(str(folder / "archive")), keys)
        found: list[LogRecord] = []
        for log in await archive.logs("s0", Position(0, 0)):
            seq = 0
            while records := await archive.read_log(log.log_id, seq, 100):
                found += records
                seq = records[-1].seq
        return found
    finally:
        await store.close()


def transitions(records: list[LogRecord]) -> list[Transition]:
    return [decode_entry(entry) for record in records for entry in decode_batch(record.payload)]


def segments(folder: Path) -> list[Path]:
    return list((folder / "archive").rglob("*.zst"))


def caught_up(server: CroupierUp) -> bool:
    [reader] = server.api.person("ops", "GET", "/cluster").json()["readers"]
    assert reader["name"] == "archive"
    return bool(reader["reading"]) and reader["lag_records"] == 0


def test_the_journal_is_archived_and_an_erased_player_is_forgotten(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    first = CroupierUp(tmp_path / "first", f"sqlite:{folder}", "--shards", "1", "--spares", "0", archive=True)
    try:
        for player_id in ("alice", "bob"):
            register(first.api, player_id, 0)
            session = {"ip": "198.51.100.77", "device": DEVICE}
            assert first.api.platform("POST", f"/players/{player_id}/sessions", session).status_code == 201
        wait_until("the archive has read all", lambda: caught_up(first))
        assert first.api.person("support", "POST", "/players/alice/erase", {"reason": "asked for"}).status_code == 200
        register(first.api, "carol")
        wait_until("the archive has read all", lambda: caught_up(first))
        assert first.stop() == 0
    finally:
        if first.process.poll() is None:
            first.kill_everything()

    second = CroupierUp(tmp_path / "second", f"sqlite:{folder}", "--shards", "1", "--spares", "0", archive=True)
    try:
        wait_until("a segment is stored", lambda: bool(segments(folder)), timeout_s=90)
        assert second.stop() == 0
    finally:
        if second.process.poll() is None:
            second.kill_everything()

    records = asyncio.run(archived(folder))
    assert records[0].previous == GENESIS
    seen = transitions(records)
    versions = [found.version for found in seen if found.player_id == "carol"]
    assert versions and versions == list(range(1, len(versions) + 1))
    told = {who: repr([found for found in seen if found.player_id == who]) for who in ("alice", "bob")}
    assert DEVICE in told["bob"] and "198.51.100.77" in told["bob"]
    assert DEVICE not in told["alice"] and "198.51.100.77" not in told["alice"]
    assert "PlayerErased" in told["alice"]
