"""Rules §4 and §6: who gets what from a campaign."""

from typing import Any

import pytest

from engine.catalog import BonusAward, Campaign, Eligibility
from engine.commands import Deposit, GrantCampaign, Register
from engine.state import LIVE_GRANTS_MAX
from tests.support.playing import DAY_MS, END_MS, START_MS, Table, campaign, catalog_with, match, spins, wager


@pytest.mark.parametrize(
    ("deposit", "percent", "cap", "basis", "bonus", "to_wager"),
    [
        (5_000, 100, 10_000, "bonus", 5_000, 175_000),
        (15_000, 100, 10_000, "bonus", 10_000, 350_000),
        (15_000, 100, 10_000, "bonus_plus_deposit", 10_000, 700_000),
        (15_000, 100, None, "bonus_plus_deposit", 15_000, 1_050_000),
        (333, 50, 10_000, "bonus", 166, 5_810),
        (333, 50, 10_000, "bonus_plus_deposit", 166, (166 + 332) * 35),
        (1_000, 200, 300, "bonus_plus_deposit", 300, (300 + 150) * 35),
        (1_000, 300, 100, "bonus_plus_deposit", 100, (100 + 34) * 35),
    ],
)
def test_first_deposit_match(
    deposit: int, percent: int, cap: int | None, basis: Any, bonus: int, to_wager: int
) -> None:
    table = Table(catalog_with(match(percent, cap, wager=wager(35, basis=basis))))
    answer = table.do(Deposit(deposit))
    assert (answer.nth, answer.deposit_id, answer.balance.real, answer.balance.bonus) == (1, "d2", deposit, bonus)
    [grant] = table.state.grants
    assert (grant.amount, grant.remaining_wager, grant.deposit_id) == (bonus, to_wager, "d2")
    assert [(g.campaign_id, g.grant_id, g.amount) for g in answer.granted] == [("welcome", "g2-1", bonus)]


def test_only_the_first_deposit_and_the_chance_does_not_come_back() -> None:
    offer = match(100, eligibility=Eligibility(min_deposit={"EUR": 1_000}))
    table = Table(catalog_with(offer), real=999)
    assert table.do(Deposit(5_000)).granted == ()
    assert Table(catalog_with(offer), real=1_000).state.awarded == {"welcome": 1}


def test_all_matching_campaigns_in_order_of_their_ids() -> None:
    both = match(100, campaign_id="b", free_spins=spins(5), wager=wager(35))
    gift = campaign("a", 50, trigger="first_deposit", wager=wager(1))
    table = Table(catalog_with(both, gift))
    granted = table.do(Deposit(100)).granted
    assert [(g.campaign_id, g.grant_id, g.amount, g.package_id, g.free_spins) for g in granted] == [
        ("a", "g2-1", 50, None, 0),
        ("b", "g2-2", 100, "p2-2", 5),
    ]
    assert [grant.state for grant in table.state.grants] == ["in_wager", "granted"]
    assert table.state.awarded == {"a": 1, "b": 1}


def test_a_manual_grant() -> None:
    table = Table(catalog_with(campaign(fixed=500, free_spins=spins(5), wager=wager(10, valid_days=2))))
    answer = table.do(GrantCampaign("gift", "sorry"))
    assert (answer.granted.grant_id, answer.granted.package_id, answer.balance.bonus) == ("g2-1", "p2-1", 500)
    assert table.events == ["GrantCreated", "FreeSpinsGranted", "GrantActivated"]
    [grant], [package] = table.state.grants, table.state.packages
    assert (grant.valid_to_ms, package.valid_to_ms) == (START_MS + 2 * DAY_MS, START_MS + 7 * DAY_MS)
    assert table.state.awarded == {"gift": 1}


def test_an_unknown_campaign() -> None:
    assert Table().refused(GrantCampaign("gift", "r")).code == "campaign_not_found"


@pytest.mark.parametrize(
    ("offer", "why"),
    [
        (campaign(fixed=1, trigger="first_deposit"), "not by hand"),
        (match(100, campaign_id="gift", trigger="manual"), "matches a deposit"),
        (campaign(fixed=1, valid_from_ms=START_MS + 1), "not running"),
        (campaign(fixed=1, valid_to_ms=START_MS), "not running"),
        (campaign(bonus=BonusAward(fixed={"JPY": 100})), "amounts in EUR"),
        (campaign(free_spins=spins(5, bet={"JPY": 100})), "amounts in EUR"),
        (campaign(fixed=1, wager=wager(1, max_bet={"JPY": 5})), "amounts in EUR"),
        (campaign(fixed=0), "worth nothing"),
        (campaign(fixed=1, eligibility=Eligibility(countries_deny=("FI",))), "country FI"),
        (campaign(fixed=1, eligibility=Eligibility(countries_allow=("SE",))), "country FI"),
        (campaign(fixed=1, eligibility=Eligibility(segments=("vip",))), "segments"),
        (campaign(fixed=1, eligibility=Eligibility(players=("p2",))), "personal"),
        (campaign(fixed=1, eligibility=Eligibility(currencies=("JPY",))), "EUR"),
    ],
)
def test_not_eligible(offer: Campaign, why: str) -> None:
    refusal = Table(catalog_with(offer)).refused(GrantCampaign("gift", "r"))
    assert refusal.code == "not_eligible"
    assert why in refusal.detail


@pytest.mark.parametrize(
    "rule",
    [
        Eligibility(countries_deny=("US",)),
        Eligibility(countries_allow=("FI", "SE")),
        Eligibility(segments=("vip", "new")),
        Eligibility(players=("p1",)),
        Eligibility(currencies=("EUR",), min_deposit={"EUR": 10**6}),
    ],
)
def test_eligible(rule: Eligibility) -> None:
    table = Table(catalog_with(campaign(fixed=1, eligibility=rule, wager=wager(1))))
    table.do(Register("EUR", segments=("new", "tall")))
    table.grant()


def test_without_a_country_an_allow_list_fails_and_a_deny_list_passes() -> None:
    allow = campaign("allow", 1, eligibility=Eligibility(countries_allow=("FI",)))
    deny = campaign("deny", 1, eligibility=Eligibility(countries_deny=("FI",)))
    table = Table(catalog_with(allow, deny))
    table.player.state.country = table.shadow.state.country = None
    assert table.refused(GrantCampaign("allow", "r")).code == "not_eligible"
    table.grant("deny")


def test_per_player() -> None:
    table = Table(catalog_with(campaign(fixed=1, per_player=2)))
    table.grant()
    table.grant()
    assert "limit" in table.refused(GrantCampaign("gift", "r")).detail


def test_a_campaign_runs_until_its_last_millisecond() -> None:
    table = Table(catalog_with(campaign(fixed=1)))
    table.now = END_MS - 1
    table.grant()
    table.now = END_MS
    assert table.refused(GrantCampaign("gift", "r")).code == "not_eligible"


def test_live_grants_are_bounded() -> None:
    table = Table(catalog_with(campaign(fixed=1, wager=wager(1))))
    for _ in range(LIVE_GRANTS_MAX):
        table.grant()
    assert table.refused(GrantCampaign("gift", "r")).code == "overloaded"
