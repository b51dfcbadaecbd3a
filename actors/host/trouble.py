"""What is in the way of work that is tried again and again: it is logged once, and once when it is over."""

import logging
import time
from collections.abc import Callable


class Trouble:
    """Of one piece of work; `what` says in a few words what does not happen meanwhile."""

    def __init__(self, log: logging.Logger, what: str, clock: Callable[[], float] = time.monotonic) -> None:
        self._log, self._what, self._clock = log, what, clock
        self._kind: object = None
        self._since_s = 0.0

    def met(self, failure: Exception) -> None:
        """It failed once more. Another kind of failure than the last one is logged, too."""
        kind = type(failure), getattr(failure, "reason", "")
        if self._kind is None:
            self._since_s = self._clock()
        if kind != self._kind:
            self._log.warning("%s, it is tried again: %s", self._what, failure)
            self._kind = kind

    def over(self) -> None:
        """It succeeded."""
        if self._kind is not None:
            self._kind = None
            self._log.warning("%s: over after %.1f s", self._what, self._clock() - self._since_s)
