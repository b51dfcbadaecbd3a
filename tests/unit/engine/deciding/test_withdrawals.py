"""Rules §9: withdrawals reserve real money, then are confirmed or cancelled; and the bonuses they take away."""

from typing import Any

import pytest

from engine.answers import Balance
from engine.commands import (
    AddBet,
    Block,
    CancelWithdrawal,
    ConfirmWithdrawal,
    Deposit,
    Result,
    Rollback,
    Spin,
    Withdraw,
)
from engine.queries import GetBonuses, GetPlayer
from engine.state import ENDED_WITHDRAWALS_MAX, OPEN_WITHDRAWALS_MAX
from tests.support.playing import Table, campaign, catalog_with, spins, wager


def with_bonus(real: int = 1_000, bonus: int = 300, count: int = 1, **terms: Any) -> Table:
    """`count` grants of 3.00, ten times to be wagered, beside 10.00 of real money."""
    table = Table(catalog_with(campaign(fixed=bonus, wager=wager(10, **terms))), real)
    for _ in range(count):
        table.grant()
    return table


def with_spins(**award: Any) -> Table:
    """Three free spins at 10, their winnings to be wagered five times, beside 10.00 of real money."""
    table = Table(catalog_with(campaign(free_spins=spins(3, 5, **award))), 1_000)
    table.grant()
    return table


def states(table: Table) -> list[tuple[str, str, int]]:
    return [(grant.grant_id, grant.state, grant.frozen) for grant in table.state.grants]


def test_it_reserves_real_money() -> None:
    table = Table(real=1_000)
    answer = table.do(Withdraw(400))
    assert (answer.withdrawal_id, answer.amount, answer.state, answer.currency) == ("w3", 400, "reserved", "EUR")
    assert answer.balance == Balance(real=1_000, bonus=0, bonus_usable=0, withdrawable=600)


def test_reserved_money_can_neither_be_staked_nor_withdrawn_again() -> None:
    table = Table(real=1_000)
    table.do(Withdraw(400))
    for body in (Spin("book", "real", 601), Withdraw(601)):
        refusal = table.refused(body)
        assert (refusal.code, refusal.fields["balance"]["withdrawable"]) == ("insufficient_funds", 600)
    table.spin(600, 0)
    assert table.refused(Spin("book", "real", 10)).code == "insufficient_funds"


@pytest.mark.parametrize(("order", "bonus"), [("real_first", 300), ("bonus_first", 300)])
def test_the_bonus_pays_what_reserved_money_can_not(order: str, bonus: int) -> None:
    table = with_bonus(cancel_on_withdrawal=False, funds_order=order)
    table.do(Withdraw(900))
    answer = table.spin(400)
    assert (answer.funds_real, answer.funds_bonus) == (100, bonus)


def test_confirmed_the_money_has_left() -> None:
    table = Table(real=1_000)
    withdrawal_id = table.do(Withdraw(400)).withdrawal_id
    answer = table.do(ConfirmWithdrawal(withdrawal_id))
    assert (answer.state, answer.balance) == ("confirmed", Balance(600, 0, 0, 600))


def test_cancelled_it_is_usable_again() -> None:
    table = Table(real=1_000)
    withdrawal_id = table.do(Withdraw(400)).withdrawal_id
    answer = table.do(CancelWithdrawal(withdrawal_id))
    assert (answer.state, answer.balance) == ("cancelled", Balance(1_000, 0, 0, 1_000))


@pytest.mark.parametrize("first", [ConfirmWithdrawal, CancelWithdrawal])
@pytest.mark.parametrize("then", [ConfirmWithdrawal, CancelWithdrawal])
def test_it_ends_once(first: Any, then: Any) -> None:
    table = Table(real=1_000)
    withdrawal_id = table.do(Withdraw(400)).withdrawal_id
    done = table.do(first(withdrawal_id), "pms:end")
    assert table.refused(then(withdrawal_id)).code == "invalid_state"
    assert table.again(first(withdrawal_id), "pms:end") == done
    assert table.refused(then("w99")).code == "withdrawal_not_found"


@pytest.mark.parametrize("amount", [0, -1, 10**15 + 1])
def test_an_amount_that_can_not_be(amount: int) -> None:
    assert Table(real=1_000).refused(Withdraw(amount)).code == "invalid_request"


