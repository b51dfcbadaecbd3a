"""The sink of the reader `notices`: notes what players are to be told, and tells them when it is due."""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import partial
from typing import Final

import msgspec

from feeds.credentials import CredentialMissing
from feeds.ending import cancelled
from feeds.notifications.agenda import Agenda
from feeds.notifications.asking.asked import Asked
from feeds.notifications.asking.contacts import Contacts
from feeds.notifications.channels.apprising import AppriseChannel
from feeds.notifications.channels.channel import Channel
from feeds.notifications.channels.mail import MailChannel
from feeds.notifications.delivering import Delivering
from feeds.notifications.judging import Judge
from feeds.notifications.metrics import NoticeMetrics
from feeds.notifications.points_watch import PointsWatch
from feeds.notifications.reasons import Found, Reasons
from feeds.notifications.ringing import Ringing
from feeds.notifications.settings import MAIL, NoticesSettings
from feeds.notifications.timers import Timers
from feeds.notifications.words.texts import TextsInForce
from feeds.reading import Followed, Notes, SinkFailed
from snapshots.codec import decode_entry
from snapshots.contract import Position
from snapshots.errors import CorruptLog, Fenced, StoreError

log = logging.getLogger("croupier.notices")

SENDING_MAX: Final = 16
"""Notices that are on their way at the same time, by channel."""
LOOK_AGAIN_S: Final = 0.5
FORGET_EVERY_S: Final = 5.0
FORGET_MAX: Final = 500
FORGET_COUNTS_EVERY_S: Final = 3_600.0
COMMITTED_AFTER_S: Final = 5.0
"""Positions that were told so long ago are committed: the reader commits what it is told at once, or fails."""
CLOSE_TIMEOUT_S: Final = 5.0
"""How long notices that are on their way are waited for. What became of the others is not known."""


def real_ms() -> int:
    """Real time (Unix ms)."""
    return time.time_ns() // 1_000_000


