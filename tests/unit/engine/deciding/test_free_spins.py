"""Rules §5: packages, and what is won with them."""

from typing import Any

import pytest

from engine.commands import AddBet, CancelRound, Result, Rollback, Spin
from engine.state import ENDED_PACKAGES_MAX
from tests.support.playing import DAY_MS, Table, campaign, catalog_with, spins, wager


def package(count: int = 3, multiplier: int = 20, real: int = 0, **award: Any) -> Table:
    """One package of free spins on `book` at 0.10; winnings live 30 days."""
    spun = campaign("spins", free_spins=spins(count, multiplier, **award), wager=wager(1, valid_days=30))
    table = Table(catalog_with(spun, campaign(fixed=1_000, wager=wager(10, max_bet={"EUR": 5}))), real)
    table.grant("spins")
    return table


def test_a_free_spin_takes_nothing_and_counts_nothing() -> None:
    table = package(real=100)
    table.grant("gift")
    answer = table.do(Spin("book", "freespin", None, None, "r1"))
    assert (answer.mode, answer.bet_amount, answer.remaining_spins, answer.state) == ("freespin", 10, 2, "open")
    assert (answer.funds_real, answer.funds_bonus, answer.wagering.counted) == (0, 0, 0)
    assert table.money() == (100, 1_000)
    assert table.refused(AddBet(answer.session_id, 5)).code == "invalid_request"


@pytest.mark.parametrize(
    ("game_id", "bet", "code"),
    [
        ("dice", None, "free_spin_game_mismatch"),
        ("book", 20, "free_spin_bet_mismatch"),
        ("book", 10, None),
        ("book", None, None),
        ("nope", None, "unknown_game"),
    ],
)
def test_choosing(game_id: str, bet: int | None, code: str | None) -> None:
    assert getattr(package().run(Spin(game_id, "freespin", bet)), "code", None) == code


def test_none_left() -> None:
    table = package(count=1)
    assert table.free_spin(0).remaining_spins == 0
    assert table.refused(Spin("book", "freespin")).code == "no_free_spins"
    assert Table().refused(Spin("book", "freespin")).code == "no_free_spins"


def test_the_package_that_expires_first_is_used() -> None:
    awards = {
        "late": spins(2, valid_days=9),
        "soon": spins(2, valid_days=2),
        "dear": spins(2, valid_days=1, bet={"EUR": 50}),
    }
    table = Table(catalog_with(*(campaign(name, free_spins=award) for name, award in awards.items())))
    for name in awards:
        table.grant(name)
    assert table.do(Spin("book", "freespin", 10, 0)).remaining_spins == 5
    assert table.free_spin(0).bet_amount == 50
    left = {p.campaign_id: p.remaining for p in table.state.packages}
    assert left == {"late": 2, "soon": 1, "dear": 1}


def test_wins_gather_in_one_grant_per_package() -> None:
    table = package()
    table.free_spin(0)
    assert not table.state.grants
    table.free_spin(30)
    assert table.events == ["BetPlaced", "GrantCreated", "WinCredited", "GrantActivated"]
    session = table.free_spin().session_id
    answer = table.do(Result(session, 5))
    [grant] = table.state.grants
    assert (grant.amount, grant.balance, grant.remaining_wager, grant.wager_total) == (35, 35, 700, 700)
    assert (grant.package_id, grant.source, grant.valid_to_ms - grant.granted_ms) == ("p2-1", "free_spins", 30 * DAY_MS)
    assert answer.wagering.remaining == 700
    assert table.state.awarded == {"spins": 1}


def test_wager_added_is_rounded_up() -> None:
    award = spins(1)
    table = Table(catalog_with(campaign("spins", free_spins=type(award)(1, {"EUR": 10}, ("book",), 7, 1_500_000))))
    table.grant("spins")
    table.free_spin(3)
    assert table.state.grants[0].remaining_wager == 5


def test_multiplier_0_pays_the_real_wallet() -> None:
    table = package(multiplier=0)
    assert table.free_spin(30).balance.real == 30
    assert table.money() == (30, 0)


def test_max_win_caps_the_package() -> None:
    table = package(multiplier=0, max_win={"EUR": 100})
    assert table.free_spin(70).win_amount == 70
    answer = table.free_spin(70)
    assert (answer.win_amount, answer.win_reported) == (30, 70)
    session = table.free_spin().session_id
    answer = table.do(Result(session, 5))
    assert (answer.win_amount, answer.win_reported, table.money()) == (0, 5, (100, 0))


def test_winnings_can_not_complete_while_spins_are_left() -> None:
    table = package(count=2, multiplier=1)
    table.free_spin(30)
    table.spin(10, 10)
    table.spin(20, 20)
    [grant] = table.state.grants
    assert (grant.state, grant.remaining_wager, grant.balance) == ("in_wager", 0, 30)
    session = table.free_spin().session_id
    assert table.state.grants == [grant]
    table.do(Result(session, 0))
    assert (grant.state, table.money()) == ("completed", (30, 0))


