"""Rules §3, rollback: exact, once, and whatever has happened since."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.commands import AddBet, CancelRound, Command, Deposit, ReportBet, Result, Rollback, Spin
from engine.facts import Facts, Needs
from engine.player import execute_or_ask
from engine.queries import GetRound
from engine.rejections import Rejection
from engine.remembered import past_bet
from engine.state.window import HOUR_MS, REMEMBERED_MAX
from engine.transition import Transition
from tests.support.playing import Table, campaign, catalog_with, wager


def with_grants(count: int = 1, bonus: int = 100, multiplier: int = 1, real: int = 0, **terms: Any) -> Table:
    table = Table(catalog_with(campaign(fixed=bonus, wager=wager(multiplier, **terms))), real)
    for _ in range(count):
        table.grant()
    return table


def test_the_last_bet_that_stands_cancels_the_round() -> None:
    table = Table(real=1_000)
    session = table.spin(100, key="gs:a").session_id
    table.do(AddBet(session, 50), "gs:b")
    answer = table.do(Rollback("gs:b"))
    assert (answer.status, answer.session_id, answer.kept_grants) == ("rolled_back", session, ())
    assert (table.money(), list(table.state.rounds)) == ((900, 0), [session])
    table.do(Rollback("gs:a"))
    assert (table.money(), table.state.rounds) == ((1_000, 0), {})
    assert table.refused(Spin("book", "real", 100), "gs:a").code == "rolled_back"
    assert table.refused(Spin("book", "real", 101), "gs:a").code == "idempotency_conflict", "conflict before tombstone"
    assert table.refused(AddBet(session, 50), "gs:b").code == "rolled_back"
    assert table.ask(GetRound(session)).state == "cancelled"
    assert table.refused(Result(session, 5)).code == "round_closed"


def test_repeated_under_any_key_nothing_moves() -> None:
    table = Table(real=1_000)
    table.spin(100, 30, key="gs:a")
    first = table.do(Rollback("gs:a"), "gs:r1")
    assert table.again(Rollback("gs:a"), "gs:r1") == first
    assert table.do(Rollback("gs:a"), "gs:r2").status == "rolled_back"
    assert (table.transitions[-1].events, table.money()) == ((), (1_000, 0))


@pytest.mark.parametrize("final", [True, False])
def test_a_result_forbids_it(final: bool) -> None:
    table = Table(real=1_000)
    session = table.spin(100, key="gs:a").session_id
    table.do(Result(session, 0, final))
    assert table.refused(Rollback("gs:a")).code == "round_has_result"


def test_of_a_cancelled_round_moves_nothing_but_bars_the_bet() -> None:
    table = Table(real=1_000)
    session = table.spin(100, key="gs:a").session_id
    table.do(CancelRound(session))
    assert table.do(Rollback("gs:a")).status == "rolled_back"
    assert table.money() == (1_000, 0)
    assert table.refused(Spin("book", "real", 100), "gs:a").code == "rolled_back"


@pytest.mark.parametrize("win", [0, 70, 300])
def test_one_call_bet_and_win_together(win: int) -> None:
    table = Table(real=1_000)
    session = table.spin(100, win, key="gs:a").session_id
    table.do(Rollback("gs:a"))
    assert table.money() == (1_000, 0)
    shown = table.ask(GetRound(session))
    assert (shown.state, shown.win_amount) == ("cancelled", 0)


def test_a_win_already_spent_is_refused() -> None:
    table = Table(real=100)
    table.spin(100, 500, key="gs:a")
    table.spin(101, 0)
    table.do(Deposit(1))
    table.do(Rollback("gs:a"))
    assert table.money() == (0, 0)
    table = Table(real=100)
    table.spin(100, 500, key="gs:a")
    table.spin(101, 0)
    refusal = table.refused(Rollback("gs:a"))
    assert (refusal.code, refusal.fields) == ("win_already_spent", {"session_id": "p1-3", "amount": 500})


def test_an_unknown_id_leaves_a_tombstone() -> None:
    table = Table(real=1_000)
    assert table.do(Rollback("gs:late")).status == "tombstoned"
    assert table.refused(Spin("book", "real", 100, 50), "gs:late").code == "rolled_back"
    assert table.do(Rollback("gs:late")).status == "rolled_back"
    table.do(Deposit(100), "gs:late")


def test_what_is_no_bet_is_refused_and_keeps_its_answer() -> None:
    table = Table()
    table.do(Deposit(1_000), "gs:d")
    session = table.spin(100).session_id
    table.do(Result(session, 10, final=False), "gs:part")
    assert table.refused(Rollback("gs:d")).code == "not_a_bet"
    assert table.refused(Rollback("gs:part")).code == "not_a_bet"
    assert table.again(Deposit(1_000), "gs:d").amount == 1_000
    table.do(Result(session, 10), "gs:final")
    assert table.refused(Rollback("gs:final")).code == "not_a_bet"
    assert table.money() == (920, 0)
    table.spin(100, 0, key="gs:a")
    table.do(Rollback("gs:a"), "gs:r")
    assert table.refused(Rollback("gs:r")).code == "not_a_bet"


def test_a_partial_result_is_no_bet_however_many_commands_came_since() -> None:
    table = Table(real=1_000)
    session = table.spin(100).session_id
    table.do(Result(session, 10, final=False), "gs:part")
    for _ in range(REMEMBERED_MAX):
        table.do(Deposit(1))
    assert table.refused(Rollback("gs:part")).code == "not_a_bet"


def long_past(table: Table) -> Table:
    """All that the table has done is beyond the remembered commands."""
    for _ in range(REMEMBERED_MAX):
        table.do(Deposit(1))
    return table


def told(table: Table, bet_id: str) -> Any:
    """The rollback of a bet that the journal tells of."""
    command = Command("gs:rb", table.now, Rollback(bet_id))
    wanted = execute_or_ask(table.player, table.catalog, command)
    assert isinstance(wanted, Needs)
    assert wanted.past_bet == bet_id
    found = past_bet(table.transitions, bet_id)
    return table.run_command(replace(command, facts=Facts(past_bet=found)))


def test_a_key_that_was_used_is_refused_before_the_journal_is_asked() -> None:
    table = Table(real=1_000)
    table.spin(100, 0, key="gs:a")
    long_past(table)
    table.do(Deposit(1), "gs:rb")
    refusal = execute_or_ask(table.player, table.catalog, Command("gs:rb", table.now, Rollback("gs:a")))
    assert isinstance(refusal, Rejection) and refusal.code == "idempotency_conflict"


def test_too_old_to_be_known() -> None:
    table = Table(real=1_000)
    table.spin(100, 0, key="gs:a")
    long_past(table)
    refusal = table.refused(Rollback("gs:a"))
    assert (refusal.code, refusal.for_operator) == ("already_processed", True)
    refusal = table.refused(Spin("book", "real", 100, 0), "gs:a")
    assert (refusal.code, refusal.for_operator) == ("already_processed", False)


@pytest.mark.parametrize("win", [0, 70, 300])
def test_a_bet_that_only_the_journal_remembers_is_reversed(win: int) -> None:
    table = Table(real=1_000)
    table.spin(100, win, key="gs:a")
    long_past(table)
    assert isinstance(told(table, "gs:a"), Transition)
    assert table.money() == (1_000 + REMEMBERED_MAX, 0)
    assert table.do(Rollback("gs:a")).status == "rolled_back"
    assert table.money() == (1_000 + REMEMBERED_MAX, 0), "once"


def test_a_reported_bet_that_only_the_journal_remembers_too() -> None:
    table = Table(real=1_000)
    table.do(ReportBet(500, "table"), "gs:a")
    long_past(table)
    told(table, "gs:a")
    assert table.state.turnover_micro == 0


@pytest.mark.parametrize(
    ("ending", "expected"), [("result", "round_has_result"), ("cancel", None), ("no", "not_a_bet")]
)
def test_the_journal_tells_what_became_of_a_round(ending: str, expected: str | None) -> None:
    table = Table(real=1_000)
    session = table.spin(100, key="gs:a").session_id
    table.do(CancelRound(session) if ending == "cancel" else Result(session, 0), "gs:end")
    long_past(table)
    outcome = told(table, "gs:end" if ending == "no" else "gs:a")
    money = table.money()
    if expected is None:
        assert isinstance(outcome, Transition)
    else:
        assert outcome.code == expected
    assert table.money() == money


def test_nothing_is_looked_for_that_is_remembered_or_unknown() -> None:
    table = Table(real=1_000)
    table.spin(100, 0, key="gs:a")
    for bet_id in ("gs:a", "gs:unknown"):
        command = Command(f"gs:rb-{bet_id}", table.now, Rollback(bet_id))
        assert isinstance(execute_or_ask(table.player, table.catalog, command), Transition)


def test_never_twice_however_much_time_passes() -> None:
    table = Table(real=1_000)
    table.spin(100, 0, key="gs:a")
    table.do(Rollback("gs:a"))
    table.now += 48 * HOUR_MS
    table.do(Rollback("gs:unknown"))
    table.do(Rollback("gs:a"))
    assert table.money() == (1_000, 0)


def test_the_grant_gets_back_balance_and_wagering() -> None:
    table = with_grants(bonus=1_000, multiplier=5, real=50)
    table.spin(150, 90, key="gs:a")
    [grant] = table.state.grants
    assert (table.money(), grant.remaining_wager) == ((30, 960), 4_850)
    table.do(Rollback("gs:a"))
    assert (table.money(), grant.remaining_wager) == ((50, 1_000), 5_000)


def test_grant_money_already_spent() -> None:
    table = with_grants(bonus=100, multiplier=50)
    table.spin(100, 400, key="gs:a")
    table.spin(101, 0)
    assert table.refused(Rollback("gs:a")).code == "win_already_spent"


def test_a_completed_grant_is_reopened() -> None:
    table = with_grants(bonus=100, multiplier=1)
    table.spin(100, 250, key="gs:a")
    assert table.money() == (250, 0)
    table.do(Rollback("gs:a"))
    assert table.events == ["GrantReopened", "RoundReversed"]
    [grant] = table.state.grants
    assert (grant.state, grant.balance, grant.remaining_wager, grant.released) == ("in_wager", 100, 100, 0)
    assert (table.money(), table.state.ended_grants) == ((0, 100), [])


def test_reopening_includes_what_the_cash_out_cap_removed() -> None:
    table = with_grants(bonus=100, multiplier=1, max_cashout={"EUR": 60})
    table.spin(100, 250, key="gs:a")
    assert table.money() == (60, 0)
    table.do(Rollback("gs:a"))
    assert table.money() == (0, 100)


def test_released_money_already_spent() -> None:
    table = with_grants(bonus=100, multiplier=1)
    table.spin(100, 250, key="gs:a")
    table.spin(10, 9)
    assert table.refused(Rollback("gs:a")).code == "win_already_spent"


def test_an_exhausted_grant_is_reopened() -> None:
    table = with_grants(bonus=100, multiplier=50)
    table.spin(100, 0, key="gs:a")
    assert table.state.ended_grants[0].exhausted
    table.do(Rollback("gs:a"))
    [grant] = table.state.grants
    assert (grant.balance, grant.remaining_wager, grant.exhausted) == (100, 5_000, False)


def test_a_grant_that_still_has_nothing_to_wager_completes_again() -> None:
    table = with_grants(bonus=200, multiplier=1, contribution_games={"dice": 0})
    table.spin(50, 20, "dice", key="gs:a")
    table.spin(170, 170, "book")
    table.spin(30, 30, "wheel")
    assert table.money() == (170, 0)
    table.do(Rollback("gs:a"))
    assert table.events == ["GrantReopened", "RoundReversed", "BonusRedeemed"]
    assert table.money() == (200, 0)


def test_the_reopened_grant_takes_its_place_in_the_queue() -> None:
    table = with_grants(count=3)
    table.spin(100, 100, key="gs:a")
    assert [grant.state for grant in table.state.grants] == ["in_wager", "granted"]
    table.do(Rollback("gs:a"))
    assert [(g.grant_id, g.state) for g in table.state.grants] == [
        ("g2-1", "in_wager"),
        ("g3-1", "granted"),
        ("g4-1", "granted"),
    ]


def test_a_younger_grant_reopens_behind_the_one_in_wager() -> None:
    table = with_grants(count=2)
    table.spin(100, 100, key="gs:older")
    table.do(Deposit(1_000))
    table.spin(1_100, 100, key="gs:younger")
    table.do(Deposit(1_000))
    table.do(Rollback("gs:older"))
    table.do(Rollback("gs:younger"))
    assert [grant.state for grant in table.state.grants] == ["in_wager", "granted"]


def test_of_an_expired_grant_only_real_money_is_reversed() -> None:
    table = with_grants(bonus=1_000, multiplier=50, real=100, valid_days=3)
    table.spin(150, 90, key="gs:a")
    assert table.money() == (60, 980)
    table.pass_days(3)
    table.do(Rollback("gs:a"))
    assert table.money() == (100, 0)
    assert table.state.ended_grants[0].state == "expired"


def test_a_bet_that_voided_its_grant() -> None:
    table = with_grants(bonus=1_000, multiplier=50, real=600, max_bet={"EUR": 500}, over_max_bet="cancel")
    kept = table.spin(10, game_id="dice").session_id
    table.spin(501, 0, key="gs:a")
    assert table.state.grants[0].void_after_round
    table.do(Rollback("gs:a"))
    table.do(Result(kept, 10))
    assert (table.state.grants[0].state, table.money()) == ("in_wager", (600, 1_000))


def test_a_one_call_bet_that_cancelled_its_grant_gives_the_grant_back() -> None:
    table = with_grants(bonus=1_000, multiplier=50, real=600, max_bet={"EUR": 500}, over_max_bet="cancel")
    table.spin(700, 70, key="gs:a")
    assert (table.state.ended_grants[0].state, table.money()) == ("cancelled", (60, 0))
    table.do(Rollback("gs:a"))
    [grant] = table.state.grants
    assert table.events == ["GrantReopened", "RoundReversed"]
    assert (grant.state, grant.remaining_wager, grant.void_after_round) == ("in_wager", 50_000, False)
    assert (table.money(), grant.removed) == ((600, 1_000), 0)


def test_it_stays_cancelled_while_another_bet_over_max_stands() -> None:
    table = with_grants(bonus=1_000, multiplier=50, real=600, max_bet={"EUR": 100}, over_max_bet="cancel")
    kept = table.spin(101, game_id="dice").session_id
    table.spin(200, 0, key="gs:a")
    table.do(Result(kept, 0))
    assert (table.state.ended_grants[0].state, table.money()) == ("cancelled", (299, 0))
    table.do(Rollback("gs:a"))
    assert table.events == ["GrantReopened", "RoundReversed", "GrantCancelled"]
    assert table.money() == (499, 0)
