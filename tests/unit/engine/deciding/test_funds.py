"""Rules §2: whose money a stake is, and whose a win."""

from typing import Any

import msgspec
import pytest

from engine.commands import AddBet, CancelRound, Deposit, Result, Rollback, Spin
from engine.queries import GetPlayer
from tests.support.playing import Table, campaign, catalog_with, match, wager


def mixed(order: str = "real_first", **terms: Any) -> Table:
    """100.00 real and 100.00 bonus in wager, 3 500.00 to wager."""
    return Table(catalog_with(match(100, wager=wager(35, **terms)), funds_order=order), real=10_000)


@pytest.mark.parametrize(
    ("order", "of_grant", "bet", "real", "bonus"),
    [
        ("real_first", None, 4_000, 4_000, 0),
        ("bonus_first", None, 4_000, 0, 4_000),
        ("real_first", "bonus_first", 4_000, 0, 4_000),
        ("bonus_first", "real_first", 4_000, 4_000, 0),
    ],
)
def test_order_of_funds(order: str, of_grant: str | None, bet: int, real: int, bonus: int) -> None:
    answer = mixed(order, funds_order=of_grant).spin(bet)
    assert (answer.funds_real, answer.funds_bonus) == (real, bonus)
    assert answer.balance == type(answer.balance)(10_000 - real, 10_000 - bonus, 10_000 - bonus, 10_000 - real)


def test_the_other_wallet_pays_the_rest() -> None:
    table = mixed()
    table.spin(9_000, 0)
    answer = table.spin(1_500, 0)
    assert (answer.funds_real, answer.funds_bonus) == (1_000, 500)
    table = mixed("bonus_first")
    table.spin(9_000, 0)
    answer = table.spin(1_500, 0)
    assert (answer.funds_real, answer.funds_bonus) == (500, 1_000)


@pytest.mark.parametrize(
    ("real_left", "bet", "win", "to_bonus"),
    [
        (1_000, 1_500, 1_000, 333),
        (1_000, 1_500, 1, 0),
        (1_000, 3_000, 100, 66),
        (10_000, 5_000, 700, 0),
        (0, 100, 7, 7),
    ],
)
@pytest.mark.parametrize("one_call", [True, False])
def test_a_win_goes_back_as_the_stake_came(real_left: int, bet: int, win: int, to_bonus: int, one_call: bool) -> None:
    table = mixed()
    if real_left < 10_000:
        table.spin(10_000 - real_left, 0)
    before = table.money()
    answer = table.spin(bet, win) if one_call else table.do(Result(table.spin(bet).session_id, win))
    assert answer.win_amount == win
    assert table.money() == (
        before[0] - answer.funds_real + win - to_bonus,
        before[1] - answer.funds_bonus + to_bonus,
    )


def test_money_of_queued_grants_is_visible_but_not_stakeable() -> None:
    table = Table(catalog_with(campaign(fixed=500, wager=wager(10))))
    table.grant()
    table.grant()
    balance = table.ask(GetPlayer()).balance
    assert msgspec.structs.astuple(balance) == (0, 1_000, 500, 0)
    refusal = table.refused(Spin("book", "real", 501))
    assert refusal.code == "insufficient_funds"
    assert refusal.fields["balance"] == {"real": 0, "bonus": 1_000, "bonus_usable": 500, "withdrawable": 0}
    table.spin(500)


def test_insufficient_funds_by_one_cent() -> None:
    table = Table(real=1_000)
    refusal = table.refused(Spin("book", "real", 1_001))
    assert (refusal.code, refusal.fields["balance"]["real"]) == ("insufficient_funds", 1_000)
    table.spin(1_000)


def test_cancelling_restores_exactly() -> None:
    table = mixed()
    table.spin(9_900, 0)
    before = (table.money(), table.state.grants[0].remaining_wager)
    session = table.spin(150).session_id
    table.do(AddBet(session, 200))
    assert table.money() == (0, 9_750)
    answer = table.do(CancelRound(session))
    assert (answer.state, answer.bet_amount, answer.win_amount) == ("cancelled", 350, 0)
    assert (table.money(), table.state.grants[0].remaining_wager) == before


def test_a_round_takes_bonus_money_of_one_grant_only() -> None:
    """A rollback may put an older grant in wager while a round holds money of a younger one."""
    table = Table(catalog_with(campaign(fixed=100, wager=wager(1))))
    table.grant()
    table.grant()
    table.spin(100, 100, key="gs:first")
    assert table.money() == (100, 100)
    session = table.spin(150, game_id="dice").session_id
    table.do(Deposit(1_000))
    table.do(Rollback("gs:first"))
    older, younger = table.state.grants
    assert (older.state, older.balance, younger.state, younger.balance) == ("in_wager", 100, "granted", 50)
    assert table.refused(AddBet(session, 950)).fields["balance"]["bonus_usable"] == 0
    added = table.do(AddBet(session, 900))
    assert (added.funds_real, added.funds_bonus, added.wagering.counted) == (1_000, 50, 100)
    answer = table.do(Result(session, 1_050))
    assert answer.win_amount == 1_050
    assert (younger.balance, older.state, older.released) == (100, "completed", 100)
    assert table.money() == (1_100, 100)
