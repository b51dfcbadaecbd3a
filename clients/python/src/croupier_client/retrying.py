"""When a call is repeated, and for how long. Repeats carry the same key, so that they are safe."""

import random
from collections.abc import Callable
from dataclasses import dataclass

Chance = Callable[[], float]
"""A number from 0 up to 1: `random.random`, or a test's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """`deadline_s`: how long a call may take with all its repeats; a single call may say otherwise.

    `attempt_timeout_s`: how long one HTTP request, or the opening of a stream, may take. Before the n-th repeat there
    is a pause of `pause_first_s` · 2^(n-1), at most `pause_max_s`, or the server's `Retry-After` if that is longer; and
    up to a half of it more by chance, so that callers do not come back all at once.
    """

    deadline_s: float = 30.0
    attempt_timeout_s: float = 5.0
    pause_first_s: float = 0.05
    pause_max_s: float = 2.0

    def __post_init__(self) -> None:
        if not (self.deadline_s > 0 and self.attempt_timeout_s > 0):
            raise ValueError("deadline_s and attempt_timeout_s must be above 0")
        if not 0 < self.pause_first_s <= self.pause_max_s:
            raise ValueError("0 < pause_first_s <= pause_max_s must hold")

    def pause_s(self, attempts: int, at_least_s: float = 0.0, chance: Chance = random.random) -> float:
        """The pause after `attempts` attempts in a row without success."""
        whole_s = self.pause_max_s
        if attempts < 32:  # beyond, the power is huge and the maximum long reached
            whole_s = min(whole_s, self.pause_first_s * 2 ** (attempts - 1))
        return max(at_least_s, whole_s) * (1 + chance() / 2)
