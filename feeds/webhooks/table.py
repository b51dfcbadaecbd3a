"""What one endpoint is owed: its lanes in memory, the same in notes, and which of them the journal need not keep.

Nothing is lost: a message is settled when it was delivered or when a note of it is durable. In mode `latest` a message
is sent only after it is noted, the next one only after it is noted that it was sent, and that stays noted until the
reader's cursor has passed it. So a restart sends nothing older than what was sent.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping
from typing import Final

from feeds.webhooks.lanes import Entry, Lane, Lanes
from feeds.webhooks.ledger import Ledger
from feeds.webhooks.messages import Message
from feeds.webhooks.owed import (
    DEAD_MAX,
    Origin,
    Owed,
    Rest,
    Sent,
    encode,
    owed_decoder,
    place_key,
    player_key,
    rest_decoder,
    sent_decoder,
)
from snapshots.contract import Position

UNNOTED_MAX: Final = 256
UNNOTED_MS: Final = 5_000
"""So many messages wait without a note, and for so long; then all are noted, so that no cursor waits for an endpoint
that is slow.
"""
SENT_KEPT_MS: Final = 7 * 24 * 3_600_000
"""A note of what was sent is removed after this, even if its shard is never heard of again."""
NOWHERE: Final = Origin("", Position(0, 0))
"""Of what was not read from the journal now."""


class Table:
    """Belongs to one endpoint. `latest`: its mode. `now_ms`: real time (Unix ms). `wake` is set if more may be sent."""

    def __init__(
        self, name: str, ledger: Ledger, now_ms: Callable[[], int], *, latest: bool, held_max: int, wake: asyncio.Event
    ) -> None:
        self.name, self.lanes = name, Lanes(durable_only=latest)
        self.dead: set[str] = set()
        """Keys of what was given up and is kept for a replay."""
        self._latest, self._held_max, self._wake = latest, held_max, wake
        self._ledger, self._now_ms = ledger, now_ms
        self._unnoted: dict[Entry, None] = {}
        self._roomy = asyncio.Event()

    # --- opening

    async def load(self) -> None:
        """Takes over what is noted. Raises StoreError."""
        self.dead = set(await self._ledger.pages(f"dead/{self.name}/"))
        for value in (await self._ledger.pages(f"owed/{self.name}/")).values():
            owed = owed_decoder.decode(value)
            lane = self.lanes.of(owed.message.player_id)
            lane.newest = max(lane.newest, owed.message.place)
            self._append(lane, Entry(owed.message, owed.origin, None))
        for key, value in (await self._ledger.pages(f"sent/{self.name}/")).items():
            lane = self.lanes.of(key.rpartition("/")[2])
            lane.sent = sent_decoder.decode(value)
            lane.newest = max(lane.newest, lane.sent.place)
        for key, value in (await self._ledger.pages(f"lane/{self.name}/")).items():
            resting = self.lanes.known(key.rpartition("/")[2])
            if resting is not None:
                rest = rest_decoder.decode(value)
                resting.attempts, resting.next_ms = rest.attempts, rest.next_ms

    def schedule_all(self, *, at_once: bool) -> None:
        """Lets lanes go when they are due, or `at_once`."""
        for lane in self.lanes:
            lane.next_ms = 0 if at_once else lane.next_ms
            self.lanes.schedule(lane, self._now_ms())
        self._wake.set()
        self._roomy.set()

    def clear(self) -> None:
        """Notes everything and forgets it."""
        self.note_all()
        self.lanes.clear()
        self._roomy.set()

    async def flush(self) -> None:
        """Waits until all is noted. Raises SinkFailed."""
        await self._ledger.flush()

    # --- taking

    def has_room(self) -> bool:
        """Whether another message may be lined up."""
        return max(self.lanes.held, len(self.lanes)) < self._held_max

    async def change(self) -> None:
        """Waits until there may be room again."""
        self._roomy.clear()
        await self._roomy.wait()

    def line_up(self, lane: Lane, entry: Entry, *, note: bool) -> Entry | None:
        """Puts a message behind those of its player, noted at once if `note` or if it must be; answers what it made
        worthless.
        """
        note = note or self._latest or lane.noted
        earlier = lane.supersede(entry) if self._latest else None
        if earlier is not None:
            self.lanes.held -= 1
        self._append(lane, entry)
        self._unnoted[entry] = None
        if note:
            self._note([entry], [earlier] if earlier is not None else [])
        elif len(self._unnoted) > UNNOTED_MAX:
            self.note_all()
        self._go_on(lane)
        return earlier

    def again(self, message: Message) -> bool:
        """Lines a message up that was told or given up before, after what its player is owed; False: it is owed."""
        lane = self.lanes.of(message.player_id)
        if any(entry.message.place == message.place for entry in lane.entries):
            return False
        self._append(lane, Entry(message, NOWHERE, None))
        dead_key = place_key("dead", self.name, message)
        self.dead.discard(dead_key)
        self._ledger.write({place_key("owed", self.name, message): encode(Owed(message, NOWHERE)), dead_key: None})
        self._go_on(lane)
        return True

    def _append(self, lane: Lane, entry: Entry) -> None:
        lane.entries.append(entry)
        self.lanes.held += 1

    def _go_on(self, lane: Lane) -> None:
        self.lanes.schedule(lane, self._now_ms())
        self._wake.set()

    # --- noting

    def note_all(self) -> None:
        """Notes all that is not noted yet."""
        self._note(list(self._unnoted))

    def note_what_waits_long(self) -> None:
        """Notes all if the oldest message has waited without a note for too long."""
        oldest = next(iter(self._unnoted), None)
        if oldest is not None and self._now_ms() - oldest.since_ms >= UNNOTED_MS:
            self.note_all()

    def _note(self, entries: list[Entry], gone: Iterable[Entry] = ()) -> None:
        """Notes `entries`, in one write with the removal of what is gone."""
        changes: dict[str, bytes | None] = {self._key(entry): None for entry in gone}
        for entry in entries:
            self._unnoted.pop(entry, None)
            entry.noted = True
            changes[self._key(entry)] = encode(Owed(entry.message, entry.origin))
        self._ledger.write(changes, lambda: self._noted(entries))

    def _noted(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            entry.durable = True
            entry.settle()
            lane = self.lanes.known(entry.message.player_id)
            if lane is not None:
                self._go_on(lane)

    # --- what became of a lane's first message

    def finish(self, lane: Lane, entry: Entry) -> None:
        """It needs no further attempt."""
        changes: dict[str, bytes | None] = {self._key(entry): None} if entry.noted else {}
        if lane.attempts:
            changes[player_key("lane", self.name, lane.player_id)] = None
        lane.attempts, lane.next_ms, lane.own_fault = 0, 0, False
        self._take_out(lane, entry)
        if not entry.noted:
            entry.settle()
        if not self._latest:
            self._ledger.write(changes)
            return
        lane.sent = Sent(entry.message.place, entry.origin, self._now_ms())
        changes[player_key("sent", self.name, lane.player_id)] = encode(lane.sent)
        lane.busy = True
        self._ledger.write(changes, lambda: self._let_go(lane))

    def _let_go(self, lane: Lane) -> None:
        lane.busy = False
        self._go_on(lane)
        self.lanes.drop_if_done(lane)

    def bury(self, lane: Lane, entry: Entry) -> None:
        """It is given up; it is kept for a replay while there is room for that."""
        if len(self.dead) < DEAD_MAX:
            key = place_key("dead", self.name, entry.message)
            self.dead.add(key)
            self._ledger.write({key: encode(Owed(entry.message, entry.origin))})
        self.finish(lane, entry)

    def rest(self, lane: Lane, entry: Entry, until_ms: int) -> bool:
        """It is tried again at `until_ms`; whether something newer takes its place."""
        lane.next_ms = until_ms
        rest = encode(Rest(lane.attempts, until_ms))
        self._ledger.write({player_key("lane", self.name, lane.player_id): rest})
        self._note([waiting for waiting in lane.entries if not waiting.noted])
        successor = lane.successor() if self._latest else None
        if successor is not None:
            self._skip_for(lane, entry, successor)
        return successor is not None

    def _skip_for(self, lane: Lane, entry: Entry, successor: Entry) -> None:
        """What came meanwhile makes the first message worthless."""
        successor.message = successor.message.instead_of(entry.message)
        self._take_out(lane, entry)
        successor.durable = False
        self._note([successor], [entry])

    def _take_out(self, lane: Lane, entry: Entry) -> None:
        lane.entries.popleft()
        self._unnoted.pop(entry, None)
        if self.lanes.has(lane):
            self.lanes.held -= 1
            self._roomy.set()

    # --- what is known of cursors

    def passed(self, committed: Mapping[str, Position]) -> None:
        """The reader's cursors have come so far: what was sent from before need not be remembered."""
        now = self._now_ms()
        gone = [lane for lane in self.lanes if lane.sent is not None and _is_over(lane.sent, committed, now)]
        for lane in gone:
            lane.sent = None
            self.lanes.drop_if_done(lane)
        self._ledger.write({player_key("sent", self.name, lane.player_id): None for lane in gone})
        if gone:
            self._roomy.set()

    def _key(self, entry: Entry) -> str:
        return place_key("owed", self.name, entry.message)


def _is_over(sent: Sent, committed: Mapping[str, Position], now_ms: int) -> bool:
    position = committed.get(sent.origin.shard_id)
    return (position is not None and sent.origin.position <= position) or now_ms - sent.at_ms > SENT_KEPT_MS
