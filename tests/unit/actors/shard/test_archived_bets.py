"""A rollback of a bet that neither memory nor journal holds any more is looked for in the archive (rules §3)."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from actors.shard import history
from engine.commands import Deposit, ReportBet, Rollback, RollbackReportedBet
from engine.state.window import REMEMBERED_MAX
from feeds.reading import Followed
from snapshots.archive.place import ArchivePlace
from snapshots.contract import Position
from tests.support.archiving import Archive
from tests.support.shard_harness import TestShard, spin, start_shard, table_for


async def played(asking: Any) -> None:
    """A bet, a bet elsewhere, and so much after them that they are remembered by their ids alone."""
    await asking.seat("alice")
    await asking.ask("alice", "won", spin(100, 500))
    await asking.ask("alice", "elsewhere", ReportBet(500, "table"))
    for number in range(REMEMBERED_MAX):
        await asking.ask("alice", f"later-{number}", Deposit(1))


async def archive_it(process: TestShard, folder: Path, until: int | None = None) -> Position:
    """Archives the shard's log, or its beginning; answers how far the log goes."""
    store, log_id = process.store, "s0-1"
    records = await store.read_log(log_id, 0, 10_000)
    async with Archive(folder) as archive:
        for record in records[:until]:
            await archive.sink.take(Followed("s0", log_id, Position(1, record.seq), record, ()))
        await archive.until_stored(records[:until][-1].seq)
    return Position(1, records[-1].seq)


def reader_at(process: TestShard, cursors: Mapping[str, Position], monkeypatch: pytest.MonkeyPatch) -> None:
    """The store says that the archive's reader has come so far."""

    async def reader_positions(name: str) -> Mapping[str, Position]:
        assert name == "archive"
        return cursors

    monkeypatch.setattr(process.store, "reader_positions", reader_positions, raising=False)


async def test_a_bet_that_the_journal_holds_no_more_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = ArchivePlace(str(tmp_path / "files" / "archive"))
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, archive=place) as process:
        await played(process.asking)
        end = await archive_it(process, tmp_path / "files")
        reader_at(process, {"s0": end}, monkeypatch)
        assert process.shard is not None
        await process.store.checkpoint(process.shard.context.inc, end.seq, end.seq)
        undone = await process.asking.ask("alice", "undo", Rollback("gs:won"))
        assert (undone.answer.status, undone.answer.balance.real) == ("rolled_back", 1_000 + REMEMBERED_MAX)
        other = await process.asking.ask("alice", "undo-2", RollbackReportedBet("gs:elsewhere"))
        assert other.answer.status == "rolled_back"
        assert (await process.asking.ask("alice", "undo-3", Rollback("gs:later-0"))).code == "not_a_bet"


@pytest.mark.parametrize("archived", [None, 5])
async def test_what_may_be_on_its_way_is_asked_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, archived: int | None
) -> None:
    """Nothing is archived yet, or the segment with the bet is not: the caller repeats, and no operator is bothered."""
    place = ArchivePlace(str(tmp_path / "files" / "archive"))
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, archive=place) as process:
        await played(process.asking)
        end = Position(1, (await process.store.read_log("s0-1", 0, 10_000))[-1].seq)
        if archived is not None:
            await archive_it(process, tmp_path / "files", archived)
        reader_at(process, {"s0": end}, monkeypatch)
        assert process.shard is not None
        await process.store.checkpoint(process.shard.context.inc, end.seq, end.seq)
        refused = await process.asking.ask("alice", "undo", Rollback("gs:won"))
        assert refused.code == "journal_unavailable"
        assert (await process.asking.look("alice")).flagged == ()


async def test_an_archive_that_is_damaged_ends_no_shard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody knows what the bet did: an operator must look, and the player plays on."""
    place = ArchivePlace(str(tmp_path / "files" / "archive"))
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, archive=place) as process:
        await played(process.asking)
        end = await archive_it(process, tmp_path / "files")
        reader_at(process, {"s0": end}, monkeypatch)
        assert process.shard is not None
        await process.store.checkpoint(process.shard.context.inc, end.seq, end.seq)
        for index in (tmp_path / "files" / "archive").rglob("*.index"):
            index.write_bytes(index.read_bytes()[:-4] + b"\0\0\0\0")
        for segment in (tmp_path / "files" / "archive").rglob("*.zst"):
            segment.write_bytes(b"damaged")
        assert (await process.asking.ask("alice", "undo", Rollback("gs:won"))).code == "already_processed"
        assert [flag.code for flag in (await process.asking.look("alice")).flagged] == ["already_processed"]
        assert process.ended == []


async def test_an_archive_that_hangs_is_given_up_and_then_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, archive=ArchivePlace(str(tmp_path / "a"))) as process:
        await played(process.asking)
        assert process.shard is not None
        hanging = Hanging()
        monkeypatch.setattr(history, "ARCHIVE_ANSWER_S", 0.02)
        monkeypatch.setattr(process.shard.facts._history, "_archive", hanging)
        reader_at(process, {}, monkeypatch)
        for number in range(6):
            refused = await process.asking.ask("alice", f"undo-{number}", Rollback("gs:won"))
            assert refused.code == "journal_unavailable"
        assert hanging.asked <= 3, "the breaker is open; on a busy machine the time is up before the archive is asked"
        assert process.shard.context.metrics.gauges["archive_breaker_state"] == 2
        assert (await process.asking.ask("alice", "1", spin())).answer.balance.real > 0


class Hanging:
    """An archive that never answers."""

    asked = 0

    async def history(self, *_: Any) -> list[Any]:
        self.asked += 1
        await asyncio.sleep(3_600)
        return []


async def test_an_archive_that_can_not_be_opened_is_no_answer(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    place = ArchivePlace(str(tmp_path / "file" / "archive"))
    async with table_for(tmp_path, "s0"), start_shard(tmp_path, archive=place) as process:
        await played(process.asking)
        refused = await process.asking.ask("alice", "undo", Rollback("gs:won"))
        assert refused.code == "journal_unavailable"
        assert (await process.asking.ask("alice", "1", spin())).answer.balance.real > 0
