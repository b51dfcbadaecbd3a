"""Rollback of a bet by its command id, whatever has become of it (rules §3)."""

from engine.answers import ReportedBetAnswer, RoundAnswer
from engine.calendar import DAY_MS
from engine.catalog import Catalog
from engine.commands import Command, Rollback, RollbackReportedBet
from engine.deciding.decision import Decision
from engine.deciding.reversal import kept_awards, reverse_one_call, reverse_open_round, unqualified
from engine.deciding.rounds import closed, has_result
from engine.events import BetTombstoned, DayDelta, ReportedBetReversed
from engine.rejections import ALREADY_PROCESSED, Rejection
from engine.remembered import decode_answer, newest_answer
from engine.state import OpenRound, Player
from engine.window import id_digest


def rollback(player: Player, catalog: Catalog, command: Command, body: Rollback | RollbackReportedBet) -> Decision:
    """Reverses the bet, or leaves a tombstone for one that has not come. Repeated: nothing moves.

    The bet may be a round's, or one reported by another vertical (rules §8). Refuses with `round_has_result`,
    `round_closed`, `win_already_spent`, or `already_processed` if it is too old to be known.
    """
    bet_id, window = body.transaction_id, player.window
    digest = id_digest(bet_id)
    if digest in window.tombstones:
        return []
    round_ = _round_of(player, bet_id)
    if round_ is not None:
        if round_.results:
            return has_result(round_.session_id)
        return [reverse_open_round(player.state, round_, tuple(bet.command_id for bet in round_.bets))]
    remembered = window.find(digest)
    if remembered is not None:
        answer = decode_answer(remembered.answer)
        if isinstance(answer, RoundAnswer) and answer.staked:
            return _settled_bet(player, bet_id, answer)
        if isinstance(answer, ReportedBetAnswer):
            return [_unreported(player, bet_id, answer)]
    elif digest in window.older:
        return Rejection(ALREADY_PROCESSED, f"{bet_id} is too old to be reversed automatically: an operator must look.")
    return [BetTombstoned(bet_id)]


def _unreported(player: Player, bet_id: str, answer: ReportedBetAnswer) -> ReportedBetReversed:
    version = answer.bet_id.removeprefix("b")
    return ReportedBetReversed(
        bet_id,
        -answer.turnover_micro,
        kept_awards(player.state, version),
        -answer.points_micro,
        unqualified(player.state, int(version), answer.turnover_micro),
        (DayDelta(answer.time_ms // DAY_MS, -answer.turnover_micro),),
    )


def _round_of(player: Player, bet_id: str) -> OpenRound | None:
    for round_ in player.state.rounds.values():
        if any(bet.command_id == bet_id for bet in round_.bets):
            return round_
    return None


def _settled_bet(player: Player, bet_id: str, answer: RoundAnswer) -> Decision:
    """A bet whose round is not open any more: one-call, closed by a result or its time-out, or cancelled."""
    if answer.reversal is not None:
        return reverse_one_call(player.state, answer, answer.reversal, bet_id)
    if player.state.timed_out.get(answer.session_id) == "close":
        return closed(answer.session_id)
    newest = newest_answer(player.window, answer.session_id)
    if newest is not None and newest.state == "closed":
        return has_result(answer.session_id)
    return [BetTombstoned(bet_id, answer.session_id)]
