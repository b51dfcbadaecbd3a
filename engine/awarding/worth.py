"""What a campaign's award becomes for one player: a grant, a free spin package, or both (rules §4, §5, §6)."""

from typing import NamedTuple

from msgspec.structs import replace

from engine.amounts import MICRO, percent_floor, times_ceil, times_floor, to_micro_eur
from engine.awarding.gate import Ruling
from engine.awarding.triggers import Proposal
from engine.calendar import DAY_MS, end_of
from engine.catalog import BonusAward, Campaign, Catalog, FreeSpinAward, WagerTerms
from engine.events import AnyEvent, FreeSpinsGranted, GrantCreated
from engine.expiry import begun, grant_ends_ms
from engine.loyalty.privileges import privileges_of
from engine.state import FreeSpinPackage, Grant, GrantTerms, PlayerState
from engine.workflow import STANDARD, copied, find_step, path
from engine.workflow.steps import told

_NO_WAGER = WagerTerms(multiplier_micro=0)


class Worth(NamedTuple):
    """An award in numbers: `bonus`, and `matched`, the part of the deposit that it matches, in minor units; two values
    in micro-EUR.

    `value_micro_eur` is bonus money and the face value of the free spins (rules §6).
    """

    bonus: int
    matched: int
    bonus_micro_eur: int
    value_micro_eur: int


def worth(state: PlayerState, catalog: Catalog, proposal: Proposal) -> Worth | None:
    """What the award is worth to this player; None if it is worth nothing.

    The level's multiplier applies after `max` (rules §4).
    """
    campaign, currency = proposal.campaign, catalog.currencies[state.currency]
    deposited = proposal.deposit[1] if proposal.deposit is not None else 0
    bonus, matched, face = proposal.amount or 0, 0, 0
    if campaign.bonus is not None and proposal.amount is None:
        bonus, matched = _amount(campaign.bonus, state.currency, deposited)
        bonus = times_floor(bonus, privileges_of(catalog, state, proposal.climbed).bonus_multiplier_micro)
    if campaign.free_spins is not None:
        face = campaign.free_spins.count * campaign.free_spins.bet[state.currency]
    if not bonus and campaign.free_spins is None:
        return None
    bonus_micro_eur = to_micro_eur(bonus, currency)
    return Worth(bonus, matched, bonus_micro_eur, bonus_micro_eur + to_micro_eur(face, currency))


def award(
    state: PlayerState,
    catalog: Catalog,
    proposal: Proposal,
    value: Worth,
    ruling: Ruling,
    number: int,
    time_ms: int,
) -> list[AnyEvent]:
    """The events of one award, the `number`th of its command: granted, waiting as initiated, or declined.

    The workflow's transitions on `matched` decide which. An award of free spins alone that is granted at once needs no
    grant.
    """
    campaign = proposal.campaign
    draft = _draft(
        state=state, catalog=catalog, proposal=proposal, value=value, ruling=ruling, number=number, time_ms=time_ms
    )
    package = None
    if campaign.free_spins is not None:
        package = _package(state, campaign, campaign.free_spins, number, value.bonus > 0, proposal.climbed)
    move = find_step(state, draft, "matched", time_ms)
    if move is None:
        return [GrantCreated(replace(draft, pending=package))]
    if move.target != "granted":
        ended = replace(draft, state=move.target, ended_ms=time_ms)
        return [GrantCreated(ended), *told(draft, move)]
    events: list[AnyEvent] = []
    if value.bonus:
        valid_to_ms = grant_ends_ms(time_ms, draft.valid_ms, draft.campaign_valid_to_ms)
        granted = replace(draft, state="granted", balance=draft.amount, valid_to_ms=valid_to_ms)
        events.append(GrantCreated(granted))
    if package is not None:
        events.append(FreeSpinsGranted(begun(package, time_ms), not events, None if events else ruling.reservation))
    return [*events, *told(draft, move)]


