"""Rules §4 and §5: which terms hold for a grant, from when on, and for what they are never asked."""

from typing import Any

import pytest
from msgspec.structs import replace

from engine.catalog import BonusAward
from engine.commands import CancelGrant, CancelRound, ClaimGrant, Deposit, GrantCampaign, Result, Rollback, Spin
from engine.state import LIVE_GRANTS_MAX
from tests.support.playing import DAY_MS, MILLION, Table, campaign, catalog_with, match, spins, wager

# --- frozen when the grant is created, which may be long before it is granted


def offer(fixed: int, multiplier: int, max_bet: int, days: int) -> Any:
    """Has to be claimed within 20 days."""
    terms = wager(multiplier, max_bet={"EUR": max_bet}, valid_days=days)
    package = spins(fixed // 100, multiplier, valid_days=days)
    return campaign(fixed=fixed, opt_in=True, claim_days=20, free_spins=package, wager=terms)


def test_an_offer_keeps_its_terms_although_it_is_claimed_under_another_catalog() -> None:
    """Offered: 5.00 to wager 35 times at 5.00 a bet for 30 days, 5 spins. Deployed since: 1.00, 99 times, for a day."""
    table = Table(catalog_with(offer(500, 35, 500, 30)), 1_000)
    grant_id = table.grant().grant_id
    table.catalog = catalog_with(offer(100, 99, 10, 1))
    table.now += 3 * DAY_MS
    table.do(ClaimGrant(grant_id))
    [grant], [package] = table.state.grants, table.state.packages
    assert (grant.balance, grant.remaining_wager, grant.terms.max_bet) == (500, 17_500, 500)
    assert grant.valid_to_ms == package.valid_to_ms == table.now + 30 * DAY_MS
    assert (package.remaining, package.wager_multiplier_micro) == (5, 35 * MILLION)
    assert table.spin(500, 0).wagering.counted == 500


def test_an_offer_outlives_its_campaign_s_removal() -> None:
    table = Table(catalog_with(offer(500, 35, 500, 30)))
    grant_id = table.grant().grant_id
    table.catalog = catalog_with()
    assert table.do(ClaimGrant(grant_id)).state == "in_wager"


# --- what is due, rounded


@pytest.mark.parametrize(
    ("bonus", "multiplier", "due"),
    [
        (500, 35_000_000, 17_500),
        (333, 500_000, 167),  # 166.5
        (1, 1, 1),  # a millionth of a cent
        (333, 1_333_333, 444),  # 443.999889
        (1_000, 0, 0),
    ],
)
def test_what_has_to_be_wagered_is_rounded_up(bonus: int, multiplier: int, due: int) -> None:
    terms = replace(wager(0), multiplier_micro=multiplier)
    table = Table(catalog_with(campaign(fixed=bonus, wager=terms)))
    table.grant()
    [grant] = table.state.grants or table.state.ended_grants
    assert grant.wager_total == due


@pytest.mark.parametrize(
    ("deposit", "percent_micro", "bonus"),
    [(1_000, 100_000_000, 1_000), (999, 33_333_333, 332), (1, 99_999_999, 0), (199, 50_000_000, 99)],
)
def test_a_match_is_rounded_down_and_a_match_of_nothing_is_no_award(
    deposit: int, percent_micro: int, bonus: int
) -> None:
    """999 × 33.333333 % = 332.99; 1 × 99.999999 % = 0.99."""
    offered = match(1, wager=wager(1))
    offered = replace(offered, bonus=BonusAward(match_percent_micro=percent_micro, max={"EUR": 5_000}))
    table = Table(catalog_with(offered), deposit)
    assert [grant.amount for grant in table.state.grants] == ([bonus] if bonus else [])


# --- max_bet is a term of the grant in wager alone


def queued_behind(max_bet: int) -> Table:
    """The first grant has no `max_bet`; the one behind it has."""
    strict = campaign("strict", 1_000, wager=wager(1, max_bet={"EUR": max_bet}))
    table = Table(catalog_with(campaign(fixed=1_000, wager=wager(1)), strict), 5_000)
    table.grant()
    table.grant("strict")
    return table


def test_a_queued_grant_limits_no_bet_until_it_is_in_wager() -> None:
    table = queued_behind(max_bet=200)
    table.spin(1_000, 1_000)
    assert [grant.campaign_id for grant in table.state.grants] == ["strict"]
    assert table.refused(Spin("book", "real", 201)).code == "bonus_max_bet"
    assert table.spin(200, 200).wagering.remaining == 800


def test_max_bet_holds_for_real_money_and_for_every_game() -> None:
    """Half of what is counted may come from real money: the limit would be idle otherwise."""
    terms = wager(10, max_bet={"EUR": 200}, excluded_games=("vault",), excluded_policy="real_only")
    table = Table(catalog_with(campaign(fixed=1_000, wager=terms)), 5_000)
    table.grant()
    assert table.refused(Spin("vault", "real", 201)).code == "bonus_max_bet"
    assert table.spin(200, 0, "vault").wagering.counted == 0


def test_a_bet_that_is_too_large_to_count_still_opens_a_round_that_pays() -> None:
    terms = wager(10, max_bet={"EUR": 200}, over_max_bet="not_counted")
    table = Table(catalog_with(campaign(fixed=1_000, wager=terms)))
    table.grant()
    answer = table.spin(500, 700)
    assert (answer.funds_bonus, answer.wagering.counted, table.money()) == (500, 0, (0, 1_200))


# --- the next in the queue


@pytest.mark.parametrize("end", ["expired", "cancelled", "exhausted"])
def test_however_the_one_in_wager_ends_the_next_takes_its_place_at_once(end: str) -> None:
    first = campaign("first", 100, wager=wager(99, valid_days=2))
    table = Table(catalog_with(first, campaign("next", 300, wager=wager(5))))
    held = table.grant("first").grant_id
    table.grant("next")
    if end == "expired":
        table.pass_days(2)
    elif end == "cancelled":
        table.do(CancelGrant(held))
    else:
        table.spin(100, 0)
    [ended], [following] = table.state.ended_grants, table.state.grants
    assert (ended.state, ended.exhausted) == (("completed", True) if end == "exhausted" else (end, False))
    assert (following.campaign_id, following.state, following.remaining_wager) == ("next", "in_wager", 1_500)


# --- winnings of free spins: the campaign's terms, the package's multiplier


def won(**terms: Any) -> Table:
    """2 spins; 40.00 won with the first, to be wagered twice."""
    spun = campaign("spins", free_spins=spins(2, 2), wager=wager(99, valid_days=30, **terms))
    table = Table(catalog_with(spun), 10_000)
    table.grant("spins")
    table.free_spin(4_000)
    return table


def test_winnings_have_the_campaign_s_terms_and_the_package_s_multiplier() -> None:
    table = won(max_bet={"EUR": 500}, min_bet={"EUR": 100}, excluded_games=("vault",), contribution_types={"table": 10})
    assert table.state.grants[0].remaining_wager == 8_000
    assert table.refused(Spin("book", "real", 501)).code == "bonus_max_bet"
    counted = [table.spin(bet, 0, game).wagering.counted for bet, game in [(99, "book"), (500, "vault"), (500, "dice")]]
    assert counted == [0, 0, 50]


def test_winnings_are_capped_when_they_are_cashed_out() -> None:
    table = won(max_cashout={"EUR": 1_500})
    table.free_spin(0)
    for _ in range(8):
        table.spin(1_000, 1_000)
    [grant] = table.state.ended_grants
    assert (grant.released, grant.removed, table.money()) == (1_500, 2_500, (11_500, 0))


def test_winnings_of_low_stakes_are_held() -> None:
    table = won(min_average_bet={"EUR": 1_000})
    table.free_spin(0)
    for _ in range(16):
        table.spin(500, 500)
    assert (table.state.grants[0].held, table.money()) == ("min_average_bet", (10_000, 4_000))


def test_winnings_that_are_paid_out_need_no_room_among_the_grants() -> None:
    """64 live grants are the bound; a multiplier of 0 pays the real wallet and opens none."""
    table = Table(catalog_with(campaign(fixed=1, wager=wager(1)), campaign("paid", free_spins=spins(1, 0))))
    table.grant("paid")
    for _ in range(LIVE_GRANTS_MAX):
        table.grant()
    assert table.free_spin(70).balance.real == 70


def test_winnings_that_need_a_grant_wait_until_there_is_room_for_one() -> None:
    """Repeating the spin alone doesn't help: the refusal says that something must end first."""
    table = Table(catalog_with(campaign(fixed=1, wager=wager(1)), campaign("paid", free_spins=spins(1, 1))))
    table.grant("paid")
    for _ in range(LIVE_GRANTS_MAX):
        table.grant()
    refused = table.refused(Spin("book", "freespin"), key="spin")
    assert (refused.code, refused.fields) == ("overloaded", {"action": "refresh"})
    table.do(CancelGrant(table.state.grants[0].grant_id))
    assert table.free_spin(70, key="spin").balance.bonus == LIVE_GRANTS_MAX - 1 + 70


# --- a game that is gone (rules §3: settlements work whatever has become of the game)


def test_rounds_on_a_game_that_is_gone_are_settled_and_take_no_more_stakes() -> None:
    table = Table(catalog_with(), 1_000)
    settled, undone = table.spin(100).session_id, table.spin(100, game_id="dice", key="gs:dice").session_id
    table.spin(100, 50, game_id="wheel", key="gs:wheel")
    table.catalog = replace(table.catalog, games={})
    assert table.refused(Spin("vault", "real", 10)).code == "unknown_game"
    assert table.do(Result(settled, 300)).state == "closed"
    assert table.do(CancelRound(undone)).state == "cancelled"
    assert table.do(Rollback("gs:wheel")).status == "rolled_back"
    assert table.money() == (1_200, 0)


# --- one key, one award


def test_a_repeated_deposit_or_grant_awards_once() -> None:
    table = Table(catalog_with(match(100, 5_000, wager=wager(1)), campaign(fixed=300, wager=wager(1))))
    first = table.do(Deposit(1_000), key="pms:d")
    granted = table.do(GrantCampaign("gift", "sorry"), key="mm:g")
    assert table.again(Deposit(1_000), key="pms:d") == first
    assert table.again(GrantCampaign("gift", "sorry"), key="mm:g") == granted
    assert (table.money(), table.state.awarded) == ((1_000, 1_300), {"welcome": 1, "gift": 1})
