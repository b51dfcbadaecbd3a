"""Rules §3: bets can be rolled back in any order; what is left depends on the bets that stand, not on the order."""

from itertools import permutations

import pytest

from engine.commands import CancelWithdrawal, Deposit, Result, Rollback, Withdraw
from tests.support.playing import Table, campaign, catalog_with, spins, wager

ORDERS = [*permutations(("gs:a", "gs:b", "gs:c"))]


def won_and_wagered() -> Table:
    """Winnings of 40 [gs:a] and 60, wagered for with bets of 55 [gs:b] and 45 [gs:c]; a spin is left."""
    table = Table(catalog_with(campaign(free_spins=spins(3, 1), wager=wager(0))), 1_000)
    table.grant()
    table.free_spin(40, key="gs:a")
    table.free_spin(60)
    table.spin(55, 55, key="gs:b")
    table.spin(45, 45, key="gs:c")
    return table


@pytest.mark.parametrize("order", ORDERS)
def test_wagering_is_what_the_standing_bets_leave(order: tuple[str, str, str]) -> None:
    """60 are due without the first win, 100 with it."""
    table = won_and_wagered()
    standing = {"gs:b": 55, "gs:c": 45}
    due = 100
    for bet_id in order:
        table.do(Rollback(bet_id))
        due -= 40 if bet_id == "gs:a" else 0
        standing.pop(bet_id, None)
        assert table.state.grants[0].remaining_wager == max(0, due - sum(standing.values()))
    assert (table.money(), table.state.grants[0].wager_total) == ((1_000, 60), 60)


def test_a_later_win_is_wagered_for_by_what_was_wagered_too_much() -> None:
    table = won_and_wagered()
    table.do(Rollback("gs:a"))
    assert table.state.grants[0].remaining_wager == 0
    table.free_spin(50)
    assert table.state.grants[0].remaining_wager == 10


@pytest.mark.parametrize("order", ORDERS)
def test_a_bonus_cancelled_by_a_bet_comes_back_whole(order: tuple[str, str, str]) -> None:
    """Two small bets, and one over `max_bet` that cancelled the bonus."""
    table = Table(catalog_with(campaign(fixed=1_000, wager=wager(10, max_bet={"EUR": 100}, over_max_bet="cancel"))), 0)
    table.grant()
    table.spin(50, 20, key="gs:a")
    table.spin(60, 0, key="gs:b")
    table.spin(200, 100, key="gs:c")
    assert table.money() == (0, 0)
    for bet_id in order:
        table.do(Rollback(bet_id))
    assert (table.money(), table.state.grants[0].remaining_wager) == ((0, 1_000), 10_000)


def held(*behind: int) -> Table:
    """A bonus set aside for its low average by [gs:k]; younger ones of these amounts got their turn."""
    low = campaign("low", fixed=100, wager=wager(1, min_average_bet={"EUR": 60}))
    table = Table(catalog_with(low, campaign("gift", fixed=100, wager=wager(5))), 0)
    table.grant("low")
    table.spin(50, 50)
    table.spin(50, 50, key="gs:k")
    assert table.state.grants[0].held == "min_average_bet"
    for _ in behind:
        table.grant("gift")
    return table


@pytest.mark.parametrize("behind", [(), (100,), (100, 100)])
def test_a_bonus_whose_hold_is_lifted_takes_its_place_in_the_queue_again(behind: tuple[int, ...]) -> None:
    table = held(*behind)
    table.do(Rollback("gs:k"))
    assert [grant.state for grant in table.state.grants] == ["in_wager", *("granted" for _ in behind)]


def test_one_that_a_withdrawal_has_frozen_waits_for_it() -> None:
    table = held()
    table.do(Deposit(10))
    asked = table.do(Withdraw(10, forfeit_bonuses=True)).withdrawal_id
    table.do(Rollback("gs:k"))
    assert (table.state.grants[0].held, table.state.grants[0].state) == (None, "granted")
    table.do(CancelWithdrawal(asked))
    assert table.state.grants[0].state == "in_wager"


def test_what_the_younger_one_has_staked_comes_back_to_it() -> None:
    table = held(100)
    session = table.spin(40).session_id
    table.do(Rollback("gs:k"))
    table.do(Result(session, 90))
    assert [(grant.state, grant.balance) for grant in table.state.grants] == [("in_wager", 100), ("granted", 150)]
