"""Breakers of a gateway's connections to shards: what is tried, and what operators see."""

from pathlib import Path

from prometheus_client import CollectorRegistry, generate_latest

from actors.outcome import Answered, ask
from actors.routing.cluster_view import ClusterView
from actors.routing.connection_breakers import FAILURES_MAX, OPEN_S, ConnectionBreakers
from snapshots.contract import Address
from tests.support.shard_harness import LOOK, eventually, spin, start_shard, table_for
from tests.unit.actors.routing.test_client import client

HERE, THERE = Address("127.0.0.1", 9, "", "h"), Address("127.0.0.1", 10, "", "h")


def opened(clock: list[float]) -> ConnectionBreakers:
    breakers = ConnectionBreakers(lambda: clock[0])
    for _ in range(FAILURES_MAX):
        assert breakers.allows(HERE, None)
        breakers.failed(HERE, "connection refused")
    return breakers


def test_connections_that_fail_are_tried_one_at_a_time_from_then_on() -> None:
    clock = [0.0]
    breakers = opened(clock)
    assert not breakers.allows(HERE, None)
    clock[0] = OPEN_S
    assert [breakers.allows(HERE, None), breakers.allows(HERE, None)] == [True, False]
    breakers.failed(HERE, "connection refused")
    assert not breakers.allows(HERE, None)
    clock[0] = 2 * OPEN_S
    assert breakers.allows(HERE, None)
    breakers.succeeded(HERE)
    assert breakers.state("127.0.0.1:9") == "closed"


def test_an_attempt_that_was_ended_does_not_block_the_next_probe() -> None:
    clock = [0.0]
    breakers = opened(clock)
    clock[0] = OPEN_S
    assert breakers.allows(HERE, None)
    breakers.gave_up(HERE)
    assert breakers.allows(HERE, None)


def test_a_successor_elsewhere_is_not_held_responsible() -> None:
    breakers = opened([0.0])
    assert breakers.allows(THERE, None)
    breakers.keep({THERE, None})
    assert breakers.state("127.0.0.1:9") == "closed"
    assert breakers.allows(HERE, None)


def test_how_long_requests_have_found_no_connection() -> None:
    clock = [0.0]
    breakers = ConnectionBreakers(lambda: clock[0])
    breakers.missed("s0")
    clock[0] = 1.5
    breakers.missed("s0")
    clock[0] = 4.0
    assert (breakers.missed_s("s0"), breakers.missed_s("s1")) == (4.0, 0.0)


async def test_a_shard_with_a_connection_is_within_reach_whatever_was_missed_before(tmp_path: Path) -> None:
    async with (
        table_for(tmp_path, "s0") as (store, _),
        client(store) as gateway,
        start_shard(tmp_path) as shard,
    ):
        await shard.asking.seat("alice")
        await ask(gateway, "alice", "", LOOK)
        gateway.breakers.missed("s0")
        assert gateway.out_of_reach_s("alice") == 0


async def test_a_shard_that_is_gone_opens_the_breaker_and_its_successor_closes_it(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _), client(store) as gateway:
        registry = CollectorRegistry()
        registry.register(gateway.breakers)
        view = ClusterView(gateway, "here:1")
        async with start_shard(tmp_path) as shard:
            await shard.asking.seat("alice")
            assert isinstance(await ask(gateway, "alice", "", LOOK), Answered)
            assert gateway.out_of_reach_s("alice") == 0
        waiting = ask(gateway, "alice", "gs:k1", spin())
        await eventually(lambda: gateway.breakers.state("s0") == "open")
        assert b'breaker_state{breaker="s0"} 2.0' in generate_latest(registry)
        assert view.cluster()["shards"][0]["breakers"]["connection"] == "open"
        assert gateway.out_of_reach_s("alice") > 0
        async with start_shard(tmp_path, lease_ms=1):
            assert isinstance(await waiting, Answered)
            assert gateway.breakers.state("s0") == "closed"
            assert gateway.out_of_reach_s("alice") == 0