def test_a_blocked_player_may_withdraw() -> None:
    table = Table(real=1_000)
    table.do(Block("source of funds"))
    first, second = table.do(Withdraw(400)).withdrawal_id, table.do(Withdraw(100)).withdrawal_id
    table.do(ConfirmWithdrawal(first))
    table.do(CancelWithdrawal(second))
    assert table.money() == (600, 0)


def test_open_ones_are_bounded_and_shown() -> None:
    table = Table(real=1_000)
    for _ in range(OPEN_WITHDRAWALS_MAX):
        table.do(Withdraw(10))
    assert table.refused(Withdraw(10)).code == "overloaded"
    shown = table.ask(GetPlayer()).withdrawals
    assert [w.withdrawal_id for w in shown] == [f"w{version}" for version in range(3, 19)]
    table.do(CancelWithdrawal("w3"))
    assert table.do(Withdraw(10)).balance.withdrawable == 1_000 - 160


def test_ended_ones_are_forgotten_in_the_end() -> None:
    table = Table(real=1_000)
    oldest = table.do(Withdraw(10)).withdrawal_id
    for _ in range(ENDED_WITHDRAWALS_MAX):
        table.do(CancelWithdrawal(table.do(Withdraw(10)).withdrawal_id))
    assert table.do(ConfirmWithdrawal(oldest)).state == "confirmed"
    assert len(table.state.withdrawals) == ENDED_WITHDRAWALS_MAX
    assert table.refused(CancelWithdrawal("w4")).code == "withdrawal_not_found"


def test_it_lists_what_would_be_lost() -> None:
    table = Table(catalog_with(campaign(fixed=300, free_spins=spins(3), wager=wager(10))), 1_000)
    table.grant()
    refusal = table.refused(Withdraw(100))
    assert (refusal.code, refusal.fields) == (
        "bonus_would_be_lost",
        {
            "grants": [{"grant_id": "g3-1", "balance": 300}],
            "free_spins": [{"package_id": "p3-1", "remaining": 3}],
        },
    )


def test_bonuses_that_stay_need_no_word() -> None:
    table = with_bonus(cancel_on_withdrawal=False)
    answer = table.do(Withdraw(1_000))
    assert (answer.grants, answer.balance) == ((), Balance(1_000, 300, 300, 0))
    table.do(ConfirmWithdrawal(answer.withdrawal_id))
    assert table.money() == (0, 300)


def test_what_is_forfeited_is_frozen_at_once() -> None:
    table = with_bonus(count=2)
    answer = table.do(Withdraw(400, forfeit_bonuses=True))
    assert answer.grants == ("g3-1", "g4-1")
    assert answer.balance == Balance(real=1_000, bonus=600, bonus_usable=0, withdrawable=600)
    assert states(table) == [("g3-1", "granted", 1), ("g4-1", "granted", 1)]
    played = table.spin(100, 0)
    assert (played.funds_bonus, played.wagering.counted) == (0, 0)
    assert table.refused(Spin("book", "real", 501)).code == "insufficient_funds"


def test_removed_on_confirmation() -> None:
    table = with_bonus(count=2)
    withdrawal_id = table.do(Withdraw(400, forfeit_bonuses=True)).withdrawal_id
    table.do(ConfirmWithdrawal(withdrawal_id))
    assert table.events == ["GrantCancelled", "GrantCancelled", "WithdrawalConfirmed"]
    assert table.money() == (600, 0)
    ended = table.ask(GetBonuses()).grants
    assert [(grant.state, grant.removed) for grant in ended] == [("cancelled", 300), ("cancelled", 300)]


def test_given_back_on_cancellation() -> None:
    table = with_bonus(count=2)
    table.spin(100, 0)
    before = [(g.grant_id, g.state, g.balance, g.remaining_wager) for g in table.state.grants]
    withdrawal_id = table.do(Withdraw(400, forfeit_bonuses=True)).withdrawal_id
    table.do(CancelWithdrawal(withdrawal_id))
    assert [(g.grant_id, g.state, g.balance, g.remaining_wager) for g in table.state.grants] == before
    assert before[0] == ("g3-1", "in_wager", 300, 2_900)


