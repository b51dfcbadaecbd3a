"""Rules §3: the life of a round."""

from typing import Any

import pytest

from engine.amounts import AMOUNT_MAX
from engine.commands import AddBet, CancelRound, Deposit, Result, Spin
from engine.state import BETS_PER_ROUND_MAX, OPEN_ROUNDS_MAX, RESULTS_PER_ROUND_MAX, Bet, OpenRound
from tests.support.playing import START_MS, Table


def test_open_bet_result() -> None:
    table = Table(real=1_000)
    opened = table.do(Spin("book", "real", 100, round_id="r-7"))
    assert (opened.session_id, opened.state, opened.round_id, opened.time_ms) == ("p1-3", "open", "r-7", START_MS)
    assert table.events == ["BetPlaced"]
    added = table.do(AddBet("p1-3", 50))
    assert (added.state, added.bet_amount, added.funds_real, added.staked) == ("open", 150, 150, True)
    part = table.do(Result("p1-3", 30, final=False))
    assert (part.state, part.win_amount, part.balance.real, part.staked) == ("open", 30, 880, False)
    closed = table.do(Result("p1-3", 70))
    assert (closed.state, closed.win_amount, closed.win_reported, closed.bet_amount) == ("closed", 100, 100, 150)
    assert table.money() == (950, 0)
    assert not table.state.rounds


@pytest.mark.parametrize(("win", "real"), [(0, 900), (250, 1_150)])
def test_one_call(win: int, real: int) -> None:
    table = Table(real=1_000)
    answer = table.spin(100, win)
    assert (answer.state, answer.win_amount, answer.balance.real) == ("closed", win, real)
    assert (answer.funds_real, answer.reversal.won_real) == (100, win)
    assert table.events == ["BetPlaced", "WinCredited"]
    assert not table.state.rounds


def test_one_open_round_per_game() -> None:
    table = Table(real=1_000)
    session = table.spin(100).session_id
    for body in (Spin("book", "real", 10), Spin("book", "real", 10, 5), Spin("book", "freespin")):
        refusal = table.refused(body)
        assert (refusal.code, refusal.fields) == ("round_open", {"session_id": session})
    assert table.spin(100, game_id="dice").state == "open"
    table.do(Result(session, 0))
    table.spin(100)


def test_steps_on_rounds_that_are_not_open() -> None:
    table = Table(real=1_000)
    closed = table.spin(100, 0).session_id
    cancelled = table.spin(100).session_id
    table.do(CancelRound(cancelled))
    for session, code in ((closed, "round_closed"), (cancelled, "round_closed"), ("p1-99", "session_not_found")):
        for body in (Result(session, 5), AddBet(session, 5), CancelRound(session)):
            assert table.refused(body).code == code


def test_a_result_forbids_cancelling() -> None:
    table = Table(real=1_000)
    session = table.spin(100).session_id
    table.do(Result(session, 0, final=False))
    assert table.refused(CancelRound(session)).code == "round_has_result"
    table.do(AddBet(session, 100))
    table.do(Result(session, 400))
    assert table.money() == (1_200, 0)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (Spin("book", "real"), "bet"),
        (Spin("book", "real", 0), "bet"),
        (Spin("book", "real", -5), "bet"),
        (Spin("book", "real", AMOUNT_MAX + 1), "bet"),
        (Spin("book", "freespin", 0), "bet"),
        (Spin("book", "real", 10, -1), "win"),
        (Spin("book", "real", 10, AMOUNT_MAX + 1), "win"),
        (AddBet("p1-1", 0), "amount"),
        (Result("p1-1", -1), "win"),
        (Deposit(0), "amount"),
        (Deposit(AMOUNT_MAX + 1), "amount"),
    ],
)
def test_amounts_out_of_bounds(body: Any, field: str) -> None:
    refusal = Table(real=1_000).refused(body)
    assert refusal.code == "invalid_request"
    assert [error["field"] for error in refusal.fields["errors"]] == [field]


@pytest.mark.parametrize(("bet", "code"), [(9, "bet_below_min"), (10_001, "bet_above_max"), (10, None), (10_000, None)])
def test_bet_limits_of_the_game(bet: int, code: str | None) -> None:
    table = Table(real=40_000)
    outcome = table.run(Spin("book", "real", bet))
    assert getattr(outcome, "code", None) == code


def test_open_rounds_and_bets_are_bounded() -> None:
    table = Table(real=10_000)
    session = table.spin(10).session_id
    for _ in range(BETS_PER_ROUND_MAX - 1):
        table.do(AddBet(session, 10))
    assert table.refused(AddBet(session, 10)).code == "overloaded"
    for number in range(OPEN_ROUNDS_MAX - 1):
        bet = Bet(f"x:{number}", 1, 1, 0, None, 0)
        table.state.rounds[f"s{number}"] = OpenRound(f"s{number}", None, f"game{number}", "real", 0, [bet])
    assert table.refused(Spin("dice", "real", 10)).code == "overloaded"


def test_refusals_come_in_the_order_of_the_rules() -> None:
    """Each line removes the reason that came first; the next one then shows."""
    table = Table(real=5)
    session = table.player.state
    session.blocked = "b"
    assert table.refused(Spin("none", "real", 0)).code == "invalid_request"
    assert table.refused(Spin("none", "real", 1)).code == "player_blocked"
    session.blocked = None
    assert table.refused(Spin("none", "real", 1)).code == "unknown_game"
    session.rounds["s"] = OpenRound("s", None, "book", "real", 0, [Bet("x:1", 5, 5, 0, None, 0)])
    assert table.refused(Spin("book", "real", 1)).code == "round_open"
    session.rounds.clear()
    assert table.refused(Spin("book", "real", 1)).code == "bet_below_min"
    assert table.refused(Spin("book", "real", 10)).code == "insufficient_funds"
    assert table.refused(Spin("book", "freespin", 10)).code == "no_free_spins"


def test_results_of_a_round_are_bounded_but_a_final_one_is_always_taken() -> None:
    table = Table(real=1_000)
    session = table.spin(100).session_id
    for _ in range(RESULTS_PER_ROUND_MAX):
        table.do(Result(session, 1, final=False))
    assert table.refused(Result(session, 1, final=False)).code == "overloaded"
    assert table.do(Result(session, 1)).win_amount == RESULTS_PER_ROUND_MAX + 1
