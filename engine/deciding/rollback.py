"""Rollback of a bet by its command id, whatever has become of it (rules §3)."""

from engine.answers import AnyAnswer, ReportedBetAnswer, RoundAnswer
from engine.calendar import DAY_MS
from engine.catalog import Catalog
from engine.commands import Command, Rollback, RollbackReportedBet
from engine.deciding.declaring import decides
from engine.deciding.reversal import kept_awards, reverse_one_call, reverse_open_bet, unqualified
from engine.deciding.rounds import closed, has_result
from engine.events import BetTombstoned, DayDelta, ReportedBetReversed
from engine.rejections import ALREADY_PROCESSED, NOT_A_BET, Rejection
from engine.remembered import decode_answer, newest_answer
from engine.state import Player
from engine.state.window import id_digest
from engine.transition import Decision


@decides(Rollback, RollbackReportedBet, moves_turnover=True)
def rollback(player: Player, catalog: Catalog, command: Command, body: Rollback | RollbackReportedBet) -> Decision:
    """Reverses the bet that the command names, and no other; or leaves a tombstone if that has not come (rules §3).

    The bet may be a round's, or one reported by another vertical (rules §8). A repeated rollback moves nothing. Refuses
    with `round_has_result`, `round_closed`, `win_already_spent`, `not_a_bet`, or `already_processed` if the bet is too
    old to be known.
    """
    bet_id, state = body.transaction_id, player.state
    digest = id_digest(bet_id)
    if digest in player.window.tombstones:
        return []
    for round_ in state.rounds.values():
        if digest in round_.undone_digests:
            return []
        if digest in round_.result_digests:
            return _not_a_bet(bet_id)
        bet = round_.find_bet(bet_id)
        if bet is not None:
            if round_.has_whole_result or bet_id in round_.settled_bets:
                return has_result(round_.session_id)
            return [reverse_open_bet(state, round_, bet)]
    return _past(player, command, bet_id, digest)


def forgotten(player: Player, bet_id: str) -> bool:
    """Whether the id is known but what was done under it is forgotten.

    Then it can be reversed only by what the journal tells.
    """
    window, digest = player.window, id_digest(bet_id)
    if digest not in window.older or digest in window.tombstones:
        return False
    return not any(
        digest in round_.undone_digests or digest in round_.result_digests or round_.find_bet(bet_id) is not None
        for round_ in player.state.rounds.values()
    )


def _past(player: Player, command: Command, bet_id: str, digest: int) -> Decision:
    """A command whose round is no longer open, as it is remembered or as the journal tells it."""
    window, past = player.window, command.facts.past_bet
    remembered = window.find(digest)
    if remembered is not None:
        encoded = remembered.answer
    elif digest not in window.older:
        return [BetTombstoned(bet_id)]
    elif past is not None:
        encoded = past.answer
    else:
        return _too_old(bet_id)
    answer = decode_answer(encoded)
    if isinstance(answer, ReportedBetAnswer):
        return [_unreported(player, bet_id, answer)]
    if not isinstance(answer, RoundAnswer) or not answer.staked:
        return _not_a_bet(bet_id)
    if answer.reversal is not None:
        return reverse_one_call(player.state, answer, answer.reversal, bet_id, command.time_ms)
    newest: AnyAnswer | None = newest_answer(window, answer.session_id)
    if newest is None and past is not None:
        newest = decode_answer(past.round_answer)
    return _ended_round(player, bet_id, answer, newest)


def _not_a_bet(bet_id: str) -> Rejection:
    key = bet_id.partition(":")[2]
    return Rejection(NOT_A_BET, f"{key} is the key of something else than a bet: a rollback names the key of a bet.")


def _too_old(bet_id: str) -> Rejection:
    key = bet_id.partition(":")[2]
    detail = f"{key} was accepted before, and the journal no longer tells what it did: an operator must look."
    return Rejection(ALREADY_PROCESSED, detail, for_operator=True)


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


def _ended_round(player: Player, bet_id: str, bet: RoundAnswer, newest: AnyAnswer | None) -> Decision:
    """A bet whose round was closed by a result or its time-out, or cancelled. `newest` is the last answer about it."""
    if player.state.timed_out.get(bet.session_id) == "close":
        return closed(bet.session_id)
    if isinstance(newest, RoundAnswer) and newest.state == "closed":
        return has_result(bet.session_id)
    return [BetTombstoned(bet_id, bet.session_id)]
