"""A sentence about what happened: what it says, which rules it follows, and what it moved."""

from typing import Final, NamedTuple

from feeds.explaining.movements import NOTHING, Movement
from feeds.explaining.rules import Rule

HIDDEN: Final = "What happened here is not shown to this role."


class Line(NamedTuple):
    """`text` is a few whole sentences. The movements of an entry's lines add up to the entry's.

    `instead`: what is read by roles that may not know how the player is valued (level, privileges, turnover), where the
    text tells it. None: it tells nothing of the kind.
    """

    text: str
    rules: tuple[Rule, ...] = ()
    moved: Movement = NOTHING
    instead: str | None = None
