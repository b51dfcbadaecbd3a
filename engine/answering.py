"""Answers to accepted commands, from the events they caused and the state after them. Decides nothing."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from engine import commands as c
from engine import events as e
from engine.answers import (
    Answer,
    BlockAnswer,
    DepositAnswer,
    DueAnswer,
    GrantAnswer,
    Granted,
    RegisteredAnswer,
    Reversal,
    RollbackAnswer,
    RoundAnswer,
    RoundState,
    Wagering,
)
from engine.commands import Command
from engine.holdings import balance, spins_left
from engine.state import OpenRound, PlayerState

Events = Sequence[e.AnyEvent]
_NO_WAGERING = Wagering()
_E = TypeVar("_E")


def answer(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    """The answer after the command's own `events` and all that followed were applied.

    `round_` is the round the command named, as it is after its events, even if it is no longer open.
    """
    return _ANSWERS[type(command.body)](state, command, events, round_)


def picture(
    state: PlayerState, round_: OpenRound, shown: RoundState, time_ms: int, counted: int = 0, staked: bool = False
) -> RoundAnswer:
    """A round with its totals so far; wallets and wagering as they are now."""
    bet_amount = real = bonus = 0
    for bet in round_.bets:
        bet_amount += bet.amount
        real += bet.real
        bonus += bet.bonus
    return RoundAnswer(
        session_id=round_.session_id,
        round_id=round_.round_id,
        game_id=round_.game_id,
        mode=round_.mode,
        state=shown,
        bet_amount=bet_amount,
        win_amount=round_.won_real + round_.won_bonus,
        win_reported=round_.reported,
        remaining_spins=spins_left(state, round_.game_id, time_ms) if state.packages else 0,
        currency=state.currency,
        funds_real=real,
        funds_bonus=bonus,
        balance=balance(state, time_ms),
        wagering=_wagering(state, counted),
        time_ms=time_ms,
        staked=staked,
    )


def _wagering(state: PlayerState, counted: int) -> Wagering:
    for grant in state.grants:
        if grant.state == "in_wager":
            return Wagering(grant.grant_id, grant.remaining_wager, counted, grant.terms.max_bet)
    return Wagering(counted=counted) if counted else _NO_WAGERING


def _first(events: Events, kind: type[_E]) -> _E | None:
    for event in events:
        if isinstance(event, kind):
            return event
    return None


def _spin(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    """From the events alone: a one-call round is over already."""
    bet, last = cast("e.BetPlaced", events[0]), events[-1]
    win = last if isinstance(last, e.WinCredited) else None
    time_ms = command.time_ms
    return RoundAnswer(
        bet.session_id,
        bet.round_id,
        bet.game_id,
        bet.mode,
        "open" if win is None else "closed",
        bet.amount,
        0 if win is None else win.real + win.bonus,
        0 if win is None else win.reported,
        spins_left(state, bet.game_id, time_ms) if state.packages else 0,
        state.currency,
        bet.real,
        bet.bonus,
        balance(state, time_ms),
        _wagering(state, bet.counted),
        time_ms,
        None if win is None else _reversal(bet, win),
        True,
    )


def _reversal(bet: e.BetPlaced, win: e.WinCredited) -> Reversal:
    return Reversal(
        bet.real,
        bet.bonus,
        bet.grant_id,
        bet.counted,
        bet.package_id,
        win.real,
        win.bonus,
        win.grant_id,
        win.wager_added,
        bet.voids_grant,
    )


def _round_step(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    """Bet, result and cancel: the round with its totals after this step."""
    round_ = cast("OpenRound", round_)  # decide refuses unknown sessions
    if isinstance(command.body, c.CancelRound):
        return picture(state, round_, "cancelled", command.time_ms)
    bet = _first(events, e.BetPlaced)
    shown: RoundState = "open" if round_.session_id in state.rounds else "closed"
    counted = 0 if bet is None else bet.counted
    return picture(state, round_, shown, command.time_ms, counted, bet is not None)


def _registered(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    created = _first(events, e.PlayerRegistered) is not None
    return RegisteredAnswer(created, state.currency, state.country, state.language, state.segments)


def _block(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return BlockAnswer(state.blocked is not None, command.body.reason)  # type: ignore[union-attr]


def _deposit(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    made = cast("e.DepositMade", events[0])
    granted = _granted(events)
    return DepositAnswer(
        made.deposit_id, made.amount, made.nth, state.currency, balance(state, command.time_ms), granted
    )


def _grant(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return GrantAnswer(_granted(events)[0], balance(state, command.time_ms))


def _granted(events: Events) -> tuple[Granted, ...]:
    """One entry per campaign, with its grant, its package, or both."""
    found: dict[str, Granted] = {}
    for event in events:
        if isinstance(event, e.GrantCreated):
            grant = event.grant
            found[grant.campaign_id] = Granted(grant.campaign_id, grant.grant_id, grant.amount)
        elif isinstance(event, e.FreeSpinsGranted):
            package = event.package
            with_grant = found.get(package.campaign_id) or Granted(package.campaign_id)
            found[package.campaign_id] = Granted(
                package.campaign_id, with_grant.grant_id, with_grant.amount, package.package_id, package.count
            )
    return tuple(found.values())


def _rollback(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    """`tombstoned` only if no such bet had come; a repeated rollback has no events and answers `rolled_back`."""
    wallets = balance(state, command.time_ms)
    tombstone = _first(events, e.BetTombstoned)
    if tombstone is not None:
        status = "tombstoned" if tombstone.session_id is None else "rolled_back"
        return RollbackAnswer(status, (), tombstone.session_id, wallets)  # type: ignore[arg-type]
    undone = _first(events, e.RoundReversed)
    return RollbackAnswer("rolled_back", (), None if undone is None else undone.session_id, wallets)


def _due(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return DueAnswer(command.body.subject_id)  # type: ignore[union-attr]


_ANSWERS: dict[type, Callable[[PlayerState, Any, Events, OpenRound | None], Answer]] = {
    c.Register: _registered,
    c.Block: _block,
    c.Unblock: _block,
    c.Deposit: _deposit,
    c.GrantCampaign: _grant,
    c.Expire: _due,
    c.Spin: _spin,
    c.AddBet: _round_step,
    c.Result: _round_step,
    c.CancelRound: _round_step,
    c.Rollback: _rollback,
}
