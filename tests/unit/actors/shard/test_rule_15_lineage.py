"""Rule 15: a store that lost its tail gets it again; one that tells another history ends the incarnation."""

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.outcome import Answered, Unavailable
from actors.shard import committer
from actors.shard.ring import Ring
from snapshots.contract import GENESIS, NO_TALLIES, LogHead, Standing, next_hash
from snapshots.errors import LineageChanged, StoreRefused, StoreUnavailable
from tests.support.faulty_store import FaultyStore
from tests.support.shard_harness import OWNER, Desk, desk, eventually, snapshotter_of, spin, watch_history

RING_BYTES = 1_000_000
LET_THROUGH = ("append", "claim_again", "release_again", "own_again")


class ForgetfulStore(FaultyStore):
    """A store that forgets the last records when it is told to, as a promoted replica has never had them."""

    changed = following = False
    puts = 0
    """How often snapshots were put, as far as it remembers."""

    def forget(self, folder: Path, records: int) -> None:
        """From now on calls are refused until somebody has looked where the log stands."""
        file = sqlite3.connect(folder / "shard-s0.db", isolation_level=None)
        rows = file.execute("SELECT at, hash FROM records ORDER BY at").fetchall()
        at, digest = [(rows[0][0] - 1, GENESIS), *rows][-1 - records]
        file.execute("DELETE FROM records WHERE at > ?", (at,))
        file.execute("UPDATE shard SET seq = ?, hash = ?", (at & ((1 << 40) - 1), digest))
        file.close()
        self.changed = True

    def __getattr__(self, name: str) -> Callable[..., Awaitable[Any]]:
        call = super().__getattr__(name)

        async def guarded(*args: Any, **named: Any) -> Any:
            if name == "standing":
                self.following = True
            elif name == "follow_lineage":
                self.changed = self.following = False
            elif self.changed and name != "close" and not (name in LET_THROUGH and self.following):
                raise LineageChanged("another server")
            outcome = await call(*args, **named)
            if name == "put_snapshots":
                self.puts += 1
                return self.puts
            return replace(outcome, puts=self.puts) if name == "standing" else outcome

        return guarded


@asynccontextmanager
async def table_with_ring(folder: Path, bytes_max: int = RING_BYTES, **changes: Any) -> AsyncIterator[Desk]:
    async with desk(folder, store_type=ForgetfulStore, journal_ring_bytes_max=bytes_max, **changes) as table:
        await watch_history(table.shard.context, table.store)
        await table.seat("alice")
        for number in range(5):
            await table.ask("alice", f"k{number}", spin())
        yield table


def forget(table: Desk, folder: Path, records: int, puts: int = 0) -> None:
    """The last records are lost, and so many puts of snapshots."""
    assert isinstance(table.store, ForgetfulStore)
    table.store.forget(folder, records)
    table.store.puts -= puts


async def log_of(table: Desk) -> bytes:
    return b"".join(r.payload for r in await table.store.inner.read_log(table.shard.context.inc.log_id, 0, 100))


@pytest.mark.parametrize("lost", [0, 1, 3, 5])
async def test_rule_15_what_the_store_lost_is_appended_again_before_the_next_batch(tmp_path: Path, lost: int) -> None:
    async with table_with_ring(tmp_path) as table:
        before = await log_of(table)
        forget(table, tmp_path, lost)
        assert len(await log_of(table)) < len(before) or not lost
        answer = await table.ask("alice", "next", spin())
        assert isinstance(answer, Answered) and answer.answer.balance.real == 940
        after = await log_of(table)
        assert after.startswith(before) and after.count(b"gs:next") == 1
        assert table.shard.context.metrics.counters["journal_records_restored"] == lost
        repeated = await table.ask("alice", "k4", spin())
        assert isinstance(repeated, Answered) and repeated.replayed


async def test_rule_15_what_was_acknowledged_comes_back_whatever_catalog_is_in_force_by_now(tmp_path: Path) -> None:
    async with table_with_ring(tmp_path) as table:
        before = await log_of(table)
        forget(table, tmp_path, 3)
        control = sqlite3.connect(tmp_path / "control.db", isolation_level=None)
        control.execute("UPDATE control SET catalog_number = 1")
        control.close()
        assert isinstance(await table.ask("alice", "next", spin()), Unavailable), "decided under the former catalog"
        assert await log_of(table) == before


async def test_rule_15_counters_come_back_with_their_records(tmp_path: Path) -> None:
    async with table_with_ring(tmp_path) as table:
        counted = await table.store.inner.tallies(["players"])
        file = sqlite3.connect(tmp_path / "shard-s0.db", isolation_level=None)
        file.execute("UPDATE tallies SET value = 0")
        file.close()
        records = len(await table.store.inner.read_log(table.shard.context.inc.log_id, 0, 100))
        forget(table, tmp_path, records)
        await table.ask("alice", "next", spin())
        assert await table.store.inner.tallies(["players"]) == counted == {"players": 1}


