"""Deciding: command in, events or refusal out. All branching of the rules is here; nothing here changes state.

Refusals come in the order of rules §3: syntax, player, game, round state, limits and bonus rules, funds.
"""

from collections.abc import Callable

from engine import commands as c
from engine.catalog import Catalog
from engine.commands import Command
from engine.deciding import (
    cashback,
    grants,
    levels,
    lifecycle,
    players,
    points,
    rollback,
    rounds,
    sessions,
    syntax,
    timeouts,
    verticals,
    withdrawals,
)
from engine.deciding.awarding import with_awards
from engine.deciding.decision import Decision
from engine.events import GrantCreated
from engine.rejections import GRANT_DECLINED, PLAYER_BLOCKED, PLAYER_NOT_FOUND, UNSUPPORTED_CURRENCY, Rejection
from engine.state import Player
from engine.triggers import BY_PLAY, may_trigger

_DECIDERS: dict[type, Callable[..., Decision]] = {
    c.Register: players.register,
    c.Block: players.block,
    c.Unblock: players.unblock,
    c.Deposit: grants.deposit,
    c.GrantCampaign: grants.grant_campaign,
    c.Expire: players.expire,
    c.Spin: rounds.spin,
    c.AddBet: rounds.add_bet,
    c.Result: rounds.result,
    c.CancelRound: rounds.cancel,
    c.Rollback: rollback.rollback,
    c.ExpireRound: timeouts.expire_round,
    c.FlagForOperator: timeouts.flag_for_operator,
    c.ClearFlag: timeouts.clear_flag,
    c.StartSession: sessions.start_session,
    c.PostEvent: sessions.post_event,
    c.ReportBet: verticals.report_bet,
    c.RollbackReportedBet: rollback.rollback,
    c.Withdraw: withdrawals.withdraw,
    c.ConfirmWithdrawal: withdrawals.confirm,
    c.CancelWithdrawal: withdrawals.cancel,
    c.EnterCode: grants.enter_code,
    c.Inactive: grants.inactive,
    c.ClaimGrant: lifecycle.claim,
    c.ApproveGrant: lifecycle.approve,
    c.DeclineGrant: lifecycle.decline,
    c.ReleaseGrant: lifecycle.release,
    c.CancelGrant: lifecycle.cancel,
    c.AdjustPoints: points.adjust,
    c.RequestRedemption: points.request,
    c.ConfirmRedemption: points.confirm,
    c.CancelRedemption: points.cancel,
    c.LapseRedemption: points.lapse,
    c.ExpirePoints: points.expire,
    c.ForceLevel: levels.force,
    c.SweepLevel: levels.sweep,
    c.PayCashback: cashback.pay,
}
_MOVES_TURNOVER = frozenset({*BY_PLAY, c.AddBet, c.CancelRound, c.Rollback, c.RollbackReportedBet})
"""Bodies that may change the level, or settle what did."""
_NOT_WHILE_BLOCKED = (
    *c.BETS,
    c.Deposit,
    c.GrantCampaign,
    c.PostEvent,
    c.EnterCode,
    c.Inactive,
    c.ClaimGrant,
    c.ApproveGrant,
    c.RequestRedemption,
    c.ConfirmRedemption,
)
_CONVERTED = frozenset({*c.BETS, c.Deposit, c.RequestRedemption, c.ConfirmRedemption, c.PayCashback})
"""Bodies that need the player's currency in platform.yaml; what was taken before is settled without (rules §2.7)."""


def decide(player: Player, catalog: Catalog, command: Command) -> Decision:
    """The command's events with what it triggers, or why it is refused. What follows by itself is `settle`'s."""
    decided = decide_alone(player, catalog, command)
    if isinstance(decided, Rejection) or not may_trigger(player.state, catalog, command):
        return decided
    awarded = with_awards(player.state, catalog, command, decided)
    return _paid(awarded) if type(command.body) is c.ConfirmRedemption else awarded


def _paid(awarded: Decision) -> Decision:
    """Points are not spent on what the gate declines: they stay locked (rules §7, §8)."""
    if not isinstance(awarded, Rejection):
        for event in awarded:
            if isinstance(event, GrantCreated) and event.grant.state == "declined":
                reasons = list(event.grant.reasons)
                detail = f"What the points are worth can't be granted: {', '.join(reasons)}."
                return Rejection(GRANT_DECLINED, detail, {"reasons": reasons})
    return awarded


def decide_alone(player: Player, catalog: Catalog, command: Command) -> Decision:
    """The command's own events, in order, without what they trigger; or why it is refused."""
    body, state = command.body, player.state
    kind = type(body)
    problem = syntax.problem(body)
    if problem is not None:
        return problem
    if not state.currency and kind is not c.Register:
        return Rejection(PLAYER_NOT_FOUND, f"Player {state.player_id} is not registered: register the player first.")
    if state.blocked is not None and kind in _NOT_WHILE_BLOCKED:
        return Rejection(PLAYER_BLOCKED, f"Player {state.player_id} is blocked; settlements and rollbacks still work.")
    if state.currency not in catalog.currencies and kind in _CONVERTED:
        return _not_offered(state.currency)
    decided = _DECIDERS[kind](player, catalog, command, body)
    if kind in _MOVES_TURNOVER and catalog.loyalty is not None and not isinstance(decided, Rejection):
        decided += levels.follow(state, catalog, catalog.loyalty, decided)
    return decided


def _not_offered(currency: str) -> Rejection:
    return Rejection(
        UNSUPPORTED_CURRENCY,
        f"{currency} is not in platform.yaml any more: open rounds can be settled and money withdrawn, nothing else.",
    )
