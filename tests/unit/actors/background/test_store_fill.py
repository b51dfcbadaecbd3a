"""A store that is nearly full: new bets are refused in time, and all else goes on."""

import logging
from pathlib import Path
from typing import Any

import pytest

from actors.background.store_fill import StoreFill
from actors.outcome import Answered, Unavailable
from engine.commands import AddBet, Deposit, ReportBet, Result, Rollback
from tests.support.shard_harness import Desk, desk, spin


class Room:
    """How full the store says it is."""

    def __init__(self, table: Desk) -> None:
        self.fill: float | None = 0.5
        self.watch = StoreFill(table.shard.context)
        table.store.inner = _Filled(table.store.inner, self)  # type: ignore[assignment]

    async def becomes(self, fill: float | None) -> None:
        self.fill = fill
        await self.watch.look()


class _Filled:
    def __init__(self, inner: Any, room: Room) -> None:
        self._inner, self._room = inner, room

    async def fill(self) -> float | None:
        return self._room.fill

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)


def stopped(table: Desk) -> bool:
    return bool(table.shard.context.metrics.gauges["shard_bets_stopped"])


@pytest.mark.parametrize("bet", [spin(), AddBet("alice-1", 10), ReportBet("sports", 10)])
async def test_new_bets_are_refused_with_a_time_to_come_back(tmp_path: Path, bet: Any) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        await Room(table).becomes(0.85)
        refused = await table.ask("alice", "one", bet)
        assert isinstance(refused, Unavailable)
        assert (refused.code, refused.retry_after_s) == ("overloaded", 5)
        assert (await table.look("alice")).version == 2


async def test_results_rollbacks_deposits_and_questions_go_on(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        assert isinstance(await table.ask("alice", "done", spin(10, 30)), Answered)
        opened = await table.ask("alice", "open", spin(win=None))
        await Room(table).becomes(0.99)
        assert isinstance(await table.ask("alice", "win", Result(opened.answer.session_id, 50)), Answered)
        assert isinstance(await table.ask("alice", "undo", Rollback("gs:done")), Answered)
        assert isinstance(await table.ask("alice", "more", Deposit(100)), Answered)
        assert (await table.look("alice")).version == 7


async def test_a_bet_that_was_accepted_gets_its_first_answer_again(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        first = await table.ask("alice", "one", spin(10, 30))
        await Room(table).becomes(0.9)
        again = await table.ask("alice", "one", spin(10, 30))
        assert again == Answered(first.answer, True)


async def test_bets_go_on_only_when_there_is_room_again(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with desk(tmp_path) as table:
        await table.seat("alice")
        room = Room(table)
        seen = []
        for fill in (0.84, 0.85, 0.84, 0.80, 0.79, 0.84, 0.9, None):
            await room.becomes(fill)
            seen.append(stopped(table))
        assert seen == [False, True, True, True, False, False, True, False]
        assert isinstance(await table.ask("alice", "one", spin()), Answered)
        told = [record.message for record in caplog.records if "full" in record.message]
        assert told[0] == "the store is 85 % full: new bets are refused until it is below 80 %"
        assert len(told) == 3  # once for each change, not for each look


async def test_a_store_that_does_not_answer_changes_nothing(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await table.seat("alice")
        room = Room(table)
        await room.becomes(0.9)
        table.store.down.add("fill")
        with pytest.raises(Exception, match="down"):
            await room.watch.look()
        assert stopped(table)
        assert table.shard.context.metrics.gauges["store_fill_ratio"] == 0.9


async def test_refusing_bets_of_strangers_fills_no_memory(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        await Room(table).becomes(0.9)
        await table.ask("nobody", "one", spin())
        assert table.resident == set()


async def test_a_store_that_has_no_limit_any_more_is_not_shown_as_full(tmp_path: Path) -> None:
    async with desk(tmp_path) as table:
        room = Room(table)
        await room.becomes(0.99)
        await room.becomes(None)
        assert table.shard.context.metrics.gauges["store_fill_ratio"] == 0 and not stopped(table)
