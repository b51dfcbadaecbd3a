"""The loop's side of the bus in: messages go into lanes and leave finished; partitions come and go.

The consumer's thread calls `arrived` by the loop, and `begin` and `let_go` while it rebalances; it reads `paused` and
`committable` at any time.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Final

from actors.outcome import Answered
from engine.rejections import ALREADY_PROCESSED, Rejection
from feeds.bus.incoming.attempts import Attempts
from feeds.bus.incoming.cloud_events import EventRefused
from feeds.bus.incoming.dead_letters import DeadLetters
from feeds.bus.incoming.lanes import Lanes
from feeds.bus.incoming.metrics import BusInMetrics, EventOutcome
from feeds.bus.incoming.progress import Progress, Taken
from feeds.bus.incoming.reading import Incoming, Reader
from feeds.bus.incoming.record import Partition, Record
from feeds.bus.incoming.room import Room
from feeds.bus.incoming.settings import BusInSettings
from feeds.bus.incoming.watermarks import Left, Watermarks
from snapshots.errors import Fenced, StoreError

log = logging.getLogger("croupier.bus_in")

LOOK_S: Final = 0.05
WATERMARK_S: Final = 0.5
LET_GO_S: Final = 5.0
CLAIM_RETRY_S, CLAIM_MAX_S = 0.5, 60.0
SHARE_OF_A_LANE: Final = 16
"""A lane is full with this part of all messages that may wait."""


class Intake:
    """One for the life of the process; consumers may come and go before it."""

    def __init__(
        self,
        settings: BusInSettings,
        attempts: Attempts,
        dead_letters: DeadLetters,
        watermarks: Watermarks,
        metrics: BusInMetrics,
    ) -> None:
        self.room = Room(settings.waiting_events_max, settings.waiting_bytes_max)
        self.paused: frozenset[Partition] = frozenset()
        """Partitions of which nothing should come now. Only ever replaced."""
        self.committable: Mapping[Partition, int] = {}
        """What is finished and noted in our own store. Only ever replaced."""
        self.fenced = False
        """Another process has taken a partition that this one believed to have: the consumer must begin again."""
        self._attempts, self._dead_letters = attempts, dead_letters
        self._watermarks, self._metrics = watermarks, metrics
        self._reader = Reader(settings)
        self._open_max = 2 * settings.waiting_events_max
        self._topics = [topic.name for topic in settings.topics]
        self._partitions: dict[Partition, Progress] = {}
        self._lanes = Lanes(self._finish, max(8, settings.waiting_events_max // SHARE_OF_A_LANE))
        self._tasks = [
            asyncio.create_task(self._look(), name="bus-in pauses"),
            asyncio.create_task(self._note(), name="bus-in watermarks"),
        ]

    async def close(self) -> None:
        """Ends its tasks; every partition was let go before."""
        self._lanes.stop()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    # --- partitions come and go

    async def claim(self, places: Sequence[Partition]) -> Mapping[Partition, Left]:
        """Takes partitions over: how each was left. Raises StoreError when the store stays away for a minute."""
        deadline = time.monotonic() + CLAIM_MAX_S
        while True:
            try:
                return {place: await self._watermarks.claim(place) for place in places}
            except StoreError as failure:
                if time.monotonic() > deadline:
                    raise
                log.warning("the watermarks can't be read, so nothing is taken yet: %s", failure)
                await asyncio.sleep(CLAIM_RETRY_S)

    async def begin(self, starts: Mapping[Partition, int]) -> None:
        """From now on messages of these partitions arrive, from those offsets on."""
        for place, offset in starts.items():
            self._partitions[place] = Progress(place, offset)
            await self._try_note(self._partitions[place])

    async def let_go(self, places: Sequence[Partition]) -> Mapping[Partition, int]:
        """Finishes within five seconds what is under way, begins nothing more; answers what may be committed."""
        going = [progress for place in places if (progress := self._partitions.get(place)) is not None]
        for progress in going:
            progress.gone.set()
        deadline = time.monotonic() + LET_GO_S
        while any(progress.under_way for progress in going) and time.monotonic() < deadline:
            await asyncio.sleep(LOOK_S / 5)
        for progress in going:
            await self._try_note(progress)
            self._forget(progress)
        return {progress.place: progress.committable for progress in going}

    def _forget(self, progress: Progress) -> None:
        self._partitions.pop(progress.place, None)
        self.committable = {place: offset for place, offset in self.committable.items() if place != progress.place}
        self._watermarks.forget(progress.place)

    # --- messages

    def arrived(self, records: Sequence[Record]) -> None:
        """Takes messages, in the order of their offsets."""
        for record in records:
            progress = self._partitions.get(record.place)
            if progress is None:
                self.room.give(record.size)
                continue
            self._lanes.put(progress.take(record, self._read(record)))

    def _read(self, record: Record) -> Incoming | EventRefused:
        try:
            return self._reader.read(record)
        except EventRefused as refused:
            return refused
        except Exception:
            log.exception("%s can't be read", record)
            return EventRefused("internal_error", "Reading it failed; the log of this process says how.")

    async def _finish(self, taken: Taken) -> None:
        """One message to its end, or to the end of its partition's stay here."""
        progress = taken.progress
        progress.under_way += 1
        try:
            if not progress.gone.is_set():
                taken.mark.done = await self._done(taken)
        except Exception:
            log.exception("%s is not finished; its partition goes no further", taken.record)
        finally:
            progress.under_way -= 1
            self.room.give(taken.record.size)

    async def _done(self, taken: Taken) -> bool:
        """Applies it or keeps it as a dead letter; False if the partition went meanwhile."""
        try:
            outcome = await self._outcome(taken)
        except EventRefused as refused:
            await self._dead_letters.keep(taken.record, refused)
            self._metrics.dead_letter(refused.code)
            outcome = "dead"
        if outcome is None:
            return False
        self._metrics.event(taken.record.topic, outcome)
        return True

    async def _outcome(self, taken: Taken) -> EventOutcome | None:
        content = taken.content
        if isinstance(content, EventRefused):
            raise content
        outcome = await self._attempts.until_outcome(taken, content)
        if isinstance(outcome, Answered):
            return "repeated" if outcome.replayed else "accepted"
        if isinstance(outcome, Rejection):
            if outcome.code == ALREADY_PROCESSED:
                return "repeated"
            raise EventRefused(outcome.code, outcome.detail)
        return None

    # --- what the consumer's thread is to do

    async def _look(self) -> None:
        """Says again and again which partitions should rest."""
        while True:
            self.paused = self._resting()
            for topic in self._topics:
                self._metrics.paused(topic, sum(place[0] == topic for place in self.paused))
            self._metrics.waiting(self.room.held[0])
            await asyncio.sleep(LOOK_S)

    def _resting(self) -> frozenset[Partition]:
        if self._attempts.breaker.state == "open":
            return frozenset(self._partitions)
        crowding = self._lanes.crowding()
        return frozenset(
            place
            for place, progress in self._partitions.items()
            if progress.holds or place in crowding or progress.open > self._open_max
        )

    async def _note(self) -> None:
        """Notes again and again in our own store what is finished; only then may it be committed at the broker."""
        while True:
            await asyncio.sleep(WATERMARK_S)
            for progress in list(self._partitions.values()):
                await self._try_note(progress)

    async def _try_note(self, progress: Progress) -> None:
        offset = progress.committable
        try:
            await self._watermarks.write(progress.place, offset)
        except Fenced:
            log.warning("%s/%d is another process's now: nothing more is done for it", *progress.place)
            self.fenced = self.fenced or not progress.gone.is_set()
            progress.gone.set()
        except StoreError as failure:
            log.warning("the watermark of %s/%d can't be written: %s", *progress.place, failure)
        else:
            self.committable = {**self.committable, progress.place: offset}
