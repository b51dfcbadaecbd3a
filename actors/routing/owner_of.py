"""Which shard a player belongs to."""

from snapshots.contract import Routing
from snapshots.slots import slot_of

__all__ = ["shard_of", "slot_of"]


def shard_of(routing: Routing, player_id: str) -> str:
    """The shard that owns the player: its own if it is dedicated, else its slot's; "" if the slot has none."""
    dedicated = routing.dedicated.get(player_id)
    return dedicated if dedicated is not None else routing.slots[slot_of(player_id)]
