"""Rule 3: an unknown outcome repeats the identical batch only, gathering is bounded, refusals are final."""

from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from actors.outcome import Answered, Unavailable
from tests.support.faulty_store import Point
from tests.support.shard_harness import LOOK, NOT_OWNER, OWNER, Desk, desk, eventually, spin


async def records(table: Desk) -> int:
    return len(await table.store.inner.read_log(table.shard.context.inc.log_id, 0, 100))


@pytest.mark.parametrize(("point", "name"), [("after", "its answer was lost"), ("before", "nothing was written")])
async def test_rule_03_the_identical_batch_is_repeated_and_applied_once(
    tmp_path: Path, point: Point, name: str
) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        written, sent = await records(table), len(table.store.named("append"))
        table.store.fail("append", point, times=2)
        answer = await table.ask("alice", "k1", spin(10, 3))
        assert isinstance(answer, Answered) and answer.answer.balance.real == 993
        assert await records(table) == written + 1, name
        first, *again = table.store.named("append")[sent:]
        assert again == [first, first]


async def test_a_store_that_stays_silent_opens_the_breaker_of_the_journal_until_it_answers(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        context = table.shard.context
        context.committer.breaker._clock = lambda: 0.0
        table.store.fail("append", "after", times=1)
        assert isinstance(await table.ask("alice", "k0", spin()), Answered)
        assert table.shard.report().journal_breaker == "closed", "one silence is none"
        table.store.down.add("append")
        waiting = table.ask("alice", "k1", spin())
        await eventually(lambda: context.committer.breaker.state == "open")
        assert table.shard.report().journal_breaker == "open"
        registry = CollectorRegistry()
        registry.register(context.metrics)
        assert b'breaker_state{breaker="journal"} 2.0' in generate_latest(registry)
        table.store.down.clear()
        assert isinstance(await waiting, Answered)
        assert table.shard.report().journal_breaker == "closed"


async def test_rule_03_what_gathers_meanwhile_is_not_mixed_into_the_repeated_batch(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        sent = len(table.store.named("append"))
        gate = table.store.hold("append", "after")
        one = table.ask("alice", "k1", spin())
        await gate.reached.wait()
        two, three = table.ask("alice", "k2", spin()), table.ask("alice", "k3", spin())
        gate.open(fails=True)
        assert [answer.answer.balance.real for answer in (await one, await two, await three)] == [990, 980, 970]
        payloads = [args[2] for args in table.store.named("append")[sent:]]
        assert payloads[0] == payloads[1] and len(payloads) == 3
        assert payloads[2].count(b"gs:k") >= 2 and b"gs:k1" not in payloads[2]


async def test_rule_03_gathering_is_bounded(tmp_path: Path) -> None:
    async with desk(tmp_path, pending_entries_max=3) as table:
        await table.seat("alice")
        gate = table.store.hold("append")
        waiting = [table.ask("alice", f"k{number}", spin()) for number in range(4)]
        refused = await table.ask("alice", "k4", spin())
        assert isinstance(refused, Unavailable) and refused.code == "overloaded"
        gate.open()
        assert [(await answer).answer.balance.real for answer in waiting] == [990, 980, 970, 960]
        assert (await table.ask("alice", "k4", spin())).answer.balance.real == 950


async def test_rule_03_replies_that_only_wait_are_bounded_too(tmp_path: Path) -> None:
    async with desk(tmp_path, pending_entries_max=3) as table:
        await table.seat("alice")
        gate = table.store.hold("append")
        table.ask("alice", "k1", spin())
        reads = [table.ask("alice", "", LOOK) for _ in range(3)]
        assert (await table.ask("alice", "", LOOK)).code == "overloaded"
        gate.open()
        assert {(await read).answer.balance.real for read in reads} == {990}


async def test_rule_03_a_stalled_journal_refuses_new_commands_until_it_answers(tmp_path: Path) -> None:
    async with desk(tmp_path, journal_stall_ms=1) as table:
        await table.seat("alice")
        gate = table.store.hold("append")
        waiting = table.ask("alice", "k1", spin())
        await gate.reached.wait()
        await eventually(table.shard.context.committer.stalled)
        refused = await table.ask("alice", "k2", spin())
        assert isinstance(refused, Unavailable) and refused.code == "journal_unavailable"
        gate.open()
        assert (await waiting).answer.balance.real == 990
        assert (await table.look("alice")).balance.real == 990, "the refused command must not have been applied"


async def test_rule_03_a_definite_refusal_ends_the_incarnation_and_answers_everybody_who_waits(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        gate, loading = table.store.hold("append"), table.store.hold("load_player")
        in_flight = table.ask("alice", "k1", spin())
        await gate.reached.wait()
        gathering, read = table.ask("alice", "k2", spin()), table.ask("alice", "", LOOK)
        newcomer = table.ask("bob", "", LOOK)
        await loading.reached.wait()
        await table.store.inner.claim("s0", OWNER, "successor")
        gate.open()
        outcomes = [await reply for reply in (in_flight, gathering, read)]
        assert [outcome.code for outcome in outcomes] == ["outcome_unknown"] * 3
        assert await newcomer == NOT_OWNER, "nothing was done for it: its gateway asks the successor"
        assert len(table.ended) == 1 and table.resident == set()
