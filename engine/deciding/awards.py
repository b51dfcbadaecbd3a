"""What a campaign's award becomes for one player: a grant, a free spin package, or both (rules §4, §5, §6)."""

from engine.amounts import MICRO, percent_floor, times_ceil
from engine.catalog import BonusAward, Campaign, FreeSpinAward, WagerTerms
from engine.events import AnyEvent, FreeSpinsGranted, GrantCreated
from engine.state import FreeSpinPackage, Grant, GrantTerms, PlayerState

DAY_MS = 86_400_000
_NO_WAGER = WagerTerms(multiplier_micro=0)


def award(
    state: PlayerState, campaign: Campaign, number: int, time_ms: int, source: str, deposit: tuple[str, int] | None
) -> list[AnyEvent]:
    """The events of one award, the `number`th of its command. `deposit` is (deposit id, amount in minor units)."""
    events: list[AnyEvent] = []
    if campaign.bonus is not None:
        grant = _grant(state, campaign, campaign.bonus, number, time_ms, source, deposit)
        if grant.amount:
            events.append(GrantCreated(grant))
    if campaign.free_spins is not None:
        package = _package(state, campaign, campaign.free_spins, number, time_ms)
        events.append(FreeSpinsGranted(package, award=not events))
    return events


def _grant(
    state: PlayerState,
    campaign: Campaign,
    bonus: BonusAward,
    number: int,
    time_ms: int,
    source: str,
    deposit: tuple[str, int] | None,
) -> Grant:
    deposit_id, deposited = deposit if deposit is not None else (None, 0)
    wager = campaign.wager or _NO_WAGER
    amount, matched = _amount(bonus, state.currency, deposited)
    base = amount + matched if wager.basis == "bonus_plus_deposit" else amount
    total = times_ceil(base, wager.multiplier_micro)
    return Grant(
        grant_id=f"g{state.version + 1}-{number}",
        campaign_id=campaign.campaign_id,
        state="granted",
        amount=amount,
        balance=amount,
        remaining_wager=total,
        wager_total=total,
        terms=_terms(wager, state.currency, wager.multiplier_micro),
        granted_ms=time_ms,
        valid_to_ms=_valid_to(campaign, wager, time_ms),
        source=source,
        deposit_id=deposit_id,
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


def _valid_to(campaign: Campaign, wager: WagerTerms, time_ms: int) -> int:
    return campaign.valid_to_ms if wager.valid_days is None else time_ms + wager.valid_days * DAY_MS


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
    )


def _package(
    state: PlayerState, campaign: Campaign, spins: FreeSpinAward, number: int, time_ms: int
) -> FreeSpinPackage:
    wager = campaign.wager or _NO_WAGER
    return FreeSpinPackage(
        package_id=f"p{state.version + 1}-{number}",
        campaign_id=campaign.campaign_id,
        count=spins.count,
        remaining=spins.count,
        bet=spins.bet[state.currency],
        games=spins.games,
        valid_from_ms=time_ms,
        valid_to_ms=time_ms + spins.valid_days * DAY_MS,
        wager_multiplier_micro=spins.wager_multiplier_micro,
        max_win=spins.max_win.get(state.currency),
        won=0,
        winnings_grant_id=None,
        winnings_terms=_terms(wager, state.currency, spins.wager_multiplier_micro),
        winnings_valid_ms=None if wager.valid_days is None else wager.valid_days * DAY_MS,
        campaign_valid_to_ms=campaign.valid_to_ms,
    )
