"""What follows from a state by itself: grants end, packages expire, the next grant in the queue becomes active."""

from engine.events import (
    AnyEvent,
    BonusRedeemed,
    FreeSpinsExpired,
    GrantActivated,
    GrantCancelled,
    GrantExhausted,
    GrantExpired,
)
from engine.holdings import find_package, in_play, tied
from engine.state import Grant, PlayerState


def consequences(state: PlayerState, time_ms: int) -> list[AnyEvent]:
    """The events that follow at `time_ms`; apply them and ask again until there are none (rules §4, §5)."""
    events: list[AnyEvent] = []
    for package in state.packages:
        if package.remaining and time_ms >= package.valid_to_ms and not in_play(state, package.package_id):
            events.append(FreeSpinsExpired(package.package_id, package.remaining))
    # A package that is over frees its winnings first: wagering that is done then completes, even at the same instant.
    if events or not state.grants:
        return events
    active = False
    next_up: Grant | None = None
    for grant in state.grants:
        end = _end_of(state, grant, time_ms)
        if end is not None:
            events.append(end)
        elif grant.state == "in_wager":
            active = True
        elif next_up is None and grant.state == "granted":
            next_up = grant
    if next_up is not None and not active:
        events.append(GrantActivated(next_up.grant_id))
    return events


def _end_of(state: PlayerState, grant: Grant, time_ms: int) -> AnyEvent | None:
    """How the grant ends now, or None. Nothing ends while an open round ties it (rules §4).

    Completion comes before expiry: bets past `valid_to` make no progress, so wagering that is done was done in time
    and only waited for its round. A void grant is cancelled whatever else holds.
    """
    overdue = time_ms >= grant.valid_to_ms
    if grant.remaining_wager and grant.balance and not overdue and not grant.void_after_round:
        return None
    if tied(state, grant):
        return None
    if grant.void_after_round:
        return GrantCancelled(grant.grant_id, grant.campaign_id, grant.balance, "over_max_bet")
    refillable = _may_win_more(state, grant)
    if not grant.remaining_wager and not refillable:
        return _completed(grant)
    if overdue:
        return GrantExpired(grant.grant_id, grant.campaign_id, grant.balance)
    if not grant.balance and not refillable:
        return GrantExhausted(grant.grant_id, grant.campaign_id)
    return None


def _may_win_more(state: PlayerState, grant: Grant) -> bool:
    """Winnings of free spins: whether the package has spins left, or one of its rounds is open (rules §5)."""
    if grant.package_id is None:
        return False
    package = find_package(state, grant.package_id)
    return package is not None and (package.remaining > 0 or in_play(state, grant.package_id))


def _completed(grant: Grant) -> AnyEvent:
    if not grant.balance:
        return GrantExhausted(grant.grant_id, grant.campaign_id)
    cap = grant.terms.max_cashout
    released = grant.balance if cap is None else min(grant.balance, cap)
    return BonusRedeemed(grant.grant_id, grant.campaign_id, released, grant.balance - released)
