"""What librdkafka logs, sparingly: brokers that are away for an hour would fill the log with the same line."""

import logging
import time
from collections.abc import Callable
from typing import Final

SPARE_S: Final = 30.0
KINDS_MAX: Final = 256


class Sparing(logging.Filter):
    """Lets one line of each kind through in `SPARE_S` seconds. The first word of a line is its kind, such as `FAIL`."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._last: dict[str, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is logged."""
        kind, now = record.getMessage().partition(" ")[0], self._clock()
        if now - self._last.get(kind, -SPARE_S) < SPARE_S:
            return False
        if len(self._last) >= KINDS_MAX:
            self._last.clear()
        self._last[kind] = now
        return True


library_log = logging.getLogger("croupier.bus_in.librdkafka")
library_log.addFilter(Sparing())
