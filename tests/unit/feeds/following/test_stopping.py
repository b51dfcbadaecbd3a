"""A player of whom a version is missing is passed on no more, until an operator says so."""

import asyncio
import json

import pytest

from snapshots.contract import Position
from tests.support.deposits import batch, step
from tests.support.recording_sink import following
from tests.support.shard_harness import eventually
from tests.unit.feeds.following.writing import Sinks, Writer, deposits, exposed, until_at


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


async def test_a_reader_that_another_has_replaced_stops_nobody(
    writer: Writer, sinks: Sinks, caplog: pytest.LogCaptureFixture
) -> None:
    """The handover that it would have to wait for may be gone: the one that replaced it has passed it."""
    await writer.claim("s0")
    await writer.write("s0", *deposits("bob", [1]))
    async with following(writer.store, sinks) as follower:
        await sinks.has(1)
        await writer.write("s0", *deposits("alice", [1]))
        await until_at(writer, "s0", Position(1, 2))
        await writer.store.claim_reader("bus", "another")
        await writer.write("s0", *deposits("alice", [3]))
        await eventually(lambda: bool(follower.trouble))
        assert 'reader_stalled_total{reason="version_gap"} 0.0' in exposed(follower.metrics)
        assert "reader_stopped_players 0.0" in exposed(follower.metrics)
        assert "is stopped" not in caplog.text
        assert await writer.store.reader_notes("bus", "stopped:", "", 10) == {}
