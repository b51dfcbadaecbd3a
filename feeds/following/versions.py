"""Versions of a player follow each other without a gap: a jump is a bug, and stops that player and nobody else."""

from collections import OrderedDict
from collections.abc import Sequence

from feeds.following.stopped import Stop, StoppedPlayers
from snapshots.codec import KeyedEntry

PLAYERS_MAX = 200_000


class Versions:
    """The last versions of the players seen lately. Whoever is not known may come with any version.

    A reader begins with each shard at a cursor of its own. So of a player who moved between shards, it may get version
    4 again but not 5, which has left for good. Entries that were there when the reader began are not checked.
    """

    def __init__(self, stopped: StoppedPlayers, players_max: int = PLAYERS_MAX) -> None:
        self.stopped, self._players_max = stopped, players_max
        self._last: OrderedDict[str, int] = OrderedDict()

    def passing(self, entries: Sequence[KeyedEntry], *, checked: bool) -> list[KeyedEntry]:
        """The entries that may be passed on: neither those that come again nor those of players who are stopped."""
        if checked:
            return [entry for entry in entries if self._follows(entry)]
        for entry in entries:
            if entry.player_id in self._last:
                self._last[entry.player_id] = max(entry.version, self._last[entry.player_id])
        return [entry for entry in entries if entry.player_id not in self.stopped]

    def forget(self) -> None:
        """Entries of unknown players were left out: whoever comes next may have any version."""
        self._last.clear()

    async def resume(self, player_id: str) -> Stop | None:
        """See StoppedPlayers. The next entry may have any version."""
        stop = await self.stopped.resume(player_id)
        if stop is not None:
            self._last.pop(player_id, None)
        return stop

    def _follows(self, entry: KeyedEntry) -> bool:
        player_id, version = entry.player_id, entry.version
        if player_id in self.stopped:
            return False
        last = self._last.get(player_id)
        if last is not None and version <= last:
            return False
        if last is not None and version > last + 1:
            self.stopped.stop(player_id, last, version)
            return False
        self._last[player_id] = version
        self._last.move_to_end(player_id)
        if len(self._last) > self._players_max:
            self._last.popitem(last=False)
        return True
