"""Registering, blocking, and due work on a player."""

from engine.catalog import Catalog
from engine.commands import Block, Command, ErasePlayer, Expire, Register, Unblock
from engine.deciding.declaring import decides
from engine.events import PlayerBlocked, PlayerErased, PlayerRegistered, PlayerUnblocked, PlayerUpdated
from engine.rejections import ACCOUNT_NOT_EMPTY, PLAYER_ERASED, PLAYER_EXISTS, UNSUPPORTED_CURRENCY, Rejection
from engine.state import Player, PlayerState
from engine.transition import Decision


@decides(Register)
def register(player: Player, catalog: Catalog, command: Command, body: Register) -> Decision:
    """Registers, or updates the profile fields that are not None. The currency is for life (rules §1)."""
    state = player.state
    if state.erased_ms is not None:
        return erased(state)
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
    """Lifts a block; nothing happens if there is none. That of an erased player stays."""
    if player.state.erased_ms is not None:
        return erased(player.state)
    return [PlayerUnblocked(body.reason)] if player.state.blocked is not None else []


@decides(ErasePlayer)
def erase(player: Player, catalog: Catalog, command: Command, body: ErasePlayer) -> Decision:
    """Erases personal data once nothing is owed to the player any more; nothing happens the second time (rules §3)."""
    state = player.state
    if state.erased_ms is not None:
        return []
    left = _left(state)
    if left:
        detail = f"Player {state.player_id} can't be erased while there is {', '.join(left)}: settle that first."
        return Rejection(ACCOUNT_NOT_EMPTY, detail, {"left": left})
    return [PlayerErased(body.reason)]


def erased(state: PlayerState) -> Rejection:
    """The account is closed for good."""
    return Rejection(PLAYER_ERASED, f"Player {state.player_id} was erased: use another player id.")


def _left(state: PlayerState) -> list[str]:
    """What keeps an account from being erased."""
    things = {
        "real money": state.real != 0,
        "an open withdrawal": state.reserved != 0,
        "an open round": bool(state.rounds),
        "a refusal that waits for an operator": bool(state.flagged),
    }
    return [thing for thing, there in things.items() if there]


@decides(Expire)
def expire(player: Player, catalog: Catalog, command: Command, body: Expire) -> Decision:
    """Nothing by itself: what is over at the command's time ends as a consequence (`engine.workflow.consequences`)."""
    return []
