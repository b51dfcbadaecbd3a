"""How the functions are told who asks, and which slots and players change shards."""

from collections.abc import Mapping, Sequence
from hashlib import blake2b

import msgspec

from snapshots.contract import Incarnation


def token(inc: Incarnation) -> tuple[str, int, str, str]:
    """The fencing token, as every function of a shard takes it first."""
    return inc.shard_id, inc.epoch, inc.nonce, inc.log_id


def move_of(
    term: int | None, slots: Sequence[int], dedicated: Sequence[str], gainer: str, versions: Mapping[str, int]
) -> tuple[bytes, bytes]:
    """A digest by which a repeated move is known, and MessagePack of {slots, players, versions}.

    A move that is told again has no term.
    """
    players = [(player_id, str(version)) for player_id, version in sorted(versions.items())]
    move = msgspec.msgpack.encode(([str(slot) for slot in sorted(slots)], sorted(dedicated), players))
    return blake2b(msgspec.msgpack.encode((term, gainer, move)), digest_size=16).digest(), move
