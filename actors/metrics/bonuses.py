"""Counts of bonuses and free spins, from the events of each transition."""

from actors.metrics.shard import ShardMetrics
from engine import events as e
from engine.holdings import find_ended_grant, find_grant
from engine.state import PlayerState
from engine.transition import Transition

_COUNTED: dict[type, str] = {
    e.BonusRedeemed: "bonuses_redeemed",
    e.GrantExpired: "bonuses_expired",
    e.GrantDeclined: "bonuses_declined",
    e.BonusGranted: "bonuses_granted",
}
_ENDS = (e.BonusRedeemed, e.GrantExhausted, e.GrantExpired, e.GrantCancelled)


def count_events(metrics: ShardMetrics, state: PlayerState, done: Transition) -> None:
    """Adds a transition's events to the metrics; `state` is the player's after it."""
    for event in done.events:
        name = _COUNTED.get(type(event))
        if name is not None:
            metrics.counters[name] += 1
        if isinstance(event, e.GrantCreated):
            _count_created(metrics, event)
        elif isinstance(event, e.BetPlaced) and event.package_id is not None:
            metrics.freespins_used += 1
        elif isinstance(event, e.RoundReversed):
            metrics.freespins_used -= event.spins
            _uncount_ends(metrics, state, done, event)
        if isinstance(event, _ENDS) and not getattr(event, "never_granted", False):
            _count_end(metrics, state, event.grant_id)


def _count_created(metrics: ShardMetrics, event: e.GrantCreated) -> None:
    """Counts a new grant. Winnings of free spins are no award of their own."""
    if event.grant.state == "declined":
        metrics.counters["bonuses_declined"] += 1
    elif event.grant.state != "initiated" and event.award:
        metrics.counters["bonuses_granted"] += 1


def _uncount_ends(metrics: ShardMetrics, state: PlayerState, done: Transition, reversed_: e.RoundReversed) -> None:
    """Takes the ends that a reversal undid out of the counts, with the share of wagering that was done at each end."""
    reopened = {event.grant_id for event in done.events if isinstance(event, e.GrantReopened)}
    for delta in reversed_.grants:
        grant = find_grant(state, delta.grant_id) or find_ended_grant(state, delta.grant_id)
        if delta.grant_id not in reopened or grant is None or (total := grant.wager_total - delta.wager_total) <= 0:
            continue
        metrics.grants_ended -= 1
        metrics.wagered_shares -= (total - grant.remaining_wager + delta.remaining_wager) / total


def _count_end(metrics: ShardMetrics, state: PlayerState, grant_id: str) -> None:
    grant = find_ended_grant(state, grant_id)
    if grant is not None and grant.wager_total > 0:
        metrics.grants_ended += 1
        metrics.wagered_shares += (grant.wager_total - grant.remaining_wager) / grant.wager_total
