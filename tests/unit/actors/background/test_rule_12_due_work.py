"""Rule 12: due work is done at its time, once, for players in memory and for those that are not."""

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from actors.background.backoff import Rests
from actors.host.clock import now_ms
from actors.routing.owner_of import slot_of
from actors.shard.residents import Schedule
from actors.shard.shard import Shard
from engine.catalog import Catalog, Limits, RoundTimeout, TriggerCondition
from engine.commands import Block, GrantCampaign, Result, Unblock
from snapshots.codec import decode_batch, decode_entry
from snapshots.contract import SLOTS
from snapshots.errors import CorruptSnapshot, StoreUnavailable
from tests.support.playing import campaign, catalog_with, wager
from tests.support.shard_harness import (
    FAR_MS,
    catalog,
    desk,
    players_in,
    scheduler_of,
    snapshotter_of,
    spin,
    start_shard,
    table_for,
)

DAY_MS = 86_400_000
GIVE = GrantCampaign("gift", "test")
ALL = range(SLOTS)


class Clock:
    """This host's clock as the shards see it, and the store's skew tolerated."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.off_ms = 0
        for module in ("shard.context", "shard.turn", "supervision.shard_process"):
            monkeypatch.setattr(f"actors.{module}.now_ms", lambda: now_ms() + self.off_ms)

    def pass_days(self, days: int) -> None:
        self.off_ms += days * DAY_MS


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def silent(**fields: Any) -> Catalog:
    """`comeback`: 5 EUR after two days of silence, once."""
    given: dict[str, Any] = {"valid_from_ms": 0, "valid_to_ms": FAR_MS, "wager": wager(10), "per_player": 1}
    given |= {"trigger": "inactive", "condition": TriggerCondition(days=2)}
    return catalog_with(campaign("comeback", 500, **(given | fields)))


def balance(shard: Shard, player_id: str) -> int:
    return sum(grant.balance for grant in shard.context.residents.by_id[player_id].player.state.grants)


async def passivate(shard: Shard, *player_ids: str) -> None:
    residents = shard.context.residents.by_id
    for player_id in residents.keys() & set(player_ids):  # above `residents_max` some have left by themselves
        residents[player_id].used_ms = 0
    await snapshotter_of(shard)._passivate()
    assert not set(player_ids) & set(shard.context.residents.by_id)


async def journal(store: Any, log_id: str) -> list[tuple[str, str, int]]:
    """(player, command, time) of every entry."""
    entries = [
        decode_entry(e) for record in await store.read_log(log_id, 0, 1_000) for e in decode_batch(record.payload)
    ]
    return [(entry.player_id, entry.command_id, entry.time_ms) for entry in entries]


async def test_rule_12_of_a_player_in_memory_without_any_command(tmp_path: Path, clock: Clock) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        granted = (await table.ask("alice", "g", GIVE)).answer.granted
        clock.pass_days(3)
        await scheduler_of(table.shard).catch_up()
        assert balance(table.shard, "alice") == 0
        await table.shard.context.committer.until_idle()
        assert [command for _, command, _ in await journal(table.store, "s0-1")][-1] == f"due:expire:{granted.grant_id}"
        assert table.shard.context.metrics.counters["due_work_done"] == 1


async def test_rule_12_of_a_player_not_in_memory_by_the_index(tmp_path: Path, clock: Clock) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await table.ask("alice", "g", GIVE)
        await passivate(table.shard, "alice")
        clock.pass_days(3)
        assert await table.store.due_players(ALL, [], table.shard.context.now(), 9) == ["alice"]
        await scheduler_of(table.shard).catch_up()
        assert balance(table.shard, "alice") == 0
        assert await table.store.due_players(ALL, [], table.shard.context.now(), 9) == [], "it doesn't come up again"


async def test_rule_12_after_downtime_each_once_in_the_order_of_due_times(tmp_path: Path, clock: Clock) -> None:
    names, sched = ["a", "b", "c"], "due:expire:"
    async with table_for(tmp_path, "s0") as (store, _):
        async with start_shard(tmp_path) as first:
            for name in names:
                await first.asking.seat(name)
                for number in range(2):
                    clock.off_ms += 10  # grants that end at the same instant end in one step
                    await first.asking.ask(name, f"g{number}", GIVE)
            await first.drain()
        clock.pass_days(4)
        for life in (2, 3):
            async with start_shard(tmp_path, clock_skew_max_ms=9 * DAY_MS) as later:
                await later._scheduler.catch_up()  # type: ignore[union-attr]
                await later.shard.context.committer.until_idle()  # type: ignore[union-attr]
                done = [entry for entry in await journal(store, f"s0-{life}") if entry[1].startswith(sched)]
                assert len({(player, command) for player, command, _ in done}) == len(done) == (6 if life == 2 else 0)
                for name in names:
                    times = [time_ms for player, _, time_ms in done if player == name]
                    assert times == sorted(times) and all(at < later.shard.context.now() - 2 * DAY_MS for at in times)  # type: ignore[union-attr]
                await later.drain()


async def test_rule_12_an_interrupted_sweep_repeated_does_nothing_twice(tmp_path: Path, clock: Clock) -> None:
    names = players_in(ALL, 5)
    async with desk(tmp_path) as table:
        for name in names:
            await table.seat(name)
            await table.ask(name, "g", GIVE)
        await passivate(table.shard, *names)
        clock.pass_days(3)
        table.store.fail("put_snapshots", "before")
        with pytest.raises(StoreUnavailable):
            await scheduler_of(table.shard).catch_up()
        await scheduler_of(table.shard).catch_up()
        await table.shard.context.committer.until_idle()
        done = [player for player, command, _ in await journal(table.store, "s0-1") if command.startswith("due:")]
        assert sorted(done) == sorted(names)


async def test_rule_12_a_sweep_is_as_long_as_the_work(tmp_path: Path, clock: Clock, monkeypatch: Any) -> None:
    monkeypatch.setattr("actors.background.due_work.AT_ONCE", 2)
    names = players_in(ALL, 7)
    async with desk(tmp_path) as table:
        for name in names:
            await table.seat(name)
            await table.ask(name, "g", GIVE)
        await passivate(table.shard, *names[:5])
        clock.pass_days(3)
        await scheduler_of(table.shard).catch_up()
        assert [balance(table.shard, name) for name in names] == [0] * 7


async def test_rule_12_damaged_players_in_front_hide_nobody(tmp_path: Path, clock: Clock, monkeypatch: Any) -> None:
    monkeypatch.setattr("actors.background.due_work.AT_ONCE", 2)
    monkeypatch.setattr("actors.background.backoff.REST_FIRST_S", 0.0)
    names = players_in(ALL, 5)
    async with desk(tmp_path) as table:
        for name in names:
            await table.seat(name)
            await table.ask(name, "g", GIVE)
        await passivate(table.shard, *names)
        clock.pass_days(3)
        execute, broken = table.shard.turn.run_due, names[:3]

        def run_due(resident: Any) -> None:
            if resident.player.state.player_id in broken:
                table.shard.context.residents.evict(resident.player.state.player_id)  # as a poisoned player is
            else:
                execute(resident)

        monkeypatch.setattr(table.shard.turn, "run_due", run_due)
        await scheduler_of(table.shard).catch_up()
        assert [balance(table.shard, name) for name in names[3:]] == [0, 0]
        monkeypatch.setattr(table.shard.turn, "run_due", execute)
        await scheduler_of(table.shard).catch_up()
        assert [balance(table.shard, name) for name in names[:3]] == [0, 0, 0]


@pytest.mark.parametrize("broken_by", ["its due work", "its snapshot"])
async def test_rule_12_whom_due_work_fails_for_is_left_alone_for_longer_and_longer(
    tmp_path: Path, clock: Clock, monkeypatch: Any, broken_by: str
) -> None:
    """Looked for every half second for four minutes: tried at 0, 1, 3, 7, 15, 31, 63 s, then once a minute."""
    now_s = 0.0
    async with desk(tmp_path) as table:
        for name in ("broken", "sound"):
            await table.seat(name)
            await table.ask(name, "g", GIVE)
        await passivate(table.shard, "broken", "sound")
        clock.pass_days(3)
        work = scheduler_of(table.shard)
        work._rests = Rests(lambda: now_s)
        tries, load, run = list[float](), table.store.inner.load_player, table.shard.turn.run_due

        async def loads(player_id: str) -> Any:
            if player_id == "broken" and broken_by == "its snapshot":
                tries.append(now_s)
                raise CorruptSnapshot("told to be damaged")
            return await load(player_id)

        def runs(resident: Any) -> None:
            if resident.player.state.player_id == "broken" and broken_by == "its due work":
                tries.append(now_s)
                table.shard.context.residents.evict("broken")  # as a poisoned player is
            else:
                run(resident)

        monkeypatch.setattr(table.store.inner, "load_player", loads)
        monkeypatch.setattr(table.shard.turn, "run_due", runs)
        await work.catch_up()
        assert balance(table.shard, "sound") == 0
        while now_s < 240:
            now_s += 0.5
            await work.catch_up()
        assert tries == [0, 1, 3, 7, 15, 31, 63, 123, 183]
        monkeypatch.undo()
        now_s += 60
        Clock(monkeypatch).pass_days(3)
        await work.catch_up()
        assert (balance(table.shard, "broken"), len(work._rests)) == (0, 0)


async def test_rule_12_silence_is_noticed_once(tmp_path: Path, clock: Clock) -> None:
    async with desk(tmp_path, silent()) as table:
        await table.seat("alice")
        await passivate(table.shard, "alice")
        for days in (1, 2, 3):
            clock.pass_days(days)
            await scheduler_of(table.shard).catch_up()
            assert (await table.look("alice")).balance.bonus == (0 if days == 1 else 500)


async def test_rule_12_due_work_with_facts_waits_for_the_store_and_does_not_spin(tmp_path: Path, clock: Clock) -> None:
    async with desk(tmp_path, silent(limits=Limits(budget_micro_eur=10_000_000))) as table:
        await table.seat("alice")
        clock.pass_days(3)
        table.store.down.add("reserve")
        await scheduler_of(table.shard).catch_up()
        assert len(table.store.named("reserve")) <= 2, "once from memory, once by the index"
        refused = await table.ask("alice", "1", spin())
        assert refused.code == "journal_unavailable", "a command doesn't overtake what was due before it"
        table.store.down.clear()
        await scheduler_of(table.shard).catch_up()
        assert balance(table.shard, "alice") == 500
        assert (await table.ask("alice", "1", spin())).answer.balance.real == 990


async def test_rule_12_what_a_blocked_player_is_refused_rests_until_it_moves(tmp_path: Path, clock: Clock) -> None:
    async with desk(tmp_path, silent()) as table:
        await table.seat("alice")
        await table.ask("alice", "b", Block("test"))
        clock.pass_days(3)
        for _ in range(2):
            await scheduler_of(table.shard).catch_up()
        assert table.shard.context.metrics.counters["due_work_done"] == 0
        await table.ask("alice", "u", Unblock("test"))
        await scheduler_of(table.shard).catch_up()
        assert (await table.look("alice")).balance.bonus == 500


async def test_rule_12_refused_due_work_is_not_tried_again_and_again(
    tmp_path: Path, clock: Clock, monkeypatch: Any
) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await table.ask("alice", "g", GIVE)
        clock.pass_days(3)
        tries = []
        refusal = await table.ask("nobody", "1", spin())
        monkeypatch.setattr("actors.shard.turn.execute_or_ask", lambda player, *_: tries.append(player) or refusal)
        for _ in range(3):
            await scheduler_of(table.shard).catch_up()
        assert len(tries) == 1


async def test_rule_12_the_index_moves_with_the_slot(tmp_path: Path, clock: Clock) -> None:
    async with (
        table_for(tmp_path, "s0", "s1") as (_, term),
        start_shard(tmp_path, "s0", clock_skew_max_ms=9 * DAY_MS) as loser,
        start_shard(tmp_path, "s1", clock_skew_max_ms=9 * DAY_MS) as gainer,
    ):
        (alice,) = players_in(range(0, SLOTS, 2), 1)
        await loser.asking.seat(alice)
        await loser.asking.ask(alice, "g", GIVE)
        await loser.release(term, [slot_of(alice)], [], "s1")
        await gainer.gain()
        clock.pass_days(3)
        assert loser._scheduler is not None and gainer._scheduler is not None and gainer.shard is not None
        await loser._scheduler.catch_up()
        assert loser.shard is not None and alice not in loser.shard.context.residents.by_id
        await gainer._scheduler.catch_up()
        assert balance(gainer.shard, alice) == 0


async def test_rule_12_a_player_of_a_slot_given_up_is_left_to_the_gainer(tmp_path: Path, clock: Clock) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await table.ask("alice", "g", GIVE)
        clock.pass_days(3)
        table.shard.context.ownership.give_up([slot_of("alice")], [])
        await scheduler_of(table.shard).catch_up()
        assert balance(table.shard, "alice") == 500
        table.shard.context.ownership.take_back([slot_of("alice")], [])
        await scheduler_of(table.shard).catch_up()
        assert balance(table.shard, "alice") == 0


async def test_rule_12_passivation_keeps_the_index_also_of_what_another_catalog_makes_due(
    tmp_path: Path, clock: Clock
) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await passivate(table.shard, "alice")
        table.shard.context.use_catalog(1, silent(), table.shard.context.geo)
        table.shard.context.committer.catalog_number = 0
        await table.look("alice")
        await passivate(table.shard, "alice")
        clock.pass_days(3)
        await scheduler_of(table.shard).catch_up()
        assert balance(table.shard, "alice") == 500


async def test_rule_12_opening_and_closing_rounds_leaves_no_trail_of_notes(tmp_path: Path) -> None:
    async with desk(tmp_path, replace(catalog(), round_timeout=RoundTimeout(3_600_000))) as table:
        await table.seat("alice")
        for number in range(20):
            opened = (await table.ask("alice", f"o{number}", spin(win=None))).answer
            await table.ask("alice", f"c{number}", Result(opened.session_id, 0))
        assert len(table.shard.context.scheduled) == 1


def test_rule_12_notes_come_up_earliest_first_and_once() -> None:
    schedule = Schedule()
    for player_id, due_ms in [("a", 300), ("b", 100), ("a", 200), ("c", 400), ("a", 500), ("d", None)]:
        schedule.note(player_id, due_ms)
    assert [schedule.take(99, 9), schedule.take(300, 1), schedule.take(300, 9)] == [[], ["b"], ["a"]]
    schedule.note("a", 500)
    assert schedule.take(10_000, 9) == ["c", "a"]


def test_rule_12_notes_of_players_who_are_gone_come_up_no_more_and_take_no_room(monkeypatch: Any) -> None:
    monkeypatch.setattr("actors.shard.residents.FORGOTTEN_MAX", 3)
    schedule = Schedule()
    for number in range(100):
        schedule.note(f"p{number}", number)
    for number in range(95):
        schedule.forget(f"p{number}")
    schedule.forget("nobody")
    assert len(schedule) <= 2 * 5 + 3
    schedule.note("p7", 500)
    assert schedule.take(1_000, 9) == ["p95", "p96", "p97", "p98", "p99", "p7"]
