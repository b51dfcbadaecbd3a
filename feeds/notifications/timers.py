"""Bonuses of which players are told some time before they end: the end is known when a bonus is granted."""

from typing import Final

import msgspec

from feeds.notifications.agenda import PAGE, DueTable
from feeds.notifications.kinds import Values, bonus_values
from feeds.public.data import bonus
from feeds.public.event import PublicEvent
from feeds.reading import Notes

PREFIX: Final = "timer:"

_ENDS: Final = (bonus.BonusRedeemed, bonus.BonusExhausted, bonus.BonusExpired, bonus.BonusCancelled)


class Timer(msgspec.Struct, frozen=True):
    """At `due_ms` the player is to be told of a bonus's end. `id` is that of the notice."""

    id: str
    player_id: str
    values: dict[str, str | int]
    due_ms: int


encode_timer = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Timer).decode


class Timers:
    """Timers in memory and in the store. `before_ms`: how long before the end; None: nobody is told."""

    def __init__(self, notes: Notes, before_ms: int | None) -> None:
        self._notes, self._before_ms = notes, before_ms
        self.table: DueTable[Timer] = DueTable()

    async def load(self) -> None:
        """Raises StoreError."""
        after = ""
        while page := await self._notes.read(PREFIX, after, PAGE):
            after = max(page)
            for key, value in page.items():
                timer = _decode(value)
                self.table.put(key, timer.due_ms, timer)

    def begun(self, event: PublicEvent) -> tuple[str, Timer] | None:
        """The timer that the event makes needed, with its key.

        A bonus so short that its end is near from the start has none: the player is told when it is granted.
        """
        begun = _begun(event)
        if self._before_ms is None or begun is None:
            return None
        grant_id, valid_to_ms, values = begun
        key, due_ms = bonus_key(event.player_id, grant_id), valid_to_ms - self._before_ms
        if due_ms <= event.time_ms:
            return None
        return key, Timer(ending_id(event.player_id, grant_id), event.player_id, dict(values), due_ms)


def _begun(event: PublicEvent) -> tuple[str, int, Values] | None:
    """The bonus that begins with the event, or goes on after a rollback: its id, its end (Unix ms), what is told."""
    data = event.data
    if isinstance(data, bonus.BonusGranted):
        return data.grant_id, data.valid_to_ms, bonus_values(data)
    if isinstance(data, bonus.BonusReopened) and data.campaign_id is not None and data.valid_to_ms is not None:
        values: Values = {"campaign": data.campaign_id, "amount": data.balance, "expires": data.valid_to_ms}
        return data.grant_id, data.valid_to_ms, values
    return None


def ended_grant(event: PublicEvent) -> str | None:
    """The bonus whose end the event tells of."""
    return event.data.grant_id if isinstance(event.data, _ENDS) else None


def ending_id(player_id: str, grant_id: str) -> str:
    """Of the notices that a bonus is about to end."""
    return f"{player_id}-{grant_id}-end"


def bonus_key(player_id: str, grant_id: str) -> str:
    """Of the note of a bonus's timer."""
    return f"{PREFIX}{player_id}:bonus:{grant_id}"
