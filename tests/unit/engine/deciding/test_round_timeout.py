"""Rules §3, time-out: a round open for too long is flagged, refunded, or closed."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.catalog import Campaign, RoundTimeout, TimeoutAction
from engine.commands import AddBet, CancelRound, Deposit, ExpireRound, FlagForOperator, Result, Rollback, Spin
from engine.due import next_due, next_due_ms
from engine.queries import GetPlayer, GetRound
from engine.state import FLAGGED_MAX, TIMED_OUT_ROUNDS_MAX, Flagged
from tests.support.playing import DAY_MS, START_MS, Table, campaign, catalog_with, spins, wager


def timed(action: TimeoutAction, *campaigns: Campaign, of_game: Any = None, real: int = 1_000) -> Table:
    """Rounds may stay open for a day."""
    catalog = replace(catalog_with(*campaigns), round_timeout=RoundTimeout(DAY_MS, action))
    if of_game is not None:
        games = catalog.games | {"dice": replace(catalog.games["dice"], round_timeout=of_game)}
        catalog = replace(catalog, games=games)
    return Table(catalog, real)


def test_nothing_is_due_without_a_time_out() -> None:
    table = Table(real=1_000)
    table.spin(100)
    assert next_due_ms(table.state) is None


def test_due_a_day_after_it_was_opened() -> None:
    table = timed("hold")
    session = table.spin(100).session_id
    table.spin(50, 0, "dice")
    assert next_due_ms(table.state) == START_MS + DAY_MS
    table.now += 3 * DAY_MS
    due = next_due(table.state, real_ms=START_MS + 5)
    assert due is not None
    assert (due.id, due.time_ms, due.real_ms) == (f"due:expire_round:{session}", START_MS + DAY_MS, START_MS + 5)
    table.do(Result(session, 0))
    assert next_due_ms(table.state) is None


def test_the_game_goes_before_the_platform() -> None:
    table = timed("hold", of_game=RoundTimeout(2 * DAY_MS, "refund"))
    table.spin(100, game_id="dice")
    assert next_due_ms(table.state) == START_MS + 2 * DAY_MS
    table.pass_days(2)
    assert (table.events, table.money()) == (["RoundReversed", "RoundTimedOut"], (1_000, 0))


def test_its_terms_are_those_of_its_opening() -> None:
    table = timed("hold")
    table.spin(100)
    table.catalog = replace(table.catalog, round_timeout=RoundTimeout(1, "close"))
    table.pass_days(1)
    assert table.events == ["RoundFlagged"]


def test_hold_flags_it_and_it_can_still_be_settled() -> None:
    table = timed("hold")
    session = table.spin(100).session_id
    table.pass_days(1)
    assert table.events == ["RoundFlagged"]
    assert next_due_ms(table.state) is None
    [shown] = table.ask(GetPlayer()).open_rounds
    assert (shown.session_id, shown.state, shown.flagged) == (session, "open", True)
    table.do(AddBet(session, 100))
    table.do(Result(session, 500))
    assert table.money() == (1_300, 0)


def test_hold_can_still_be_cancelled() -> None:
    table = timed("hold")
    session = table.spin(100).session_id
    table.pass_days(1)
    table.do(CancelRound(session))
    assert table.money() == (1_000, 0)


def test_refund_gives_everything_back() -> None:
    table = timed("refund", campaign(fixed=100, wager=wager(10)), real=50)
    table.grant()
    session = table.spin(120, key="gs:a").session_id
    table.do(AddBet(session, 10))
    assert table.money() == (0, 20)
    table.pass_days(1)
    assert (table.money(), table.state.grants[0].remaining_wager) == ((50, 100), 1_000)
    assert table.ask(GetRound(session)).state == "cancelled"
    assert (table.state.turnover_micro, table.state.rounds) == (0, {})


def test_a_result_for_a_refunded_round_is_refused_with_its_amount() -> None:
    table = timed("refund")
    session = table.spin(100).session_id
    table.pass_days(1)
    for _ in range(200):
        table.do(Deposit(1))
    refusal = table.refused(Result(session, 750))
    assert (refusal.code, refusal.fields) == ("round_refunded", {"session_id": session, "amount": 750})
    assert "750" in refusal.detail
    assert table.refused(AddBet(session, 10)).code == "round_closed"
    assert table.refused(CancelRound(session)).code == "round_closed"


def test_what_was_refused_is_kept_for_an_operator_once() -> None:
    """The shard follows such a refusal up. Tried again under the same id with the same win, it adds nothing."""
    table = timed("refund")
    session = table.spin(100).session_id
    table.pass_days(1)
    for key, amount in (("a", 750), ("b", 750), ("c", 800)):
        table.do(FlagForOperator("gs:result", "round_refunded", session, amount), key)
    assert table.ask(GetPlayer()).flagged == tuple(
        Flagged("gs:result", "round_refunded", session, amount, table.now) for amount in (750, 800)
    )
    assert table.money() == (1_000, 0)


def test_what_is_kept_is_bounded() -> None:
    table = timed("refund")
    for number in range(FLAGGED_MAX + 3):
        table.do(FlagForOperator(f"gs:{number}", "round_refunded", "p1-3", 1))
    assert [each.command_id for each in table.state.flagged] == [f"gs:{n}" for n in range(3, FLAGGED_MAX + 3)]


def test_a_bet_of_a_refunded_round_is_rolled_back_already() -> None:
    table = timed("refund")
    first = table.do(Spin("book", "real", 100), "gs:a")
    table.pass_days(1)
    assert table.again(Spin("book", "real", 100), "gs:a") == first
    assert table.do(Rollback("gs:a")).status == "rolled_back"
    assert table.money() == (1_000, 0)
    assert table.refused(Spin("book", "real", 100), "gs:a").code == "rolled_back"


def test_a_refund_is_held_when_something_was_credited() -> None:
    table = timed("refund")
    session = table.spin(100).session_id
    table.do(Result(session, 0, final=False))
    table.pass_days(1)
    assert (table.events, table.money()) == (["RoundFlagged"], (900, 0))
    table.do(Result(session, 30))
    assert table.money() == (930, 0)


def test_a_free_spin_comes_back() -> None:
    table = timed("refund", campaign(free_spins=spins(2)))
    table.grant()
    table.free_spin()
    table.pass_days(1)
    assert table.state.packages[0].remaining == 2
    assert table.state.turnover_micro == 0


def test_close_leaves_it_as_it_stood() -> None:
    table = timed("close")
    session = table.spin(100, key="gs:a").session_id
    table.do(Result(session, 30, final=False))
    table.pass_days(1)
    assert (table.events, table.money()) == (["RoundTimedOut"], (930, 0))
    shown = table.ask(GetRound(session))
    assert (shown.state, shown.win_amount) == ("closed", 30)
    for body in (Result(session, 5), AddBet(session, 5), CancelRound(session), Rollback("gs:a")):
        assert table.refused(body).code in ("round_closed", "bet_below_min")
    assert table.money() == (930, 0)


def test_close_lets_the_grant_end() -> None:
    table = timed("close", campaign(fixed=100, wager=wager(1)), real=50)
    table.grant()
    table.spin(110)
    table.pass_days(1)
    assert (table.events, table.money()) == (["RoundTimedOut", "BonusRedeemed"], (40, 0))


def test_one_call_rounds_have_none() -> None:
    table = timed("close")
    table.spin(100, 50)
    assert next_due_ms(table.state) is None


@pytest.mark.parametrize("action", ["hold", "refund", "close"])
def test_too_early_or_too_late_nothing_happens(action: TimeoutAction) -> None:
    table = timed(action)
    session = table.spin(100).session_id
    table.now += DAY_MS - 1
    table.do(ExpireRound(session))
    assert table.transitions[-1].events == ()
    table.do(Result(session, 0))
    table.now += 1
    table.do(ExpireRound(session))
    assert (table.transitions[-1].events, table.money()) == ((), (900, 0))


def test_remembered_ones_are_bounded() -> None:
    table = timed("refund")
    for _ in range(TIMED_OUT_ROUNDS_MAX + 1):
        table.spin(10)
        table.pass_days(1)
    assert (len(table.state.timed_out), table.money()) == (TIMED_OUT_ROUNDS_MAX, (1_000, 0))
    assert "p1-3" not in table.state.timed_out
