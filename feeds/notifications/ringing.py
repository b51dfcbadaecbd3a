"""Timers whose time has come: players are told, or the engine is asked when to look again."""

import logging
from collections.abc import Callable
from itertools import islice
from typing import Final

from feeds.notifications.agenda import Agenda
from feeds.notifications.asking.asked import Asked, NoAnswer
from feeds.notifications.asking.standing import points_standing
from feeds.notifications.kinds import Values
from feeds.notifications.owed import Owed, encode_owed
from feeds.notifications.points_watch import FIRST_LOOK_MS, PointsWatch
from feeds.notifications.reasons import Reasons
from feeds.notifications.timers import Timer, Timers
from feeds.reading import Notes
from snapshots.errors import StoreError

log = logging.getLogger("croupier.notices")

ASK_AGAIN_MS: Final = 600_000
AT_ONCE_MAX: Final = 100


class Ringing:
    """`engine` None: nobody is asked about points."""

    def __init__(
        self,
        notes: Notes,
        agenda: Agenda,
        timers: Timers,
        points: PointsWatch,
        reasons: Reasons,
        engine: Asked | None,
        now_ms: Callable[[], int],
    ) -> None:
        self._notes, self._agenda, self._timers, self._points = notes, agenda, timers, points
        self._reasons, self._engine, self._now_ms = reasons, engine, now_ms

    async def ring(self) -> None:
        """Rings those that are due, while there is room for notices. Raises StoreError."""
        for key, timer in islice(self._timers.table.take_due(self._now_ms()), AT_ONCE_MAX):
            try:
                await self._tell(key, timer)
            except StoreError:
                self._timers.table.put(key, self._now_ms() + ASK_AGAIN_MS, timer)
                raise
            if self._agenda.full():
                return
        for player_id, _ in islice(self._points.table.take_due(self._now_ms()), AT_ONCE_MAX):
            self._points.table.put(player_id, self._now_ms() + ASK_AGAIN_MS, player_id)
            await self._ask(player_id)
            if self._agenda.full():
                return

    async def _tell(self, key: str, timer: Timer) -> None:
        """Notices and the timer's end are noted together."""
        owed = self._reasons.owed("bonus_expiring", timer.id, timer.player_id, timer.values, timer.due_ms)
        await self._notes.write({**_notes_of(owed), key: None})
        for each in owed:
            self._agenda.put(each)

    async def _ask(self, player_id: str) -> None:
        """Points to lose soon are told; of others, the time to ask again is noted. Without any, nobody asks again."""
        try:
            standing = None if self._engine is None else await points_standing(self._engine, player_id)
        except NoAnswer as silence:
            log.info("notices: points of %s are looked at later: %s", player_id, silence)
            return
        before_ms, now_ms = self._points.before_ms, self._now_ms()
        if standing is None or before_ms is None:
            await self._points.change({player_id: None}, {})
        elif standing.expires_ms - before_ms > now_ms:
            await self._points.change({player_id: standing.expires_ms - before_ms}, {})
        else:
            values: Values = {"points": standing.points, "expires": standing.expires_ms}
            notice_id = f"{player_id}-points-{standing.expires_ms}"
            owed = self._reasons.owed("points_expiring", notice_id, player_id, values, now_ms)
            await self._points.change({player_id: standing.expires_ms + FIRST_LOOK_MS}, _notes_of(owed))
            for each in owed:
                self._agenda.put(each)


def _notes_of(owed: list[Owed]) -> dict[str, bytes | None]:
    return {each.key: encode_owed(each) for each in owed}