class Pauses:
    """Stands for asyncio: remembers how long somebody wanted to sleep, and lets a thing happen after so many times."""

    def __init__(self, times: int, happens: Callable[[], None]) -> None:
        self.taken: list[float] = []
        self._times, self._happens = times, happens

    def __getattr__(self, name: str) -> Any:
        return getattr(asyncio, name)

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        if len(self.taken) == self._times:
            self._happens()


async def test_rule_15_a_store_that_is_back_with_another_history_is_followed_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long the pauses between the attempts have become meanwhile."""
    monkeypatch.setattr(committer, "SILENT_S", 0.0)
    async with table_with_ring(tmp_path) as table:
        table.store.fail("append", "before", 8)
        pauses = Pauses(8, lambda: forget(table, tmp_path, 2))
        monkeypatch.setattr(committer, "asyncio", pauses)
        assert isinstance(await table.ask("alice", "next", spin()), Answered)
        monkeypatch.undo()
        assert pauses.taken == [0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.5, 0.5, 0.01]


async def test_rule_15_a_heartbeat_notices_too(tmp_path: Path) -> None:
    async with table_with_ring(tmp_path) as table:
        before = await log_of(table)
        forget(table, tmp_path, 2)
        with pytest.raises(LineageChanged):
            await table.store.heartbeat(table.shard.context.inc)
        await table.shard.context.committer.follow_lineage()
        assert await log_of(table) == before
        assert await table.store.heartbeat(table.shard.context.inc) > 0


async def test_rule_15_nothing_else_is_written_before_the_tail_is_back(tmp_path: Path) -> None:
    """A checkpoint at a record that the store lost would be refused for good, and end the only process that has it."""
    async with table_with_ring(tmp_path) as table:
        forget(table, tmp_path, 2)
        gate = table.store.hold("append")
        waiting = table.ask("alice", "next", spin())
        await gate.reached.wait()
        with pytest.raises(LineageChanged):
            await table.store.checkpoint(table.shard.context.inc, 7, 0)
        gate.open()
        assert (await waiting).answer.balance.real == 940


async def test_rule_15_a_tail_that_is_cut_off_while_it_comes_back_is_begun_anew(tmp_path: Path) -> None:
    async with table_with_ring(tmp_path) as table:
        before = await log_of(table)
        forget(table, tmp_path, 4)
        table.store.fail("append", "after")
        table.store.fail("append", "before", times=2)
        assert (await table.ask("alice", "next", spin())).answer.balance.real == 940
        assert (await log_of(table)).startswith(before)


async def test_rule_15_the_batch_in_flight_may_have_been_written_by_the_store_that_is_gone(tmp_path: Path) -> None:
    async with table_with_ring(tmp_path) as table:
        gate = table.store.hold("append", "after")
        waiting = table.ask("alice", "next", spin())
        await gate.reached.wait()
        forget(table, tmp_path, 0)
        gate.open(fails=True)
        assert (await waiting).answer.balance.real == 940
        assert (await log_of(table)).count(b"gs:next") == 1


async def test_rule_15_a_store_ahead_of_the_shard_ends_it(tmp_path: Path) -> None:
    async with table_with_ring(tmp_path) as table:
        head = table.shard.context.committer.head
        await table.store.inner.append(table.shard.context.inc, head, b"of a stranger")
        forget(table, tmp_path, 0)
        outcome = await table.ask("alice", "next", spin())
        assert isinstance(outcome, Unavailable) and outcome.code == "outcome_unknown"
        assert len(table.ended) == 1 and "another history" in table.ended[0]


async def test_rule_15_a_store_of_another_epoch_ends_it(tmp_path: Path) -> None:
    async with table_with_ring(tmp_path) as table:
        await table.store.inner.claim("s0", OWNER, "successor")
        forget(table, tmp_path, 0)
        outcome = await table.ask("alice", "next", spin())
        assert isinstance(outcome, Unavailable) and outcome.code == "outcome_unknown"
        assert "epoch 2, not 1" in table.ended[0]


async def test_rule_15_a_store_that_is_back_before_the_claim_is_reported(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "croupier.shard")
    async with table_with_ring(tmp_path) as table:
        last = table.shard.context.committer.head.seq
        forget(table, tmp_path, 0)
        file = sqlite3.connect(tmp_path / "shard-s0.db", isolation_level=None)
        file.execute("UPDATE shard SET epoch = 0, log_epoch = 0")
        file.close()
        await table.ask("alice", "next", spin())
        assert "the claim of s0-1" in table.ended[0]
    assert any(f"acknowledged records 1 to {last} of s0-1 are lost" in line for line in caplog.messages)


@pytest.mark.parametrize("lost", [0, 2])
async def test_rule_15_a_shard_that_comes_too_late_names_what_is_lost(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, lost: int
) -> None:
    caplog.set_level(logging.ERROR, "croupier.shard")
    async with table_with_ring(tmp_path) as table:
        last = table.shard.context.committer.head.seq
        forget(table, tmp_path, lost)
        await table.store.inner.claim("s0", OWNER, "successor")
        await table.ask("alice", "next", spin())
        assert "epoch 2, not 1" in table.ended[0]
    told = f"acknowledged records {last - 1} to {last} of s0-1 are lost"
    assert any(told in line for line in caplog.messages) == bool(lost)


async def test_rule_15_a_store_that_is_back_before_a_slot_move_keeps_what_came_before_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "croupier.shard")
    async with table_with_ring(tmp_path) as table:
        context, last = table.shard.context, table.shard.context.committer.head.seq
        context.committer.inc = replace(context.inc, epoch=2)
        forget(table, tmp_path, 2)
        await table.ask("alice", "next", spin(), epoch=2)
        assert "moves that this process remembers no more" in table.ended[0]
    assert any(f"acknowledged records {last - 1} to {last} of s0-1 are lost" in line for line in caplog.messages)


async def test_rule_15_what_the_ring_holds_no_more_is_named_as_an_interval(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR, "croupier.shard")
    async with table_with_ring(tmp_path, bytes_max=1) as table:
        last = table.shard.context.committer.head.seq
        forget(table, tmp_path, 2)
        await table.ask("alice", "next", spin())
        assert len(table.ended) == 1
    assert any(f"acknowledged records {last - 1} to {last} of s0-1 are lost" in line for line in caplog.messages)


async def test_rule_15_a_shard_that_was_suspended_gives_back_what_only_it_has(tmp_path: Path) -> None:
    """A promoted store without replicas refuses first; the acknowledged tail outlives that."""
    async with table_with_ring(tmp_path, journal_refused_ms=1) as table:
        before = await log_of(table)
        forget(table, tmp_path, 3)
        table.store.refusing["append"] = StoreRefused("Redis: NOREPLICAS", "noreplicas", proved=True)
        refused = await table.ask("alice", "next", spin())
        assert isinstance(refused, Unavailable) and refused.code == "journal_unavailable"
        with pytest.raises(StoreUnavailable):
            await table.shard.context.committer.follow_lineage()
        table.store.refusing.clear()
        await table.shard.context.committer.follow_lineage()
        assert await log_of(table) == before


async def test_rule_15_a_store_that_lost_snapshots_gets_the_tail_and_a_successor(tmp_path: Path) -> None:
    """Memory counts on snapshots that are gone: whoever was dropped would be loaded at an older version."""
    async with table_with_ring(tmp_path) as table:
        await snapshotter_of(table.shard).round()
        before = await log_of(table)
        file = sqlite3.connect(tmp_path / "shard-s0.db", isolation_level=None)
        file.executescript("DELETE FROM snapshots; UPDATE logs SET checkpoint_seq = 0")
        file.close()
        forget(table, tmp_path, 2, puts=1)
        outcome = await table.ask("alice", "next", spin())
        assert isinstance(outcome, Unavailable) and outcome.code == "outcome_unknown"
        assert "lost snapshots" in table.ended[0]
        assert await log_of(table) == before


async def test_rule_15_a_lost_put_counts_even_if_what_is_left_looks_the_same(tmp_path: Path) -> None:
    """The second of two equal snapshots, or one before a put that changed nothing."""
    async with table_with_ring(tmp_path) as table:
        for _ in range(2):
            await snapshotter_of(table.shard).round()
        forget(table, tmp_path, 0, puts=1)
        assert isinstance(await table.ask("alice", "next", spin()), Unavailable)
        assert "lost snapshots" in table.ended[0]


async def test_rule_15_a_store_that_has_the_last_snapshot_has_them_all(tmp_path: Path) -> None:
    async with table_with_ring(tmp_path) as table:
        await snapshotter_of(table.shard).round()
        forget(table, tmp_path, 2)
        assert (await table.ask("alice", "next", spin())).answer.balance.real == 940
        assert table.ended == []


def filled(ring: Ring, payloads: list[bytes]) -> list[LogHead]:
    heads = [LogHead()]
    for payload in payloads:
        ring.add(heads[-1], payload, NO_TALLIES)
        heads.append(LogHead(heads[-1].seq + 1, next_hash(heads[-1].hash, payload)))
    return heads


def test_the_ring_knows_a_position_by_number_and_hash() -> None:
    ring = Ring(RING_BYTES)
    heads = filled(ring, [b"one", b"two", b"three"])
    found = ring.after(heads[1])
    assert found is not None and [record[1] for record in found] == [b"two", b"three"]
    assert ring.after(LogHead(1, b"x" * 16)) is None
    assert ring.after(LogHead(9, heads[3].hash)) is None
    assert Ring(RING_BYTES).after(LogHead()) is None


def test_the_ring_is_bounded_in_bytes_and_keeps_the_newest() -> None:
    ring = Ring(1_200)
    heads = filled(ring, [b"x" * 100] * 50)
    assert len(ring) == 3
    assert ring.after(heads[46]) is None
    assert len(ring.after(heads[47]) or ()) == 3


async def test_where_a_shard_stands_is_told_to_anybody(tmp_path: Path) -> None:
    async with table_with_ring(tmp_path) as table:
        inc, head = table.shard.context.inc, table.shard.context.committer.head
        assert await table.store.inner.standing(inc) == Standing(1, "nonce", "s0-1", head)
        await eventually(lambda: table.shard.context.committer.durable)