def test_free_spins_too() -> None:
    table = with_spins()
    table.free_spin(40)
    answer = table.do(Withdraw(400, forfeit_bonuses=True))
    assert (answer.grants, answer.packages) == (("g4-1",), ("p3-1",))
    assert table.refused(Spin("book", "freespin")).code == "no_free_spins"
    assert table.ask(GetPlayer()).free_spins[0].frozen
    table.do(CancelWithdrawal(answer.withdrawal_id))
    assert table.free_spin(0).remaining_spins == 1
    again = table.do(Withdraw(400, forfeit_bonuses=True)).withdrawal_id
    table.do(ConfirmWithdrawal(again))
    assert table.events == ["GrantCancelled", "FreeSpinsCancelled", "WithdrawalConfirmed"]
    assert (table.state.packages, table.money()) == ([], (600, 0))


def test_a_spin_rolled_back_meanwhile_is_frozen_as_well() -> None:
    table = with_spins()
    for key in ("gs:1st", "gs:2nd", "gs:3rd"):
        table.free_spin(40, key=key)
    withdrawal_id = table.do(Withdraw(400, forfeit_bonuses=True)).withdrawal_id
    table.do(Rollback("gs:3rd"))
    assert (table.state.packages[0].remaining, table.money()) == (1, (1_000, 80))
    assert table.refused(Spin("book", "freespin")).code == "no_free_spins"
    table.do(ConfirmWithdrawal(withdrawal_id))
    assert (table.state.packages, table.money()) == ([], (600, 0))


def test_a_used_up_package_is_gone_with_its_winnings() -> None:
    table = with_spins()
    for key in ("gs:1st", "gs:2nd", "gs:3rd"):
        table.free_spin(40, key=key)
    table.do(ConfirmWithdrawal(table.do(Withdraw(400, forfeit_bonuses=True)).withdrawal_id))
    table.do(Rollback("gs:3rd"))
    assert (table.state.packages, table.money()) == ([], (600, 0))


def test_refused_while_a_round_has_staked_their_money() -> None:
    table = with_bonus(real=100)
    session = table.spin(150).session_id
    for forfeit in (True, False):
        refusal = table.refused(Withdraw(10, forfeit_bonuses=forfeit))
        assert (refusal.code, refusal.fields) == ("round_open", {"session_id": session})
    table.do(Result(session, 60))
    table.do(Withdraw(10, forfeit_bonuses=True))


def test_refused_while_a_round_has_reduced_their_wagering() -> None:
    table = with_bonus()
    session = table.spin(100).session_id
    assert table.refused(Withdraw(10, forfeit_bonuses=True)).code == "round_open"
    table.do(Result(session, 0))
    table.do(Withdraw(10, forfeit_bonuses=True))


def test_refused_while_a_free_spin_is_open() -> None:
    table = with_spins()
    session = table.free_spin().session_id
    assert table.refused(Withdraw(10, forfeit_bonuses=True)).code == "round_open"
    table.do(Result(session, 0))
    table.do(Withdraw(10, forfeit_bonuses=True))


def test_rounds_of_real_money_alone_do_not_hinder_it() -> None:
    table = Table(real=1_000)
    session = table.spin(100).session_id
    withdrawal_id = table.do(Withdraw(900)).withdrawal_id
    assert table.refused(AddBet(session, 10)).code == "insufficient_funds"
    table.do(Result(session, 50))
    table.do(ConfirmWithdrawal(withdrawal_id))
    assert table.money() == (50, 0)


def test_the_queue_goes_on_without_frozen_grants() -> None:
    table = with_bonus()
    withdrawal_id = table.do(Withdraw(400, forfeit_bonuses=True)).withdrawal_id
    table.grant()
    assert states(table) == [("g3-1", "granted", 1), ("g5-1", "in_wager", 0)]
    table.do(CancelWithdrawal(withdrawal_id))
    assert states(table) == [("g3-1", "in_wager", 0), ("g5-1", "granted", 0)]


def test_of_several_that_come_back_the_oldest_takes_its_turn() -> None:
    table = with_bonus(count=2)
    withdrawal_id = table.do(Withdraw(100, forfeit_bonuses=True)).withdrawal_id
    table.grant()
    table.do(CancelWithdrawal(withdrawal_id))
    assert states(table) == [("g3-1", "in_wager", 0), ("g4-1", "granted", 0), ("g6-1", "granted", 0)]


def test_the_turn_after_an_undone_bet_does_not_depend_on_what_was_frozen_for_a_while() -> None:
    """Rules §2.5: the result depends only on the bets that stand, here none."""
    table = Table(catalog_with(campaign(fixed=300, wager=wager(1))), 1_000)
    table.grant()
    withdrawal_id = table.do(Withdraw(400, forfeit_bonuses=True)).withdrawal_id
    table.grant()
    table.do(CancelWithdrawal(withdrawal_id))
    before = states(table)
    table.spin(300, 300, key="gs:a")
    assert states(table) == [("g5-1", "in_wager", 0)]
    table.do(Rollback("gs:a"))
    assert states(table) == before == [("g3-1", "in_wager", 0), ("g5-1", "granted", 0)]


