"""The archive's sink with real files: what it says is settled is there, whatever happens."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from feeds.archive.disk import Disk
from feeds.reading import Followed, SinkFailed
from snapshots.contract import LogRecord, Position
from tests.support.archiving import CARD, DEVICE, IP, Archive, PlayedLog
from tests.support.patience import PATIENCE_S

LARGE = 1_048_576


async def test_what_is_taken_is_read_back_byte_by_byte(tmp_path: Path) -> None:
    played = PlayedLog()
    async with Archive(tmp_path) as archive:
        for followed in [played.arrive("alice"), *played.spins("alice", 20)]:
            await archive.sink.take(followed)
        await archive.until_settled(Position(1, 21))
        await archive.until_stored(21)
        found = await read_all(archive, "s0-1")
    assert [(r.seq, r.previous, r.hash, r.payload) for r in found] == [
        (r.seq, r.previous, r.hash, r.payload) for r in played.records
    ]


async def read_all(archive: Archive, log_id: str, keys: bool = True, limit: int = 7) -> list[LogRecord]:
    reading = archive.reading(keys)
    found: list[LogRecord] = []
    while page := await reading.read_log(log_id, found[-1].seq if found else 0, limit):
        found += page
    return found


async def test_several_shards_and_logs_lie_in_one_archive(tmp_path: Path) -> None:
    logs = [PlayedLog("s0", 1), PlayedLog("s1", 4), PlayedLog("s0", 3)]
    async with Archive(tmp_path) as archive:
        for number, played in enumerate(logs):
            for followed in [played.arrive(f"p{number}"), *played.spins(f"p{number}", 5)]:
                await archive.sink.take(followed)
            await archive.until_stored(6, played.shard_id) if number else None
        await archive.until_settled(Position(3, 6))
        reading = archive.reading()
        async with asyncio.timeout(PATIENCE_S):
            while (await reading.ends())["s0"].place != (3, 6):
                await asyncio.sleep(0.01)
        for played in logs:
            assert [r.payload for r in await read_all(archive, played.log_id)] == [r.payload for r in played.records]
        found = await reading.logs("s0", Position(1, 0))
    assert [(log.log_id, log.last_seq, log.complete) for log in found] == [("s0-1", 6, True), ("s0-3", 6, False)]


async def test_a_restart_goes_on_from_the_spool_and_drops_what_comes_again(tmp_path: Path) -> None:
    played = PlayedLog()
    records = [played.arrive("alice"), *played.spins("alice", 10)]
    async with Archive(tmp_path, segment_age_s=60) as first:
        for followed in records[:8]:
            await first.sink.take(followed)
        await first.until_settled(Position(1, 8))
    async with Archive(tmp_path, first.notes) as second:
        for followed in records[4:]:
            await second.sink.take(followed)
        await second.until_settled(Position(1, 11))
        await second.until_stored(11)
        found = await read_all(second, "s0-1")
        assert second.metric("duplicates_total") == 4
    assert [record.payload for record in found] == [record.payload for record in played.records]


async def test_an_upload_that_fails_keeps_records_on_the_disk_and_spins_of_others_go_on(tmp_path: Path) -> None:
    played = PlayedLog()
    async with Archive(tmp_path, failures_max=2, open_s=0.05) as archive:
        archive.bucket.broken = True
        for followed in [played.arrive("alice"), *played.spins("alice", 5)]:
            await archive.sink.take(followed)
        await archive.until_settled(Position(1, 6))
        async with asyncio.timeout(PATIENCE_S):
            while archive.registry.get_sample_value("breaker_state", {"breaker": "archive"}) != 2:
                await asyncio.sleep(0.01)
        archive.bucket.broken = False
        await archive.until_stored(6)
        assert archive.metric("upload_failures_total") >= 2
        await archive.until_settled(Position(1, 6))
        await archive.until_empty()


async def test_a_start_while_the_bucket_is_broken_goes_on_from_the_disk(tmp_path: Path) -> None:
    played = PlayedLog()
    async with Archive(tmp_path) as first:
        await first.sink.take(played.arrive("alice"))
        await first.until_stored(1)
    second = Archive(tmp_path, first.notes)
    second.bucket.broken = True
    async with second:
        await second.sink.take(played.spins("alice", 1)[0])
        await second.until_settled(Position(1, 2))
        second.bucket.broken = False
        await second.until_stored(2)
        assert [r.payload for r in await read_all(second, "s0-1")] == [r.payload for r in played.records]


async def test_a_first_start_with_a_broken_bucket_is_told_to_the_operator(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.bucket.broken = True
    with pytest.raises(SinkFailed, match="can't begin"):
        await archive.sink.open()
    await archive.sink.close()


async def test_a_full_spool_makes_take_wait_until_segments_have_left(tmp_path: Path) -> None:
    played = PlayedLog()
    records = [played.arrive("alice"), *played.spins("alice", 8_000)]
    async with Archive(tmp_path, spool_bytes_max=LARGE, failures_max=1, open_s=0.05) as archive:
        archive.bucket.broken = True
        taking = asyncio.create_task(take_all(archive, records))
        async with asyncio.timeout(PATIENCE_S):
            while archive.metric("spool_full") != 1:
                await asyncio.sleep(0.01)
        assert not taking.done()
        assert archive.metric("spool_bytes") <= LARGE
        archive.bucket.broken = False
        async with asyncio.timeout(PATIENCE_S):
            await taking
        await archive.until_settled(Position(1, len(records)))
        assert archive.metric("spool_full") == 0


async def taken_for_ever(archive: Archive, record: Followed) -> None:
    """Again and again, until it is refused; what comes again is dropped."""
    while True:
        await archive.sink.take(record)
        await asyncio.sleep(0.01)


async def take_all(archive: Archive, records: list[Followed]) -> None:
    for followed in records:
        await archive.sink.take(followed)


class FullDisk(Disk):
    """A disk that says that it is full while `full` is set, after half of what it was to write."""

    def __init__(self) -> None:
        self.full = self.full_for_small = False

    def replace(self, path: Path, content: bytes) -> None:
        if self.full_for_small and list(path.parent.glob("*.cut")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().replace(path, content)

    def open(self, path: Path) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return super().open(path)

    def append(self, handle: int, content: bytes) -> None:
        if self.full:
            super().append(handle, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        super().append(handle, content)


async def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    played, disk = PlayedLog(), FullDisk()
    records = [played.arrive("alice"), *played.spins("alice", 9)]
    async with Archive(tmp_path, disk=disk, segment_age_s=60) as archive:
        await take_all(archive, records[:3])
        await archive.until_settled(Position(1, 3))
        disk.full = True
        await take_all(archive, records[3:6])
        async with asyncio.timeout(PATIENCE_S):
            while archive.metric("spool_full") != 1:
                await asyncio.sleep(0.01)
        assert archive.sink.settled() == {"s0": Position(1, 3)}
        disk.full = False
        await take_all(archive, records[6:])
        await archive.until_settled(Position(1, 10))
    async with Archive(tmp_path, archive.notes) as again:
        await again.until_stored(10)
        assert [r.payload for r in await read_all(again, "s0-1")] == [r.payload for r in played.records]


async def test_a_disk_without_room_for_anything_is_emptied_by_what_is_stored(tmp_path: Path) -> None:
    played, disk = PlayedLog(), FullDisk()
    async with Archive(tmp_path, disk=disk) as archive:
        disk.full_for_small = True
        await take_all(archive, [played.arrive("alice"), *played.spins("alice", 5)])
        await archive.until_stored(6)
        await archive.sink.take(played.spins("alice", 1)[0])
        await archive.until_stored(7)
        await archive.until_empty()


async def test_a_broken_chain_is_never_archived(tmp_path: Path) -> None:
    played = PlayedLog()
    records = [played.arrive("alice"), *played.spins("alice", 3)]
    async with Archive(tmp_path) as archive:
        await archive.sink.take(records[0])
        with pytest.raises(SinkFailed, match="record 3 does not follow record 1"):
            await archive.sink.take(records[2])
        wrong = LogRecord(2, played.records[0].hash, played.records[1].hash, played.records[2].payload)
        with pytest.raises(SinkFailed, match="record 2 fails its hash"):
            await archive.sink.take(played.followed(wrong))


async def test_records_that_were_lost_with_a_spool_are_told_and_the_archive_goes_on(tmp_path: Path) -> None:
    played = PlayedLog()
    records = [played.arrive("alice"), *played.spins("alice", 3)]
    async with Archive(tmp_path) as first:
        await first.sink.take(records[0])
        await first.until_stored(1)
    async with Archive(tmp_path, first.notes) as archive:
        await archive.sink.take(records[2])
        await archive.sink.take(records[3])
        await archive.until_settled(Position(1, 4))
        assert archive.metric("gaps_total") == 1


async def test_an_archive_may_begin_in_the_middle_of_a_log(tmp_path: Path) -> None:
    played = PlayedLog()
    records = [played.arrive("alice"), *played.spins("alice", 3)]
    async with Archive(tmp_path) as archive:
        await take_all(archive, records[2:])
        await archive.until_stored(4)
        assert archive.metric("gaps_total") == 0
        assert [record.seq for record in await archive.reading().read_log("s0-1", 2, 10)] == [3, 4]


async def test_a_damaged_file_of_the_spool_is_named_and_kept(tmp_path: Path) -> None:
    """What is behind the damage may be all there is of it: an operator must look."""
    played = PlayedLog()
    async with Archive(tmp_path, segment_age_s=60) as first:
        await take_all(first, [played.arrive("alice"), *played.spins("alice", 5)])
        await first.until_settled(Position(1, 6))
        [path] = (tmp_path / "spool").glob("*.open")
    cut = path.with_name(f"{path.stem}-1.cut")
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    cut.write_bytes(content)
    path.unlink()
    with pytest.raises(SinkFailed, match=r"-1\.cut is damaged after \d+ of \d+ bytes"):
        await Archive(tmp_path, first.notes).sink.open()
    assert cut.read_bytes() == content


async def test_a_start_that_failed_leaves_the_spool_to_the_next_one(tmp_path: Path) -> None:
    failed = Archive(tmp_path)
    failed.bucket.broken = True
    with pytest.raises(SinkFailed):
        await failed.sink.open()
    async with Archive(tmp_path, failed.notes) as archive:
        await archive.sink.take(PlayedLog().arrive("alice"))
        await archive.until_stored(1)


async def test_a_second_archiver_on_one_spool_is_refused(tmp_path: Path) -> None:
    async with Archive(tmp_path) as archive:
        second = Archive(tmp_path, archive.notes)
        with pytest.raises(SinkFailed, match="Another archiver uses the spool"):
            await second.sink.open()
        await second.sink.close()


async def test_of_two_archivers_with_spools_of_their_own_the_second_to_store_fails_and_starts_anew(
    tmp_path: Path,
) -> None:
    played = PlayedLog()
    records = [played.arrive("alice"), *played.spins("alice", 5)]
    old = Archive(tmp_path, segment_age_s=0.3, spool=str(tmp_path / "old"))
    async with old, Archive(tmp_path, old.notes, spool=str(tmp_path / "new")) as new:
        await take_all(old, records[:3])
        await old.until_settled(Position(1, 3))
        await take_all(new, records)
        await new.until_stored(6)
        with pytest.raises(SinkFailed, match="another archiver"):
            await taken_for_ever(old, records[3])
        assert [r.payload for r in await read_all(new, "s0-1")] == [r.payload for r in played.records]
    async with Archive(tmp_path, old.notes, spool=str(tmp_path / "old")) as again:
        await again.until_empty()
        assert [r.payload for r in await read_all(again, "s0-1")] == [r.payload for r in played.records]


async def test_nothing_personal_lies_in_the_open(tmp_path: Path) -> None:
    played = PlayedLog()
    async with Archive(tmp_path) as archive:
        await archive.sink.take(played.arrive("alice"))
        await archive.until_stored(1)
        sealed = (await read_all(archive, "s0-1", keys=False))[0]
    for personal in (IP, DEVICE, CARD):
        assert personal.encode() in played.records[0].payload
        assert personal.encode() not in sealed.payload
