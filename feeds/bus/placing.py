"""Which partition a key has: the choice of Java's producer, so that other producers' events of a player lie beside."""

from typing import Final

_SEED: Final = 0x9747B28C
_MIX: Final = 0x5BD1E995
_WORD: Final = 0xFFFFFFFF
_POSITIVE: Final = 0x7FFFFFFF
KNOWN_MAX: Final = 100_000


def murmur2(key: bytes) -> int:
    """The 32-bit hash that Kafka's producers in Java use."""
    length = len(key)
    whole = length & ~3
    hashed = _SEED ^ length
    for at in range(0, whole, 4):
        word = int.from_bytes(key[at : at + 4], "little") * _MIX & _WORD
        word = (word ^ word >> 24) * _MIX & _WORD
        hashed = (hashed * _MIX & _WORD) ^ word
    if whole < length:
        hashed = (hashed ^ int.from_bytes(key[whole:], "little")) * _MIX & _WORD
    hashed = (hashed ^ hashed >> 13) * _MIX & _WORD
    return hashed ^ hashed >> 15


class Placing:
    """The partitions of one topic, as many as there were when the bus began: a player stays where it is.

    The client by itself would follow a new number of partitions as soon as it hears of it.
    """

    def __init__(self, partitions: int) -> None:
        self.partitions = partitions
        self._known: dict[str, int] = {}

    def of(self, player_id: str) -> int:
        """The player's partition. Those of up to `KNOWN_MAX` players are remembered."""
        known = self._known.get(player_id)
        if known is None:
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            known = self._known[player_id] = (murmur2(player_id.encode()) & _POSITIVE) % self.partitions
        return known
