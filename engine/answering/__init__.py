"""Answers to accepted commands, from the events they caused and the state after them. It decides nothing.

Only `engine.player` calls it; `queries` answers those who ask without changing anything.
"""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar, cast

from engine import commands as c
from engine import events as e
from engine.answers import (
    CANCELLED,
    CLOSED,
    OPEN,
    Answer,
    AwardsAnswer,
    BlockAnswer,
    DepositAnswer,
    DueAnswer,
    ErasedAnswer,
    FlagClearedAnswer,
    GrantAnswer,
    Granted,
    GrantStateAnswer,
    LevelAnswer,
    PointsAnswer,
    RedemptionAnswer,
    RegisteredAnswer,
    ReportedBetAnswer,
    Reversal,
    RollbackAnswer,
    RoundAnswer,
    SessionAnswer,
    Wagering,
    WithdrawalAnswer,
)
from engine.commands import Command
from engine.holdings import award_key, balance, find_ended_grant, find_grant, spins_left
from engine.loyalty.privileges import buckets, whole
from engine.state import Grant, OpenRound, PlayerState

Events = Sequence[e.AnyEvent]
_NO_WAGERING = Wagering()
_E = TypeVar("_E")
ROUNDS_OF_A_SESSION_MAX = 16
"""Open rounds in the answer to a session. The answer is remembered, so it must stay small."""


