"""How old the oldest record is that has not left for good. Bounded, whatever the age."""

import asyncio
from collections import deque

from snapshots.contract import Position

RESOLUTION = 100
"""Ages are right to one part in so many."""


class Lag:
    """The ends of one shard's logs, and when each was first seen, by the clock of the loop that it is made on."""

    def __init__(self) -> None:
        self._clock = asyncio.get_running_loop().time
        self._ends: deque[tuple[Position, float]] = deque()

    def saw(self, end: Position) -> None:
        """The shard's logs end there now."""
        now_s = self._clock()
        if self._ends and end <= self._ends[-1][0]:
            return
        if self._ends and now_s - self._ends[-1][1] < (now_s - self._ends[0][1]) / RESOLUTION:
            self._ends[-1] = end, self._ends[-1][1]
        else:
            self._ends.append((end, now_s))

    def aged(self, age_s: float) -> None:
        """The oldest record that is waiting is so old, as its own time says."""
        if self._ends:
            end, seen_s = self._ends[0]
            self._ends[0] = end, min(seen_s, self._clock() - age_s)

    def seconds(self, settled: Position) -> float:
        """The age in seconds, 0 if everything has left."""
        while self._ends and self._ends[0][0] <= settled:
            self._ends.popleft()
        return max(0.0, self._clock() - self._ends[0][1]) if self._ends else 0.0
