"""What the failed attempts at one append or slot move have told: may it be written, and how long is it refused?

An attempt without answer leaves the outcome unknown for good: a later refusal tells only of the later attempt (rule 3).
"""

import logging

from actors.metrics.shard import ShardMetrics
from snapshots.errors import StoreRefused, StoreUnavailable

log = logging.getLogger("croupier.shard")

SILENCE = "silence"


class FailedAttempts:
    """Of one write. Counts each attempt by its reason, and logs when the reason changes, not each time."""

    def __init__(self, metrics: ShardMetrics, what: str = "journal append") -> None:
        self._what = what
        self.may_be_written = False
        """An attempt had no answer, or none that proves that nothing was written."""
        self._metrics = metrics
        self._refused_since_s: float | None = None
        self._reason = ""

    def add(self, failure: StoreUnavailable, now_s: float) -> None:
        """One more attempt failed; `now_s` is monotonic."""
        refusal = failure if isinstance(failure, StoreRefused) else None
        reason = SILENCE if refusal is None else refusal.reason
        self._metrics.journal_failures[reason] = self._metrics.journal_failures.get(reason, 0) + 1
        if refusal is None or not refusal.proved:
            self.may_be_written = True
        if refusal is None or refusal.passes:
            self._refused_since_s = None
        elif self._refused_since_s is None:
            self._refused_since_s = now_s
        if reason != self._reason:
            self._reason = reason
            log.warning("%s failed (%s), repeating it: %s", self._what, reason, failure)

    def refused_for(self, limit_ms: int, now_s: float) -> bool:
        """Whether every answer was a refusal that does not pass by itself, for longer than that."""
        return self._refused_since_s is not None and (now_s - self._refused_since_s) * 1000 > limit_ms

    def over(self) -> None:
        """The write succeeded at last."""
        if self._reason:
            log.warning("%s succeeded; before it failed (%s)", self._what, self._reason)
