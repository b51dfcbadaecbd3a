"""What is told some time before it happens: a bonus's end, which is known when it is granted, and that of points.

Points expire after a time without play, so that each bet moves their end. Nobody follows that here: when a player first
has points, and again whenever they may expire soon, the engine is asked.
"""

from typing import Final, Literal

import msgspec

from feeds.notifications.agenda import PAGE, DueTable
from feeds.notifications.kinds import bonus_values
from feeds.public.data import bonus, loyalty
from feeds.public.event import PublicEvent
from feeds.reading import Notes

PREFIX: Final = "timer:"
FIRST_LOOK_MS: Final = 24 * 3_600_000
"""How long after a player's first points the engine is asked when they expire."""

_ENDS: Final = (bonus.BonusRedeemed, bonus.BonusExhausted, bonus.BonusExpired, bonus.BonusCancelled)
_POINTS: Final = (loyalty.PointsAccrued, loyalty.PointsAdjusted, loyalty.PointsReturned)


class Timer(msgspec.Struct, frozen=True):
    """At `due_ms` the player is to be told of a bonus's end, or the engine to be asked about points."""

    id: str
    kind: Literal["bonus_expiring", "points_expiring"]
    player_id: str
    values: dict[str, str | int]
    due_ms: int


encode_timer = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Timer).decode


class Timers:
    """Timers in memory and in the store. `bonus_ms`, `points_ms`: how long before; None: not told."""

    def __init__(self, notes: Notes, bonus_ms: int | None, points_ms: int | None, most: int) -> None:
        self.bonus_ms, self.points_ms = bonus_ms, points_ms
        self._notes, self._most = notes, most
        self.table: DueTable[Timer] = DueTable()

    async def load(self) -> None:
        """Raises StoreError."""
        after = ""
        while page := await self._notes.read(PREFIX, after, PAGE):
            after = max(page)
            for key, value in page.items():
                timer = _decode(value)
                self.table.put(key, timer.due_ms, timer)

    def full(self) -> bool:
        """Whether there is no room for one more."""
        return len(self.table) >= self._most

    def begun(self, event: PublicEvent) -> tuple[str, Timer] | None:
        """The timer that the event makes needed, with its key, unless it is there."""
        data = event.data
        if isinstance(data, bonus.BonusGranted):
            return self._of_bonus(event, data)
        return self._of_points(event) if isinstance(data, _POINTS) else None

    def wants_points(self, player_id: str) -> bool:
        """Whether points of that player need a timer."""
        return self.points_ms is not None and points_key(player_id) not in self.table

    def _of_bonus(self, event: PublicEvent, data: bonus.BonusGranted) -> tuple[str, Timer] | None:
        """A bonus so short that its end is near from the start has none: the player is told when it is granted."""
        key = bonus_key(event.player_id, data.grant_id)
        if self.bonus_ms is None or key in self.table:
            return None
        due_ms = data.valid_to_ms - self.bonus_ms
        if due_ms <= event.time_ms:
            return None
        notice_id = ending_id(event.player_id, data.grant_id)
        return key, Timer(notice_id, "bonus_expiring", event.player_id, dict(bonus_values(data)), due_ms)

    def _of_points(self, event: PublicEvent) -> tuple[str, Timer] | None:
        if not self.wants_points(event.player_id):
            return None
        timer = Timer(event.player_id, "points_expiring", event.player_id, {}, event.time_ms + FIRST_LOOK_MS)
        return points_key(event.player_id), timer


def ended_grant(event: PublicEvent) -> str | None:
    """The bonus whose end the event tells of."""
    return event.data.grant_id if isinstance(event.data, _ENDS) else None


def ending_id(player_id: str, grant_id: str) -> str:
    """Of the notices that a bonus is about to end."""
    return f"{player_id}-{grant_id}-end"


def bonus_key(player_id: str, grant_id: str) -> str:
    """Of the note of a bonus's timer."""
    return f"{PREFIX}{player_id}:bonus:{grant_id}"


def points_key(player_id: str) -> str:
    """Of the note of the timer of a player's points."""
    return f"{PREFIX}{player_id}:points"
