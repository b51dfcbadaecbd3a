"""How a decider declares itself: which command it decides, and where the command stands in the order of refusals
(rules §3).

One declaration per command, at its decider; `engine.deciding` needs nothing else.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

from engine.commands import Body
from engine.transition import Decision

_Decider = TypeVar("_Decider", bound=Callable[..., Decision])


class Declared(NamedTuple):
    """A decider, and what `engine.deciding` checks before and after it: see `decides`."""

    decide: Callable[..., Decision]
    while_blocked: bool
    converts: bool
    moves_turnover: bool


DECLARED: dict[type[Any], Declared] = {}


def decides(
    *kinds: type[Body], while_blocked: bool = True, converts: bool = False, moves_turnover: bool = False
) -> Callable[[_Decider], _Decider]:
    """Declares the decider of these commands.

    `while_blocked=False`: the command is refused with `player_blocked` while the player is blocked. `converts`: it is
    refused with `unsupported_currency` unless platform.yaml has the player's currency (rules §2.7). `moves_turnover`:
    it may change the turnover, or settle a round whose stakes did, so the level is checked afterwards (rules §8).
    """

    def declare(decider: _Decider) -> _Decider:
        for kind in kinds:
            if kind in DECLARED:
                raise TypeError(f"{kind.__name__} has a decider already: {DECLARED[kind].decide.__qualname__}")
            DECLARED[kind] = Declared(decider, while_blocked, converts, moves_turnover)
        return decider

    return declare
