"""When an attempt that failed is repeated."""

import random
from typing import Final

SECOND_MS: Final = 1_000
MINUTE_MS: Final = 60 * SECOND_MS
HOUR_MS: Final = 60 * MINUTE_MS

WAITS_MS: Final = (
    5 * SECOND_MS,
    5 * MINUTE_MS,
    30 * MINUTE_MS,
    2 * HOUR_MS,
    5 * HOUR_MS,
    10 * HOUR_MS,
    14 * HOUR_MS,
    20 * HOUR_MS,
    24 * HOUR_MS,
)
"""After the first attempt, after the second, and so on."""
ATTEMPTS_MAX: Final = len(WAITS_MS) + 1
JITTER: Final = 0.1
"""A wait is longer by up to this share, so that what failed together is not repeated together."""
RETRY_AFTER_MAX_MS: Final = HOUR_MS
"""An endpoint that asks for more rest than this is asked again after this."""
GIVEN_UP_MS: Final = 5 * 24 * HOUR_MS
"""An endpoint that was tried for so long without a single success is disabled."""


def wait_ms(attempts: int, chance: random.Random) -> int:
    """How long to wait after so many failed attempts (1 or more); beyond the table it stays at the longest wait."""
    wait = WAITS_MS[min(attempts, len(WAITS_MS)) - 1]
    return wait + int(wait * JITTER * chance.random())
