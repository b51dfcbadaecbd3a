"""Points earned, taken back and redeemed, and levels climbed, counted from the events of each transition."""

from collections.abc import Sequence

from actors.metrics.shard import ShardMetrics
from engine import events as e
from engine.catalog import LoyaltyRules
from engine.events import AnyEvent


def count_loyalty(metrics: ShardMetrics, rules: LoyaltyRules | None, events: Sequence[AnyEvent]) -> None:
    """Adds a transition's events to the metrics; `rules` tell which way a level has changed."""
    for event in events:
        if isinstance(event, (e.BetPlaced, e.BetReported)):
            metrics.points_accrued_micro += event.points_micro
        elif isinstance(event, (e.RoundReversed, e.ReportedBetReversed)):
            metrics.points_reversed_micro -= event.points_micro
        elif isinstance(event, e.RedemptionConfirmed):
            metrics.counters["points_redeemed"] += event.points
        elif isinstance(event, e.PointsReturned):
            metrics.counters["points_returned"] += event.points
        elif isinstance(event, e.LevelChanged) and _climbs(rules, event):
            metrics.level_ups[event.reason] += 1


def _climbs(rules: LoyaltyRules | None, change: e.LevelChanged) -> bool:
    """Whether the change leads to a higher rung, by play or by hand. Being led back to a changed ladder is no climb."""
    rungs = rules.rungs if rules is not None else {}
    deliberate = change.reason in ("play", "forced") and change.old in rungs
    return deliberate and rungs.get(change.new, -1) > rungs[change.old]
