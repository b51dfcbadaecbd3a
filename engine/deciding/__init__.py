"""Deciding: command in, events or refusal out. All branching of the rules is here; nothing here changes state.

Refusals come in the order of rules §3: syntax, player, switches, game, round state, limits and bonus rules, funds.
"""

from typing import Final

from engine import commands as c
from engine.awarding.awarding import proposed, with_awards
from engine.awarding.triggers import may_trigger
from engine.catalog import Catalog
from engine.commands import ROLLBACKS, Command
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
from engine.deciding.declaring import DECLARED
from engine.deciding.switches import switched_off
from engine.events import GrantCreated
from engine.facts import Needs
from engine.needs import award_needs, journal_needs
from engine.rejections import GRANT_DECLINED, PLAYER_BLOCKED, PLAYER_NOT_FOUND, UNSUPPORTED_CURRENCY, Rejection
from engine.state import Player
from engine.transition import Decision

_MODULES: Final = (
    cashback,
    grants,
    levels,
    lifecycle,
    players,
    points,
    rollback,
    rounds,
    sessions,
    timeouts,
    verticals,
    withdrawals,
)
"""Where deciders declare themselves (`engine.deciding.declaring`)."""


def decide(player: Player, catalog: Catalog, command: Command, informed: bool) -> Decision | Needs:
    """The command's events with what it triggers, or why it is refused. What follows by itself: `consequences`.

    Unless it is `informed`, a command that needs facts is not decided: what it needs is answered instead.
    """
    body, state = command.body, player.state
    if not informed and type(body) in ROLLBACKS and rollback.forgotten(player, body.transaction_id):  # type: ignore[union-attr]
        return journal_needs(body.transaction_id)  # type: ignore[union-attr]
    decided = decide_alone(player, catalog, command)
    if type(decided) is Rejection or not may_trigger(state, catalog, command, decided):
        return decided
    awards = proposed(state, catalog, command, decided)
    if not informed and (wanted := award_needs(player, catalog, command, awards)) is not None:
        return wanted
    awarded = with_awards(state, catalog, command, decided, awards)
    return _paid(awarded) if type(body) is c.ConfirmRedemption else awarded


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
    declared = DECLARED[kind]
    if state.blocked is not None and not declared.while_blocked:
        return Rejection(
            PLAYER_BLOCKED, f"Player {state.player_id} is blocked; results, cancels and rollbacks still work."
        )
    off = command.facts.off
    if off is not None and (refused := switched_off(state, catalog, command, off, declared.while_blocked)):
        return refused
    if declared.converts and state.currency not in catalog.currencies:
        return _not_offered(state.currency)
    decided = declared.decide(player, catalog, command, body)
    if declared.moves_turnover and catalog.loyalty is not None and type(decided) is not Rejection:
        decided += levels.follow(state, catalog, catalog.loyalty, decided)
    return decided


def _not_offered(currency: str) -> Rejection:
    return Rejection(
        UNSUPPORTED_CURRENCY,
        f"{currency} is not in platform.yaml any more: open rounds can be settled and money withdrawn, nothing else.",
    )
