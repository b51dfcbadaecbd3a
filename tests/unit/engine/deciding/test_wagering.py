"""Rules §4: what a bet counts, and how grants end."""

from typing import Any

import pytest

from engine.commands import AddBet, CancelRound, Result, Spin
from engine.state import ENDED_GRANTS_MAX, Grant
from tests.support.playing import DAY_MS, START_MS, Table, campaign, catalog_with, wager


def playing(real: int = 10_000, bonus: int = 10_000, multiplier: int = 35, **terms: Any) -> Table:
    table = Table(catalog_with(campaign(fixed=bonus, wager=wager(multiplier, **terms))), real)
    table.grant()
    return table


def only(table: Table) -> Grant:
    [grant] = table.state.grants + table.state.ended_grants
    return grant


@pytest.mark.parametrize(
    ("terms", "game_id", "bet", "counted"),
    [
        ({}, "book", 101, 101),
        ({}, "dice", 101, 50),
        ({"contribution_types": {"table": 10}}, "dice", 109, 10),
        ({"contribution_types": {"table": 10}, "contribution_games": {"dice": 200}}, "dice", 101, 202),
        ({"contribution_games": {"book": 0}}, "book", 101, 0),
        ({"min_bet": {"EUR": 100}}, "book", 99, 0),
        ({"min_bet": {"EUR": 100}}, "book", 100, 100),
        ({"excluded_games": ("vault",)}, "vault", 100, 0),
        ({"max_bet": {"EUR": 100}, "over_max_bet": "not_counted"}, "book", 101, 0),
        ({"max_bet": {"EUR": 100}, "over_max_bet": "not_counted"}, "book", 100, 100),
    ],
)
def test_what_a_bet_counts(terms: Any, game_id: str, bet: int, counted: int) -> None:
    answer = playing(**terms).spin(bet, 0, game_id)
    assert (answer.wagering.counted, answer.wagering.remaining) == (counted, 350_000 - counted)


def test_real_and_mixed_funds_count_alike_and_added_bets_too() -> None:
    table = playing(real=100)
    session = table.spin(150).session_id
    added = table.do(AddBet(session, 40))
    assert (added.wagering.counted, added.wagering.remaining) == (40, 350_000 - 190)


def test_max_bet_is_refused_while_in_wager() -> None:
    table = playing(max_bet={"EUR": 500})
    assert table.spin(500, 0).wagering.max_bet == 500
    assert table.refused(Spin("book", "real", 501)).code == "bonus_max_bet"
    session = table.spin(10).session_id
    assert table.refused(AddBet(session, 501)).code == "bonus_max_bet"
    without = Table(catalog_with(), 10_000)
    without.spin(501, 0)


def test_over_max_bet_cancel_waits_for_the_round() -> None:
    table = playing(max_bet={"EUR": 500}, over_max_bet="cancel", contribution_games={"vault": 0})
    session = table.spin(501, game_id="vault").session_id
    assert only(table).state == "in_wager"
    table.do(Result(session, 0))
    assert (only(table).state, only(table).removed, only(table).balance) == ("cancelled", 10_000, 0)
    assert table.events == ["WinCredited", "GrantCancelled"]
    assert table.money() == (9_499, 0)


def test_cancelling_the_bet_over_max_saves_the_grant() -> None:
    table = playing(max_bet={"EUR": 500}, over_max_bet="cancel")
    table.do(CancelRound(table.spin(501).session_id))
    assert (only(table).state, only(table).void_after_round) == ("in_wager", False)
    kept, voiding = table.spin(10, game_id="dice").session_id, table.spin(501).session_id
    table.do(Result(voiding, 0))
    table.do(CancelRound(table.spin(502).session_id))
    assert only(table).void_after_round
    table.do(CancelRound(kept))
    assert only(table).state == "cancelled"


@pytest.mark.parametrize(("policy", "code"), [("no_progress", None), ("real_only", "insufficient_funds")])
def test_excluded_game(policy: str, code: str | None) -> None:
    table = playing(real=50, excluded_games=("vault",), excluded_policy=policy)
    assert getattr(table.run(Spin("vault", "real", 51, 0)), "code", None) == code
    assert only(table).remaining_wager == 350_000


def test_completion_releases_what_is_left() -> None:
    table = playing(real=0, bonus=1_000, multiplier=1)
    answer = table.spin(1_000, 700)
    assert table.events == ["BetPlaced", "WinCredited", "BonusRedeemed"]
    assert (answer.balance.real, answer.balance.bonus) == (700, 0)
    grant = only(table)
    assert (grant.state, grant.released, grant.removed, grant.exhausted) == ("completed", 700, 0, False)
    assert grant.ended_ms == START_MS


@pytest.mark.parametrize(("cap", "released", "removed"), [(700, 700, 0), (699, 699, 1), (0, 0, 700)])
def test_max_cashout(cap: int, released: int, removed: int) -> None:
    table = playing(real=0, bonus=1_000, multiplier=1, max_cashout={"EUR": cap})
    table.spin(1_000, 700)
    assert (only(table).released, only(table).removed, table.money()) == (released, removed, (released, 0))


