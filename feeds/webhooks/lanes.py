"""The lanes of one endpoint: a lane per player who is owed anything, and which of them is next."""

import heapq
from collections import deque
from collections.abc import Iterator
from itertools import count

from feeds.settling import Debt
from feeds.webhooks.messages import Message, Place
from feeds.webhooks.owed import Origin, Sent

NOWHERE: Place = (0, -1)


class Entry:
    """One message in a lane. `noted`: a note of it is written or on its way; `durable`: it is written."""

    __slots__ = ("debt", "durable", "message", "noted", "origin", "since_ms")

    def __init__(self, message: Message, origin: Origin, debt: Debt | None, since_ms: int = 0) -> None:
        self.message, self.origin, self.debt, self.since_ms = message, origin, debt, since_ms
        self.noted = self.durable = debt is None
        """What comes without a debt comes from the notes."""

    def settle(self) -> None:
        """The journal need not be read again for it."""
        if self.debt is not None:
            self.debt.pay()
            self.debt = None


class Lane:
    """One player's messages for one endpoint, in their order; only the first is ever under way."""

    __slots__ = (
        "attempts",
        "busy",
        "entries",
        "newest",
        "next_ms",
        "own_fault",
        "player_id",
        "queued",
        "resting_until_ms",
        "sent",
    )

    def __init__(self, player_id: str) -> None:
        self.player_id = player_id
        self.entries: deque[Entry] = deque()
        self.newest = NOWHERE
        """The highest place it was ever given: what comes at or below it comes again."""
        self.attempts = self.next_ms = 0
        self.own_fault = False
        """The endpoint answers, but refuses the first message."""
        self.busy = self.queued = False
        self.resting_until_ms = 0
        """As what it waits in the order of due times; 0: it does not."""
        self.sent: Sent | None = None

    @property
    def noted(self) -> bool:
        """Whether what comes now must be noted, because what is before it is."""
        return bool(self.entries) and self.entries[-1].noted

    def supersede(self, entry: Entry) -> Entry | None:
        """Removes and answers the message that `entry` makes worthless, unless it is under way; counts it."""
        first = 1 if self.busy else 0
        for place in range(first, len(self.entries)):
            earlier = self.entries[place]
            if earlier.message.state == entry.message.state:
                del self.entries[place]
                entry.message = entry.message.instead_of(earlier.message)
                return earlier
        return None

    def successor(self) -> Entry | None:
        """What makes the first message worthless, if it has come meanwhile."""
        first, *rest = self.entries
        return next((entry for entry in rest if entry.message.state == first.message.state), None)


class Lanes:
    """All lanes of an endpoint. `held` messages wait in them; each is bounded memory."""

    def __init__(self, *, durable_only: bool) -> None:
        self._durable_only = durable_only
        self._lanes: dict[str, Lane] = {}
        self._ready: deque[Lane] = deque()
        self._resting: list[tuple[int, int, Lane]] = []
        self._numbers = count()
        self.held = 0

    def __len__(self) -> int:
        return len(self._lanes)

    def __iter__(self) -> Iterator[Lane]:
        return iter(self._lanes.values())

    def of(self, player_id: str) -> Lane:
        """The player's lane, which is made if there is none."""
        lane = self._lanes.get(player_id)
        if lane is None:
            lane = self._lanes[player_id] = Lane(player_id)
        return lane

    def known(self, player_id: str) -> Lane | None:
        """The player's lane, if there is one."""
        return self._lanes.get(player_id)

    def has(self, lane: Lane) -> bool:
        """Whether it is still one of these."""
        return self._lanes.get(lane.player_id) is lane

    def drop_if_done(self, lane: Lane) -> None:
        """Forgets a lane that nothing is known of any more."""
        if not lane.entries and not lane.busy and lane.sent is None and self.has(lane):
            del self._lanes[lane.player_id]

    def clear(self) -> None:
        """Forgets everything."""
        self._lanes.clear()
        self._ready.clear()
        self._resting.clear()
        self.held = 0

    def schedule(self, lane: Lane, now_ms: int) -> None:
        """Lets the lane's first message be sent when its time has come."""
        if not self._can_go(lane) or lane.queued:
            return
        if lane.next_ms <= now_ms:
            lane.queued = True
            self._ready.append(lane)
        elif lane.resting_until_ms != lane.next_ms:
            lane.resting_until_ms = lane.next_ms
            heapq.heappush(self._resting, (lane.next_ms, next(self._numbers), lane))

    def wake_all(self, now_ms: int) -> None:
        """The endpoint is back: what rested for its sake goes on at once."""
        resting, self._resting = self._resting, []
        for due_ms, number, lane in resting:
            if lane.own_fault:
                heapq.heappush(self._resting, (due_ms, number, lane))
            elif lane.resting_until_ms == due_ms:
                lane.resting_until_ms = 0
                lane.next_ms = min(lane.next_ms, now_ms)
                self.schedule(lane, now_ms)

    def first(self, now_ms: int) -> Lane | None:
        """The lane whose message is next to be sent; it stays first until `begin`."""
        while self._resting and self._resting[0][0] <= now_ms:
            due_ms, _, lane = heapq.heappop(self._resting)
            if lane.resting_until_ms == due_ms:
                lane.resting_until_ms = 0
                self.schedule(lane, now_ms)
        while self._ready and not self._can_go(self._ready[0]):
            self._ready.popleft().queued = False
        return self._ready[0] if self._ready else None

    def begin(self, lane: Lane) -> Entry:
        """Its first message is under way."""
        self._ready.popleft()
        lane.queued, lane.busy = False, True
        return lane.entries[0]

    def next_due_ms(self) -> int | None:
        """When the next resting lane is due (Unix ms)."""
        return self._resting[0][0] if self._resting else None

    def _can_go(self, lane: Lane) -> bool:
        if lane.busy or not lane.entries or not self.has(lane):
            return False
        return lane.entries[0].durable or not self._durable_only