def test_a_bet_of_the_younger_grant_can_still_be_undone_after_the_older_one_took_its_turn_back() -> None:
    table = with_bonus(real=500)
    withdrawal_id = table.do(Withdraw(500, forfeit_bonuses=True)).withdrawal_id
    table.grant()
    session = table.spin(100, key="gs:a").session_id
    table.do(CancelWithdrawal(withdrawal_id))
    assert [(grant.state, grant.balance) for grant in table.state.grants] == [("in_wager", 300), ("granted", 200)]
    table.do(Result(session, 50, final=False))
    assert [(grant.state, grant.balance) for grant in table.state.grants] == [("in_wager", 300), ("granted", 250)]
    table.do(Result(session, 50))
    assert [(grant.state, grant.balance) for grant in table.state.grants] == [("in_wager", 300), ("granted", 300)]


def test_a_reopened_grant_goes_before_younger_ones_whatever_is_frozen() -> None:
    table = Table(catalog_with(campaign(fixed=300, wager=wager(1))), 1_000)
    table.grant()
    table.do(Withdraw(400, forfeit_bonuses=True))
    table.grant()
    table.grant()
    table.spin(300, 300, key="gs:a")
    assert states(table) == [("g3-1", "granted", 1), ("g6-1", "in_wager", 0)]
    table.do(Rollback("gs:a"))
    assert states(table) == [("g3-1", "granted", 1), ("g5-1", "in_wager", 0), ("g6-1", "granted", 0)]


def test_every_withdrawal_asks_for_itself() -> None:
    """Else a tiny one could shield bonuses from a large one, and be cancelled."""
    table = with_bonus()
    tiny = table.do(Withdraw(1, forfeit_bonuses=True)).withdrawal_id
    assert table.refused(Withdraw(900)).code == "bonus_would_be_lost"
    large = table.do(Withdraw(900, forfeit_bonuses=True)).withdrawal_id
    table.do(CancelWithdrawal(tiny))
    assert states(table) == [("g3-1", "granted", 1)]
    table.do(ConfirmWithdrawal(large))
    assert table.money() == (100, 0)


def test_a_confirmation_takes_only_what_its_request_named() -> None:
    table = with_bonus()
    first = table.do(Withdraw(100, forfeit_bonuses=True)).withdrawal_id
    table.grant()
    second = table.do(Withdraw(100, forfeit_bonuses=True)).withdrawal_id
    table.do(ConfirmWithdrawal(first))
    table.do(CancelWithdrawal(second))
    assert (states(table), table.money()) == ([("g5-1", "in_wager", 0)], (900, 300))


def test_the_clock_of_frozen_bonuses_goes_on() -> None:
    table = with_bonus(valid_days=3)
    withdrawal_id = table.do(Withdraw(400, forfeit_bonuses=True)).withdrawal_id
    table.pass_days(3)
    assert (table.events, table.money()) == (["GrantExpired"], (1_000, 0))
    table.do(CancelWithdrawal(withdrawal_id))
    assert (table.state.grants, table.money()) == ([], (1_000, 0))


def test_a_frozen_grant_does_not_complete() -> None:
    """Its winnings are wagered, and its package ends while it is frozen."""
    table = with_spins(valid_days=2)
    table.free_spin(40)
    table.spin(200, 0)
    withdrawal_id = table.do(Withdraw(400, forfeit_bonuses=True)).withdrawal_id
    table.pass_days(2)
    assert (table.events, table.money()) == (["FreeSpinsExpired"], (800, 40))
    table.do(CancelWithdrawal(withdrawal_id))
    assert (table.events, table.money()) == (["WithdrawalCancelled", "BonusRedeemed"], (840, 0))


def test_a_win_whose_money_is_reserved_is_spent() -> None:
    table = Table(real=100)
    table.spin(100, 500, key="gs:a")
    table.do(Withdraw(101))
    assert table.refused(Rollback("gs:a")).code == "win_already_spent"
    table.do(Deposit(1))
    table.do(Rollback("gs:a"))
    assert table.ask(GetPlayer()).balance == Balance(101, 0, 0, 0)
