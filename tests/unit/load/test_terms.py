"""The terms as the load test reads them from the catalog's files."""

from fractions import Fraction
from pathlib import Path

import pytest

from tests.load.settings import SHIPPED_CATALOG
from tests.load.terms import Campaign, Shelf, Wager, read_shelf


@pytest.fixture(scope="module")
def shelf() -> Shelf:
    return read_shelf(SHIPPED_CATALOG)


@pytest.mark.parametrize(("deposit", "bonus"), [(1_000, 1_000), (9_999, 9_999), (25_000, 10_000)])
def test_the_welcome_bonus_doubles_a_deposit_up_to_its_maximum(shelf: Shelf, deposit: int, bonus: int) -> None:
    campaign = shelf.campaigns["welcome-100"]
    assert campaign.bonus(deposit) == bonus
    assert campaign.wager.due(bonus, campaign.matched(deposit)) == 35 * bonus


@pytest.mark.parametrize(("deposit", "bonus", "due"), [(2_000, 1_000, 60_000), (20_000, 5_000, 20 * 15_000)])
def test_the_second_deposit_is_wagered_as_far_as_it_was_matched(
    shelf: Shelf, deposit: int, bonus: int, due: int
) -> None:
    campaign = shelf.campaigns["second-deposit-50"]
    assert (campaign.bonus(deposit), campaign.wager.due(bonus, campaign.matched(deposit))) == (bonus, due)


@pytest.mark.parametrize(
    ("campaign", "game", "percent"),
    [
        ("app-gift-3", "nine-lanterns", 100),  # the campaign's, for the game
        ("app-gift-3", "classic-blackjack", 0),  # the campaign's, for the type
        ("welcome-100", "nine-lanterns", 50),  # the game's own
        ("welcome-100", "book-of-dunes", 100),  # that of the type
        ("welcome-100", "vault-exclusive", 0),  # excluded
    ],
)
def test_the_first_contribution_that_is_set_counts(shelf: Shelf, campaign: str, game: str, percent: int) -> None:
    assert shelf.campaigns[campaign].wager.counts[game] == percent


def test_a_stake_may_be_given_for_each_currency(shelf: Shelf) -> None:
    assert (shelf.games["neon-orchard"], shelf.games["classic-blackjack"]) == (20, 100)


def test_a_campaign_without_a_trigger_awards_nothing(shelf: Shelf) -> None:
    assert "double-points" not in shelf.campaigns
    assert len(shelf.campaigns) == len(list(Path(SHIPPED_CATALOG / "campaigns").glob("*.yaml"))) - 1


def test_what_is_due_is_rounded_up() -> None:
    wager = Wager(times=Fraction("1.5"), with_deposit=False, bet_min=0, cashout_max=None, counts={})
    campaign = Campaign("c", 1, 0, 50, 10_000, 0, wager, None)
    assert (campaign.bonus(3), wager.due(1, 2), wager.due(2, 0)) == (1, 2, 3)
