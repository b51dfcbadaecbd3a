"""Points by hand and by time, and their redemption (rules §8). What a bet earns is `engine.awarding.earning`."""

from engine.amounts import AMOUNT_MAX, MICRO
from engine.awarding.awarding import no_place
from engine.calendar import end_of
from engine.catalog import Catalog, LoyaltyRules, RedemptionRules
from engine.commands import (
    AdjustPoints,
    CancelRedemption,
    Command,
    ConfirmRedemption,
    ExpirePoints,
    LapseRedemption,
    RequestRedemption,
)
from engine.deciding import syntax
from engine.deciding.declaring import decides
from engine.events import (
    PointsAdjusted,
    PointsExpired,
    RedemptionConfirmed,
    RedemptionEnded,
    RedemptionRequested,
)
from engine.expiry import has_lapsed
from engine.loyalty.due import expiry_day
from engine.loyalty.privileges import whole
from engine.rejections import (
    INSUFFICIENT_POINTS,
    INVALID_REDEMPTION,
    INVALID_STATE,
    REDEMPTION_NOT_FOUND,
    Rejection,
    full,
)
from engine.state import OPEN_REDEMPTIONS_MAX, POINTS_MAX, Loyalty, Player, PlayerState, Redemption
from engine.transition import Decision


@decides(AdjustPoints)
def adjust(player: Player, catalog: Catalog, command: Command, body: AdjustPoints) -> Decision:
    """An operator adds or takes points. Taking more than are available is refused with `insufficient_points`."""
    loyalty, more = player.state.loyalty, body.points * MICRO
    if more < 0 and loyalty.available + more < 0:
        return _insufficient(loyalty, -body.points)
    if loyalty.lifetime + more > POINTS_MAX:
        return syntax.invalid("points", "takes the account beyond what can be counted")
    return [PointsAdjusted(more, body.reason)]


def _insufficient(loyalty: Loyalty, points: int) -> Rejection:
    available = whole(loyalty.available)
    return Rejection(
        INSUFFICIENT_POINTS,
        f"{points} points are more than the {available} that are available.",
        {"available": available},
    )


@decides(ExpirePoints)
def expire(player: Player, catalog: Catalog, command: Command, body: ExpirePoints) -> Decision:
    """Due work: all whole points that are available go. Fractions stay, and locked points wait for their redemption.

    (rules §8, expiry)
    """
    state = player.state
    day = expiry_day(state, catalog)
    if day is None or day > body.day:
        return Rejection(INVALID_STATE, f"No points of player {state.player_id} have been idle for so long.")
    return [PointsExpired(whole(state.loyalty.available) * MICRO)]


@decides(RequestRedemption, while_blocked=False, converts=True)
def request(player: Player, catalog: Catalog, command: Command, body: RequestRedemption) -> Decision:
    """Locks points.

    Refuses with `invalid_redemption`, `overloaded`, then `insufficient_points` (rules §8, redemption).
    """
    state = player.state
    rules = _offered(catalog.loyalty)
    if rules is None:
        return Rejection(INVALID_REDEMPTION, "Points can't be redeemed: levels.yaml offers no redemption.")
    amount = worth(state, catalog, rules, body.points)
    refusal = _not_redeemable(rules, body.points, amount) or _too_many(state)
    if refusal is not None:
        return refusal
    if body.points * MICRO > state.loyalty.available:
        return _insufficient(state.loyalty, body.points)
    return [RedemptionRequested(f"r{state.version + 1}", body.points, amount, end_of(command.time_ms, rules.lock_ms))]


def worth(state: PlayerState, catalog: Catalog, rules: RedemptionRules, points: int) -> int:
    """What whole `points` are worth in minor units of the player's currency, rounded down."""
    currency = catalog.currencies[state.currency]
    minor_per_major: int = 10**currency.exponent
    return points * MICRO * minor_per_major // (rules.points_per_eur * currency.eur_rate_micro)


def _offered(rules: LoyaltyRules | None) -> RedemptionRules | None:
    return rules.redemption if rules is not None else None


def _not_redeemable(rules: RedemptionRules, points: int, amount: int) -> Rejection | None:
    if points < rules.min_points:
        reason = f"At least {rules.min_points} points are redeemed at a time, not {points}."
    elif points % rules.step:
        reason = f"Points are redeemed in steps of {rules.step}; {points} is not a multiple of that."
    elif amount > AMOUNT_MAX:
        reason = f"{points} points are worth more than the {AMOUNT_MAX} that can be granted at once."
    elif not amount:
        reason = f"{points} points are worth nothing in the player's currency."
    else:
        return None
    return Rejection(INVALID_REDEMPTION, reason, {"min_points": rules.min_points, "step": rules.step})


def _too_many(state: PlayerState) -> Rejection | None:
    waiting = sum(1 for redemption in state.loyalty.redemptions.values() if redemption.state == "locked")
    if waiting < OPEN_REDEMPTIONS_MAX:
        return None
    return full(f"The player has {OPEN_REDEMPTIONS_MAX} open redemptions: confirm or cancel some first.")


@decides(ConfirmRedemption, while_blocked=False, converts=True)
def confirm(player: Player, catalog: Catalog, command: Command, body: ConfirmRedemption) -> Decision:
    """Debits the points. Their worth is an award, which passes the gate. Too late: `invalid_state`."""
    state = player.state
    redemption = _locked(state, body.redemption_id)
    if isinstance(redemption, Rejection):
        return redemption
    if has_lapsed(redemption, command.time_ms):
        return Rejection(INVALID_STATE, f"Redemption {redemption.redemption_id} was not confirmed in time.")
    if _offered(catalog.loyalty) is None:
        return Rejection(INVALID_REDEMPTION, "Points can't be redeemed any more; cancel the redemption.")
    return no_place(state) or [RedemptionConfirmed(redemption.redemption_id, redemption.points, redemption.amount)]


@decides(CancelRedemption)
def cancel(player: Player, catalog: Catalog, command: Command, body: CancelRedemption) -> Decision:
    """Unlocks the points."""
    redemption = _locked(player.state, body.redemption_id)
    if isinstance(redemption, Rejection):
        return redemption
    return [RedemptionEnded(redemption.redemption_id, redemption.points, False)]


@decides(LapseRedemption)
def lapse(player: Player, catalog: Catalog, command: Command, body: LapseRedemption) -> Decision:
    """Due work: nobody has confirmed the redemption within `lock_hours`, so its points are unlocked."""
    redemption = _locked(player.state, body.redemption_id)
    if isinstance(redemption, Rejection):
        return redemption
    if not has_lapsed(redemption, command.time_ms):
        return Rejection(INVALID_STATE, f"Redemption {redemption.redemption_id} may still be confirmed.")
    return [RedemptionEnded(redemption.redemption_id, redemption.points, True)]


def _locked(state: PlayerState, redemption_id: str) -> Redemption | Rejection:
    redemption = state.loyalty.redemptions.get(redemption_id)
    if redemption is None:
        return Rejection(REDEMPTION_NOT_FOUND, f"Player {state.player_id} has no redemption {redemption_id}.")
    if redemption.state != "locked":
        return Rejection(INVALID_STATE, f"Redemption {redemption_id} is {redemption.state} already.")
    return redemption
