"""Rules §2.7 and §8: turnover in micro-EUR, converted once when the bet is placed; bets of other verticals."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.amounts import AMOUNT_MAX, to_micro_eur
from engine.catalog import Currency, TriggerCondition
from engine.commands import (
    AddBet,
    Block,
    CancelRound,
    Deposit,
    GrantCampaign,
    Register,
    ReportBet,
    Result,
    Rollback,
    RollbackReportedBet,
    Spin,
    Withdraw,
)
from engine.loyalty.turnover import settled_turnover
from engine.state import TURNOVER_MAX
from tests.support.playing import Table, campaign, catalog_with, spins, wager

EUR, SEK, JPY = Currency(2, 1_000_000), Currency(2, 87_100), Currency(0, 6_100)


@pytest.mark.parametrize(
    ("amount", "currency", "micro_eur"),
    [
        (100, EUR, 1_000_000),
        (1, EUR, 10_000),
        (100, SEK, 87_100),
        (1, SEK, 871),
        (333, SEK, 290_043),
        (100, JPY, 610_000),
        (1, Currency(2, 50), 0),
        (3, Currency(2, 50), 2),
        (1, Currency(2, 51), 1),
        (1, Currency(3, 1), 0),
        (10**15, EUR, 10**19),
    ],
)
def test_a_stake_in_micro_eur_is_rounded_half_to_even(amount: int, currency: Currency, micro_eur: int) -> None:
    assert to_micro_eur(amount, currency) == micro_eur


@pytest.mark.parametrize(
    "body", [Spin("book", "real", 100), Spin("book", "real", 100, 0), Deposit(1), ReportBet(1, "slot")]
)
def test_where_the_currency_has_left_the_platform_nothing_can_be_converted(body: Any) -> None:
    table = Table(currency="JPY", real=1_000)
    table.catalog = replace(catalog_with(), currencies={"EUR": EUR})
    refusal = table.refused(body)
    assert (refusal.code, "JPY is not in platform.yaml" in refusal.detail) == ("unsupported_currency", True)


def test_what_was_taken_before_the_currency_left_can_be_settled() -> None:
    table = Table(currency="JPY", real=1_000)
    first, second = (table.spin(100, game_id=game_id).session_id for game_id in ("book", "dice"))
    table.spin(100, 0, "wheel", key="gs:a")
    table.catalog = replace(catalog_with(), currencies={"EUR": EUR})
    assert table.refused(AddBet(first, 100)).code == "unsupported_currency"
    table.do(Result(first, 50))
    table.do(CancelRound(second))
    table.do(Rollback("gs:a"))
    assert table.money() == (950, 0)
    table.do(Withdraw(950))


def test_enormous_deposits_stay_countable_and_storable() -> None:
    """At every step the table stores the state: that would fail beyond 64 bits, for the whole shard."""
    table = Table()
    for _ in range(3):
        table.do(Deposit(AMOUNT_MAX))
    assert (table.state.real, table.state.deposited_micro) == (3 * AMOUNT_MAX, TURNOVER_MAX)


def test_a_stake_beyond_what_can_be_counted() -> None:
    plain = catalog_with()
    games = {name: replace(game, max_bet={"EUR": AMOUNT_MAX}) for name, game in plain.games.items()}
    table = Table(replace(plain, games=games), AMOUNT_MAX)
    assert table.refused(Spin("book", "real", AMOUNT_MAX, 0)).code == "invalid_request"
    session = table.spin(AMOUNT_MAX // 4).session_id
    refusal = table.refused(AddBet(session, AMOUNT_MAX // 4))
    assert refusal.fields["errors"] == [
        {"field": "amount", "reason": "takes the turnover of the account beyond what can be counted"}
    ]
    table.do(CancelRound(session))
    assert (table.money(), table.state.turnover_micro) == ((AMOUNT_MAX, 0), 0)


def test_every_stake_counts_once_when_it_is_placed() -> None:
    table = Table(real=1_000)
    session = table.spin(100).session_id
    table.do(AddBet(session, 50))
    table.do(Result(session, 400))
    table.spin(30, 90)
    assert table.state.turnover_micro == 1_800_000


def test_bonus_money_counts_and_free_spins_do_not() -> None:
    table = Table(catalog_with(campaign(fixed=100, free_spins=spins(1, 1), wager=wager(10))), real=50)
    table.grant()
    table.spin(80, 0)
    table.free_spin(30)
    assert table.state.turnover_micro == 800_000


def test_in_the_players_currency() -> None:
    table = Table(catalog_with())
    table.player, table.shadow = type(table.player).new("p2"), type(table.shadow).new("p2")
    table.do(Register("JPY"))
    table.do(Deposit(1_000))
    table.spin(100, 0)
    assert table.state.turnover_micro == 610_000


@pytest.mark.parametrize("by_rollback", [True, False])
def test_reversed_exactly_whatever_the_rate_is_now(by_rollback: bool) -> None:
    table = Table(real=1_000)
    session = table.spin(100, key="gs:a").session_id
    table.do(AddBet(session, 33), "gs:b")
    table.catalog = replace(table.catalog, currencies={"EUR": Currency(2, 500_000)})
    table.do(Rollback("gs:a") if by_rollback else CancelRound(session))
    assert table.state.turnover_micro == (330_000 if by_rollback else 0)
    if by_rollback:
        table.do(Rollback("gs:b"))
    assert table.state.turnover_micro == 0


def test_a_one_call_round_too() -> None:
    table = Table(real=1_000)
    table.spin(100, 20, key="gs:a")
    table.spin(40, 0)
    table.do(Rollback("gs:a"))
    assert table.state.turnover_micro == 400_000


def test_rounds_still_open_are_not_settled() -> None:
    table = Table(real=1_000)
    table.spin(40, 0)
    session = table.spin(100).session_id
    table.do(AddBet(session, 10))
    assert (table.state.turnover_micro, settled_turnover(table.state)) == (1_500_000, 400_000)
    table.do(Result(session, 0))
    assert settled_turnover(table.state) == 1_500_000


def test_a_bet_elsewhere_moves_no_money() -> None:
    table = Table(real=1_000)
    answer = table.do(ReportBet(250, "table"), "pms:b")
    assert (answer.bet_id, answer.amount, answer.game_type) == ("b3", 250, "table")
    assert (answer.turnover_micro, table.state.turnover_micro) == (2_500_000, 2_500_000)
    assert table.money() == (1_000, 0)
    assert table.again(ReportBet(250, "table"), "pms:b") == answer


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (ReportBet(0, "slot"), "amount"),
        (ReportBet(10**15 + 1, "slot"), "amount"),
        (ReportBet(10, "chess"), "game_type"),
    ],
)
def test_a_bet_elsewhere_must_make_sense(body: ReportBet, field: str) -> None:
    refusal = Table().refused(body)
    assert (refusal.code, refusal.fields["errors"][0]["field"]) == ("invalid_request", field)


def test_bets_elsewhere_are_bounded_by_what_can_be_counted() -> None:
    table = Table()
    for _ in range(4):
        table.do(ReportBet(10**14, "live"))
    assert table.state.turnover_micro == 4 * 10**18
    assert table.refused(ReportBet(10**14, "live")).code == "invalid_request"
    table.do(ReportBet(100, "live"))


def test_a_bet_elsewhere_is_a_bet_to_a_block() -> None:
    table = Table()
    table.do(ReportBet(250, "live"), "pms:b")
    table.do(Block("because"))
    assert table.refused(ReportBet(250, "live")).code == "player_blocked"
    table.do(RollbackReportedBet("pms:b"))
    assert table.state.turnover_micro == 0


def test_a_bet_elsewhere_is_rolled_back_once() -> None:
    table = Table()
    table.do(ReportBet(250, "live"), "pms:a")
    table.do(ReportBet(100, "live"))
    for _ in range(2):
        answer = table.do(RollbackReportedBet("pms:a"))
        assert (answer.status, answer.kept_grants, table.state.turnover_micro) == ("rolled_back", (), 1_000_000)
    assert table.refused(ReportBet(250, "live"), "pms:a").code == "rolled_back"


def test_a_rollback_that_comes_before_its_bet() -> None:
    table = Table()
    assert table.do(RollbackReportedBet("pms:late")).status == "tombstoned"
    assert table.refused(ReportBet(250, "live"), "pms:late").code == "rolled_back"
    assert table.state.turnover_micro == 0


def test_a_bet_elsewhere_too_old_to_be_known() -> None:
    table = Table()
    table.do(ReportBet(250, "live"), "pms:a")
    for _ in range(128):
        table.do(Deposit(1))
    assert table.refused(RollbackReportedBet("pms:a")).code == "already_processed"
    assert table.state.turnover_micro == 2_500_000


def test_neither_rollback_touches_what_is_no_bet() -> None:
    table = Table(catalog_with(campaign(fixed=100)), real=1_000)
    table.do(GrantCampaign("gift", "because"), "pms:g")
    assert table.refused(RollbackReportedBet("pms:g")).code == "not_a_bet"
    table.spin(100, 0, key="gs:a")
    table.do(RollbackReportedBet("gs:a"))
    assert table.refused(Spin("book", "real", 100, 0), "gs:a").code == "rolled_back"
    assert (sum(table.money()), table.state.turnover_micro) == (1_100, 0)


def by_turnover(eur: int) -> Table:
    """Lifetime turnover of `eur` gives 1.00 of bonus money and a free spin."""
    reached = campaign(
        fixed=100,
        free_spins=spins(1, 1),
        trigger="turnover_reached",
        condition=TriggerCondition(eur_micro=eur * 1_000_000),
        wager=wager(10),
    )
    return Table(catalog_with(reached), real=1_000)


def test_what_a_rolled_back_bet_had_triggered_stays_and_is_listed() -> None:
    table = by_turnover(1)
    table.spin(40, 0)
    table.spin(60, 0, key="gs:a")
    answer = table.do(Rollback("gs:a"))
    assert answer.kept_grants == ("g4-1", "p4-1")
    assert (table.money(), table.state.turnover_micro) == ((960, 100), 400_000)
    [event] = table.transitions[-1].events
    assert event.kept_grants == ("g4-1", "p4-1")  # type: ignore[union-attr]


def test_so_does_what_a_bet_elsewhere_had_triggered() -> None:
    table = by_turnover(2)
    table.do(ReportBet(200, "live"), "pms:a")
    answer = table.do(RollbackReportedBet("pms:a"))
    assert (answer.status, answer.kept_grants) == ("rolled_back", ("g3-1", "p3-1"))
    assert (table.money(), table.state.turnover_micro) == ((1_000, 100), 0)


def test_bets_that_triggered_nothing_keep_nothing() -> None:
    table = by_turnover(1)
    table.spin(100, 0)
    table.free_spin(30, key="gs:free")
    table.spin(10, 0, key="gs:a")
    assert table.do(Rollback("gs:a")).kept_grants == ()
    assert table.do(Rollback("gs:free")).kept_grants == ()


@pytest.mark.parametrize(("closes", "fired"), [(True, 1), (False, 0)])
def test_turnover_fires_when_the_round_closes(closes: bool, fired: int) -> None:
    table = by_turnover(1)
    session = table.spin(100).session_id
    assert table.state.grants == []
    table.do(Result(session, 5, closes))
    assert len(table.state.grants) == fired
