"""Sentences about play: stakes, wins, rounds that were undone or timed out, bets of other verticals."""

from collections.abc import Callable
from typing import Any, Final

from engine import events as e
from feeds.explaining import rules as r
from feeds.explaining.amounts import Purse, euros, points, times
from feeds.explaining.line import Line


def split(purse: Purse, real: int, bonus: int, grant_id: str | None) -> str:
    """`0.70 of real money and 0.30 of bonus g4-1`."""
    parts = [f"{purse.said(real)} of real money"] if real or not bonus else []
    parts += [f"{purse.said(bonus)} of bonus {grant_id}"] if bonus else []
    return " and ".join(parts)


def _bet(event: e.BetPlaced, purse: Purse) -> Line:
    where = f"on {event.game_id}, round {event.session_id}"
    if event.package_id is not None:
        text = (
            f"A free spin {where}, at a stake of {purse.said(event.amount)} from package {event.package_id}: "
            "no money was taken."
        )
        return Line(text, (r.FREE_SPIN,))
    taken = split(purse, event.real, event.bonus, event.grant_id)
    more = (
        f" {purse.said(event.counted)} counted towards the wagering of bonus {event.grant_id}." if event.counted else ""
    )
    more += f" It earned {points(event.points_micro)}." if event.points_micro else ""
    more += f" It was over the bet limit of bonus {event.grant_id}, which ends for that." if event.voids_grant else ""
    text = (
        f"{'A stake' if event.opens else 'A further stake'} of {purse.said(event.amount)} {where}, from {taken}.{more}"
    )
    return Line(text, (r.SPIN if event.opens else r.ADDED_BET, r.FUNDS_ORDER))


def _win(event: e.WinCredited, purse: Purse) -> Line:
    credited = event.real + event.bonus
    over = " The round is over." if event.closes else " The round goes on."
    if not event.reported:
        return Line(f"Round {event.session_id} won nothing.{over}", (r.RESULT,))
    cut = ""
    if credited != event.reported:
        cut = f" The game reported {purse.said(event.reported)}; the package's limit cut it."
    if not credited:
        return Line(f"Round {event.session_id}: nothing was credited.{cut}{over}", (r.MAX_WIN,))
    went = split(purse, event.real, event.bonus, event.grant_id).replace(" of ", " to ")
    more = f" {purse.said(event.wager_added)} more must be wagered." if event.wager_added else ""
    rules = (r.RESULT, r.WINNINGS if event.wager_added or cut else r.WIN_SHARED)
    return Line(f"A win of {purse.said(credited)} in round {event.session_id}: {went}.{more}{cut}{over}", rules)


def _reversed(event: e.RoundReversed, purse: Purse) -> Line:
    """Without tombstones nobody named a bet: the whole round was cancelled."""
    if not event.tombstones:
        what, rule = f"Round {event.session_id} on {event.game_id} was cancelled", r.CANCEL
    else:
        verb = "was" if len(event.tombstones) == 1 else "were"
        bets = times(len(event.tombstones), "bet")
        what = f"{bets} of round {event.session_id} on {event.game_id} {verb} rolled back"
        rule = r.ROLLBACK
    moved = [_back(purse.said(abs(event.real)), event.real, "real money")] if event.real else []
    for delta in event.grants:
        if delta.balance:
            moved.append(_back(purse.said(abs(delta.balance)), delta.balance, f"bonus {delta.grant_id}"))
        if delta.remaining_wager:
            moved.append(f"{purse.said(delta.remaining_wager)} are to be wagered again for bonus {delta.grant_id}")
    if event.points_micro:
        moved.append(_back(points(abs(event.points_micro)), event.points_micro, "the available points"))
    if event.spins:
        moved.append(f"{times(event.spins, 'free spin')} went back to package {event.package_id}")
    kept = f" What the bet had triggered stays: {', '.join(event.kept_grants)}." if event.kept_grants else ""
    return Line(f"{what}: {', '.join(moved) or 'nothing moved'}.{kept}", (rule, r.REVERSAL))


def _back(amount: str, sign: int, where: str) -> str:
    return f"{amount} went back to {where}" if sign > 0 else f"{amount} were taken from {where}"


def _tombstone(event: e.BetTombstoned, purse: Purse) -> Line:
    key = event.command_id.partition(":")[2] or event.command_id
    return Line(f"The bet {key} was rolled back before it came: if it comes, it is refused.", (r.ROLLBACK,))


def _reported(event: e.BetReported, purse: Purse) -> Line:
    earned = f" It earned {points(event.points_micro)}." if event.points_micro else ""
    text = (
        f"A bet of {purse.said(event.amount)} on another vertical ({event.game_type}) was reported: no money "
        "moved here."
    )
    turnover = f" It counts as turnover of {euros(event.turnover_micro)}."
    return Line(f"{text}{turnover}{earned}", (r.VERTICALS,), instead=f"{text}{earned}")


def _reported_reversed(event: e.ReportedBetReversed, purse: Purse) -> Line:
    key = event.command_id.partition(":")[2] or event.command_id
    lost = [points(-event.points_micro)] if event.points_micro else []
    both = " and ".join([f"turnover of {euros(-event.turnover_micro)}", *lost])
    begins = f"The reported bet {key} was rolled back"
    instead = f"{begins}: {lost[0]} were taken off again." if lost else f"{begins}."
    return Line(f"{begins}: {both} were taken off again.", (r.VERTICALS, r.REVERSAL), instead=instead)


def _round_flagged(event: e.RoundFlagged, purse: Purse) -> Line:
    return Line(
        f"Round {event.session_id} was open for longer than its time-out: an operator should look.", (r.TIMEOUT,)
    )


def _timed_out(event: e.RoundTimedOut, purse: Purse) -> Line:
    how = "its stakes were given back" if event.action == "refund" else "it ended as it stood"
    return Line(f"Round {event.session_id} on {event.game_id} ended by its time-out: {how}.", (r.TIMEOUT,))


PLAY: Final[dict[type[e.Event], Callable[[Any, Purse], Line]]] = {
    e.BetPlaced: _bet,
    e.WinCredited: _win,
    e.RoundReversed: _reversed,
    e.BetTombstoned: _tombstone,
    e.BetReported: _reported,
    e.ReportedBetReversed: _reported_reversed,
    e.RoundFlagged: _round_flagged,
    e.RoundTimedOut: _timed_out,
}
