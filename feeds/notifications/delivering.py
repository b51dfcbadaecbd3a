"""One notice on its way: judged, noted, handed to its channel, noted again. What was noted decides after a crash."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import msgspec

from feeds.notifications.agenda import Agenda
from feeds.notifications.caps import counted_note, outdated_notes
from feeds.notifications.channels.channel import Channel, Sent
from feeds.notifications.judging import Drop, Go, Judge, Wait, retry_ms
from feeds.notifications.metrics import NoticeMetrics, Outcome
from feeds.notifications.owed import Owed, encode_owed
from feeds.notifications.quiet import zone
from feeds.notifications.settings import NoticesSettings
from feeds.notifications.words.templates import TemplateUnsound
from feeds.notifications.words.texts import TextsInForce
from feeds.notifications.words.wording import Wording, unsubscribe_url, wording
from feeds.reading import Notes
from snapshots.errors import Fenced, StoreError

log = logging.getLogger("croupier.notices")

BREAKER_RETRY_MS = 1_000
"""How long at least a notice rests while its channel does not work."""
STORE_RETRY_MS = 2_000
"""How long a notice rests when the store did not take a note of it."""


class Delivering:
    """Delivers what is due. `unsubscribe_key` signs the links; `now_ms` is real time (Unix ms)."""

    def __init__(
        self,
        settings: NoticesSettings,
        *,
        notes: Notes,
        agenda: Agenda,
        judge: Judge,
        texts: TextsInForce,
        channels: Mapping[str, Channel],
        unsubscribe_key: str,
        metrics: NoticeMetrics,
        now_ms: Callable[[], int],
    ) -> None:
        self._settings, self._notes, self._agenda, self._judge = settings, notes, agenda, judge
        self._texts, self._channels = texts, channels
        self._key, self._metrics, self._now_ms = unsubscribe_key, metrics, now_ms
        self._domain = "localhost" if settings.mail is None else settings.mail.sender.rpartition("@")[2]
        self._noting = asyncio.Lock()
        self._probing: set[str] = set()
        """Channels with a notice under way that tells whether they work again: no other one is looked at meanwhile."""

    async def interrupted(self, owed: Owed) -> None:
        """A crash came between the notes before and after: mail goes once more, unless it has; nothing else does.

        Raises StoreError.
        """
        channel = self._channels.get(owed.channel)
        if channel is None or channel.once or owed.again:
            log.warning("notices: it is not known whether %s by %s was sent", owed.id, owed.channel)
            await self._end(owed, "unknown")
            return
        owed.again, owed.stage = True, "waiting"
        await self._notes.write({owed.key: encode_owed(owed)})
        self._agenda.put(owed)

    async def withdraw(self, key: str) -> None:
        """What it tells of has ended meanwhile: it is not sent if it still waits. Raises StoreError."""
        owed = self._agenda.take(key)
        if owed is not None:
            try:
                await self._end(owed, "ended")
            except StoreError:
                self._agenda.put(owed)
                raise

    async def forget_counts(self) -> None:
        """Removes what is known of days gone by: of players who are told nothing any more, nothing stays. Raises
        StoreError.
        """
        today = datetime.fromtimestamp(self._now_ms() / 1_000, UTC).toordinal()
        after, more = "", True
        while more:
            async with self._noting:
                changed, after = await outdated_notes(self._notes, today, after)
                if changed:
                    await self._notes.write(changed)
            more = bool(after)

    async def deliver(self, owed: Owed) -> None:
        """One try, whatever comes of it: afterwards the notice waits again or has ended. Raises Fenced."""
        try:
            await self._try(owed)
        except Fenced:
            raise
        except StoreError as failure:
            log.warning("notices: %s by %s waits for the store: %s", owed.id, owed.channel, failure)
            self._postpone(owed, self._now_ms() + STORE_RETRY_MS)
        except Exception:
            log.exception("notices: %s by %s met a bug and is given up", owed.id, owed.channel)
            self._metrics.count(owed, "failed")
            owed.stage = "done"
            self._postpone(owed, self._now_ms())

    async def _try(self, owed: Owed) -> None:
        if owed.stage == "done":
            await self._note_done(owed)
            return
        channel = self._channels.get(owed.channel)
        if channel is None:
            await self._end(owed, "failed")
            return
        state = channel.breaker.state
        if state == "closed":
            await self._go_by(owed, channel)
        elif state == "open" or owed.channel in self._probing:
            self._postpone(owed, self._now_ms() + max(BREAKER_RETRY_MS, round(channel.breaker.left_s * 1_000)))
        else:
            self._probing.add(owed.channel)
            try:
                await self._go_by(owed, channel)
            finally:
                self._probing.discard(owed.channel)

    async def _go_by(self, owed: Owed, channel: Channel) -> None:
        verdict = await self._judge.verdict(owed, channel, self._now_ms())
        if isinstance(verdict, Drop):
            await self._end(owed, verdict.outcome)
        elif isinstance(verdict, Wait):
            self._metrics.count(owed, verdict.outcome)
            self._postpone(owed, verdict.until_ms)
        elif channel.breaker.allows():
            await self._hand_over(owed, channel, verdict)
        else:
            self._postpone(owed, self._now_ms() + BREAKER_RETRY_MS)

    async def _hand_over(self, owed: Owed, channel: Channel, go: Go) -> None:
        try:
            words = self._words(owed, go)
            noted = words is not None and await self._note_before(owed, go)
        except BaseException:
            channel.breaker.gave_up()
            raise
        if words is None or not noted:
            channel.breaker.gave_up()
            await self._end(owed, "unwritable" if words is None else "capped")
            return
        sent = await channel.send(go.addresses, words, owed.message_id(self._domain))
        await self._heard(owed, sent)

    async def _heard(self, owed: Owed, sent: Sent) -> None:
        if sent.result == "sent":
            self._metrics.sent(owed, self._now_ms())
            await self._note_done(owed)
        elif sent.result == "later" or (sent.result == "unknown" and not owed.again):
            await self._again(owed, sent)
        else:
            log.warning("notices: %s by %s was not sent: %s", owed.id, owed.channel, sent.why)
            await self._end(owed, sent.result)

    async def _again(self, owed: Owed, sent: Sent) -> None:
        """A mail whose fate is unknown is sent once more, with the same Message-ID; one that was not taken, later."""
        owed.again = owed.again or sent.result == "unknown"
        owed.attempts += 1
        next_ms = self._now_ms() + retry_ms(owed.attempts)
        if isinstance(self._judge.wait(owed, next_ms, "retried"), Drop):
            await self._end(owed, "stale")
            return
        log.info("notices: %s by %s is tried again: %s", owed.id, owed.channel, sent.why)
        self._metrics.count(owed, "retried")
        owed.stage, owed.not_before_ms = "waiting", next_ms
        await self._notes.write({owed.key: encode_owed(owed)})
        self._agenda.put(owed)

    async def _note_before(self, owed: Owed, go: Go) -> bool:
        """Notes that it is being sent, and counts it; False if the player has had enough of its category today."""
        async with self._noting:
            counted: Mapping[str, bytes | None] | None = {}
            if not owed.counted:
                most = self._settings.category(owed.category).per_day_max
                counted = await counted_note(self._notes, owed.player_id, owed.category, go.day, most)
            if counted is None:
                return False
            sending = msgspec.structs.replace(owed, stage="sending", counted=True)
            await self._notes.write({owed.key: encode_owed(sending), **counted})
            owed.counted = True
            return True

    async def _end(self, owed: Owed, outcome: Outcome) -> None:
        self._metrics.count(owed, outcome)
        await self._note_done(owed)

    async def _note_done(self, owed: Owed) -> None:
        """Until its record can't come again. If the store does not answer, only this is tried again."""
        owed.stage = "done"
        await self._notes.write({owed.key: encode_owed(owed)})
        self._agenda.finish(owed)

    def _postpone(self, owed: Owed, until_ms: int) -> None:
        """In memory only: after a restart it is judged again."""
        owed.not_before_ms = until_ms
        self._agenda.put(owed)

    def _words(self, owed: Owed, go: Go) -> Wording | None:
        url, unsubscribe = "", self._settings.unsubscribe
        if unsubscribe is not None and self._settings.category(owed.category).basis == "marketing":
            url = unsubscribe_url(unsubscribe, self._key, owed)
        where = zone(go.zone, self._settings.time_zone)
        try:
            return wording(owed, go.contact, where, self._texts.now, self._settings.currencies, url)
        except TemplateUnsound as problem:
            log.error("notices: %s can't be written: %s", owed.id, problem)
            return None
