"""Who is left alone for a while because something failed: for a second, then two, then four, up to a minute."""

import asyncio
from collections.abc import Callable

REST_FIRST_S = 1.0
REST_MAX_S = 60.0


def _loop_time() -> float:
    return asyncio.get_running_loop().time()


class Rests:
    """How long each player rests. No rest is longer than a minute, so every player's work is tried again."""

    def __init__(self, clock: Callable[[], float] = _loop_time) -> None:
        self._clock = clock
        self._rests: dict[str, tuple[float, float]] = {}
        """When the rest is over, and how long it was, in seconds."""

    def __len__(self) -> int:
        return len(self._rests)

    def resting(self, player_id: str) -> bool:
        """Whether it is too early to try again."""
        rest = self._rests.get(player_id)
        return rest is not None and self._clock() < rest[0]

    def failed(self, player_id: str) -> None:
        """The player's work failed, perhaps again: the player rests twice as long as the last time."""
        _, last_s = self._rests.get(player_id, (0.0, 0.0))
        rest_s = min(2 * last_s, REST_MAX_S) or REST_FIRST_S
        self._rests[player_id] = (self._clock() + rest_s, rest_s)

    def succeeded(self, player_id: str) -> None:
        """The player's work succeeded: the player rests no more."""
        self._rests.pop(player_id, None)

    def interrupt(self) -> None:
        """Everybody may be tried now; whoever fails again rests twice as long as the last time."""
        self._rests = {player_id: (self._clock(), rest_s) for player_id, (_, rest_s) in self._rests.items()}

    def forget_old(self) -> None:
        """Forgets players who were not tried for long: they left, or have no work any more."""
        now_s = self._clock()
        for player_id in [player_id for player_id, rest in self._rests.items() if rest[0] + REST_MAX_S < now_s]:
            del self._rests[player_id]
