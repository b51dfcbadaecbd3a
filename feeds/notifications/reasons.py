"""What in the journal is a reason to tell a player something: now, later, or not any more."""

from collections.abc import Callable
from typing import Final

import msgspec

from engine import events as e
from engine.transition import Transition
from feeds.notifications.agenda import Agenda
from feeds.notifications.kinds import Kind, Values, draft_of
from feeds.notifications.metrics import NoticeMetrics
from feeds.notifications.owed import Owed, encode_owed, owed_key
from feeds.notifications.points_watch import PointsWatch
from feeds.notifications.settings import NoticesSettings
from feeds.notifications.timers import Timer, Timers, bonus_key, encode_timer, ended_grant, ending_id
from feeds.public.data.account import PlayerErased
from feeds.public.event import PublicEvent
from feeds.public.mapping import public_events
from feeds.reading import Followed

_PLAY: Final = (e.BetPlaced, e.WinCredited, e.BetReported)
"""Most of the journal. Players are told of nothing in it, except that points may begin."""


class Found(msgspec.Struct):
    """Of one record: notices to be sent, timers that begin or end (None), notices that need not be sent any more."""

    owed: dict[str, Owed] = {}
    timers: dict[str, Timer | None] = {}
    points: dict[str, int | None] = {}
    """When to ask the engine about a player's points; None: not any more."""
    ended: list[str] = []
    """Keys."""

    def notes(self) -> dict[str, bytes | None]:
        """What the store must have before the record is settled."""
        timers = {key: None if timer is None else encode_timer(timer) for key, timer in self.timers.items()}
        return {key: encode_owed(owed) for key, owed in self.owed.items()} | timers


class Reasons:
    """Looks through transitions for the kinds that the settings name."""

    def __init__(
        self,
        settings: NoticesSettings,
        agenda: Agenda,
        timers: Timers,
        points: PointsWatch,
        metrics: NoticeMetrics,
        now_ms: Callable[[], int],
    ) -> None:
        self._settings, self._agenda, self._timers, self._points = settings, agenda, timers, points
        self._metrics, self._now_ms = metrics, now_ms

    def concern(self, transition: Transition) -> bool:
        """Whether there may be a reason: the mapping to public events costs more than this look."""
        if any(type(event) not in _PLAY for event in transition.events):
            return True
        return self._points.wants(transition.player_id)

    def find(self, transition: Transition, followed: Followed, found: Found) -> None:
        """Adds the transition's. Times are real ones, also where the sandbox clock runs ahead."""
        ahead_ms = transition.time_ms - (transition.real_ms or transition.time_ms)
        for event in public_events(transition):
            if isinstance(event.data, PlayerErased):
                self._forget_player(event.player_id, found)
            self._begin(event, ahead_ms, found)
            self._end(event, found)
            found.points |= self._points.of(event, event.time_ms - ahead_ms)
            draft = draft_of(event)
            if draft is None or draft.kind not in self._settings.kinds:
                continue
            for owed in self.owed(draft.kind, event.id, event.player_id, draft.values, event.time_ms - ahead_ms):
                owed.shard_id, owed.position = followed.shard_id, followed.position
                found.owed[owed.key] = owed

    def owed(self, kind: Kind, notice_id: str, player_id: str, values: Values, due_ms: int) -> list[Owed]:
        """A notice by each of its channels. Those that are known or stale already are left out."""
        of, category = self._settings.kinds[kind], self._settings.category_of(kind)
        made = [
            Owed(
                id=notice_id,
                kind=kind,
                channel=channel,
                category=category,
                player_id=player_id,
                values=dict(values),
                due_ms=due_ms,
                not_before_ms=due_ms,
            )
            for channel in of.channels
        ]
        if due_ms + round(of.stale_h * 3_600_000) > self._now_ms():
            return [each for each in made if not self._agenda.knows(each.key)]
        for each in made:
            self._metrics.count(each, "stale")
        return []

    def _forget_player(self, player_id: str, found: Found) -> None:
        """Whoever was erased is told nothing more, also not what waits already, earlier or in this record."""
        found.ended += self._agenda.waiting_for(player_id)
        found.owed = {key: owed for key, owed in found.owed.items() if owed.player_id != player_id}
        timers = [*self._timers.table.items(), *found.timers.items()]
        found.timers |= {key: None for key, timer in timers if timer is not None and timer.player_id == player_id}
        found.points[player_id] = None

    def _begin(self, event: PublicEvent, ahead_ms: int, found: Found) -> None:
        begun = self._timers.begun(event)
        if begun is None:
            return
        key, timer = begun
        if found.timers.get(key, self._timers.table.get(key)) is not None:
            return
        if len(self._timers.table) + len(found.timers) >= self._settings.timers_max:
            self._metrics.no_room(self._settings.category_of("bonus_expiring"))
            return
        found.timers[key] = msgspec.structs.replace(timer, due_ms=timer.due_ms - ahead_ms)

    def _end(self, event: PublicEvent, found: Found) -> None:
        grant_id = ended_grant(event)
        if grant_id is not None and "bonus_expiring" in self._settings.kinds:
            key = bonus_key(event.player_id, grant_id)
            if key in self._timers.table or key in found.timers:
                found.timers[key] = None
            channels = self._settings.kinds["bonus_expiring"].channels
            found.ended += (owed_key(ending_id(event.player_id, grant_id), channel) for channel in channels)
