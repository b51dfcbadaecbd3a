"""Which slot a player belongs to. Every process must agree, for ever: the function is part of the stored format."""

from zlib import crc32

from snapshots.contract import SLOTS


def slot_of(player_id: str) -> int:
    """The player's slot, 0 … 255: the low byte of the id's CRC-32."""
    return crc32(player_id.encode()) % SLOTS
