"""Kill-switches: what operators have switched off, in full for people and in short for deciding (rules §3).

They stop what is new. What has begun goes on: rounds are settled, grants are wagered and paid.
"""

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

Scope = Literal["all", "game", "campaign", "player"]
SCOPES: Final[tuple[Scope, ...]] = ("all", "game", "campaign", "player")
SWITCHES_MAX: Final = 200
"""What can be switched off at a time. For a player who is to stay out, there is the block."""


class SwitchedOff(msgspec.Struct, frozen=True):
    """All that is switched off, as commands are decided by it."""

    everything: bool = False
    games: frozenset[str] = frozenset()
    campaigns: frozenset[str] = frozenset()
    players: frozenset[str] = frozenset()

    def stops(self, player_id: str) -> bool:
        """Whether the player may begin nothing, on any game."""
        return self.everything or player_id in self.players


class Switch(msgspec.Struct, frozen=True, array_like=True):
    """One thing that is switched off: since when (Unix ms, real time), by whom, why. `id` is empty for `all`."""

    scope: Scope
    id: str
    since_ms: int
    by: str
    reason: str = ""


class Switches(msgspec.Struct, frozen=True, array_like=True):
    """All that is switched off, oldest first. `number` grows by one with each change."""

    number: int = 0
    off: tuple[Switch, ...] = ()

    def find(self, scope: Scope, id_: str) -> Switch | None:
        """The switch of this name; None if what it names is on."""
        return next((switch for switch in self.off if (switch.scope, switch.id) == (scope, id_)), None)

    def with_off(self, switch: Switch) -> "Switches":
        """One more is off. What is off already stays as it is, so that it tells who did it first."""
        return self if self.find(switch.scope, switch.id) else Switches(self.number + 1, (*self.off, switch))

    def with_on(self, scope: Scope, id_: str) -> "Switches":
        """One is on again. Nothing changes if it was on."""
        former = self.find(scope, id_)
        if former is None:
            return self
        return Switches(self.number + 1, tuple(switch for switch in self.off if switch is not former))

    def count(self, scope: Scope) -> int:
        """How many of a kind are off."""
        return sum(1 for switch in self.off if switch.scope == scope)

    def in_short(self) -> SwitchedOff | None:
        """As commands are decided by it; None if nothing is off, which is all that a spin asks then."""
        if not self.off:
            return None
        return SwitchedOff(
            everything=self.find("all", "") is not None,
            games=_ids(self.off, "game"),
            campaigns=_ids(self.off, "campaign"),
            players=_ids(self.off, "player"),
        )


NONE_OFF: Final = Switches()


def _ids(off: Sequence[Switch], scope: Scope) -> frozenset[str]:
    return frozenset(switch.id for switch in off if switch.scope == scope)