def test_winnings_played_to_nothing_wait_for_the_next_win() -> None:
    table = package(count=2, multiplier=1)
    table.free_spin(30)
    table.spin(30, 0)
    [grant] = table.state.grants
    assert (grant.balance, grant.state) == (0, "in_wager")
    table.free_spin(0)
    assert (grant.exhausted, table.state.grants) == (True, [])


def test_ended_winnings_make_room_for_a_new_grant() -> None:
    spun = campaign("spins", free_spins=spins(2, 1, valid_days=9), wager=wager(1, valid_days=2))
    table = Table(catalog_with(spun))
    table.grant("spins")
    table.free_spin(30)
    table.pass_days(3)
    assert table.money() == (0, 0)
    table.free_spin(40)
    assert [grant.balance for grant in table.state.grants] == [40]
    assert len(table.state.ended_grants) == 1


def test_expiry_takes_unused_spins_and_leaves_the_money() -> None:
    table = package()
    table.free_spin(30)
    table.pass_days(7)
    assert table.events == ["FreeSpinsExpired"]
    assert (table.state.packages, table.money()) == ([], (0, 30))
    assert table.refused(Spin("book", "freespin")).code == "no_free_spins"


def test_expiry_waits_for_the_open_round() -> None:
    table = package()
    session = table.free_spin().session_id
    table.pass_days(8)
    assert table.state.packages[0].remaining == 2
    assert table.refused(Spin("book", "freespin")).code == "round_open"
    table.do(Result(session, 30))
    assert table.events == ["GrantCreated", "WinCredited", "FreeSpinsExpired", "GrantActivated"]
    assert table.money() == (0, 30)


def test_cancel_gives_the_spin_back() -> None:
    table = package(count=1)
    session = table.free_spin().session_id
    answer = table.do(CancelRound(session))
    assert (answer.state, answer.remaining_spins) == ("cancelled", 1)
    table.free_spin(0)


def test_rollback_takes_the_win_and_gives_the_spin_back() -> None:
    table = package(count=2, max_win={"EUR": 100})
    table.free_spin(60)
    table.free_spin(70, key="gs:last")
    [grant] = table.state.grants
    assert (grant.amount, grant.remaining_wager) == (100, 2_000)
    table.do(Rollback("gs:last"))
    [used] = table.state.packages
    assert (used.remaining, used.won) == (1, 60)
    assert (grant.amount, grant.balance, grant.remaining_wager, grant.wager_total) == (60, 60, 1_200, 1_200)


@pytest.mark.parametrize("open_round", [True, False])
def test_wagering_done_for_winnings_rolled_back_since_is_not_asked_for_again(open_round: bool) -> None:
    """30 won need 30 of wagering; the 20 counted go back only as far as the 10 that the other win still needs."""
    table = package(count=3, multiplier=1, real=1_000)
    table.free_spin(20, key="gs:spin")
    table.free_spin(10)
    bet = table.spin(20, None if open_round else 0, key="gs:bet").session_id
    table.do(Rollback("gs:spin"))
    [grant] = table.state.grants
    assert (grant.remaining_wager, grant.wager_total, grant.balance) == (0, 10, 10)
    table.do(CancelRound(bet) if open_round else Rollback("gs:bet"))
    assert (grant.remaining_wager, grant.wager_total, table.money()) == (10, 10, (1_000, 10))


def test_rollback_of_a_spin_of_an_expired_package_loses_the_spin() -> None:
    table = package()
    table.free_spin(30, key="gs:spin")
    table.pass_days(7)
    table.do(Rollback("gs:spin"))
    assert table.events == ["RoundReversed", "GrantExhausted"]
    assert (table.state.packages, table.money()) == ([], (0, 0))


def test_used_up_packages_are_bounded() -> None:
    table = Table(catalog_with(campaign("spins", free_spins=spins(1))))
    for _ in range(ENDED_PACKAGES_MAX + 2):
        table.grant("spins")
        table.free_spin(0)
    assert len(table.state.packages) == ENDED_PACKAGES_MAX


def test_winnings_wagered_for_complete_when_package_and_grant_are_over_at_the_same_instant() -> None:
    spun = campaign("spins", free_spins=spins(2, 1, valid_days=2), wager=wager(1, valid_days=2))
    table = Table(catalog_with(spun))
    table.grant("spins")
    table.free_spin(30)
    table.spin(30, 30)
    table.pass_days(2)
    assert table.events == ["FreeSpinsExpired", "BonusRedeemed"]
    assert table.money() == (30, 0)


def test_winnings_expire_at_their_date_although_a_free_spin_is_open_and_its_win_opens_a_new_grant() -> None:
    spun = campaign("spins", free_spins=spins(2, 20, valid_days=20), wager=wager(1, valid_days=5))
    table = Table(catalog_with(spun))
    table.grant("spins")
    table.free_spin(100)
    session = table.free_spin().session_id
    table.pass_days(6)
    assert [grant.state for grant in table.state.ended_grants] == ["expired"]
    table.do(Result(session, 70))
    assert [(grant.balance, grant.remaining_wager) for grant in table.state.grants] == [(70, 1_400)]
