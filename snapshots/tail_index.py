"""What a recovered shard still needs of logs that it found: entries of players, and logs not looked through yet."""

from snapshots.codec import KeyedEntry
from snapshots.contract import LogInfo
from snapshots.errors import CorruptLog


class TailIndex:
    """Entries that snapshots may not cover yet, still encoded, by player. Built by `read_tails`.

    An entry is held until `drop`. A log may be finished only when none of its entries is held any more, and when it is
    known of whom both stored snapshots cover what it has before its checkpoint (rule 8).
    """

    def __init__(self) -> None:
        self._entries: dict[str, list[KeyedEntry]] = {}
        self._corrupt: dict[str, str] = {}
        self._logs: dict[str, set[str]] = {}
        self._unknown: dict[str, LogInfo] = {}

    def hold(self, log: LogInfo) -> None:
        """The log is needed until `let_go`: perhaps older snapshots don't cover what it has before its checkpoint."""
        self._unknown[log.log_id] = log

    def held(self) -> list[LogInfo]:
        """Logs of which it is not known yet whose older snapshot needs them."""
        return list(self._unknown.values())

    def note(self, log_id: str, player_id: str) -> None:
        """The player's older snapshot needs the log, the newest one does not: no entry of it is held."""
        self._entries.setdefault(player_id, [])
        self._logs.setdefault(log_id, set()).add(player_id)

    def let_go(self, log_id: str) -> None:
        """Every player whose older snapshot needs the log has been noted."""
        self._unknown.pop(log_id, None)

    def add(self, log_id: str, entry: KeyedEntry) -> None:
        """Holds an entry read from `log_id`."""
        self._entries.setdefault(entry.player_id, []).append(entry)
        self._logs.setdefault(log_id, set()).add(entry.player_id)

    def mark_corrupt(self, log_id: str, player_id: str, reason: str) -> None:
        """From now on `peek` refuses this player; its log is needed until an operator has decided."""
        self._corrupt.setdefault(player_id, reason)
        self._entries.setdefault(player_id, [])
        self._logs.setdefault(log_id, set()).add(player_id)

    def peek(self, player_id: str) -> list[KeyedEntry]:
        """The player's entries, empty if there are none; still held. Raises CorruptLog if one of them is damaged."""
        if player_id in self._corrupt:
            raise CorruptLog(self._corrupt[player_id])
        return list(self._entries.get(player_id, ()))

    def drop(self, player_id: str) -> None:
        """Forgets a player's entries. Call it once both snapshots that cover them are confirmed."""
        self._entries.pop(player_id, None)
        self._corrupt.pop(player_id, None)
        for players in self._logs.values():
            players.discard(player_id)

    def players(self) -> list[str]:
        """Everybody who still has entries, damaged ones included, or is noted."""
        return list(self._entries)

    def needs(self, log_id: str) -> bool:
        """Whether somebody may still need that log; then it must not be finished."""
        return log_id in self._unknown or bool(self._logs.get(log_id))

    def needed_logs(self) -> list[str]:
        """All logs that somebody may still need."""
        return [log_id for log_id in {**self._unknown, **self._logs} if self.needs(log_id)]

    def __contains__(self, player_id: str) -> bool:
        return player_id in self._entries

    def __len__(self) -> int:
        return len(self._entries)
