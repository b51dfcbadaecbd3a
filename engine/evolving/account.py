"""Applies the events beside play: withdrawals, sessions, bets of other verticals, time-outs (rules §3, §8, §9)."""

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from engine import events as e
from engine.evolving.loyalty import accrue, count_result, take_back
from engine.facts import Signals
from engine.holdings import find_grant, find_package, in_play, latest
from engine.remembered import personal_commands
from engine.state import (
    ENDED_PACKAGES_MAX,
    ENDED_WITHDRAWALS_MAX,
    FLAGGED_MAX,
    TIMED_OUT_ROUNDS_MAX,
    Flagged,
    Player,
    PlayerState,
    Withdrawal,
    WithdrawalState,
)

ERASED = "erased"
"""Why an erased player is blocked."""


def forget_used_packages(state: PlayerState) -> None:
    """Used up packages stay for a rollback to give a spin back, but not for ever."""
    used = [package for package in state.packages if not package.remaining and not in_play(state, package.package_id)]
    for package in used[: max(0, len(used) - ENDED_PACKAGES_MAX)]:
        state.packages.remove(package)


def remember_signals(state: PlayerState, signals: Signals, ip_country: str | None) -> None:
    """Keeps the last signal of each kind: awards that come without signals are judged by them (rules §7)."""
    if signals.ip is not None:
        state.ip_country = ip_country
    state.signals = latest(state.signals, signals)


def _session_started(player: Player, event: e.SessionStarted, command_id: str, time_ms: int) -> None:
    player.state.active_ms = time_ms
    remember_signals(player.state, Signals(event.ip, event.device, None, event.country), event.ip_country)


def _custom_event_posted(player: Player, event: e.CustomEventPosted, command_id: str, time_ms: int) -> None:
    """Changes nothing: the event is there for the journal, and for what it triggers."""


def _bet_reported(player: Player, event: e.BetReported, command_id: str, time_ms: int) -> None:
    player.state.turnover_micro += event.turnover_micro
    player.state.active_ms = time_ms
    accrue(player.state.loyalty, event.turnover_micro, event.points_micro, time_ms)


def _reported_bet_reversed(player: Player, event: e.ReportedBetReversed, command_id: str, time_ms: int) -> None:
    player.state.turnover_micro += event.turnover_micro
    take_back(player.state.loyalty, event.points_micro, event.qualifying_micro, event.days)
    player.window.tombstone(event.command_id, player.window.real_ms)


def _round_flagged(player: Player, event: e.RoundFlagged, command_id: str, time_ms: int) -> None:
    player.state.rounds[event.session_id].flagged = True


def _round_timed_out(player: Player, event: e.RoundTimedOut, command_id: str, time_ms: int) -> None:
    state = player.state
    round_ = state.rounds.pop(event.session_id, None)
    if round_ is not None:
        count_result(state.loyalty, round_, 0, True, time_ms)
    state.timed_out[event.session_id] = event.action
    if len(state.timed_out) > TIMED_OUT_ROUNDS_MAX:
        del state.timed_out[next(iter(state.timed_out))]
    forget_used_packages(state)


def _flagged_for_operator(player: Player, event: e.FlaggedForOperator, command_id: str, time_ms: int) -> None:
    flagged = player.state.flagged
    flagged.append(Flagged(event.command_id, event.code, event.session_id, event.amount, time_ms, event.transaction_id))
    del flagged[:-FLAGGED_MAX]


def _flag_cleared(player: Player, event: e.FlagCleared, command_id: str, time_ms: int) -> None:
    state = player.state
    state.flagged = [flagged for flagged in state.flagged if flagged.flag_id != event.flag_id]


def _erased(player: Player, event: e.PlayerErased, command_id: str, time_ms: int) -> None:
    """Answers that name what was erased, and digests of the commands that brought it, are forgotten with it."""
    state = player.state
    state.country = state.language = state.ip_country = None
    state.segments = ()
    state.signals = Signals()
    state.blocked, state.erased_ms = ERASED, time_ms
    window = player.window
    window.forget_answers(personal_commands(window), window.real_ms)


def _withdrawal_requested(player: Player, event: e.WithdrawalRequested, command_id: str, time_ms: int) -> None:
    """A grant that is frozen while it is in wager makes room for others; later it returns to the queue."""
    state = player.state
    withdrawal_id = event.withdrawal_id
    state.reserved += event.amount
    state.withdrawals[withdrawal_id] = Withdrawal(
        withdrawal_id=withdrawal_id,
        amount=event.amount,
        state="reserved",
        requested_ms=time_ms,
        grants=event.grants,
        packages=event.packages,
        ended_ms=None,
        privilege=event.privilege,
    )
    _freeze(state, event.grants, event.packages, 1)


def _freeze(state: PlayerState, grants: tuple[str, ...], packages: tuple[str, ...], by: int) -> None:
    for grant_id in grants:
        if (grant := find_grant(state, grant_id)) is not None:
            grant.frozen = max(0, grant.frozen + by)
            if grant.frozen and grant.state == "in_wager":
                grant.state = "granted"
    for package_id in packages:
        if (package := find_package(state, package_id)) is not None:
            package.frozen = max(0, package.frozen + by)


def _withdrawal_confirmed(player: Player, event: e.WithdrawalConfirmed, command_id: str, time_ms: int) -> None:
    """Used up packages go as well: no rollback gives a spin of them back any more."""
    state = player.state
    state.real -= event.amount
    ended = _end(state, event.withdrawal_id, event.amount, "confirmed", time_ms)
    state.packages = [package for package in state.packages if package.package_id not in ended.packages]


def _withdrawal_cancelled(player: Player, event: e.WithdrawalCancelled, command_id: str, time_ms: int) -> None:
    ended = _end(player.state, event.withdrawal_id, event.amount, "cancelled", time_ms)
    _freeze(player.state, ended.grants, ended.packages, -1)


def _end(state: PlayerState, withdrawal_id: str, amount: int, ended: WithdrawalState, time_ms: int) -> Withdrawal:
    state.reserved -= amount
    withdrawal = replace(state.withdrawals.pop(withdrawal_id), state=ended, ended_ms=time_ms)
    state.withdrawals[withdrawal_id] = withdrawal
    over = [key for key, value in state.withdrawals.items() if value.state != "reserved"]
    for oldest in over[: max(0, len(over) - ENDED_WITHDRAWALS_MAX)]:
        del state.withdrawals[oldest]
    return withdrawal


ACCOUNT: dict[type[e.Event], Callable[[Player, Any, str, int], None]] = {
    e.SessionStarted: _session_started,
    e.CustomEventPosted: _custom_event_posted,
    e.BetReported: _bet_reported,
    e.ReportedBetReversed: _reported_bet_reversed,
    e.RoundFlagged: _round_flagged,
    e.RoundTimedOut: _round_timed_out,
    e.FlaggedForOperator: _flagged_for_operator,
    e.FlagCleared: _flag_cleared,
    e.PlayerErased: _erased,
    e.WithdrawalRequested: _withdrawal_requested,
    e.WithdrawalConfirmed: _withdrawal_confirmed,
    e.WithdrawalCancelled: _withdrawal_cancelled,
}
