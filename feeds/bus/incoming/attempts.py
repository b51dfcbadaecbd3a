"""Asks a player until there is an outcome: what is "not now" is repeated with the same id, and holds its partition.

A message that goes on failing while others succeed has a trouble of its own (its player can't be loaded, say). It lets
its partition go on after `HOLDING_ATTEMPTS`, no longer counts for the breaker, and is given up after
`ALONE_ATTEMPTS_MAX`, about an hour.
"""

import logging
import random
from collections.abc import Callable
from itertools import count
from typing import Final

from actors.outcome import Answered, Outcome, Players, Unavailable, ask
from actors.routing.breaker import Breaker
from engine.rejections import Rejection
from feeds.bus.incoming.cloud_events import EventRefused
from feeds.bus.incoming.metrics import BusInMetrics
from feeds.bus.incoming.progress import Taken
from feeds.bus.incoming.reading import Incoming

log = logging.getLogger("croupier.bus_in")

HOLDING_ATTEMPTS: Final = 4
ALONE_ATTEMPTS_MAX: Final = 120
FIRST_DELAY_S, DELAY_MAX_S = 0.25, 30.0
PROBE_LOOK_S: Final = 0.1


class Attempts:
    """What all lanes share: the players, the breaker before them, and how many attempts succeeded."""

    def __init__(self, players: Players, breaker: Breaker, metrics: BusInMetrics, clock_ms: Callable[[], int]) -> None:
        self._players, self.breaker, self._metrics, self._clock_ms = players, breaker, metrics, clock_ms
        self._successes = 0

    async def until_outcome(self, taken: Taken, incoming: Incoming) -> Answered | Rejection | None:
        """The outcome; None if the partition went meanwhile. Raises EventRefused if it is given up or too old."""
        alone, seen = 0, self._successes
        for number in count(1):
            if not await self._allowed(taken):
                return None
            outcome = await self._try(incoming)
            if not isinstance(outcome, Unavailable):
                self.breaker.succeeded()
                self._successes += 1
                return outcome
            alone, seen = alone + (self._successes > seen), self._successes
            self._failed(taken, outcome, number, alone)
            await self._rest(taken, outcome, number)
        raise AssertionError("count() ends never")

    async def _allowed(self, taken: Taken) -> bool:
        """Waits until the breaker lets this attempt through; False if the partition went."""
        if taken.progress.gone.is_set():
            return False
        while not self.breaker.allows():
            if await taken.progress.gone_within(max(self.breaker.left_s, PROBE_LOOK_S)):
                return False
        return True

    async def _try(self, incoming: Incoming) -> Outcome:
        problem = incoming.age_problem(self._clock_ms())
        if problem is not None:
            self.breaker.gave_up()
            raise problem
        try:
            return await ask(self._players, incoming.player_id, incoming.command_id, incoming.body)
        except Exception:
            log.exception("%s can't be sent", incoming.command_id)
            return Unavailable("shard_unavailable", "The command can't be sent.")

    def _failed(self, taken: Taken, outcome: Unavailable, number: int, alone: int) -> None:
        self._metrics.event(taken.record.topic, "retried")
        if number < HOLDING_ATTEMPTS or self.breaker.state != "closed":
            self.breaker.failed(f"{outcome.code}: {outcome.detail}")
        if alone >= ALONE_ATTEMPTS_MAX:
            raise EventRefused(outcome.code, f"Tried {number} times, while others succeeded: {outcome.detail}")
        if number == HOLDING_ATTEMPTS:
            log.warning("%s is tried again and again: %s: %s", taken.record, outcome.code, outcome.detail)

    async def _rest(self, taken: Taken, outcome: Unavailable, number: int) -> None:
        """Waits before the next attempt; the first few hold the partition meanwhile."""
        delay_s = min(DELAY_MAX_S, FIRST_DELAY_S * 2 ** min(number - 1, 10)) * random.uniform(0.8, 1.2)
        if outcome.code == "overloaded":
            delay_s = max(delay_s, float(outcome.retry_after_s))
        holds = number <= HOLDING_ATTEMPTS
        taken.progress.holds += holds
        try:
            await taken.progress.gone_within(delay_s)
        finally:
            taken.progress.holds -= holds
