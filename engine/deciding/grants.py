"""Deposits, manual grants, bonus codes and silence, without their awards, which `awarding` adds (rules §6)."""

from engine.amounts import to_micro_eur
from engine.awarding.awarding import no_place
from engine.awarding.eligibility import refusal_reason
from engine.awarding.triggers import Proposal, eligible, with_code
from engine.awarding.worth import worth
from engine.calendar import DAY_MS
from engine.catalog import Campaign, Catalog
from engine.commands import Command, Deposit, EnterCode, GrantCampaign, Inactive
from engine.deciding.declaring import decides
from engine.events import DepositMade, SilenceNoticed
from engine.expiry import is_running
from engine.rejections import CAMPAIGN_NOT_FOUND, CODE_NOT_FOUND, INVALID_STATE, NOT_ELIGIBLE, Rejection
from engine.state import TURNOVER_MAX, Player, PlayerState
from engine.transition import Decision


@decides(Deposit, while_blocked=False, converts=True)
def deposit(player: Player, catalog: Catalog, command: Command, body: Deposit) -> Decision:
    """Credits real money. For the deposit total it is converted to EUR once, up to a bound (rules §2.7, §6)."""
    state = player.state
    micro_eur = to_micro_eur(body.amount, catalog.currencies[state.currency])
    return [
        DepositMade(
            deposit_id=f"d{state.version + 1}",
            amount=body.amount,
            nth=state.deposits + 1,
            payment_instrument=body.payment_instrument,
            ip=body.ip,
            device=body.device,
            ip_country=command.facts.ip_country,
            micro_eur=min(micro_eur, TURNOVER_MAX - state.deposited_micro),
        )
    ]


@decides(GrantCampaign, while_blocked=False)
def grant_campaign(player: Player, catalog: Catalog, command: Command, body: GrantCampaign) -> Decision:
    """An operator's grant: `campaign_not_found`, or `not_eligible` with the reason in `detail`."""
    state = player.state
    campaign = catalog.campaigns.get(body.campaign_id)
    if campaign is None:
        return Rejection(CAMPAIGN_NOT_FOUND, f"There is no campaign {body.campaign_id!r} in the catalog.")
    reason = _not_manual(campaign) or refusal_reason(state, catalog, campaign, command.time_ms, None)
    return _grantable(state, catalog, campaign, reason)


def _not_manual(campaign: Campaign) -> str | None:
    if campaign.trigger != "manual":
        return f"it is triggered by {campaign.trigger}, not by hand"
    if campaign.type == "deposit_match" and (campaign.bonus is None or not campaign.bonus.fixed):
        return "it matches a deposit, and there is none"
    if campaign.type == "points_multiplier":
        return "it multiplies points and grants nothing"
    return None


@decides(EnterCode, while_blocked=False)
def enter_code(player: Player, catalog: Catalog, command: Command, body: EnterCode) -> Decision:
    """A bonus code.

    `code_not_found`: no campaign has it; `not_eligible`: it isn't for this player, now (rules §6).
    """
    state = player.state
    campaigns = with_code(catalog, body.code)
    if not campaigns:
        return Rejection(CODE_NOT_FOUND, f"There is no bonus code {body.code!r}.")
    matched = eligible(state, catalog, campaigns, command.time_ms)
    if matched:
        return _grantable(state, catalog, matched[0].campaign, None)
    running = [campaign for campaign in campaigns if is_running(campaign, command.time_ms)]
    told = (running or campaigns)[0]
    return _grantable(state, catalog, told, refusal_reason(state, catalog, told, command.time_ms, None))


def _grantable(state: PlayerState, catalog: Catalog, campaign: Campaign, reason: str | None) -> Decision:
    """No events if a campaign that somebody asked for by name can be granted.

    Else the refusal says why not.
    """
    if reason is None and worth(state, catalog, Proposal(campaign)) is None:
        reason = "its award is worth nothing"
    if reason is not None:
        return Rejection(NOT_ELIGIBLE, f"Campaign {campaign.campaign_id} can't be granted: {reason}.")
    return no_place(state) or []


@decides(Inactive, while_blocked=False)
def inactive(player: Player, catalog: Catalog, command: Command, body: Inactive) -> Decision:
    """Due work: the player has been silent for more than the campaign's days; otherwise `invalid_state`.

    It is refused and not ignored, because an ignored command would be remembered, and its id could not be used again.
    """
    state = player.state
    campaign = catalog.campaigns.get(body.campaign_id)
    if campaign is None or campaign.trigger != "inactive":
        return Rejection(CAMPAIGN_NOT_FOUND, f"No campaign {body.campaign_id!r} waits for silence.")
    had = state.silence_fired.get(campaign.campaign_id) == state.active_ms
    if had or command.time_ms <= state.active_ms + (campaign.condition.days or 0) * DAY_MS:
        return Rejection(
            INVALID_STATE,
            f"Player {state.player_id} has not been silent for so long, or this silence was noticed before.",
        )
    return [SilenceNoticed(campaign.campaign_id, state.active_ms)]
