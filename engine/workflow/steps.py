"""What a grant's step along its workflow amounts to, as events (rules §4).

The workflow has decided; nothing is decided here.
"""

from engine.catalog import WorkflowTransition
from engine.events import (
    AnyEvent,
    BonusGranted,
    BonusRedeemed,
    FreeSpinsGranted,
    GrantActivated,
    GrantCancelled,
    GrantDeclined,
    GrantExhausted,
    GrantExpired,
    GrantHeld,
    GrantMoved,
    PlayerNotified,
    PointsReturned,
)
from engine.expiry import begun, grant_ends_ms
from engine.state import LIVE_GRANT_STATES, Grant, GrantState, PlayerState
from engine.workflow import average_bet_ok

BY_WORKFLOW = "workflow"
"""The reason of an end or hold that only the workflow asked for."""
LOW_AVERAGE = "min_average_bet"


def carry_out(
    state: PlayerState, grant: Grant, move: WorkflowTransition, time_ms: int, reason: str = ""
) -> list[AnyEvent]:
    """The events of `move`. `reason` is that of the command behind it, if any."""
    if grant.state == "initiated":
        events = _from_initiated(state, grant, move, time_ms, reason)
        if grant.redemption_id is not None and move.target not in LIVE_GRANT_STATES:
            events.append(PointsReturned(grant.redemption_id, grant.redeemed_points))
    else:
        events = [_from_granted(grant, move, reason)]
    return [*events, *told(grant, move)]


def told(grant: Grant, move: WorkflowTransition) -> list[AnyEvent]:
    """The events of the actions `notify` and `emit`."""
    if not move.do:
        return []
    target: GrantState = move.target  # type: ignore[assignment]  # checked with the workflow
    events: list[AnyEvent] = []
    if "notify" in move.do:
        events.append(PlayerNotified(grant.grant_id, grant.campaign_id, target))
    if "emit" in move.do:
        events.append(GrantMoved(grant.grant_id, grant.campaign_id, grant.state, target))
    return events


def _from_initiated(
    state: PlayerState, grant: Grant, move: WorkflowTransition, time_ms: int, reason: str
) -> list[AnyEvent]:
    if move.target == "declined":
        return [GrantDeclined(grant.grant_id, grant.campaign_id, reason or BY_WORKFLOW, grant.reservation)]
    if move.target == "expired":
        return [GrantExpired(grant.grant_id, grant.campaign_id, 0, True, grant.reservation)]
    if move.target == "cancelled":
        return [GrantCancelled(grant.grant_id, grant.campaign_id, 0, reason or BY_WORKFLOW, True, grant.reservation)]
    valid_to_ms = grant_ends_ms(time_ms, grant.valid_ms, grant.campaign_valid_to_ms)
    events: list[AnyEvent] = [
        BonusGranted(grant.grant_id, grant.campaign_id, grant.amount, valid_to_ms, state.version + 1, grant.reservation)
    ]
    if grant.pending is not None:
        events.append(FreeSpinsGranted(begun(grant.pending, time_ms), award=False))
    if move.target == "in_wager":
        events.append(GrantActivated(grant.grant_id))
    return events


def _from_granted(grant: Grant, move: WorkflowTransition, reason: str) -> AnyEvent:
    if move.target == "in_wager":
        return GrantActivated(grant.grant_id)
    if move.target == "granted":
        return GrantHeld(grant.grant_id, grant.campaign_id, _held_for(grant))
    if move.target == "expired":
        return GrantExpired(grant.grant_id, grant.campaign_id, grant.balance)
    if move.target == "cancelled":
        why = reason or ("over_max_bet" if grant.void_after_round else BY_WORKFLOW)
        return GrantCancelled(grant.grant_id, grant.campaign_id, grant.balance, why)
    return _completed(grant)


def _held_for(grant: Grant) -> str:
    return BY_WORKFLOW if average_bet_ok(grant) else LOW_AVERAGE


def _completed(grant: Grant) -> AnyEvent:
    if not grant.balance:
        return GrantExhausted(grant.grant_id, grant.campaign_id)
    cap = grant.terms.max_cashout
    released = grant.balance if cap is None else min(grant.balance, cap)
    return BonusRedeemed(grant.grant_id, grant.campaign_id, released, grant.balance - released)
