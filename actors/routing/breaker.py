"""A circuit breaker: stops asking what fails, and lets one probe through when it may work again."""

import logging
import time
from collections.abc import Callable
from typing import Final, Literal

from prometheus_client import CollectorRegistry

log = logging.getLogger("croupier.breaker")

State = Literal["closed", "half_open", "open"]
NUMBERS: Final[dict[State, int]] = {"closed": 0, "half_open": 1, "open": 2}
"""As the metric `breaker_state` shows them."""


def states_shown(registry: CollectorRegistry) -> dict[str, str]:
    """The breakers that the metric `breaker_state` of this registry shows, by name, in the order of their names."""
    words: dict[float, str] = {number: state for state, number in NUMBERS.items()}
    samples = [sample for metric in registry.collect() if metric.name == "breaker_state" for sample in metric.samples]
    return {
        sample.labels["breaker"]: words[sample.value] for sample in sorted(samples, key=lambda each: str(each.labels))
    }


class Breaker:
    """One thing that may fail, by name. `clock` is monotonic, in seconds; without one it is this machine's."""

    def __init__(
        self, name: str, failures_max: int = 5, open_s: float = 10.0, clock: Callable[[], float] | None = None
    ) -> None:
        self.name = name
        self._failures_max, self._open_s, self._clock = failures_max, open_s, clock or time.monotonic
        self._failures = 0
        self._opened_at: float | None = None
        self._probing = False

    @property
    def state(self) -> State:
        """`open` until `open_s` have passed since it opened, then `half_open` until a probe has told more."""
        if self._opened_at is None:
            return "closed"
        return "half_open" if self.left_s == 0 else "open"

    @property
    def left_s(self) -> float:
        """How long it lets nothing through; 0 if it is closed or half open."""
        if self._opened_at is None:
            return 0.0
        return max(0.0, self._opened_at + self._open_s - self._clock())

    def allows(self) -> bool:
        """Whether to try now. In half-open only the first asker may: the probe, which must tell how it went."""
        state = self.state
        if state == "half_open" and not self._probing:
            self._probing = True
            log.info("breaker %s: half open, one probe", self.name)
            return True
        return state == "closed"

    def succeeded(self) -> None:
        """It worked."""
        if self._opened_at is not None:
            log.warning("breaker %s: closed", self.name)
        self._failures, self._opened_at, self._probing = 0, None, False

    def failed(self, why: str) -> None:
        """It failed: opens after so many failures in a row, and again after a failed probe."""
        self._failures += 1
        probed, self._probing = self._probing, False
        if probed or (self._opened_at is None and self._failures >= self._failures_max):
            self._opened_at = self._clock()
            log.warning("breaker %s: open for %g s: %s", self.name, self._open_s, why)

    def open(self, why: str) -> None:
        """It is known to fail, however few attempts have shown it."""
        if self._opened_at is None:
            self._opened_at = self._clock()
            log.warning("breaker %s: open for %g s: %s", self.name, self._open_s, why)

    def gave_up(self) -> None:
        """The attempt was ended before it could tell: another may probe."""
        self._probing = False