def answer(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    """The answer after the command's own `events` and all that followed were applied.

    `round_` is the round the command named, as it is after its events, even if it is no longer open.
    """
    return _ANSWERS[type(command.body)](state, command, events, round_)


def picture(
    state: PlayerState, round_: OpenRound, stage: int, time_ms: int, counted: int = 0, staked: bool = False
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
        stage=stage,
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
        flagged=round_.flagged,
        level=state.loyalty.level,
        points=whole(state.loyalty.available),
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
    """The answer comes from the events alone, because the round of a one-call spin is over already."""
    bet, win = cast("e.BetPlaced", events[0]), None
    for event in events:
        if type(event) is e.WinCredited:
            win = event
    time_ms = command.time_ms
    return RoundAnswer(
        bet.session_id,
        bet.round_id,
        bet.game_id,
        bet.mode,
        OPEN if win is None else CLOSED,
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
        False,
        state.loyalty.level,
        whole(state.loyalty.available),
    )


def _reversal(bet: e.BetPlaced, win: e.WinCredited) -> Reversal:
    return Reversal(
        bet.grant_id,
        bet.counted,
        bet.package_id,
        win.real,
        win.bonus,
        win.grant_id,
        win.wager_added,
        bet.voids_grant,
        bet.turnover_micro,
        bet.points_micro,
    )


def _round_step(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    """Bet, result and cancel: the round with its totals after this step."""
    round_ = cast("OpenRound", round_)  # decide refuses unknown sessions
    if isinstance(command.body, c.CancelRound):
        return picture(state, round_, CANCELLED, command.time_ms)
    bet = _first(events, e.BetPlaced)
    stage = OPEN if round_.session_id in state.rounds else CLOSED
    counted = 0 if bet is None else bet.counted
    return picture(state, round_, stage, command.time_ms, counted, bet is not None)


def _registered(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    created = _first(events, e.PlayerRegistered) is not None
    return RegisteredAnswer(created, state.currency, state.country, state.language, state.segments)


def _block(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return BlockAnswer(state.blocked is not None, command.body.reason)  # type: ignore[union-attr]


def _erase(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return ErasedAnswer(command.time_ms if state.erased_ms is None else state.erased_ms)


def _deposit(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    made = cast("e.DepositMade", events[0])
    wallets = balance(state, command.time_ms)
    return DepositAnswer(
        deposit_id=made.deposit_id,
        amount=made.amount,
        nth=made.nth,
        currency=state.currency,
        balance=wallets,
        granted=_granted(events),
        declined=_declined(events),
    )


def _grant(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return GrantAnswer((*_granted(events), *_declined(events))[0], balance(state, command.time_ms))


def _granted(events: Events) -> tuple[Granted, ...]:
    """One entry per award, with its grant, its package, or both.

    An initiated award has an entry, too, with the free spins that wait.
    """
    found: dict[str, Granted] = {}
    for event in events:
        if isinstance(event, e.GrantCreated):
            if event.grant.state != "declined":
                found[award_key(event.grant.campaign_id, event.grant.level)] = _award(event.grant)
        elif isinstance(event, e.FreeSpinsGranted):
            package = event.package
            award = award_key(package.campaign_id, package.level)
            with_grant = found.get(award) or Granted(package.campaign_id)
            found[award] = Granted(
                package.campaign_id, with_grant.grant_id, with_grant.amount, package.package_id, package.count
            )
    return tuple(found.values())


def _award(grant: Grant) -> Granted:
    package = grant.pending
    package_id, count = (None, 0) if package is None else (package.package_id, package.count)
    return Granted(
        campaign_id=grant.campaign_id,
        grant_id=grant.grant_id,
        amount=grant.amount,
        package_id=package_id,
        free_spins=count,
        state=grant.state,
        reasons=grant.reasons,
    )


def _declined(events: Events) -> tuple[Granted, ...]:
    """What the gate refused, with its reasons."""
    created = (event.grant for event in events if isinstance(event, e.GrantCreated))
    return tuple(_award(grant) for grant in created if grant.state == "declined")


def _changed(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    """The grant as it is after all that followed; a package that was given up counts as cancelled."""
    wallets = balance(state, command.time_ms)
    grant_id = command.body.grant_id  # type: ignore[union-attr]
    given_up = _first(events, e.FreeSpinsCancelled)
    if given_up is not None:
        return GrantStateAnswer(grant_id, given_up.campaign_id, "cancelled", (), wallets)
    grant = cast("Grant", find_grant(state, grant_id) or find_ended_grant(state, grant_id))
    return GrantStateAnswer(grant_id, grant.campaign_id, grant.state, grant.reasons, wallets)


def _silence(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return DueAnswer(command.body.campaign_id)  # type: ignore[union-attr]


def _rollback(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    """The status is `tombstoned` only if no such bet had come. A repeated rollback has no events: `rolled_back`."""
    wallets = balance(state, command.time_ms)
    tombstone = _first(events, e.BetTombstoned)
    if tombstone is not None:
        status = "tombstoned" if tombstone.session_id is None else "rolled_back"
        return RollbackAnswer(status, (), tombstone.session_id, wallets)  # type: ignore[arg-type]
    undone = _first(events, e.RoundReversed)
    if undone is not None:
        return RollbackAnswer("rolled_back", undone.kept_grants, undone.session_id, wallets)
    reported = _first(events, e.ReportedBetReversed)
    return RollbackAnswer("rolled_back", () if reported is None else reported.kept_grants, None, wallets)


def _due(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return DueAnswer(command.body.subject_id)  # type: ignore[union-attr]


def _flagged(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return DueAnswer(command.body.session_id)  # type: ignore[union-attr]


def _flag_cleared(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    cleared = cast("e.FlagCleared", events[0])
    return FlagClearedAnswer(cleared.flag_id, cleared.code, cleared.session_id, cleared.amount, cleared.reason)


def _round_expired(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    """The round as its time-out left it, so that it is remembered that way.

    A round that was over before has no picture.
    """
    if round_ is None:
        return DueAnswer(command.body.session_id)  # type: ignore[union-attr]
    ended = _first(events, e.RoundTimedOut)
    stage = OPEN if ended is None else CANCELLED if ended.action == "refund" else CLOSED
    return picture(state, round_, stage, command.time_ms)


def _session(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    newest = list(state.rounds.values())[-ROUNDS_OF_A_SESSION_MAX:]
    pictures = tuple(picture(state, opened, OPEN, opened.opened_ms) for opened in reversed(newest))
    started = cast("e.SessionStarted", events[0])
    return SessionAnswer(pictures, _granted(events), _declined(events), started.min_rtp_micro)


def _awards(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return AwardsAnswer(balance(state, command.time_ms), _granted(events), _declined(events))


def _reported_bet(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    """The bet's id holds the player's version, as a deposit's id does.

    What the bet triggers has the same version in its id.
    """
    bet = cast("e.BetReported", events[0])
    bet_id = f"b{state.version + 1}"
    return ReportedBetAnswer(
        bet_id=bet_id,
        amount=bet.amount,
        game_type=bet.game_type,
        turnover_micro=bet.turnover_micro,
        granted=_granted(events),
        declined=_declined(events),
        points_micro=bet.points_micro,
        time_ms=command.time_ms,
        level=state.loyalty.level,
    )


def _withdrawal(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    """Grants that the withdrawal takes away, or brings back, stand beside its own event."""
    own = (e.WithdrawalRequested, e.WithdrawalConfirmed, e.WithdrawalCancelled)
    step = next(event for event in events if isinstance(event, own))
    now = state.withdrawals[step.withdrawal_id]
    wallets = balance(state, command.time_ms)
    return WithdrawalAnswer(
        withdrawal_id=now.withdrawal_id,
        amount=now.amount,
        state=now.state,
        currency=state.currency,
        balance=wallets,
        grants=now.grants,
        packages=now.packages,
        privilege=now.privilege,
    )


def _adjusted(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return PointsAnswer(buckets(state.loyalty))


def _forced(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    changed = cast("e.LevelChanged", events[0])
    return LevelAnswer(changed.old, changed.new)


def _redemption(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    step = cast("e.RedemptionRequested | e.RedemptionConfirmed | e.RedemptionEnded", events[0])
    now = state.loyalty.redemptions[step.redemption_id]
    return RedemptionAnswer(
        redemption_id=now.redemption_id,
        state=now.state,
        redeemed=now.points,
        amount=now.amount,
        currency=state.currency,
        expires_ms=now.expires_ms,
        points=buckets(state.loyalty),
        balance=balance(state, command.time_ms),
        granted=_granted(events),
    )


def _swept(state: PlayerState, command: Command, events: Events, round_: OpenRound | None) -> Answer:
    return DueAnswer(command.id)


_ANSWERS: dict[type, Callable[[PlayerState, Any, Events, OpenRound | None], Answer]] = {
    c.Register: _registered,
    c.Block: _block,
    c.Unblock: _block,
    c.ErasePlayer: _erase,
    c.Deposit: _deposit,
    c.GrantCampaign: _grant,
    c.Expire: _due,
    c.FlagForOperator: _flagged,
    c.ClearFlag: _flag_cleared,
    c.Spin: _spin,
    c.AddBet: _round_step,
    c.Result: _round_step,
    c.CancelRound: _round_step,
    c.Rollback: _rollback,
    c.ExpireRound: _round_expired,
    c.StartSession: _session,
    c.PostEvent: _awards,
    c.ReportBet: _reported_bet,
    c.RollbackReportedBet: _rollback,
    c.Withdraw: _withdrawal,
    c.ConfirmWithdrawal: _withdrawal,
    c.CancelWithdrawal: _withdrawal,
    c.EnterCode: _awards,
    c.Inactive: _silence,
    c.ClaimGrant: _changed,
    c.ApproveGrant: _changed,
    c.DeclineGrant: _changed,
    c.ReleaseGrant: _changed,
    c.CancelGrant: _changed,
    c.AdjustPoints: _adjusted,
    c.ForceLevel: _forced,
    c.RequestRedemption: _redemption,
    c.ConfirmRedemption: _redemption,
    c.CancelRedemption: _redemption,
    c.LapseRedemption: _swept,
    c.SweepLevel: _swept,
    c.ExpirePoints: _swept,
    c.PayCashback: _swept,
}
