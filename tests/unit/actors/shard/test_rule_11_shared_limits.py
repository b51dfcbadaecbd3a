"""Rule 11: shared limits are reserved while the player's mailbox waits, settled when the grant's fate is durable."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.routing.owner_of import slot_of
from engine.catalog import Catalog, FraudRules, Limits, TriggerCondition
from engine.commands import ClaimGrant, GrantCampaign, StartSession
from engine.facts import NO_FACTS, Signals, WantedAward
from snapshots.contract import SLOTS, Store
from tests.support.playing import campaign, catalog_with, wager
from tests.support.shard_harness import FAR_MS, OWNER, Desk, desk, eventually, players_in, spin, start_shard, table_for

GIVE = GrantCampaign("gift", "test")
EUR = 1_000_000
AWARD = 5 * EUR
AT_HOME = StartSession("203.0.113.7", "phone")


def limited(budget: int = 2, **fields: Any) -> Catalog:
    """`gift`: 5 EUR, `budget` times for all players together."""
    limits = Limits(budget_micro_eur=budget * AWARD)
    return catalog_with(
        campaign("gift", 500, valid_from_ms=0, valid_to_ms=FAR_MS, wager=wager(10), limits=limits, **fields)
    )


def at_session_start(**fields: Any) -> Catalog:
    """Given at every session start, but nobody from KP plays here."""
    rules = limited(trigger="session_start", condition=TriggerCondition(), **fields)
    return replace(rules, fraud=FraudRules(denied_countries=("KP",)))


class Country:
    """A geo database that places every address in one country."""

    def __init__(self, code: str) -> None:
        self.code = code

    def country_of(self, ip: str) -> str:
        return self.code


def move_to(table: Desk, code: str) -> None:
    table.shard.context.geo = Country(code)  # type: ignore[assignment]


async def books(store: Store) -> tuple[int, list[str]]:
    """Micro-EUR of the budget that are used, and who has a reservation that is not settled."""
    held = await store.held_reservations(10**15, 100)
    return (await store.usage(["gift"]))["gift"], [entry.player_id for entry in held]


def a_minute_later(shard: Any) -> None:
    """From now on every reservation is old enough to be taken for an orphan."""
    shard.context.settings = replace(shard.context.settings, orphan_after_ms=-1_000)


async def orphans(process: Any) -> None:
    """The look that is due a minute after the reservation."""
    a_minute_later(process.shard)
    await process.shard.facts.resolve_orphans()


async def test_rule_11_its_players_commands_wait_in_order_and_nobody_elses(tmp_path: Path) -> None:
    async with desk(tmp_path, limited()) as table:
        await table.seat("alice")
        await table.seat("bob")
        gate = table.store.hold("reserve")
        granted, first, second = [
            table.ask("alice", key, body) for key, body in [("g", GIVE), ("1", spin()), ("2", spin())]
        ]
        await gate.reached.wait()
        assert (await table.ask("bob", "1", spin())).answer.balance.real == 990
        assert not (granted.done() or first.done() or second.done())
        gate.open()
        assert [(await future).answer.balance.real for future in (granted, first, second)] == [1_000, 990, 980]
        assert table.reply_to.order[-3:] == [5, 6, 7]


async def test_rule_11_who_waits_is_bounded(tmp_path: Path) -> None:
    async with desk(tmp_path, limited(), mailbox_depth_max=1) as table:
        await table.seat("alice")
        gate = table.store.hold("reserve")
        granted, waiting = table.ask("alice", "g", GIVE), table.ask("alice", "1", spin())
        assert (await table.ask("alice", "2", spin())).code == "overloaded"
        gate.open()
        assert (await granted).answer.balance.bonus == 500 and (await waiting).answer.balance.real == 990


@pytest.mark.parametrize("point", ["before", "after"])
async def test_rule_11_without_the_store_a_grant_is_refused_for_now_and_the_others_go_on(
    tmp_path: Path, point: Any
) -> None:
    async with desk(tmp_path, limited()) as table:
        await table.seat("alice")
        table.store.fail("reserve", point)
        refused, spun = table.ask("alice", "g", GIVE), table.ask("alice", "1", spin())
        assert (await refused).code == "journal_unavailable"
        assert (await spun).answer.balance.real == 990
        assert (await table.ask("alice", "g", GIVE)).answer.balance.bonus == 500, "repeated with the same key"
        await eventually(lambda: table.store.named("resolve_reservations"))
        await table.shard.facts.until_caught_up()
        assert await books(table.store.inner) == (AWARD, []), "reserved once"


async def test_rule_11_a_limit_that_is_used_up_declines_the_next(tmp_path: Path) -> None:
    async with desk(tmp_path, limited(budget=1)) as table:
        await table.seat("alice")
        await table.seat("bob")
        assert (await table.ask("alice", "g", GIVE)).answer.balance.bonus == 500
        declined = (await table.ask("bob", "g", GIVE)).answer
        assert (declined.granted.state, declined.balance.bonus) == ("declined", 0)
        await table.shard.facts.until_caught_up()
        assert await books(table.store.inner) == (AWARD, [])


async def test_rule_11_a_refused_command_returns_its_reservation_before_a_repeat_reserves_it_again(
    tmp_path: Path,
) -> None:
    async with desk(tmp_path, at_session_start()) as table:
        await table.seat("alice")
        move_to(table, "KP")
        gate = table.store.hold("resolve_reservations")
        refused, again = table.ask("alice", "s", AT_HOME), table.ask("alice", "s", AT_HOME)
        assert (await refused).code == "geo_blocked"
        await gate.reached.wait()
        move_to(table, "FI")
        await asyncio.sleep(0.05)
        assert not again.done() and len(table.store.named("reserve")) == 1
        gate.open()
        await again
        assert (await table.look("alice")).balance.bonus == 500
        await table.shard.facts.until_caught_up()
        assert await books(table.store.inner) == (AWARD, [])


async def test_rule_11_a_reservation_is_settled_only_when_its_grant_is_durable(tmp_path: Path) -> None:
    async with desk(tmp_path, limited()) as table:
        await table.seat("alice")
        gate = table.store.hold("append")
        granted = table.ask("alice", "g", GIVE)
        await gate.reached.wait()
        assert table.store.named("resolve_reservations") == []
        assert await books(table.store.inner) == (AWARD, ["alice"])
        gate.open()
        await granted
        await table.shard.facts.until_caught_up()
        assert await books(table.store.inner) == (AWARD, [])


async def test_rule_11_killed_between_reserving_and_granting_the_owner_returns_it(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _):
        async with start_shard(tmp_path, rules=limited()) as first:
            await first.asking.seat("alice")
            gate = first.faults.hold("append")
            first.asking.ask("alice", "g", GIVE)
            await gate.reached.wait()
        assert await books(store) == (AWARD, ["alice"])
        async with start_shard(tmp_path, rules=limited(), lease_ms=1) as second:
            assert (await second.asking.look("alice")).balance.bonus == 0
            await orphans(second)
            await second.shard.facts.until_caught_up()  # type: ignore[union-attr]  # its own look may have come first
            assert await books(store) == (0, [])
            assert (await second.asking.ask("alice", "g", GIVE)).answer.balance.bonus == 500
            await second.shard.facts.until_caught_up()  # type: ignore[union-attr]
            assert await books(store) == (AWARD, []), "granted once, counted once"


async def test_rule_11_killed_between_granting_and_settling_the_owner_says_granted(tmp_path: Path) -> None:
    async with table_for(tmp_path, "s0") as (store, _):
        async with start_shard(tmp_path, rules=limited()) as first:
            await first.asking.seat("alice")
            first.faults.hold("resolve_reservations")
            assert (await first.asking.ask("alice", "g", GIVE)).answer.balance.bonus == 500
        assert await books(store) == (AWARD, ["alice"])
        async with start_shard(tmp_path, rules=limited(), lease_ms=1) as second:
            await orphans(second)
            await second.shard.facts.until_caught_up()  # type: ignore[union-attr]  # its own look may have come first
            assert await books(store) == (AWARD, [])
            assert (await second.asking.look("alice")).balance.bonus == 500


async def test_rule_11_a_repeat_waits_while_the_owner_returns_what_it_had_reserved(tmp_path: Path) -> None:
    async with desk(tmp_path, limited()) as table:
        await table.seat("alice")
        wanted = [WantedAward("gift", "alice/gs:g/gift", AWARD, AWARD, 2 * AWARD, None, None)]
        await table.store.inner.reserve(
            table.shard.context.inc, "alice", "gs:g", Signals(), wanted, None, table.shard.context.now()
        )
        gate = table.store.hold("resolve_reservations")
        a_minute_later(table.shard)
        looking = table.shard.facts._spawn(table.shard.facts.resolve_orphans())
        await gate.reached.wait()
        granted = table.ask("alice", "g", GIVE)
        assert table.store.named("reserve") == []
        gate.open()
        await looking
        assert (await granted).answer.balance.bonus == 500
        await table.shard.facts.until_caught_up()
        assert await books(table.store.inner) == (AWARD, [])


async def test_rule_11_a_look_for_orphans_leaves_alone_what_a_command_is_just_reserving(tmp_path: Path) -> None:
    async with desk(tmp_path, limited()) as table:
        await table.seat("alice")
        gate = table.store.hold("reserve", "after")
        granted = table.ask("alice", "g", GIVE)
        await gate.reached.wait()
        await orphans(table)
        assert table.store.named("resolve_reservations") == []
        gate.open()
        assert (await granted).answer.balance.bonus == 500


async def test_rule_11_an_offer_keeps_its_reservation_until_it_is_taken_and_hides_no_orphan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("actors.shard.lookups.ORPHANS_AT_ONCE", 1)
    async with desk(tmp_path, limited(budget=3, opt_in=True)) as table:
        await table.seat("alice")
        await table.seat("bob")
        offered = (await table.ask("alice", "g", GIVE)).answer
        wanted = [WantedAward("gift", "r-of-nobody", AWARD, AWARD, 3 * AWARD, None, None)]
        await table.store.inner.reserve(
            table.shard.context.inc, "bob", "gs:lost", Signals(), wanted, None, table.shard.context.now() + 1
        )
        assert await books(table.store.inner) == (2 * AWARD, ["alice", "bob"])
        await orphans(table)
        assert await books(table.store.inner) == (2 * AWARD, ["alice", "bob"]), "the first page is an offer"
        await orphans(table)
        assert await books(table.store.inner) == (AWARD, ["alice"]), "the second page is bob's"
        await table.ask("alice", "c", ClaimGrant(offered.granted.grant_id))
        await table.shard.facts.until_caught_up()
        assert await books(table.store.inner) == (AWARD, [])


async def test_rule_11_a_bug_leaves_the_reservation_to_the_owner_and_the_player_served(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path, limited()) as table:
        await table.seat("alice")
        with monkeypatch.context() as patch:
            patch.setattr("actors.shard.turn.count_events", lambda *_: 1 / 0)
            refused, spun = table.ask("alice", "g", GIVE), table.ask("alice", "1", spin())
            assert (await refused).code == "shard_unavailable"
            assert (await spun).answer.balance.real == 990
        assert await books(table.store.inner) == (AWARD, ["alice"])
        await orphans(table)
        assert await books(table.store.inner) == (0, [])
        assert (await table.ask("alice", "g", GIVE)).answer.balance.bonus == 500


async def test_rule_11_a_slot_moves_after_its_look_ups_and_without_waiting_for_later_ones(tmp_path: Path) -> None:
    async with (
        table_for(tmp_path, "s0", "s1") as (store, term),
        start_shard(tmp_path, "s0", rules=limited(budget=9)) as loser,
        start_shard(tmp_path, "s1", rules=limited(budget=9)) as gainer,
    ):
        alice, bob = players_in(range(0, SLOTS, 2), 2)
        for name in (alice, bob):
            await loser.asking.seat(name)
        asking, first = loser.asking, loser.faults.hold("reserve")
        granted, behind = asking.ask(alice, "g", GIVE), asking.ask(alice, "1", spin())
        await first.reached.wait()
        moving = asyncio.ensure_future(loser.release(term, [slot_of(alice)], [], "s1"))
        await asyncio.sleep(0.02)
        later = loser.faults.hold("reserve")
        given_later = asking.ask(bob, "g", GIVE)
        await later.reached.wait()
        assert not moving.done()
        first.open()
        await moving
        assert (await granted).answer.balance.bonus == 500 and await behind == "not_owner"
        await gainer.gain()
        assert (await gainer.asking.look(alice)).balance.bonus == 500
        later.open()
        assert (await given_later).answer.balance.bonus == 500, "asked again under the epoch that the move has raised"
        await loser.shard.facts.until_caught_up()  # type: ignore[union-attr]
        assert await books(store) == (2 * AWARD, [])


async def test_rule_11_a_reservation_that_the_store_refuses_during_a_slot_move_is_made_once_the_move_is_over(
    tmp_path: Path,
) -> None:
    async with (
        table_for(tmp_path, "s0", "s1") as (store, term),
        start_shard(tmp_path, "s0", rules=limited()) as loser,
        start_shard(tmp_path, "s1", rules=limited()),
    ):
        alice, bob = players_in(range(0, SLOTS, 2), 2)
        for name in (alice, bob):
            await loser.asking.seat(name)
        asking, moved = loser.asking, loser.faults.hold("release_slots", "after")
        moving = asyncio.ensure_future(loser.release(term, [slot_of(alice)], [], "s1"))
        await moved.reached.wait()
        granted = asking.ask(bob, "g", GIVE)
        await eventually(lambda: loser.faults.named("reserve"))
        moved.open()
        before, after = loser.shard.context.inc, (await moving).incarnation  # type: ignore[union-attr]
        assert (await granted).answer.balance.bonus == 500
        assert [inc for inc, *_ in loser.faults.named("reserve")] == [before, after]
        await loser.shard.facts.until_caught_up()  # type: ignore[union-attr]
        assert await books(store) == (AWARD, []) and not loser.ended


async def test_rule_11_a_former_owner_that_reserves_late_ends_and_has_reserved_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, limited()) as table:
        await table.seat("alice")
        gate = table.store.hold("reserve")
        table.ask("alice", "g", GIVE)
        await gate.reached.wait()
        await table.store.inner.claim("s0", OWNER, "its successor")
        gate.open()
        await eventually(lambda: table.ended)
        assert await books(table.store.inner) == (0, [])


async def test_rule_11_a_former_owner_that_returns_late_returns_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path, at_session_start()) as table:
        await table.seat("alice")
        move_to(table, "KP")
        gate = table.store.hold("resolve_reservations")
        assert (await table.ask("alice", "s", AT_HOME)).code == "geo_blocked"
        await gate.reached.wait()
        await table.store.inner.claim("s0", OWNER, "its successor")
        gate.open()
        await table.shard.facts.until_caught_up()
        assert await books(table.store.inner) == (AWARD, ["alice"]), "its successor may have granted it by now"


async def test_rule_11_who_waits_when_the_shard_ends_is_sent_on(tmp_path: Path) -> None:
    async with desk(tmp_path, limited()) as table:
        await table.seat("alice")
        gate = table.store.hold("reserve")
        table.ask("alice", "g", GIVE)
        spun = table.ask("alice", "1", spin())
        await gate.reached.wait()
        table.shard.context.end("fenced")
        assert await spun == "not_owner"


async def test_rule_11_a_command_without_awards_looks_nothing_up(tmp_path: Path) -> None:
    async with desk(tmp_path, limited()) as table:
        await table.seat("alice")
        await table.ask("alice", "1", spin())
        assert {name for name, _ in table.store.calls} & {"see", "reserve"} == set() and not NO_FACTS.reservations
