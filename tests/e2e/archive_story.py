"""Alice and Bob come with a device and an address, Alice is erased, Carol deposits: the archive forgets Alice alone."""

from pathlib import Path

from engine.transition import Transition
from snapshots.archive.opening import open_archive
from snapshots.archive.place import ArchivePlace
from snapshots.archive.sealing import KeyRing, read_key
from snapshots.codec import decode_batch, decode_entry
from snapshots.contract import GENESIS, LogRecord, Position
from snapshots.opening import open_store
from tests.support.croupier_up import CroupierUp, register, wait_until

DEVICE, ADDRESS = "device-of-alice", "198.51.100.77"


async def archived(store_folder: Path, archive_folder: Path) -> list[LogRecord]:
    """All of shard s0 that the archive holds, as a reader with the keys reads it."""
    store = open_store(f"sqlite:{store_folder}")
    await store.open()
    try:
        keys = KeyRing(store, read_key((archive_folder.parent / "archive.key").read_text()))
        archive = open_archive(ArchivePlace(str(archive_folder)), keys)
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
    """What the records tell of players."""
    return [decode_entry(entry) for record in records for entry in decode_batch(record.payload)]


def caught_up(server: CroupierUp) -> bool:
    """Whether the archive, the only reader, has read all there is."""
    [reader] = server.api.person("ops", "GET", "/cluster").json()["readers"]
    assert reader["name"] == "archive"
    return bool(reader["reading"]) and reader["lag_records"] == 0


def come_and_go(server: CroupierUp) -> None:
    """The story; the archive reads before and after Alice is erased."""
    for player_id in ("alice", "bob"):
        register(server.api, player_id, 0)
        session = {"ip": ADDRESS, "device": DEVICE}
        assert server.api.platform("POST", f"/players/{player_id}/sessions", session).status_code == 201
    wait_until("the archive has read all", lambda: caught_up(server))
    assert server.api.person("support", "POST", "/players/alice/erase", {"reason": "asked for"}).status_code == 200
    register(server.api, "carol")
    wait_until("the archive has read all", lambda: caught_up(server))


def check_forgotten(records: list[LogRecord]) -> None:
    """The journal is there from its first record on; nothing of it tells where Alice was."""
    assert records[0].previous == GENESIS
    seen = transitions(records)
    versions = [found.version for found in seen if found.player_id == "carol"]
    assert versions and versions == list(range(1, len(versions) + 1))
    told = {who: repr([found for found in seen if found.player_id == who]) for who in ("alice", "bob")}
    assert DEVICE in told["bob"] and ADDRESS in told["bob"]
    assert DEVICE not in told["alice"] and ADDRESS not in told["alice"]
    assert "PlayerErased" in told["alice"]
