"""One run: the crowd plays, and every few seconds everything is sampled."""

import asyncio
import statistics
import time
from collections.abc import Callable
from typing import Final

from redis import Redis

from benchmarks.soak.crowd import Crowd
from benchmarks.soak.found import PlaySample, Soak
from benchmarks.soak.place import Running
from benchmarks.soak.watching import Watch, sample_store

TOLD_EVERY: Final = 12
"""Samples between two lines of progress."""
RUSH_SHARE: Final = 0.75
"""Of the warm-up: so long the crowd plays faster, so that memory is full early."""


class Playing:
    """Fills `soak` with samples, one each `every_s` seconds; `say` gets a line of progress now and then."""

    def __init__(self, running: Running, soak: Soak, every_s: float, say: Callable[[str], None]) -> None:
        self._running, self._soak, self._every_s, self._say = running, soak, every_s, say
        settings = soak.settings
        away = settings["residents"] * settings["shards"] * 5 // 4
        seats, rush = settings["seats"], settings["rush"]
        self._crowd = Crowd(*running.address, running.signers, seats=seats, per_second=rush, away=away)
        self._watch = Watch(running.roots)
        self._began = time.monotonic()
        self._spins = self._retries = 0

    async def run(self, lasts_s: float) -> None:
        """Plays for so long. Raises what the crowd meets, OSError, redis.RedisError."""
        store = Redis.from_url(self._running.store_url)
        playing = asyncio.create_task(self._crowd.play())
        try:
            while self._at_s() < lasts_s and not playing.done():
                await asyncio.wait([playing], timeout=self._every_s)
                await asyncio.to_thread(self._sample, store)
                if self._at_s() > RUSH_SHARE * self._soak.warm_up_s:
                    self._crowd.pace(self._soak.settings["rate"])
            self._crowd.stop()
            await playing
        finally:
            playing.cancel()
            store.close()
        self._watch.name_shards(await asyncio.to_thread(self._running.shards))
        self._soak.processes = self._watch.processes
        self._soak.books = self._crowd.counted()
        self._soak.lasted_s = self._soak.play[-1].at_s

    def _at_s(self) -> float:
        return time.monotonic() - self._began

    def _sample(self, store: "Redis") -> None:
        at_s, soak = self._at_s(), self._soak
        soak.play.append(self._of_play(at_s, at_s - (soak.play[-1].at_s if soak.play else 0.0)))
        self._watch.sample(at_s)
        soak.store.append(sample_store(store, at_s, self._crowd.books.players))
        if len(soak.play) % TOLD_EVERY == 0:
            self._tell()

    def _of_play(self, at_s: float, seconds: float) -> PlaySample:
        meter, tally = self._crowd.meter, self._crowd.tally
        latencies, meter.latencies = meter.latencies, []
        cuts = statistics.quantiles(latencies, n=100) if len(latencies) > 1 else [0.0] * 99
        sample = PlaySample(
            at_s=at_s,
            seconds=seconds,
            spins=tally.spins - self._spins,
            retries=meter.retries - self._retries,
            p50_us=round(cuts[49] * 1e6),
            p99_us=round(cuts[98] * 1e6),
            max_us=round(max(latencies, default=0.0) * 1e6),
        )
        self._spins, self._retries = tally.spins, meter.retries
        return sample

    def _tell(self) -> None:
        last, store, crowd = self._soak.play[-1], self._soak.store[-1], self._crowd
        minutes, seconds = divmod(int(last.at_s), 60)
        memory = sum(one.samples[-1].pss_kb for one in self._watch.processes if one.samples[-1].at_s == last.at_s)
        self._say(
            f"{minutes:02}:{seconds:02} {last.spins / last.seconds:.0f} spins/s, p99 {last.p99_us / 1000:.1f} ms,"
            f" {memory / 1024:,.0f} MB, Redis {store.used_bytes / 1e6:.0f} MB with {store.records:,} records,"
            f" {crowd.books.players:,} players, {crowd.meter.retries} repeats,"
            f" {len(crowd.tally.differences)} differences"
        )
