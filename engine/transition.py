"""A transition: everything one accepted command did to one player. The unit of the journal."""

from typing import final

import msgspec

from engine.events import AnyEvent
from engine.rejections import Rejection


@final
class Transition(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """`version` is the player's version after it: 1, 2, 3 … without gaps.

    `content` is the 8-byte digest of the command's body, `answer` the encoded answer as first given. `real_ms` is real
    time, by which ids age, where it differs from `time_ms`; else 0 (rules §3).
    """

    player_id: str
    version: int
    time_ms: int
    command_id: str
    content: bytes
    events: tuple[AnyEvent, ...]
    answer: bytes
    real_ms: int = 0


Decision = list[AnyEvent] | Rejection
