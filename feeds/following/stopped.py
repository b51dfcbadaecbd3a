"""Players whom a reader passes nothing on of, because a version was missing: noted, so that a restart changes nothing.

They stay stopped until an operator has them go on. What they have done meanwhile is not passed on later.
"""

import asyncio
import logging
from collections.abc import Sequence
from typing import Final

import msgspec

from actors.host.clock import now_ms
from feeds.following.metrics import ReaderMetrics
from feeds.public.event import instant
from feeds.reading import Notes
from snapshots.errors import Fenced, StoreError

log = logging.getLogger("croupier.reader")

PREFIX: Final = "stopped:"
"""Of the notes' keys. No sink of ours has notes that begin so."""
PAGE: Final = 1_000
RETRY_S = 0.5


class Stop(msgspec.Struct, frozen=True):
    """Version `came` of the player came where the one after `last` should have; `at`: when (RFC 3339)."""

    player_id: str
    last: int
    came: int
    at: str


_decode = msgspec.json.Decoder(Stop).decode
_encode = msgspec.json.Encoder().encode


class StoppedPlayers:
    """As many as a reader may have notes: the reader waits when there is no room for one more."""

    def __init__(self, notes: Notes, metrics: ReaderMetrics) -> None:
        self._notes, self._metrics = notes, metrics
        self._stops: dict[str, Stop] = {}
        self._unnoted: dict[str, Stop] = {}

    async def load(self) -> None:
        """Reads who was stopped before. Raises StoreError."""
        after = ""
        while page := await self._notes.read(PREFIX, after, PAGE):
            after = max(page)
            self._stops |= {stop.player_id: stop for stop in map(_decode, page.values())}
        if self._stops:
            log.warning("%d players are stopped since before: %s …", len(self._stops), ", ".join([*self._stops][:10]))
        self._metrics.stopped_players = len(self._stops)

    def __contains__(self, player_id: str) -> bool:
        return player_id in self._stops

    def __len__(self) -> int:
        return len(self._stops)

    def stop(self, player_id: str, last: int, came: int) -> None:
        """From now on. The caller waits for `noted` before anything of it is settled."""
        self._stops[player_id] = self._unnoted[player_id] = Stop(player_id, last, came, instant(now_ms()))

    async def noted(self) -> None:
        """Returns once the store knows all who are stopped, however long that takes. Raises Fenced.

        Nobody is reported before: where another process has claimed the reader, what seems to be missing may have left
        there, and nothing waits for this one any more.
        """
        while self._unnoted:
            stops = dict(self._unnoted)
            try:
                await self._notes.write({_key(player_id): _encode(stop) for player_id, stop in stops.items()})
            except Fenced:
                raise
            except StoreError as failure:
                log.warning("it can't be noted that %d players are stopped, %s …: %s", len(stops), min(stops), failure)
                self._metrics.stalled("store_unavailable")
                await asyncio.sleep(RETRY_S)
            else:
                for player_id, stop in stops.items():
                    if self._unnoted.pop(player_id, None) is not None:
                        self._report(stop)

    def _report(self, stop: Stop) -> None:
        log.error("player %s is stopped: version %d follows %d in the journal", stop.player_id, stop.came, stop.last)
        self._metrics.stalled("version_gap")
        self._metrics.stopped_players = len(self._stops)

    async def resume(self, player_id: str) -> Stop | None:
        """The player goes on with what comes next. Answers how the player was stopped; None: not. Raises StoreError."""
        await self.noted()
        stop = self._stops.get(player_id)
        if stop is not None:
            await self._notes.write({_key(player_id): None})
            self._stops.pop(player_id, None)
            self._metrics.stopped_players = len(self._stops)
        return stop

    def listed(self, after: str, limit: int) -> Sequence[Stop]:
        """Those whose ids are above `after`, in the order of their ids, at most `limit`."""
        return [self._stops[player_id] for player_id in sorted(self._stops) if player_id > after][:limit]


def _key(player_id: str) -> str:
    return f"{PREFIX}{player_id}"
