"""Rounds that stay open for too long, and what comes too late for them (rules §3, time-out)."""

from engine.calendar import end_of
from engine.catalog import Catalog
from engine.commands import Command, ExpireRound, FlagForOperator
from engine.deciding.decision import Decision
from engine.deciding.reversal import reverse_open_round
from engine.events import FlaggedForOperator, RoundFlagged, RoundTimedOut
from engine.state import Player


def expire_round(player: Player, catalog: Catalog, command: Command, body: ExpireRound) -> Decision:
    """Due work, by the terms fixed when the round was opened: flagged, refunded if nothing was credited, or closed.

    Nothing happens if the round is settled, flagged already, or not that old.
    """
    round_ = player.state.rounds.get(body.session_id)
    if round_ is None or round_.flagged or round_.timeout_ms is None:
        return []
    if command.time_ms < end_of(round_.opened_ms, round_.timeout_ms):
        return []
    action = round_.timeout_action
    if action == "close":
        return [RoundTimedOut(round_.session_id, round_.game_id, action)]
    if action == "refund" and not round_.results:
        # As with a cancelled bet, a repeat of it still gets its first answer.
        undone = reverse_open_round(player.state, round_, ())
        return [undone, RoundTimedOut(round_.session_id, round_.game_id, action)]
    return [RoundFlagged(round_.session_id)]


def flag_for_operator(player: Player, catalog: Catalog, command: Command, body: FlagForOperator) -> Decision:
    """Keeps what a refusal could not move, once: a repeat of the refused command adds nothing."""
    known = any((each.command_id, each.amount) == (body.command_id, body.amount) for each in player.state.flagged)
    return [] if known else [FlaggedForOperator(body.command_id, body.code, body.session_id, body.amount)]
