"""A player who moves from shard to shard is read in the order of the player's versions."""

import asyncio

from tests.support.recording_sink import RecordingSink, following
from tests.support.shard_harness import eventually
from tests.unit.feeds.following.writing import ALICE, Sinks, Writer, deposits


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
