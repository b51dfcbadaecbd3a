"""Whether a campaign is for this player, now (rules §6)."""

from engine.catalog import Amounts, Campaign, Catalog, Eligibility
from engine.expiry import is_running
from engine.holdings import award_key
from engine.loyalty.ladder import level_of
from engine.state import PlayerState


def refusal_reason(
    state: PlayerState,
    catalog: Catalog,
    campaign: Campaign,
    time_ms: int,
    deposit: int | None,
    climbed: str | None = None,
) -> str | None:
    """Why the campaign doesn't match, in words; None if it does. `deposit` is the amount that triggers it, if any.

    `climbed` is the level whose climbing triggers it: it counts once per level, and for a player of that level.
    """
    if not is_running(campaign, time_ms):
        return "it is not running now"
    if state.awarded.get(award_key(campaign.campaign_id, climbed), 0) >= campaign.per_player:
        return f"the player has had it {campaign.per_player} time(s), which is the limit"
    if not all(state.currency in amounts for amounts in _amounts(campaign) if amounts):
        return f"it has no amounts in {state.currency}"
    return not_for_player(state, campaign.eligibility, deposit, climbed or level_of(catalog, state))


def not_for_player(state: PlayerState, rule: Eligibility, deposit: int | None, level: str) -> str | None:
    """As `refusal_reason`, by the campaign's `eligibility` alone, for a player of `level`; "": there is no ladder."""
    if rule.players and state.player_id not in rule.players:
        return "it is a personal offer to others"
    if rule.countries_allow and state.country not in rule.countries_allow:
        return f"it is not offered in country {state.country}"
    if state.country is not None and state.country in rule.countries_deny:
        return f"it is not offered in country {state.country}"
    if rule.segments and not set(rule.segments) & set(state.segments):
        return "it is for segments the player is not in"
    if rule.currencies and state.currency not in rule.currencies:
        return f"it is not offered in {state.currency}"
    if rule.levels and level and level not in rule.levels:
        return f"it is not for level {level}"
    if deposit is not None and deposit < rule.min_deposit.get(state.currency, 0):
        return f"it needs a deposit of at least {rule.min_deposit[state.currency]}"
    return None


def _amounts(campaign: Campaign) -> list[Amounts]:
    """All amounts per currency in the campaign. If one lacks the player's currency, the campaign doesn't match."""
    found = [campaign.eligibility.min_deposit]
    if campaign.bonus is not None:
        found += [campaign.bonus.fixed, campaign.bonus.max]
    if campaign.free_spins is not None:
        found += [campaign.free_spins.bet, campaign.free_spins.max_win]
    if campaign.wager is not None:
        wager = campaign.wager
        found += [wager.min_bet, wager.max_bet, wager.max_cashout, wager.min_average_bet]
    return found
