"""P3: one Ray actor per player, one Ray call per spin, and a snapshot to Redis every 100 spins.

What was played since the last snapshot is lost with the actor: P3 is less durable than the others, by its definition.
"""

import json
import os
from collections import OrderedDict
from dataclasses import asdict
from typing import Any, Final

import ray
from redis import Redis

from benchmarks.peers.rules import Outcome, Played, Spin, Totals, seeded
from benchmarks.signed import player

SNAPSHOT_EVERY: Final = 100
REMEMBERED_MAX: Final = 128


class PlayerActor:
    """One player: an account, the last answers, and a snapshot now and then."""

    def __init__(self, number: int, redis_url: str) -> None:
        self._key = f"snapshot:{player(number)}"
        self._account = seeded(number)
        self._answers: OrderedDict[str, tuple[str, Played]] = OrderedDict()
        self._redis = Redis.from_url(redis_url)
        self._snapshot()

    def spin(self, spin: Spin) -> Outcome:
        """Plays it once; the same command again gets the first answer."""
        if (found := self._answers.get(spin.command)) is not None:
            content, first = found
            return first._replace(replayed=True) if content == spin.content else "idempotency_conflict"
        outcome = self._account.play(spin)
        if isinstance(outcome, Played):
            self._remember(spin, outcome)
        return outcome

    def totals(self) -> Totals:
        """Of this player alone."""
        account = self._account
        return Totals(account.real, account.bonus, int(account.remaining > 0), account.number)

    def _remember(self, spin: Spin, played: Played) -> None:
        self._answers[spin.command] = (spin.content, played)
        if len(self._answers) > REMEMBERED_MAX:
            self._answers.popitem(last=False)
        if played.number % SNAPSHOT_EVERY == 0:
            self._snapshot()

    def _snapshot(self) -> None:
        self._redis.set(self._key, json.dumps([asdict(self._account), self._answers]))


class ActorBackend:
    """Handles of all players' actors in a local Ray of this process."""

    def __init__(self, redis_url: str, players: int) -> None:
        self._redis_url = redis_url
        self._players = players
        self._actors: dict[str, Any] = {}

    async def open(self) -> None:
        """Starts Ray and every actor; returns once all have written their first snapshot."""
        os.environ.update(RAY_worker_niceness="0", RAY_USAGE_STATS_ENABLED="0")
        ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
        actor: Any = ray.remote(num_cpus=0)(PlayerActor)
        for number in range(self._players):
            self._actors[player(number)] = actor.remote(number, self._redis_url)
        await self.totals()

    async def close(self) -> None:
        """Ends Ray with all its processes."""
        ray.shutdown()

    async def spin(self, spin: Spin) -> Outcome:
        """One Ray call. Raises what Ray raises."""
        actor = self._actors.get(spin.player_id)
        if actor is None:
            return "player_not_found"
        outcome: Outcome = await actor.spin.remote(spin)
        return outcome

    async def totals(self) -> Totals:
        """Asks every actor."""
        rows = [await asked for asked in [actor.totals.remote() for actor in self._actors.values()]]
        return Totals(*(sum(column) for column in zip(*rows, strict=True)))
