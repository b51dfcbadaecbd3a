"""Deposits with what they trigger, and manual grants of campaigns (rules §4, §5, §6)."""

from engine.catalog import Campaign, Catalog
from engine.commands import Command, Deposit, GrantCampaign
from engine.deciding.awards import award
from engine.deciding.decision import Decision
from engine.deciding.eligibility import refusal_reason
from engine.events import AnyEvent, DepositMade
from engine.rejections import CAMPAIGN_NOT_FOUND, NOT_ELIGIBLE, OVERLOADED, Rejection
from engine.state import LIVE_GRANTS_MAX, Player, PlayerState


def deposit(player: Player, catalog: Catalog, command: Command, body: Deposit) -> Decision:
    """Credits real money, then fires `first_deposit` campaigns in order of their ids (rules §6)."""
    state = player.state
    nth = state.deposits + 1
    deposit_id = f"d{state.version + 1}"
    events: list[AnyEvent] = [DepositMade(deposit_id, body.amount, nth, body.payment_instrument, body.ip, body.device)]
    matched = _first_deposit_campaigns(state, catalog, command.time_ms, body.amount) if nth == 1 else []
    if matched and _full(state, len(matched)):
        return _too_many()
    for number, campaign in enumerate(matched, 1):
        events += award(state, campaign, number, command.time_ms, "first_deposit", (deposit_id, body.amount))
    return events


def _first_deposit_campaigns(state: PlayerState, catalog: Catalog, time_ms: int, amount: int) -> list[Campaign]:
    """A trigger that fails a condition simply doesn't match and leaves no record."""
    return [
        campaign
        for _, campaign in sorted(catalog.campaigns.items())
        if campaign.trigger == "first_deposit" and refusal_reason(state, campaign, time_ms, amount) is None
    ]


def grant_campaign(player: Player, catalog: Catalog, command: Command, body: GrantCampaign) -> Decision:
    """An operator's grant: `campaign_not_found`, or `not_eligible` with the reason in `detail`."""
    state = player.state
    campaign = catalog.campaigns.get(body.campaign_id)
    if campaign is None:
        return Rejection(CAMPAIGN_NOT_FOUND, f"There is no campaign {body.campaign_id!r} in the catalog.")
    reason = _not_manual(campaign) or refusal_reason(state, campaign, command.time_ms, None)
    if reason is not None:
        return Rejection(NOT_ELIGIBLE, f"Campaign {campaign.campaign_id} can't be granted: {reason}.")
    if _full(state, 1):
        return _too_many()
    events = award(state, campaign, 1, command.time_ms, "manual", None)
    if not events:
        return Rejection(NOT_ELIGIBLE, f"Campaign {campaign.campaign_id} can't be granted: its award is worth nothing.")
    return events


def _not_manual(campaign: Campaign) -> str | None:
    if campaign.trigger != "manual":
        return f"it is triggered by {campaign.trigger}, not by hand"
    if campaign.type == "deposit_match" and (campaign.bonus is None or not campaign.bonus.fixed):
        return "it matches a deposit, and there is none"
    return None


def _full(state: PlayerState, more: int) -> bool:
    """Whether `more` awards, each a grant and a package at most, would pass the bound on live ones."""
    packages = sum(1 for package in state.packages if package.remaining)
    return max(len(state.grants), packages) + more > LIVE_GRANTS_MAX


def _too_many() -> Rejection:
    return Rejection(OVERLOADED, f"The player has too many live grants or packages; at most {LIVE_GRANTS_MAX}.")
