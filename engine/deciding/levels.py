"""Levels: up with a bet, down with a reversal or at a daily sweep, and by force (rules §8)."""

from collections.abc import Sequence

from engine.awarding.triggers import newly_settled, settled_round
from engine.catalog import Catalog, LoyaltyRules
from engine.catalog.index import index_of
from engine.commands import Command, ForceLevel, SweepLevel
from engine.deciding.declaring import decides
from engine.events import (
    AnyEvent,
    BetPlaced,
    BetReported,
    LevelChanged,
    LevelUpDue,
    ReportedBetReversed,
    RoundReversed,
)
from engine.events.loyalty import LevelReason
from engine.loyalty.due import sweep_day
from engine.loyalty.ladder import reached, rung_of
from engine.rejections import INVALID_STATE, LEVEL_NOT_FOUND, Rejection
from engine.state import Player, PlayerState
from engine.transition import Decision


def follow(state: PlayerState, catalog: Catalog, rules: LoyaltyRules, events: Sequence[AnyEvent]) -> list[AnyEvent]:
    """The changes of level that follow from a command's own events, and the levels whose `level_up` campaigns fire now.

    Every spin asks for this. Mostly nothing follows, and that is found out quickly.
    """
    loyalty = state.loyalty
    staked = undone = 0
    for event in events:
        if type(event) is BetPlaced or type(event) is BetReported:
            staked += event.turnover_micro
        elif type(event) is RoundReversed or type(event) is ReportedBetReversed:
            undone += event.qualifying_micro
    changes: list[AnyEvent] = []
    if staked:
        if loyalty.qualifying + staked >= index_of(catalog).next_rung.get(loyalty.level, 0):
            changes = _up(state, rules, loyalty.qualifying + staked)
    elif undone:
        changes = _back(state, rules, undone)
    if changes or loyalty.climbed:
        changes += _turns(state, rules, events, changes, staked)
    return changes


def _changed(rules: LoyaltyRules, old: str, rung: int, reason: LevelReason, reset: bool = False) -> LevelChanged:
    level = rules.levels[rung]
    threshold = level.threshold_micro if reset else None
    return LevelChanged(old, level.level_id, reason, level.privileges, qualifying_micro=threshold)


def _up(state: PlayerState, rules: LoyaltyRules, qualifying: int) -> list[AnyEvent]:
    """One rung at a time. A level that is no longer on the ladder is first led back to it."""
    changes: list[AnyEvent] = []
    level = state.loyalty.level
    rung = rules.rungs.get(level)
    if rung is None:
        rung = reached(rules, state.loyalty.qualifying)
        changes.append(_changed(rules, level, rung, "ladder_changed"))
        level = rules.levels[rung].level_id
    while rung + 1 < len(rules.levels) and qualifying >= rules.levels[rung + 1].threshold_micro:
        rung += 1
        changes.append(_changed(rules, level, rung, "play"))
        level = rules.levels[rung].level_id
    return changes


def _back(state: PlayerState, rules: LoyaltyRules, undone: int) -> list[AnyEvent]:
    """Lowers the level as long as the turnover supported it before the reversal, and no longer does (rules §2.5)."""
    loyalty = state.loyalty
    changes: list[AnyEvent] = []
    level, rung = loyalty.level, rules.rungs.get(loyalty.level, 0)
    after = loyalty.qualifying + undone
    while rung and not loyalty.forced and after < rules.levels[rung].threshold_micro <= loyalty.qualifying:
        rung -= 1
        changes.append(_changed(rules, level, rung, "reversal"))
        level = rules.levels[rung].level_id
    return changes


def _turns(
    state: PlayerState, rules: LoyaltyRules, events: Sequence[AnyEvent], changes: Sequence[AnyEvent], staked: int
) -> list[AnyEvent]:
    """`level_up` campaigns fire for what closed rounds support, not for stakes that may be cancelled yet (rules §3)."""
    if not newly_settled(state, events):
        return []
    loyalty = state.loyalty
    climbed = [
        *loyalty.climbed,
        *(event.new for event in changes if isinstance(event, LevelChanged) and event.reason == "play"),
    ]
    closed = {settled_round(event) for event in events}
    still_open = sum(
        bet.turnover_micro
        for session_id, round_ in state.rounds.items()
        if session_id not in closed
        for bet in round_.bets
        if bet.version > loyalty.reset_version
    )
    settled = loyalty.qualifying + staked - still_open
    due = tuple(level for level in dict.fromkeys(climbed) if not still_open or _supported(rules, level, settled))
    return [LevelUpDue(due)] if due else []


def _supported(rules: LoyaltyRules, level: str, settled: int) -> bool:
    """Whether closed rounds support the level.

    True for a level that is no longer on the ladder: it must not wait for ever.
    """
    rung = rules.rungs.get(level)
    return rung is None or rules.levels[rung].threshold_micro <= settled


@decides(ForceLevel)
def force(player: Player, catalog: Catalog, command: Command, body: ForceLevel) -> Decision:
    """Sets the level by hand; climbing goes on from its threshold. `level_not_found` if it is not on the ladder."""
    rules = catalog.loyalty
    rung = rules.rungs.get(body.level) if rules is not None else None
    if rules is None or rung is None:
        known = ", ".join(level.level_id for level in rules.levels) if rules is not None else "not in this catalog"
        return Rejection(LEVEL_NOT_FOUND, f"There is no level {body.level!r}; levels are {known}.")
    level = rules.levels[rung]
    old = player.state.loyalty.level
    return [
        LevelChanged(
            old=old,
            new=level.level_id,
            reason="forced",
            privileges=level.privileges,
            forced=True,
            remark=body.reason,
            qualifying_micro=level.threshold_micro,
        )
    ]


@decides(SweepLevel)
def sweep(player: Player, catalog: Catalog, command: Command, body: SweepLevel) -> Decision:
    """Due work: one rung down; `invalid_state` if the level is held after all (rules §8, down)."""
    state, rules = player.state, catalog.loyalty
    day = sweep_day(state, catalog)
    if rules is None or day is None or day > body.day:
        return Rejection(INVALID_STATE, f"Player {state.player_id} keeps level {state.loyalty.level}.")
    return [_changed(rules, state.loyalty.level, rung_of(rules, state.loyalty) - 1, "downgrade", reset=True)]
