"""What a player did beyond memory: looked for in the journal, and behind it in the archive, where there is one.

The archive is outside: it may hang. So it has a few seconds and a breaker, and nobody but those who ask for old bets
waits for it.
"""

import asyncio
import logging

from actors.routing.breaker import NUMBERS, Breaker
from actors.shard.context import ShardContext
from engine.facts import PastBet
from engine.remembered import past_bet
from engine.transition import Transition
from snapshots.errors import ArchiveBehind, ArchiveUnavailable, Corrupt
from snapshots.recovery import PlayerArchive, player_history

log = logging.getLogger("croupier.shard")

ARCHIVE_ANSWER_S = 4.0
"""A little less than a caller waits, so that the caller learns what is wrong."""


class History:
    """One shard's look-ups of old bets; one at a time."""

    def __init__(self, context: ShardContext, breaker: Breaker | None = None) -> None:
        self._context = context
        self._archive: PlayerArchive | None = None
        self._breaker = breaker or Breaker("archive of old bets", failures_max=3)
        self._reading = asyncio.Semaphore(1)

    async def find(self, player_id: str, command_id: str, batch: int) -> PastBet | None:
        """The command, in what is durable of the player's history up to `batch`, which must be complete.

        None if it is not there, or if the history is damaged. Raises StoreUnavailable if that can't be told now.
        """
        async with self._reading:
            await self._context.committer.until_durable(batch)
            self._context.committer.check_stored()
            try:
                return past_bet(await self._history(player_id), command_id)
            except Corrupt as damage:
                log.error("the history of player %s can't be read: %s", player_id, damage)
                return None

    async def _history(self, player_id: str) -> list[Transition]:
        store, archive = self._context.store, self._opened()
        if archive is None:
            return await player_history(store, player_id)
        if not self._breaker.allows():
            raise ArchiveUnavailable("the archive did not answer lately; it is asked again soon")
        try:
            async with asyncio.timeout(ARCHIVE_ANSWER_S):
                found = await player_history(store, player_id, archive)
            self._breaker.succeeded()
            return found
        except ArchiveBehind:
            self._breaker.succeeded()
            raise
        except (ArchiveUnavailable, TimeoutError) as failure:
            self._breaker.failed(str(failure))
            raise ArchiveUnavailable(str(failure) or "the archive takes too long") from failure
        except BaseException:
            self._breaker.gave_up()
            raise
        finally:
            self._context.metrics.gauges["archive_breaker_state"] = NUMBERS[self._breaker.state]

    def _opened(self) -> PlayerArchive | None:
        """Opened when it is first needed: only then are the libraries loaded that it takes."""
        place = self._context.settings.archive
        if self._archive is None and place is not None:
            from snapshots.archive.opening import open_archive

            self._archive = open_archive(place)
        return self._archive