def test_completion_waits_for_the_open_round() -> None:
    table = playing(real=1_000, bonus=1_000, multiplier=1)
    session = table.spin(1_000).session_id
    assert (only(table).state, only(table).remaining_wager) == ("in_wager", 0)
    other = table.spin(100, 0, "dice")
    assert (other.wagering.counted, other.funds_bonus) == (0, 100)
    table.do(Result(session, 0, final=False))
    assert only(table).state == "in_wager"
    table.do(Result(session, 0))
    assert (only(table).state, table.money()) == ("completed", (900, 0))


def test_played_down_to_nothing() -> None:
    table = playing(real=0, bonus=1_000)
    session = table.spin(1_000).session_id
    assert only(table).state == "in_wager"
    table.do(Result(session, 0))
    assert table.events == ["WinCredited", "GrantExhausted"]
    assert (only(table).state, only(table).exhausted, only(table).remaining_wager) == ("completed", True, 34_000)


def test_wagering_done_with_nothing_left_is_exhausted_not_redeemed() -> None:
    table = playing(real=0, bonus=1_000, multiplier=1)
    table.spin(1_000, 0)
    assert table.events == ["BetPlaced", "WinCredited", "GrantExhausted"]


def test_multiplier_0_completes_at_once_even_when_queued() -> None:
    table = Table(
        catalog_with(campaign("a", 500, wager=wager(10)), campaign("b", 300, wager=wager(0)), campaign("c", 200))
    )
    for campaign_id in "abc":
        table.grant(campaign_id)
    assert table.money() == (500, 500)
    assert [grant.state for grant in table.state.ended_grants] == ["completed", "completed"]


def test_the_queue_is_first_in_first_out_and_nothing_is_carried_over() -> None:
    table = Table(catalog_with(campaign(fixed=100, wager=wager(2))))
    for _ in range(3):
        table.grant()
    first, second, third = table.state.grants
    assert [grant.state for grant in table.state.grants] == ["in_wager", "granted", "granted"]
    table.spin(100, 100)
    answer = table.spin(100, 150)
    assert table.events == ["BetPlaced", "WinCredited", "BonusRedeemed", "GrantActivated"]
    assert (first.state, second.state, second.remaining_wager) == ("completed", "in_wager", 200)
    assert answer.wagering == type(answer.wagering)(second.grant_id, 200, 100, None)
    answer = table.spin(250, 0)
    assert (answer.wagering.counted, second.state, third.state) == (200, "completed", "in_wager")
    assert third.remaining_wager == 200


@pytest.mark.parametrize(("days", "ends_after"), [(3, 3), (None, 365)])
def test_expiry(days: int | None, ends_after: int) -> None:
    table = playing(real=500, bonus=1_000, valid_days=days)
    table.now += ends_after * DAY_MS - 1
    table.spin(100, 0)
    table.now += 1
    table.pass_days(0)
    assert table.events == ["GrantExpired"]
    assert (only(table).state, only(table).removed, table.money()) == ("expired", 1_000, (400, 0))


def test_queued_grants_expire_in_the_queue() -> None:
    table = Table(
        catalog_with(campaign("a", 100, wager=wager(9, valid_days=9)), campaign("b", 50, wager=wager(9, valid_days=3)))
    )
    table.grant("a")
    table.grant("b")
    table.pass_days(3)
    assert [grant.state for grant in table.state.grants + table.state.ended_grants] == ["in_wager", "expired"]


def test_a_tied_grant_outlives_its_date_but_can_not_be_used() -> None:
    table = playing(real=1_000, bonus=1_000, valid_days=3)
    session = table.spin(1_500).session_id
    table.pass_days(3)
    assert only(table).state == "in_wager"
    assert table.refused(Spin("dice", "real", 10)).fields["balance"]["bonus_usable"] == 0
    table.do(Result(session, 300))
    assert table.events == ["WinCredited", "GrantExpired"]
    assert (only(table).state, only(table).removed, table.money()) == ("expired", 600, (200, 0))


def test_wagering_done_in_time_completes_after_the_date() -> None:
    table = playing(real=1_000, bonus=1_000, multiplier=1, valid_days=3)
    session = table.spin(1_000).session_id
    table.pass_days(5)
    table.do(Result(session, 50))
    assert table.events == ["WinCredited", "BonusRedeemed"]
    assert table.money() == (1_050, 0)


def test_a_later_catalog_never_changes_a_grant() -> None:
    table = playing(max_bet={"EUR": 500})
    table.catalog = catalog_with(campaign(fixed=10_000, wager=wager(35, max_bet={"EUR": 10})))
    table.spin(500, 0)


def test_ended_grants_are_bounded() -> None:
    table = Table(catalog_with(campaign(fixed=1)))
    for _ in range(ENDED_GRANTS_MAX + 2):
        table.grant()
    assert len(table.state.ended_grants) == ENDED_GRANTS_MAX
