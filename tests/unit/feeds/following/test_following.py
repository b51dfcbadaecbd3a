"""A reader gets every record of every log in order, and a player's entries in the order of their versions."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from feeds.following.follower import NotReading
from feeds.reading import Notes
from snapshots.contract import Incarnation, LogHead, Owner, Position
from snapshots.errors import Fenced
from snapshots.opening import open_store
from snapshots.slots import slot_of
from tests.support.deposits import batch, step, steps
from tests.support.faulty_store import FaultyStore
from tests.support.recording_sink import RecordingSink, Shelf, following
from tests.support.shard_harness import eventually

OWNER = Owner("host-1", 100, 5_000)
ALICE = slot_of("alice")


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("feeds.following.stretch.LOOK_S", 0.002)
    monkeypatch.setattr("feeds.following.stretch.COMMIT_S", 0.002)
    monkeypatch.setattr("feeds.following.shard_reading.RETRY_S", 0.002)
    monkeypatch.setattr("feeds.following.shard_reading.STALLED_S", 0.002)
    monkeypatch.setattr("feeds.following.follower.RETRY_S", 0.002)
    monkeypatch.setattr("feeds.following.follower.LOOK_S", 0.002)
    monkeypatch.setattr("feeds.following.stopped.RETRY_S", 0.002)
    monkeypatch.setattr("actors.background.backoff.REST_FIRST_S", 0.002)


class Writer:
    """A store, and shards that write into it what a test says."""

    def __init__(self, store: FaultyStore) -> None:
        self.store = store
        self.claims = 0
        self.heads: dict[str, LogHead] = {}
        self.incs: dict[str, Incarnation] = {}

    async def claim(self, shard_id: str) -> None:
        self.claims += 1
        self.incs[shard_id] = (await self.store.claim(shard_id, OWNER, f"n{self.claims}")).incarnation
        self.heads[shard_id] = LogHead()

    async def write(self, shard_id: str, *payloads: bytes) -> None:
        for payload in payloads:
            self.heads[shard_id] = await self.store.append(self.incs[shard_id], self.heads[shard_id], payload)

    async def move(self, term: int, slot: int, loser: str, gainer: str) -> None:
        self.incs[loser] = await self.store.release_slots(self.incs[loser], term, [slot], [], gainer, {})

    async def cursor(self, shard_id: str, name: str = "bus") -> Position | None:
        found: Position | None = (await self.store.inner.reader_positions(name)).get(shard_id)
        return found


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[Writer]:
    store = FaultyStore(open_store(f"sqlite:{tmp_path}"))
    await store.open()
    yield Writer(store)
    await store.close()


class Sinks:
    """Every sink that a follower made, newest last."""

    def __init__(self) -> None:
        self.made: list[RecordingSink] = []
        self.next_ones: list[RecordingSink] = []

    async def __call__(self, notes: Notes) -> RecordingSink:
        sink = self.next_ones.pop(0) if self.next_ones else RecordingSink()
        sink.notes = notes
        self.made.append(sink)
        return sink

    @property
    def last(self) -> RecordingSink:
        return self.made[-1]

    async def has(self, records: int) -> RecordingSink:
        await eventually(lambda: self.made and len(self.last.taken) >= records)
        return self.last


@pytest.fixture
def sinks() -> Sinks:
    return Sinks()


def deposits(player_id: str, versions: Sequence[int]) -> list[bytes]:
    """One batch per version."""
    return [batch(done) for done in steps(player_id, versions)]


async def until_at(writer: Writer, shard_id: str, position: Position, name: str = "bus") -> None:
    while await writer.cursor(shard_id, name) != position:
        await asyncio.sleep(0.002)


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


def exposed(metrics: object) -> str:
    registry = CollectorRegistry()
    registry.register(metrics)  # type: ignore[arg-type]
    return generate_latest(registry).decode()


async def test_the_gainer_of_a_slot_waits_for_its_loser_and_others_do_not(writer: Writer, sinks: Sinks) -> None:
    term = await writer.store.take_term()
    await writer.store.assign(term, {ALICE: "s0"}, {})
    await writer.claim("s0")
    await writer.claim("s1")
    sinks.next_ones.append(RecordingSink())
    gate = sinks.next_ones[0].gates["s0"] = asyncio.Event()
    await writer.write("s0", *deposits("alice", [1, 2]))
    await writer.write("s1", *deposits("bob", [1]))
    await writer.move(term, ALICE, "s0", "s1")
    await writer.write("s1", *deposits("bob", [2]), *deposits("alice", [3]), *deposits("bob", [3]))
    async with following(writer.store, sinks):
        sink = await sinks.has(2)
        await asyncio.sleep(0.05)
        assert sink.versions() == {"bob": [1, 2]}, "alice's version 3 came before her version 2"
        gate.set()
        await sinks.has(6)
        assert sink.versions() == {"alice": [1, 2, 3], "bob": [1, 2, 3]}


async def test_a_slot_that_moves_there_and_back_keeps_its_order(writer: Writer, sinks: Sinks) -> None:
    term = await writer.store.take_term()
    await writer.store.assign(term, {ALICE: "s0"}, {})
    await writer.claim("s0")
    await writer.claim("s1")
    version = 0
    for number in range(6):
        here, there = ("s0", "s1") if number % 2 == 0 else ("s1", "s0")
        if number == 3:
            await writer.claim(here)
        await writer.write(here, *deposits("alice", [version + 1, version + 2]))
        version += 2
        await writer.move(term, ALICE, here, there)
    async with following(writer.store, sinks):
        assert (await sinks.has(version)).versions() == {"alice": list(range(1, version + 1))}


async def test_who_came_through_a_shard_that_wrote_nothing_waits_for_the_shard_before_it(
    writer: Writer, sinks: Sinks
) -> None:
    term = await writer.store.take_term()
    await writer.store.assign(term, {ALICE: "s0"}, {})
    for shard_id in ("s0", "s1", "s2"):
        await writer.claim(shard_id)
    sinks.next_ones.append(RecordingSink())
    gate = sinks.next_ones[0].gates["s0"] = asyncio.Event()
    await writer.write("s0", *deposits("alice", [1]))
    await writer.move(term, ALICE, "s0", "s1")
    await writer.write("s1", *deposits("bob", [1]))
    await writer.move(term, ALICE, "s1", "s2")
    await writer.write("s2", *deposits("alice", [2]))
    async with following(writer.store, sinks):
        await sinks.has(1)
        await asyncio.sleep(0.05)
        assert sinks.last.versions() == {"bob": [1]}
        gate.set()
        assert (await sinks.has(3)).versions() == {"bob": [1], "alice": [1, 2]}


async def test_players_dealt_out_anew_wait_for_the_logs_they_come_from(writer: Writer, sinks: Sinks) -> None:
    term = await writer.store.take_term()
    await writer.store.assign(term, {ALICE: "s0"}, {})
    await writer.claim("s0")
    await writer.write("s0", *deposits("alice", [1, 2]))
    await writer.store.retire(writer.incs["s0"])
    await writer.store.assign(term, {}, {"alice": "d-alice"})
    await writer.claim("d-alice")
    await writer.write("d-alice", *deposits("alice", [3]))
    sinks.next_ones.append(RecordingSink())
    gate = sinks.next_ones[0].gates["s0"] = asyncio.Event()
    async with following(writer.store, sinks):
        await eventually(lambda: sinks.made)
        await asyncio.sleep(0.05)
        assert sinks.last.taken == []
        gate.set()
        assert (await sinks.has(3)).versions() == {"alice": [1, 2, 3]}


async def test_a_jump_of_versions_stops_that_player_and_nobody_else(
    writer: Writer, sinks: Sinks, caplog: pytest.LogCaptureFixture
) -> None:
    await writer.claim("s0")
    await writer.write("s0", *deposits("alice", [1, 2]))
    async with following(writer.store, sinks) as follower:
        await sinks.has(2)
        await writer.write("s0", *deposits("alice", [3]))
        await writer.write("s0", *deposits("alice", [5]), batch(step("alice", 6), step("bob", 1)))
        sink = await sinks.has(5)
        assert sink.versions() == {"alice": [1, 2, 3], "bob": [1]}
        assert 'reader_stalled_total{reason="version_gap"} 1.0' in exposed(follower.metrics)
        assert "player alice is stopped: version 5 follows 3" in caplog.text
        await until_at(writer, "s0", Position(1, 5))


async def test_a_stopped_player_stays_stopped_through_restarts_until_an_operator_resumes(
    writer: Writer, sinks: Sinks
) -> None:
    await writer.claim("s0")
    await writer.write("s0", *deposits("bob", [1]))
    async with following(writer.store, sinks):
        await sinks.has(1)
        writer.store.fail("commit_reader", "before", 2)
        await writer.write("s0", *deposits("alice", [1, 3, 4]))
        await until_at(writer, "s0", Position(1, 4))
    await writer.write("s0", *deposits("alice", [5]), *deposits("bob", [2]))
    async with following(writer.store, sinks) as follower:
        await eventually(lambda: sinks.last.versions() == {"bob": [2]})
        assert "reader_stopped_players 1.0" in exposed(follower.metrics)
        stop = json.loads(await follower.ask(b'{"do": "stopped"}'))["players"][0]
        assert (stop["player_id"], stop["last"], stop["came"]) == ("alice", 1, 3)
        resumed = b'{"do": "resume", "player_id": "alice"}'
        assert json.loads(await follower.ask(resumed)) == {"player_id": "alice", "resumed": True, "last": 1}
        assert json.loads(await follower.ask(resumed))["resumed"] is False
        await writer.write("s0", *deposits("alice", [6]))
        await eventually(lambda: sinks.last.versions() == {"bob": [2], "alice": [6]})
        assert json.loads(await follower.ask(b'{"do": "stopped"}')) == {"count": 0, "players": []}
        await until_at(writer, "s0", Position(1, 7))
    async with following(writer.store, sinks):
        await writer.write("s0", *deposits("alice", [7]))
        await eventually(lambda: sinks.last.versions() == {"alice": [7]})


async def test_nothing_is_settled_before_it_is_noted_who_is_stopped(writer: Writer, sinks: Sinks) -> None:
    await writer.claim("s0")
    await writer.write("s0", *deposits("bob", [1]))
    async with following(writer.store, sinks):
        await sinks.has(1)
        await writer.write("s0", *deposits("alice", [1]))
        await until_at(writer, "s0", Position(1, 2))
        writer.store.down.add("commit_reader")
        await writer.write("s0", *deposits("alice", [3]))
        await eventually(lambda: "stopped:alice" in str(writer.store.named("commit_reader")))
        await asyncio.sleep(0.05)
        assert len(sinks.last.taken) == 2, "the record of the jump was taken although the stop is not noted"
        writer.store.down.clear()
        await until_at(writer, "s0", Position(1, 3))


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
