"""A sentence about what happened: what it says, which rules it follows, and what it moved."""

from typing import NamedTuple

from feeds.explaining.movements import NOTHING, Movement
from feeds.explaining.rules import Rule


class Line(NamedTuple):
    """`text` is a few whole sentences. The movements of an entry's lines add up to the entry's.

    `vip`: the text tells how the player is valued (level, privileges), which not every role may know.
    """

    text: str
    rules: tuple[Rule, ...] = ()
    moved: Movement = NOTHING
    vip: bool = False