class NoticesSink:
    """Implements `feeds.reading.Sink`. `now_ms` is real time (Unix ms), `clock` is monotonic, in seconds."""

    def __init__(
        self,
        settings: NoticesSettings,
        notes: Notes,
        metrics: NoticeMetrics,
        now_ms: Callable[[], int] = real_ms,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._settings, self._notes, self._metrics, self._now_ms, self._clock = settings, notes, metrics, now_ms, clock
        self._agenda = Agenda(notes, settings.waiting_max, clock)
        self._timers = Timers(notes, settings.before_ms("bonus_expiring"))
        self._points = PointsWatch(notes, settings.before_ms("points_expiring"), settings.points_players_max)
        self._reasons = Reasons(settings, self._agenda, self._timers, self._points, metrics, now_ms)
        self._texts = TextsInForce(settings)
        self._channels: dict[str, Channel] = {}
        self._asked: dict[str, Asked] = {}
        self._settled: dict[str, Position] = {}
        self._told: deque[tuple[float, Mapping[str, Position]]] = deque()
        self._committed: Mapping[str, Position] = {}
        self._forgot_s = clock()
        self._counts_forgotten_s = float("-inf")
        self._changed = asyncio.Event()
        self._sending: dict[str, set[asyncio.Task[None]]] = {}
        self._running: list[asyncio.Task[None]] = []
        self._failure: BaseException | None = None

    # --- opening and closing

    async def open(self) -> None:
        """See Sink."""
        key = _unsubscribe_key(self._settings)
        await self._texts.open()
        await self._connect()
        engine = self._asked.get("engine")
        judge = Judge(self._settings, Contacts(self._asked["pam"], self._clock), engine)
        self._delivering = Delivering(
            self._settings,
            notes=self._notes,
            agenda=self._agenda,
            judge=judge,
            texts=self._texts,
            channels=self._channels,
            unsubscribe_key=key,
            metrics=self._metrics,
            now_ms=self._now_ms,
        )
        self._ringing = Ringing(
            notes=self._notes,
            agenda=self._agenda,
            timers=self._timers,
            points=self._points,
            reasons=self._reasons,
            engine=engine,
            now_ms=self._now_ms,
        )
        await self._timers.load()
        await self._points.load()
        for owed in await self._agenda.load():
            await self._delivering.interrupted(owed)
        self._running = [
            asyncio.create_task(self._look_often(), name="notices"),
            asyncio.create_task(self._texts.look_often(), name="texts of notices"),
        ]
        for task in self._running:
            task.add_done_callback(self._ran)

    async def _connect(self) -> None:
        settings = self._settings
        self._asked["pam"] = Asked("pam", settings.pam)
        if settings.engine is not None:
            self._asked["engine"] = Asked("engine", settings.engine)
        for name, channel in settings.channels.items():
            self._channels[name] = await asyncio.to_thread(AppriseChannel, name, channel)  # the library loads slowly
        if settings.mail is not None:
            self._channels[MAIL] = MailChannel(settings.mail)
        for outside in self._outside():
            self._metrics.watch(outside.breaker)

    def _outside(self) -> list[Asked | Channel]:
        return [*self._asked.values(), *self._channels.values()]

    async def close(self) -> None:
        """See Sink."""
        await cancelled(self._running)
        try:
            await self._finish()
        finally:
            await asyncio.gather(*(outside.close() for outside in self._outside()), self._texts.close())

    async def _finish(self) -> None:
        """Waits for notices that are on their way, for a bounded time."""
        sending = [task for tasks in self._sending.values() for task in tasks]
        if sending:
            _, late = await asyncio.wait(sending, timeout=CLOSE_TIMEOUT_S)
            await cancelled(late)

    # --- taking

    async def take(self, followed: Followed) -> None:
        """See Sink."""
        await self._room()
        found = Found()
        for keyed in followed.entries:
            try:
                transition = decode_entry(keyed)
            except CorruptLog as problem:
                raise SinkFailed(f"notices: record {followed.position} can't be read: {problem}") from problem
            if self._reasons.concern(transition):
                self._reasons.find(transition, followed, found)
        notes = found.notes()
        if notes or found.points:
            await self._points.change(found.points, notes)
            self._remember(found)
        for key in found.ended:
            await self._delivering.withdraw(key)
        self._settled[followed.shard_id] = followed.position

    def _remember(self, found: Found) -> None:
        for owed in found.owed.values():
            self._agenda.put(owed)
        for key, timer in found.timers.items():
            if timer is None:
                self._timers.table.drop(key)
            else:
                self._timers.table.put(key, timer.due_ms, timer)
        self._changed.set()

    async def _room(self) -> None:
        self._check()
        while self._agenda.full():
            await asyncio.sleep(LOOK_AGAIN_S)
            self._check()

    def settled(self) -> Mapping[str, Position]:
        """See Sink. What was noted is settled; the notes hold what is to be sent."""
        self._check()
        now, settled = self._clock(), dict(self._settled)
        if not self._told or now - self._told[-1][0] >= 1:
            self._told.append((now, settled))
        while self._told and now - self._told[0][0] >= COMMITTED_AFTER_S:
            self._committed = self._told.popleft()[1]
        return settled

    def _check(self) -> None:
        if self._failure is not None:
            raise self._failure

    # --- telling

    async def _look_often(self) -> None:
        while True:
            await self._look()
            await _set_within(self._changed, LOOK_AGAIN_S)
            self._changed.clear()

    async def _look(self) -> None:
        """Begins what is due. Raises Fenced."""
        try:
            await self._ringing.ring()
            await self._forget()
        except Fenced:
            raise
        except StoreError as failure:
            log.warning("notices: the store does not take notes: %s", failure)
        for channel in self._agenda.channels():
            self._begin(channel)
        self._metrics.waiting.set(len(self._agenda))
        self._metrics.timers.labels("bonus").set(len(self._timers.table))
        self._metrics.timers.labels("points").set(len(self._points.table))

    def _begin(self, channel: str) -> None:
        sending = self._sending.setdefault(channel, set())
        for owed in self._agenda.take_due(channel, self._now_ms(), SENDING_MAX - len(sending)):
            task = asyncio.create_task(self._delivering.deliver(owed), name=f"notice {owed.key}")
            sending.add(task)
            task.add_done_callback(partial(self._sent, sending))

    def _sent(self, sending: "set[asyncio.Task[None]]", task: "asyncio.Task[None]") -> None:
        sending.discard(task)
        self._changed.set()
        self._ran(task)

    def _ran(self, task: "asyncio.Task[None]") -> None:
        """The reader hears with its next call of what went wrong."""
        if not task.cancelled() and (failure := task.exception()) is not None:
            self._fail(failure)

    def _fail(self, failure: BaseException) -> None:
        if self._failure is None:
            log.error("notices: stopped: %s", failure, exc_info=failure)
            self._failure = failure

    async def _forget(self) -> None:
        """Notices that have left and can't come again."""
        if self._clock() - self._forgot_s < FORGET_EVERY_S:
            return
        self._forgot_s = self._clock()
        while keys := self._agenda.forgettable(self._committed, FORGET_MAX):
            await self._notes.write(dict.fromkeys(keys))
            self._agenda.forget(keys)
        if self._clock() - self._counts_forgotten_s >= FORGET_COUNTS_EVERY_S:
            await self._delivering.forget_counts()
            self._counts_forgotten_s = self._clock()

    # --- operators

    async def ask(self, request: bytes) -> bytes:
        """See Sink. Any question is answered with what waits and which breakers are open."""
        breakers = {outside.breaker.name: outside.breaker.state for outside in self._outside()}
        watched = {"bonuses": len(self._timers.table), "points": len(self._points.table)}
        return msgspec.json.encode({"waiting": len(self._agenda), "watched": watched, "breakers": breakers})


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _unsubscribe_key(settings: NoticesSettings) -> str:
    try:
        return "" if settings.unsubscribe is None else settings.unsubscribe.key.read()
    except CredentialMissing as missing:
        raise SinkFailed(f"notices: the key of unsubscribe links: {missing}") from missing
