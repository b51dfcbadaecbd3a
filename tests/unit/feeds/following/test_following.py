"""A reader gets every record of every log in order, and a player's entries in the order of their versions."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from feeds.following.follower import NotReading
from snapshots.contract import Position
from snapshots.errors import Fenced
from tests.support.deposits import batch, step
from tests.support.recording_sink import RecordingSink, Shelf, following
from tests.support.shard_harness import eventually
from tests.unit.feeds.following.writing import Sinks, Writer, deposits, exposed, until_at


async def test_logs_of_a_shard_come_in_the_order_of_their_epochs_each_to_its_end(writer: Writer, sinks: Sinks) -> None:
    await writer.claim("s0")
    await writer.write("s0", *deposits("alice", [1, 2, 3]))
    async with following(writer.store, sinks):
        await sinks.has(3)
        await writer.claim("s0")
        await writer.claim("s0")
        await writer.write("s0", *deposits("alice", [4, 5]))
        sink = await sinks.has(5)
        assert sink.records() == [("s0-1", 1), ("s0-1", 2), ("s0-1", 3), ("s0-3", 1), ("s0-3", 2)]
        assert sink.versions() == {"alice": [1, 2, 3, 4, 5]}
        await until_at(writer, "s0", Position(3, 2))


async def test_what_is_settled_is_not_read_again_and_what_is_not_is(writer: Writer, sinks: Sinks) -> None:
    await writer.claim("s0")
    await writer.write("s0", *deposits("alice", [1, 2]))
    async with following(writer.store, sinks):
        await until_at(writer, "s0", Position(1, 2))
    sinks.made.clear()
    sinks.next_ones.append(RecordingSink())
    sinks.next_ones[0].settles = False
    await writer.write("s0", *deposits("alice", [3, 4]))
    async with following(writer.store, sinks):
        assert (await sinks.has(2)).versions() == {"alice": [3, 4]}
    assert sinks.last.closed
    sinks.made.clear()
    async with following(writer.store, sinks):
        assert (await sinks.has(2)).versions() == {"alice": [3, 4]}
        await until_at(writer, "s0", Position(1, 4))


async def test_a_sink_that_fails_is_closed_and_the_next_begins_at_the_cursors(writer: Writer, sinks: Sinks) -> None:
    await writer.claim("s0")
    await writer.write("s0", *deposits("alice", [1, 2]))
    async with following(writer.store, sinks) as follower:
        await until_at(writer, "s0", Position(1, 2))
        sinks.last.fails = "the broker is gone"
        await writer.write("s0", *deposits("alice", [3]))
        await eventually(lambda: len(sinks.made) == 2 and sinks.made[1].taken)
        assert sinks.made[0].closed
        assert sinks.made[1].versions() == {"alice": [3]}
        assert 'reader_stalled_total{reason="sink_failed"} 1.0' in exposed(follower.metrics)


async def test_what_is_trimmed_comes_from_the_archive(writer: Writer, sinks: Sinks) -> None:
    shelf = Shelf()
    await writer.claim("s0")
    await writer.store.claim_reader("bus", "earlier")
    await writer.write("s0", *deposits("alice", range(1, 9)))
    for record in await writer.store.read_log("s0-1", 0, 100):
        shelf.put("s0-1", record)
    await writer.store.checkpoint(writer.incs["s0"], 8, 5)
    async with following(writer.store, sinks, archived=shelf):
        assert (await sinks.has(8)).versions() == {"alice": list(range(1, 9))}


async def test_without_an_archive_what_is_trimmed_is_left_out_aloud(
    writer: Writer, sinks: Sinks, caplog: pytest.LogCaptureFixture
) -> None:
    await writer.claim("s0")
    async with following(writer.store, sinks) as follower:
        await writer.write("s0", *deposits("alice", [1]))
        await sinks.has(1)
        writer.store.down.add("journal_logs")
        looks = len(writer.store.named("journal_logs"))
        await eventually(lambda: len(writer.store.named("journal_logs")) > looks)  # none is under way any more
        await writer.write("s0", *deposits("alice", range(2, 9)))
        await writer.store.checkpoint(writer.incs["s0"], 8, 5)
        writer.store.down.clear()
        assert (await sinks.has(4)).versions() == {"alice": [1, 6, 7, 8]}
        assert "records 2 to 5 of log s0-1 are gone from the store; there is no archive" in caplog.text
        assert 'reader_stalled_total{reason="trimmed"} 1.0' in exposed(follower.metrics)
        await until_at(writer, "s0", Position(1, 8))


async def test_a_process_that_was_replaced_does_not_call_lost_what_its_successor_has_read(
    writer: Writer, sinks: Sinks, caplog: pytest.LogCaptureFixture
) -> None:
    await writer.claim("s0")
    async with following(writer.store, sinks, "archive") as follower:
        await eventually(lambda: not follower.trouble)
        writer.store.down.add("journal_logs")
        await writer.write("s0", *deposits("alice", range(1, 9)))
        successor = await writer.store.claim_reader("archive", "another")
        await writer.store.commit_reader(successor, {"s0": Position(1, 8)}, {})
        await writer.store.checkpoint(writer.incs["s0"], 8, 5)
        writer.store.down.clear()
        await eventually(lambda: sinks.last.closed)
        assert 'reader_stalled_total{reason="trimmed"} 0.0' in exposed(follower.metrics)
    assert "are gone from the store" not in caplog.text


async def test_what_is_trimmed_and_not_in_the_archive_stops_the_shard_and_says_so(
    writer: Writer, sinks: Sinks, caplog: pytest.LogCaptureFixture
) -> None:
    await writer.claim("s0")
    await writer.claim("s1")
    await writer.store.claim_reader("bus", "earlier")
    await writer.write("s0", *deposits("alice", range(1, 9)))
    await writer.write("s1", *deposits("bob", [1]))
    await writer.store.checkpoint(writer.incs["s0"], 8, 5)
    async with following(writer.store, sinks, archived=Shelf()) as follower:
        assert (await sinks.has(1)).versions() == {"bob": [1]}
        await eventually(lambda: "are gone from the store, and the archive does not have them" in caplog.text)
        assert "records 1 to 5 of log s0-1" in caplog.text
        assert 'reader_stalled_total{reason="trimmed"} 0.0' not in exposed(follower.metrics)


async def test_a_record_that_does_not_continue_the_chain_is_not_passed_on(
    tmp_path: Path, writer: Writer, sinks: Sinks, caplog: pytest.LogCaptureFixture
) -> None:
    await writer.claim("s0")
    await writer.write("s0", *deposits("alice", [1, 2, 3]))
    connection = sqlite3.connect(tmp_path / "shard-s0.db", isolation_level=None)
    connection.execute("UPDATE records SET payload=? WHERE at=?", (batch(step("alice", 2, 9_999)), (1 << 40) + 2))
    connection.close()
    async with following(writer.store, sinks) as follower:
        assert follower.metrics.stalls["corrupt"] == 0
        await sinks.has(1)
        await eventually(lambda: "log s0-1 record 2: its bytes do not match its hash" in caplog.text)
        assert sinks.last.versions() == {"alice": [1]}
        assert 'reader_stalled_total{reason="corrupt"} 0.0' not in exposed(follower.metrics)
        assert follower.metrics.stalls["corrupt"] > 0


async def test_nothing_is_passed_on_that_the_store_may_still_lose(
    writer: Writer, sinks: Sinks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def horizon_ms() -> int:
        return 100

    monkeypatch.setattr(writer.store.inner, "horizon_ms", horizon_ms)
    await writer.claim("s0")
    await writer.write("s0", *deposits("alice", [1]))
    began = asyncio.get_running_loop().time()
    async with following(writer.store, sinks):
        await sinks.has(1)
        assert asyncio.get_running_loop().time() - began >= 0.1


async def test_a_store_that_is_down_is_waited_for(writer: Writer, sinks: Sinks) -> None:
    await writer.claim("s0")
    await writer.write("s0", *deposits("alice", [1]))
    for name in ("claim_reader", "reader_positions", "horizon_ms", "journal_logs", "read_log", "handovers"):
        writer.store.fail(name, "before", 2)
    writer.store.fail("commit_reader", "after", 2)
    async with following(writer.store, sinks) as follower:
        await sinks.has(1)
        await until_at(writer, "s0", Position(1, 1))
        before = follower.metrics.stalls["store_unavailable"]
        writer.store.down |= {"journal_logs", "commit_reader", "read_log", "handovers"}
        await asyncio.sleep(0.02)
        await writer.write("s0", *deposits("alice", [2]))
        writer.store.down.clear()
        await until_at(writer, "s0", Position(1, 2))
        assert [sink.versions() for sink in sinks.made] == [{"alice": [1, 2]}]
        after = follower.metrics.stalls["store_unavailable"]
        assert after > before and f'{{reason="store_unavailable"}} {after}.0' in exposed(follower.metrics)


async def test_a_reader_whose_name_is_claimed_by_another_ends(writer: Writer, sinks: Sinks) -> None:
    await writer.claim("s0")
    async with following(writer.store, sinks) as first:
        await eventually(lambda: not first.trouble)
        await writer.store.claim_reader("bus", "another")
        await writer.write("s0", *deposits("alice", [1]))
        await eventually(lambda: sinks.last.closed)
        with pytest.raises(NotReading):
            await first.ask(b"{}")
        assert await writer.cursor("s0") == Position(1, 0)


async def test_empty_logs_are_passed(writer: Writer, sinks: Sinks) -> None:
    term = await writer.store.take_term()
    await writer.store.claim_reader("archive", "earlier")
    for _ in range(3):
        await writer.claim("s0")
    await writer.store.finish_log(term, "s0-1")
    await writer.store.finish_log(term, "s0-2")
    async with following(writer.store, sinks, "archive"):
        await until_at(writer, "s0", Position(3, 0), "archive")
    await writer.store.sweep_journal(term)
    assert [log.log_id for log in await writer.store.journal_logs()] == ["s0-3"]


async def test_at_the_end_everything_is_settled_for_a_bounded_time(writer: Writer, sinks: Sinks) -> None:
    await writer.claim("s0")
    await writer.write("s0", *deposits("alice", range(1, 30)))
    async with following(writer.store, sinks) as follower:
        await eventually(lambda: not follower.trouble)
        assert await follower.settle(10)
        assert await writer.cursor("s0") == Position(1, 29)
        sinks.last.settles = False
        await writer.write("s0", *deposits("alice", [30]))
        assert not await follower.settle(0.05)


async def test_questions_reach_the_sink(writer: Writer, sinks: Sinks) -> None:
    async with following(writer.store, sinks) as follower:
        await eventually(lambda: not follower.trouble)
        assert await follower.ask(b"{}") == b"asked {}"


async def test_a_sink_keeps_notes_under_its_claim(writer: Writer, sinks: Sinks) -> None:
    async with following(writer.store, sinks) as follower:
        await eventually(lambda: not follower.trouble)
        notes = sinks.last.notes
        assert notes is not None
        await notes.write({"a": b"1", "b": b"2"})
        assert await notes.read("a") == {"a": b"1"}
        await writer.store.claim_reader("bus", "another")
        with pytest.raises(Fenced):
            await notes.write({"a": b"3"})
        assert await notes.read() == {"a": b"1", "b": b"2"}


async def test_metrics_say_how_far_and_how_far_behind(writer: Writer, sinks: Sinks) -> None:
    await writer.claim("s0")
    await writer.write("s0", *deposits("alice", [1, 2, 3]))
    sinks.next_ones.append(RecordingSink())
    sinks.next_ones[0].settles = False
    async with following(writer.store, sinks, "archive") as follower:
        await sinks.has(3)
        await eventually(lambda: follower.metrics.lag_records.get("s0") == 3)
        text = exposed(follower.metrics)
        assert 'reader_lag_records{shard="s0"} 3.0' in text
        await eventually(lambda: follower.metrics.lag_seconds["s0"] > 3_600)  # deposits of the year 2025
        held = sum(len(record.payload) for record in await writer.store.read_log("s0-1", 0, 10))
        assert abs(follower.metrics.held_bytes() - held) < 3
        sinks.last.settles = True
        await writer.write("s0", *deposits("alice", [4]))
        await eventually(lambda: follower.metrics.lag_records.get("s0") == 0)
        text = exposed(follower.metrics)
        assert 'reader_position{epoch="1",shard="s0"} 4.0' in text
        assert 'reader_lag_seconds{shard="s0"} 0.0' in text
        assert "journal_held_bytes 0.0" in text