def _draft(
    state: PlayerState,
    catalog: Catalog,
    proposal: Proposal,
    value: Worth,
    ruling: Ruling,
    number: int,
    time_ms: int,
) -> Grant:
    """The grant as `initiated`, with terms and workflow frozen from now on."""
    campaign = proposal.campaign
    wager = campaign.wager or _NO_WAGER
    base = value.bonus + value.matched if wager.basis == "bonus_plus_deposit" else value.bonus
    total = times_ceil(base, wager.multiplier_micro)
    workflow = copied(catalog.workflows.get(campaign.workflow, STANDARD))
    named = path(workflow).names
    redemption_id, points = proposal.redeemed or (None, 0)
    return Grant(
        grant_id=f"g{state.version + 1}-{number}",
        campaign_id=campaign.campaign_id,
        state="initiated",
        amount=value.bonus,
        balance=0,
        remaining_wager=total,
        wager_total=total,
        terms=_terms(wager, state.currency, wager.multiplier_micro),
        granted_ms=time_ms,
        valid_to_ms=_lapses(campaign, time_ms),
        source=campaign.trigger,
        deposit_id=proposal.deposit[0] if proposal.deposit is not None else None,
        reasons=ruling.reasons,
        created_ms=time_ms,
        verdict=ruling.verdict,
        awaits_claim=campaign.opt_in or "player_claimed" in named,
        awaits_approval=ruling.verdict == "review" or "operator_approved" in named,
        workflow=workflow,
        reservation=ruling.reservation,
        bonus_micro_eur=value.bonus_micro_eur,
        valid_ms=None if wager.valid_days is None else wager.valid_days * DAY_MS,
        campaign_valid_to_ms=campaign.valid_to_ms,
        level=proposal.climbed,
        redemption_id=redemption_id,
        redeemed_points=points,
    )


def _amount(bonus: BonusAward, currency: str, deposited: int) -> tuple[int, int]:
    """The bonus, capped by `max`, and the part of the deposit it matches (rounded up, never above the deposit)."""
    percent = bonus.match_percent_micro
    if percent is None or bonus.fixed:
        return bonus.fixed[currency], 0
    amount = percent_floor(deposited, percent)
    if bonus.max:
        amount = min(amount, bonus.max[currency])
    matched = -(-amount * 100 * MICRO // percent) if percent else 0
    return amount, min(matched, deposited)


def _lapses(campaign: Campaign, time_ms: int) -> int:
    """When a grant that is not claimed or approved ends: at `claim_days`, or with the campaign (rules §4)."""
    if campaign.claim_days is None:
        return campaign.valid_to_ms
    return min(campaign.valid_to_ms, end_of(time_ms, campaign.claim_days * DAY_MS))


def _terms(wager: WagerTerms, currency: str, multiplier_micro: int) -> GrantTerms:
    return GrantTerms(
        multiplier_micro=multiplier_micro,
        min_bet=wager.min_bet.get(currency),
        max_bet=wager.max_bet.get(currency),
        over_max_bet=wager.over_max_bet,
        excluded_games=wager.excluded_games,
        excluded_policy=wager.excluded_policy,
        contribution_games=wager.contribution_games,
        contribution_types=wager.contribution_types,
        max_cashout=wager.max_cashout.get(currency),
        funds_order=wager.funds_order,
        cancel_on_withdrawal=wager.cancel_on_withdrawal,
        min_average_bet=wager.min_average_bet.get(currency),
        max_bet_counts=wager.max_bet_counts,
    )


def _package(
    state: PlayerState, campaign: Campaign, spins: FreeSpinAward, number: int, beside_bonus: bool, climbed: str | None
) -> FreeSpinPackage:
    """The package. Its dates count from 0 and become real dates when the package is handed out."""
    wager = campaign.wager or _NO_WAGER
    return FreeSpinPackage(
        package_id=f"p{state.version + 1}-{number}",
        campaign_id=campaign.campaign_id,
        count=spins.count,
        remaining=spins.count,
        bet=spins.bet[state.currency],
        games=spins.games,
        valid_from_ms=0,
        valid_to_ms=spins.valid_days * DAY_MS,
        wager_multiplier_micro=spins.wager_multiplier_micro,
        max_win=spins.max_win.get(state.currency),
        won=0,
        winnings_grant_id=None,
        winnings_terms=_terms(wager, state.currency, spins.wager_multiplier_micro),
        winnings_valid_ms=None if wager.valid_days is None else wager.valid_days * DAY_MS,
        campaign_valid_to_ms=campaign.valid_to_ms,
        level=climbed,
        beside_bonus=beside_bonus,
    )
