"""Deciding: command in, events or refusal out. All branching of the rules is here; nothing here changes state.

Refusals come in the order of rules §3: syntax, player, game, round state, limits and bonus rules, funds.
"""

from collections.abc import Callable

from engine import commands as c
from engine.catalog import Catalog
from engine.commands import Command
from engine.deciding import grants, players, rollback, rounds, syntax
from engine.deciding.decision import Decision
from engine.rejections import PLAYER_BLOCKED, PLAYER_NOT_FOUND, Rejection
from engine.state import Player

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
}
_NOT_WHILE_BLOCKED = (*c.BETS, c.Deposit, c.GrantCampaign)


def decide(player: Player, catalog: Catalog, command: Command) -> Decision:
    """The command's own events, in order, or why it is refused. What follows by itself is `settle`'s."""
    body, state = command.body, player.state
    kind = type(body)
    problem = syntax.problem(body)
    if problem is not None:
        return problem
    if not state.currency and kind is not c.Register:
        return Rejection(PLAYER_NOT_FOUND, f"Player {state.player_id} is not registered: register the player first.")
    if state.blocked is not None and kind in _NOT_WHILE_BLOCKED:
        return Rejection(PLAYER_BLOCKED, f"Player {state.player_id} is blocked; settlements and rollbacks still work.")
    return _DECIDERS[kind](player, catalog, command, body)
