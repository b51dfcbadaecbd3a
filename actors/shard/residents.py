"""The players in memory, and which of them still owe the store a snapshot."""

from heapq import heapify, heappop, heappush

from actors.wire.frames import ReplyTo, Request
from engine.calendar import DAY_MS
from engine.catalog import Catalog
from engine.due import next_due_ms
from engine.loyalty.turnover import week_ends_ms, week_of
from engine.state import Player
from engine.tally import active_awards

Letter = tuple[ReplyTo, Request, int]
"""A command in a mailbox: whom to answer, what is asked, and how many attempts it has had."""

WRITES_OWED = 2
"""Snapshot writes after a player's last entry until both generations cover it and the log may be trimmed."""


FORGOTTEN_MAX = 1_000
"""Notes of players who are gone are swept out once they are more than the others and this many."""


class Resident:
    """A live player actor. `batch` is the commit batch of its last entry, `due_ms` when it next has work due,
    `active_awards` its awards as they are counted. `due_is_estimated`: `due_ms` may be too early (`Schedule.due_of` is
    exact).
    """

    __slots__ = ("active_awards", "batch", "due_is_estimated", "due_ms", "indexed_ms", "player", "used_ms", "waiting")

    def __init__(self, player: Player, used_ms: int, indexed_ms: int | None) -> None:
        self.player = player
        self.batch = 0
        self.active_awards = active_awards(player.state)
        self.used_ms = used_ms
        self.due_ms: int | None = None
        self.due_is_estimated = False
        self.indexed_ms = indexed_ms
        """The due time that the newest snapshot in the store tells; None: none."""
        self.waiting: list[Letter] | None = None
        """Commands that wait while facts for an earlier one are looked up; None: nothing is looked up."""


class Schedule:
    """When players in memory have work due, earliest first. A note may be too early, never too late: a due time that
    moves away needs no other, so that a player who opens and closes rounds leaves no trail of them. So may a resident's
    `due_ms` while it is `due_is_estimated`.
    """

    def __init__(self) -> None:
        self._heap: list[tuple[int, str]] = []
        self._earliest: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self._heap)

    def plan(self, resident: Resident, catalog: Catalog) -> None:
        """Reckons and notes when the player next has work due."""
        resident.due_is_estimated = False
        self._plan(resident, next_due_ms(resident.player.state, catalog))

    def estimate(self, resident: Resident, time_ms: int) -> None:
        """For a planned player after a one-call spin at `time_ms`: more of them only put off what is due, and bring up
        nothing but cashback, at the week's end. Noting the sooner of both spares the reckoning after each, until
        something else happens or that time has come.
        """
        week_ends = week_ends_ms(week_of(time_ms // DAY_MS))
        resident.due_is_estimated = True
        self._plan(resident, week_ends if resident.due_ms is None else min(week_ends, resident.due_ms))

    def due_of(self, resident: Resident, catalog: Catalog) -> int | None:
        """When the player next has work due, Unix ms, exactly."""
        if resident.due_is_estimated:
            self.plan(resident, catalog)
        return resident.due_ms

    def _plan(self, resident: Resident, due_ms: int | None) -> None:
        if due_ms != resident.due_ms:
            resident.due_ms = due_ms
            self.note(resident.player.state.player_id, due_ms)

    def note(self, player_id: str, due_ms: int | None) -> None:
        """The player's next due time has changed."""
        if due_ms is not None and due_ms < self._earliest.get(player_id, due_ms + 1):
            self._earliest[player_id] = due_ms
            heappush(self._heap, (due_ms, player_id))

    def forget(self, player_id: str) -> None:
        """The player is not in memory any more. Its note goes with it: the index in the store knows."""
        if (
            self._earliest.pop(player_id, None) is not None
            and len(self._heap) > 2 * len(self._earliest) + FORGOTTEN_MAX
        ):
            self._heap = [(due_ms, noted) for noted, due_ms in self._earliest.items()]
            heapify(self._heap)

    def take(self, before_ms: int, limit: int) -> list[str]:
        """Up to `limit` players noted with a due time up to `before_ms`. Each may since have moved on: its due time, if
        there is one, must be noted again.
        """
        found: list[str] = []
        while self._heap and self._heap[0][0] <= before_ms and len(found) < limit:
            due_ms, player_id = heappop(self._heap)
            if self._earliest.get(player_id) == due_ms:
                del self._earliest[player_id]
                found.append(player_id)
        return found


class Residents:
    """Players in memory by id; `dirty` maps a player to the snapshot writes it owes."""

    def __init__(self) -> None:
        self.by_id: dict[str, Resident] = {}
        self.dirty: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.by_id)

    def clear(self) -> None:
        """Forgets everybody, and what they owe."""
        self.by_id.clear()
        self.dirty.clear()

    def add(self, resident: Resident) -> None:
        """Takes a loaded player in."""
        self.by_id[resident.player.state.player_id] = resident

    def evict(self, player_id: str) -> None:
        """Drops a player from memory; what it owes stays owed."""
        self.by_id.pop(player_id, None)

    def owe(self, player_id: str) -> None:
        """The player has a new entry (or a tail) that no snapshot covers."""
        self.dirty[player_id] = WRITES_OWED

    def owe_index(self, player_id: str) -> None:
        """Only the due time told by the player's newest snapshot is out of date: one write is enough."""
        self.dirty.setdefault(player_id, 1)

    def paid(self, player_id: str, version: int) -> None:
        """A snapshot of `version` was stored: one write less, unless the player has moved on."""
        resident = self.by_id.get(player_id)
        if resident is None or resident.player.state.version != version or player_id not in self.dirty:
            return
        self.dirty[player_id] -= 1
        if self.dirty[player_id] == 0:
            del self.dirty[player_id]

    def idle_since(self, before_ms: int, limit: int) -> list[str]:
        """Up to `limit` players not used since `before_ms`."""
        found = []
        for player_id, resident in self.by_id.items():
            if resident.used_ms < before_ms:
                found.append(player_id)
                if len(found) == limit:
                    break
        return found

    def least_used(self, count: int) -> list[str]:
        """The `count` players used longest ago."""
        order = sorted(self.by_id, key=lambda player_id: self.by_id[player_id].used_ms)
        return order[:count]
