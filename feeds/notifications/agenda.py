"""What is owed and when: a bounded table in memory, of which the store has every entry."""

import heapq
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Final, Generic, TypeVar

from feeds.notifications.owed import PREFIX, Owed, decode_owed
from feeds.reading import Notes
from snapshots.contract import Position

PAGE: Final = 1_000
DONE_MAX: Final = 30_000
DONE_KEPT_S: Final = 3_600.0
"""How long it is remembered that a notice of a former process has left, if its record does not come by again."""

Entry = TypeVar("Entry")


class DueTable(Generic[Entry]):
    """Entries by key, each with a time (Unix ms), and the next of them in that order."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, Entry]] = {}
        self._order: list[tuple[int, str]] = []

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: str) -> bool:
        return key in self._entries

    def get(self, key: str) -> Entry | None:
        """The entry, due or not."""
        found = self._entries.get(key)
        return None if found is None else found[1]

    def items(self) -> Iterator[tuple[str, Entry]]:
        """All entries by key, due or not."""
        return ((key, entry) for key, (_, entry) in self._entries.items())

    def put(self, key: str, due_ms: int, entry: Entry) -> None:
        """Adds an entry, or gives it another time."""
        self._entries[key] = (due_ms, entry)
        heapq.heappush(self._order, (due_ms, key))
        if len(self._order) > 2 * len(self._entries) + 64:
            self._order = [(due, name) for name, (due, _) in self._entries.items()]
            heapq.heapify(self._order)

    def drop(self, key: str) -> None:
        """Removes the entry, if there is one."""
        self._entries.pop(key, None)

    def next_ms(self) -> int | None:
        """When the next entry is due."""
        while self._order:
            due_ms, key = self._order[0]
            if self._entries.get(key, (None,))[0] == due_ms:
                return due_ms
            heapq.heappop(self._order)
        return None

    def take_due(self, now_ms: int) -> Iterator[tuple[str, Entry]]:
        """Takes entries out that are due, the earliest first."""
        while (due_ms := self.next_ms()) is not None and due_ms <= now_ms:
            _, key = heapq.heappop(self._order)
            yield key, self._entries.pop(key)[1]


class Agenda:
    """Notices that wait, are being sent, or have left but may come again with their record.

    Each channel has a table of its own, so that one that hangs holds up no other.
    """

    def __init__(self, notes: Notes, waiting_max: int, clock: Callable[[], float]) -> None:
        self._notes, self._waiting_max, self._clock = notes, waiting_max, clock
        self._waiting: dict[str, DueTable[Owed]] = {}
        self._busy: dict[str, Owed] = {}
        self._done: OrderedDict[str, tuple[float, str, Position | None]] = OrderedDict()

    async def load(self) -> list[Owed]:
        """Reads what a former process left; answers those that it was sending. Raises StoreError."""
        interrupted, after = [], ""
        while page := await self._notes.read(PREFIX, after, PAGE):
            after = max(page)
            for owed in map(decode_owed, page.values()):
                if owed.stage == "done":
                    self._done[owed.key] = (self._clock(), owed.shard_id, owed.position)
                elif owed.stage == "sending":
                    interrupted.append(owed)
                else:
                    self.put(owed)
        return interrupted

    def knows(self, key: str) -> bool:
        """Whether the notice is here already: its record has come again."""
        return key in self._busy or key in self._done or any(key in table for table in self._waiting.values())

    def waiting_for(self, player_id: str) -> list[str]:
        """Keys of all notices that wait to be sent to the player."""
        return [key for table in self._waiting.values() for key, owed in table.items() if owed.player_id == player_id]

    def take(self, key: str) -> Owed | None:
        """A notice that waits, whether it is due or not; it must be `put` or `finish`ed. None if it does not wait."""
        for table in self._waiting.values():
            owed = table.get(key)
            if owed is not None:
                table.drop(key)
                self._busy[key] = owed
                return owed
        return None

    def full(self) -> bool:
        """Whether as many wait as may, or too many that have left are still remembered."""
        return len(self) >= self._waiting_max or len(self._done) >= DONE_MAX

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values())) + len(self._busy)

    def channels(self) -> Sequence[str]:
        """Those by which notices wait, or have waited."""
        return tuple(self._waiting)

    def put(self, owed: Owed) -> None:
        """It waits, from now on or again."""
        self._busy.pop(owed.key, None)
        self._waiting.setdefault(owed.channel, DueTable()).put(owed.key, owed.not_before_ms, owed)

    def take_due(self, channel: str, now_ms: int, most: int) -> list[Owed]:
        """At most so many of a channel that are due; each must be `put` or `finish`ed."""
        due = dict(islice(self._waiting[channel].take_due(now_ms), max(0, most)))
        self._busy |= due
        return list(due.values())

    def finish(self, owed: Owed) -> None:
        """It has left, or was dropped. It is remembered until `forgettable` names it."""
        self._busy.pop(owed.key, None)
        self._done[owed.key] = (self._clock(), owed.shard_id, owed.position)

    def forgettable(self, committed: Mapping[str, Position], most: int) -> list[str]:
        """Keys of notices that can't come again. `committed`: how far the reader has gone for good, by shard."""
        now = self._clock()
        found = []
        for key, (since, shard_id, position) in self._done.items():
            at = committed.get(shard_id)
            passed = position is None or (at is not None and at >= position)
            if passed or now - since >= DONE_KEPT_S:
                found.append(key)
                if len(found) >= most:
                    break
        return found

    def forget(self, keys: list[str]) -> None:
        """Their notes are removed."""
        for key in keys:
            self._done.pop(key, None)
