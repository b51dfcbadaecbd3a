"""Registering, blocking, and due work on a player."""

from engine.catalog import Catalog
from engine.commands import Block, Command, Expire, Register, Unblock
from engine.deciding.declaring import decides
from engine.events import PlayerBlocked, PlayerRegistered, PlayerUnblocked, PlayerUpdated
from engine.rejections import PLAYER_EXISTS, UNSUPPORTED_CURRENCY, Rejection
from engine.state import Player
from engine.transition import Decision


@decides(Register)
def register(player: Player, catalog: Catalog, command: Command, body: Register) -> Decision:
    """Registers, or updates the profile fields that are not None. The currency is for life (rules §1)."""
    state = player.state
    if state.currency:
        if body.currency != state.currency:
            return Rejection(
                PLAYER_EXISTS, f"Player {state.player_id} is registered in {state.currency}, not {body.currency}."
            )
        country = state.country if body.country is None else body.country
        language = state.language if body.language is None else body.language
        segments = state.segments if body.segments is None else body.segments
        return [PlayerUpdated(country, language, segments)]
    if body.currency not in catalog.currencies:
        offered = ", ".join(sorted(catalog.currencies))
        return Rejection(UNSUPPORTED_CURRENCY, f"{body.currency} is not offered; choose one of {offered}.")
    exponent = catalog.currencies[body.currency].exponent
    lowest = "" if catalog.loyalty is None else catalog.loyalty.levels[0].level_id
    return [PlayerRegistered(body.currency, body.country, body.language, body.segments or (), lowest, exponent)]


@decides(Block)
def block(player: Player, catalog: Catalog, command: Command, body: Block) -> Decision:
    """Bets, deposits and grants are refused from now on (rules §3)."""
    return [PlayerBlocked(body.reason)]


@decides(Unblock)
def unblock(player: Player, catalog: Catalog, command: Command, body: Unblock) -> Decision:
    """Lifts a block; nothing happens if there is none."""
    return [PlayerUnblocked(body.reason)] if player.state.blocked is not None else []


@decides(Expire)
def expire(player: Player, catalog: Catalog, command: Command, body: Expire) -> Decision:
    """Nothing by itself: what is over at the command's time ends as a consequence (`engine.workflow.consequences`)."""
    return []
