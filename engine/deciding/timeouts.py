"""Rounds that stay open for too long, and what comes too late for them (rules §3, time-out)."""

from engine.catalog import Catalog
from engine.commands import ClearFlag, Command, ExpireRound, FlagForOperator
from engine.deciding.declaring import decides
from engine.deciding.reversal import reverse_open_round
from engine.events import FlagCleared, FlaggedForOperator, RoundFlagged, RoundTimedOut
from engine.expiry import has_timed_out
from engine.rejections import FLAG_NOT_FOUND, Rejection
from engine.state import Player
from engine.transition import Decision


@decides(ExpireRound, moves_turnover=True)
def expire_round(player: Player, catalog: Catalog, command: Command, body: ExpireRound) -> Decision:
    """Due work: flags, refunds or closes the round, by the terms that were fixed when it was opened.

    A round to which something was credited is flagged instead of refunded. Nothing happens if the round is settled,
    flagged already, or not that old.
    """
    round_ = player.state.rounds.get(body.session_id)
    if round_ is None or round_.flagged or not has_timed_out(round_, command.time_ms):
        return []
    action = round_.timeout_action
    if action == "close":
        return [RoundTimedOut(round_.session_id, round_.game_id, action)]
    if action == "refund" and not round_.results:
        return [reverse_open_round(player.state, round_), RoundTimedOut(round_.session_id, round_.game_id, action)]
    return [RoundFlagged(round_.session_id)]


@decides(FlagForOperator)
def flag_for_operator(player: Player, catalog: Catalog, command: Command, body: FlagForOperator) -> Decision:
    """Keeps what a refusal could not move, once: a repeat of the refused command adds nothing."""
    known = any((each.command_id, each.amount) == (body.command_id, body.amount) for each in player.state.flagged)
    if known:
        return []
    return [FlaggedForOperator(body.command_id, body.code, body.session_id, body.amount, body.transaction_id)]


@decides(ClearFlag)
def clear_flag(player: Player, catalog: Catalog, command: Command, body: ClearFlag) -> Decision:
    """An operator has dealt with a flagged amount outside the engine: nothing moves. Unknown: `flag_not_found`."""
    for flagged in player.state.flagged:
        if flagged.flag_id == body.flag_id:
            return [FlagCleared(flagged.flag_id, flagged.code, flagged.session_id, flagged.amount, body.reason)]
    return Rejection(
        FLAG_NOT_FOUND, f"Player {player.state.player_id} has no flag {body.flag_id}; it may be cleared already."
    )
