"""Timers whose time has come: players are told, or the engine is asked when to look again."""

import logging
from collections.abc import Callable
from itertools import islice
from typing import Final

import msgspec

from feeds.notifications.agenda import Agenda
from feeds.notifications.asking.asked import Asked, NoAnswer
from feeds.notifications.asking.standing import PointsStanding, points_standing
from feeds.notifications.owed import Owed, encode_owed
from feeds.notifications.reasons import Reasons
from feeds.notifications.timers import FIRST_LOOK_MS, Timer, Timers, encode_timer
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
        reasons: Reasons,
        engine: Asked | None,
        now_ms: Callable[[], int],
    ) -> None:
        self._notes, self._agenda, self._timers, self._reasons = notes, agenda, timers, reasons
        self._engine, self._now_ms = engine, now_ms

    async def ring(self) -> None:
        """Rings those that are due, while there is room for notices. Raises StoreError."""
        for key, timer in islice(self._timers.table.take_due(self._now_ms()), AT_ONCE_MAX):
            try:
                await self._ring(key, timer)
            except StoreError:
                self._timers.table.put(key, self._now_ms() + ASK_AGAIN_MS, timer)
                raise
            if self._agenda.full():
                return

    async def _ring(self, key: str, timer: Timer) -> None:
        if timer.kind == "bonus_expiring":
            await self._tell(key, None, self._owed(timer, timer.id, timer.values, timer.due_ms))
            return
        try:
            standing = None if self._engine is None else await points_standing(self._engine, timer.player_id)
        except NoAnswer as silence:
            log.info("notices: points of %s are looked at later: %s", timer.player_id, silence)
            self._timers.table.put(key, self._now_ms() + ASK_AGAIN_MS, timer)
            return
        await self._found(key, timer, standing)

    async def _found(self, key: str, timer: Timer, standing: PointsStanding | None) -> None:
        """Points to lose soon are told; of others, the time to look again is noted. Without any, the timer ends."""
        before_ms, now_ms = self._timers.points_ms, self._now_ms()
        if standing is None or before_ms is None:
            await self._tell(key, None, [])
            return
        begins_ms = standing.expires_ms - before_ms
        if begins_ms > now_ms:
            await self._tell(key, msgspec.structs.replace(timer, due_ms=begins_ms), [])
            return
        then = msgspec.structs.replace(timer, due_ms=standing.expires_ms + FIRST_LOOK_MS)
        values: dict[str, str | int] = {"points": standing.points, "expires": standing.expires_ms}
        await self._tell(
            key, then, self._owed(timer, f"{timer.player_id}-points-{standing.expires_ms}", values, now_ms)
        )

    def _owed(self, timer: Timer, notice_id: str, values: dict[str, str | int], due_ms: int) -> list[Owed]:
        return self._reasons.owed(timer.kind, notice_id, timer.player_id, values, due_ms)

    async def _tell(self, key: str, then: Timer | None, owed: list[Owed]) -> None:
        """Notices and the timer's end, or its next time, are noted together."""
        notes = {each.key: encode_owed(each) for each in owed}
        await self._notes.write({**notes, key: None if then is None else encode_timer(then)})
        for each in owed:
            self._agenda.put(each)
        if then is not None:
            self._timers.table.put(key, then.due_ms, then)
