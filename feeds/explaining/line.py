"""A sentence about what happened: what it says, which rules it follows, and what it moved."""

from typing import NamedTuple

from feeds.explaining.movements import NOTHING, Movement
from feeds.explaining.rules import Rule


class Line(NamedTuple):
    """`text` is one or two whole sentences. The movements of an entry's lines add up to the entry's."""

    text: str
    rules: tuple[Rule, ...] = ()
    moved: Movement = NOTHING
