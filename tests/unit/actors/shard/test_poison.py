"""Rule 10: an exception while deciding or applying stops one player, never the others."""

from pathlib import Path
from typing import Any

import pytest

from engine.commands import Command, Deposit
from engine.player import execute_or_ask
from tests.support.shard_harness import LOOK, desk, spin


class Poison:
    """`execute_or_ask` with a bug: changes the player, then raises, for the command `gs:poison`, as often as told."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        self.left = times
        monkeypatch.setattr("actors.shard.turn.execute_or_ask", self)

    def __call__(self, player: Any, catalog: Any, command: Command) -> Any:
        if command.id == "gs:poison" and self.left > 0:
            self.left -= 1
            player.state.real += 1_000_000
            raise RuntimeError("a bug in the rules")
        return execute_or_ask(player, catalog, command)


async def test_rule_10_the_player_is_reloaded_and_the_command_tried_once_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        Poison(monkeypatch, times=1)
        assert (await table.ask("alice", "poison", Deposit(5))).answer.balance.real == 1_005
        assert (await table.look("alice")).version == 3


async def test_rule_10_the_reload_waits_for_the_appends_in_flight(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        Poison(monkeypatch, times=1)
        gate = table.store.hold("append")
        before = table.ask("alice", "k1", spin())
        await gate.reached.wait()
        poisoned, after = table.ask("alice", "poison", Deposit(5)), table.ask("alice", "k2", spin())
        for _ in range(3):  # time enough for a load that does not wait
            assert (await table.ask("nobody", "", LOOK)).code == "player_not_found"
        assert table.resident == set() and table.store.named("read_log") == []
        gate.open()
        balances = [(await reply).answer.balance.real for reply in (before, poisoned, after)]
        assert balances == [990, 995, 985]


async def test_rule_10_again_is_shard_unavailable_and_nothing_of_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await table.seat("bob")
        Poison(monkeypatch, times=2)
        poisoned, bob = table.ask("alice", "poison", Deposit(5)), table.ask("bob", "k1", spin())
        assert (await bob).answer.balance.real == 990
        assert (await poisoned).code == "shard_unavailable"
        assert (await table.look("alice")).balance.real == 1_000
        assert (await table.ask("alice", "k1", spin())).answer.balance.real == 990
        assert table.ended == []


async def test_rule_10_a_player_who_cannot_even_be_taken_in_stops_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with desk(tmp_path) as table:
        await table.seat("bob")
        monkeypatch.setattr("actors.shard.residents.next_due_ms", _raises)
        for _ in range(3):
            assert (await table.ask("alice", "k1", spin())).code == "shard_unavailable"
        assert (await table.look("bob")).balance.real == 1_000


def _raises(*args: Any) -> Any:
    raise RuntimeError("a bug in the rules")
