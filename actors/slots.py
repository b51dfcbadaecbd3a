"""Which slot a player belongs to. Every process must agree, for ever: the function is part of the stored format."""

from zlib import crc32

from snapshots.contract import SLOTS, Routing


def slot_of(player_id: str) -> int:
    """The player's slot, 0 … 255: the low byte of the id's CRC-32."""
    return crc32(player_id.encode()) % SLOTS


def shard_of(routing: Routing, player_id: str) -> str:
    """The shard that owns the player: its own if it is dedicated, else its slot's; "" if the slot has none."""
    dedicated = routing.dedicated.get(player_id)
    return dedicated if dedicated is not None else routing.slots[slot_of(player_id)]
