"""Versions of a player follow each other without a gap: a jump is a bug, and stops that player and nobody else."""

import logging
from collections import OrderedDict
from collections.abc import Sequence

from feeds.following.metrics import ReaderMetrics
from snapshots.codec import KeyedEntry

log = logging.getLogger("croupier.reader")

PLAYERS_MAX = 200_000
STOPPED_MAX = 10_000


class Versions:
    """The last versions of the players seen lately. Whoever is not known may come with any version.

    A reader begins with each shard at a cursor of its own. So of a player who moved between shards, it may get version
    4 again but not 5, which has left for good. Entries that were there when the reader began are not checked.
    """

    def __init__(self, metrics: ReaderMetrics, players_max: int = PLAYERS_MAX) -> None:
        self._metrics, self._players_max = metrics, players_max
        self._last: OrderedDict[str, int] = OrderedDict()
        self._stopped: OrderedDict[str, int] = OrderedDict()

    def passing(self, entries: Sequence[KeyedEntry], *, checked: bool) -> list[KeyedEntry]:
        """The entries that may be passed on: neither those that come again nor those of players who are stopped."""
        if checked:
            return [entry for entry in entries if self._follows(entry)]
        for entry in entries:
            if entry.player_id in self._last:
                self._last[entry.player_id] = max(entry.version, self._last[entry.player_id])
        return [entry for entry in entries if entry.player_id not in self._stopped]

    def forget(self) -> None:
        """Entries of unknown players were left out: whoever comes next may have any version."""
        self._last.clear()

    def _follows(self, entry: KeyedEntry) -> bool:
        player_id, version = entry.player_id, entry.version
        if player_id in self._stopped:
            return False
        last = self._last.get(player_id)
        if last is not None and version <= last:
            return False
        if last is not None and version > last + 1:
            self._stop(player_id, last, version)
            return False
        self._last[player_id] = version
        self._last.move_to_end(player_id)
        if len(self._last) > self._players_max:
            self._last.popitem(last=False)
        return True

    def _stop(self, player_id: str, last: int, version: int) -> None:
        log.error("player %s is stopped: version %d follows %d in the journal", player_id, version, last)
        self._metrics.stalled("version_gap")
        self._stopped[player_id] = last
        if len(self._stopped) > STOPPED_MAX:
            self._stopped.popitem(last=False)
