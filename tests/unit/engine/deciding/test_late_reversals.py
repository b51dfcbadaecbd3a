"""Rules §2.5: a reversal never takes more than the reversed bet brought, however late it comes."""

from typing import Any

import pytest

from engine.commands import Rollback
from tests.support.playing import DAY_MS, Table, campaign, catalog_with, spins, wager


def one_day(multiplier: int, bonus: int, real: int, **terms: Any) -> Table:
    """A bonus that lives for a day."""
    table = Table(catalog_with(campaign(fixed=bonus, wager=wager(multiplier, valid_days=1, **terms))), real)
    table.grant()
    return table


def completed(real: int = 3_000, **terms: Any) -> Table:
    """Wagered for just before the end: 2990 in one bet, the last 10 by [gs:k]."""
    table = one_day(3, 1_000, real, **terms)
    table.spin(2_990, 2_990)
    table.now += DAY_MS - 1
    table.spin(10, 10, key="gs:k")
    assert table.state.ended_grants[0].state == "completed"
    return table


def test_a_grant_that_completed_stays_completed_after_its_end() -> None:
    table = completed()
    assert table.money() == (4_000, 0)
    table.pass_until(table.now + 1)
    table.do(Rollback("gs:k"))
    assert (table.money(), table.events) == ((4_000, 0), ["RoundReversed"])


def test_before_its_end_it_is_reopened() -> None:
    table = completed()
    table.do(Rollback("gs:k"))
    grant = table.state.grants[0]
    assert (table.money(), grant.state, grant.remaining_wager) == ((3_000, 1_000), "in_wager", 10)


@pytest.mark.parametrize(("stake", "win"), [(100, 0), (100, 40), (100, 500)])
def test_what_bet_and_win_did_to_the_released_money_is_undone_in_the_wallet(stake: int, win: int) -> None:
    table = one_day(1, 1_000, 0)
    table.spin(stake, win, key="gs:k")
    table.spin(900, 900)
    assert table.money() == (1_000 - stake + win, 0)
    table.pass_days(2)
    table.do(Rollback("gs:k"))
    assert table.money() == (1_000, 0)
    assert table.state.ended_grants[0].released == 1_000


@pytest.mark.parametrize(("cap", "left"), [(300, 300), (1_200, 1_000), (5_000, 1_000)])
def test_no_more_is_taken_than_the_cap_let_through(cap: int, left: int) -> None:
    table = one_day(1, 1_000, 0, max_cashout={"EUR": cap})
    table.spin(100, 600, key="gs:k")
    table.spin(900, 900)
    assert table.money() == (min(cap, 1_500), 0)
    table.pass_days(2)
    table.do(Rollback("gs:k"))
    assert table.money() == (left, 0)
    ended = table.state.ended_grants[0]
    assert (ended.released, ended.removed) == (left, 1_000 - left)


def test_two_late_reversals_add_up() -> None:
    table = one_day(1, 1_000, 0)
    table.spin(100, 150, key="gs:a")
    table.spin(100, 0, key="gs:b")
    table.spin(800, 800)
    assert table.money() == (950, 0)
    table.pass_days(2)
    table.do(Rollback("gs:a"))
    table.do(Rollback("gs:b"))
    assert table.money() == (1_000, 0)


def test_a_win_that_was_played_on_and_lost_is_spent() -> None:
    table = one_day(1, 1_000, 0)
    table.spin(100, 500, key="gs:k")
    table.spin(1_400, 10)
    table.pass_days(2)
    refusal = table.refused(Rollback("gs:k"))
    assert (refusal.code, refusal.fields["amount"], table.money()) == ("win_already_spent", 500, (10, 0))


def test_money_of_a_bonus_never_becomes_real_without_its_wagering() -> None:
    table = one_day(5, 100, 0)
    table.spin(100, 0, key="gs:k")
    assert table.state.ended_grants[0].exhausted
    table.pass_days(2)
    table.do(Rollback("gs:k"))
    assert table.money() == (0, 0)


def test_winnings_of_free_spins_that_were_released() -> None:
    table = Table(catalog_with(campaign(free_spins=spins(2, 1), wager=wager(0, valid_days=1))), 1_000)
    table.grant()
    table.free_spin(70, key="gs:k")
    table.free_spin(30)
    table.spin(100, 100)
    assert table.money() == (1_100, 0)
    table.pass_days(2)
    table.do(Rollback("gs:k"))
    assert table.money() == (1_030, 0)


def test_a_cancelled_bonus_comes_back_only_while_it_could_be_played() -> None:
    for days, bonus in ((0, 1_000), (2, 0)):
        table = one_day(10, 1_000, 1_000, max_bet={"EUR": 100}, over_max_bet="cancel")
        table.spin(200, 200, key="gs:k")
        assert table.money() == (1_000, 0)
        table.pass_days(days)
        table.do(Rollback("gs:k"))
        assert table.money() == (1_000, bonus)
