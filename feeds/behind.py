"""The first of two stops: the archive is behind by more than a limit. Nothing stops yet; operators are told in time.

What the archive has not taken stays in the store. When that fills up, new bets stop (`actors.background.store_fill`).
"""

import logging
from typing import Annotated, Final

import msgspec
from msgspec import Meta
from prometheus_client import CollectorRegistry, Gauge

log = logging.getLogger("croupier.reader")

CALM_SHARE: Final = 0.8
"""The alert ends when the reader is behind by less than this share of the limit."""

Minutes = Annotated[int, Meta(ge=1, le=10_080)]
Bytes = Annotated[int, Meta(ge=1_048_576, le=2**50)]


class BehindLimits(msgspec.Struct, frozen=True):
    """How far a reader may be behind. Read from the reader's own settings, whose other fields do not matter here."""

    alert_after_minutes: Minutes = 10
    alert_after_bytes: Bytes = 1_073_741_824


class BehindAlert:
    """One reader's. `reader_behind` is 1 while the alert lasts; the log tells its begin and end."""

    def __init__(self, name: str, limits: BehindLimits, registry: CollectorRegistry) -> None:
        self.behind = False
        self._name, self._limits = name, limits
        self._gauge = Gauge("reader_behind", "1: behind by more than the limit", ["reader"], registry=registry)
        self._gauge.labels(name).set(0)

    def look(self, lag_s: float, held_bytes: int) -> None:
        """`lag_s`: age of the oldest record not passed on (s); `held_bytes`: what the store keeps for this reader."""
        share = max(lag_s / (60 * self._limits.alert_after_minutes), held_bytes / self._limits.alert_after_bytes)
        if share >= 1 and not self.behind:
            self._change(True)
            log.error("reader %s is behind: %.0f s, %d bytes of the journal are kept for it; alert_after_minutes is %d "
                      "and alert_after_bytes %d. When the store is full, new bets stop.",
                      self._name, lag_s, held_bytes, self._limits.alert_after_minutes,
                      self._limits.alert_after_bytes)  # fmt: skip
        elif share < CALM_SHARE and self.behind:
            self._change(False)
            log.warning("reader %s has caught up: %.0f s behind", self._name, lag_s)

    def _change(self, behind: bool) -> None:
        self.behind = behind
        self._gauge.labels(self._name).set(int(behind))
