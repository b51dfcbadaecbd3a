"""The logs as the store lists them, and up to where a record can't be lost any more (the horizon)."""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from snapshots.contract import NOWHERE, LogInfo, Position
from snapshots.rows import log_origin

Ends = deque[tuple[float, int]]


class JournalView:
    """What was seen of the journal. It belongs to the loop that it is made on, whose clock it uses."""

    def __init__(self, horizon_ms: int) -> None:
        self.looks = 0
        """How often the logs were listed."""
        self._horizon_s, self._clock = horizon_ms / 1000, asyncio.get_running_loop().time
        self._logs: dict[str, list[LogInfo]] = {}
        self._ends: dict[str, Ends] = {}
        """Of each log, when it was seen to end where."""
        self._sealed: dict[str, float] = {}
        """Since when each log was seen to be sealed."""
        self._first_ends: dict[str, Position] = {}

    def saw(self, infos: Sequence[LogInfo]) -> None:
        """Takes what the store listed just now."""
        now_s, logs = self._clock(), dict[str, list[LogInfo]]()
        for info in infos:
            logs.setdefault(info.shard_id, []).append(info)
            ends = self._ends.setdefault(info.log_id, deque([(float("-inf"), 0)]))
            while ends and ends[-1][1] > info.last_seq:
                ends.pop()  # the store has lost its tail: what comes instead is as young as any
            if not ends or info.last_seq > ends[-1][1]:
                ends.append((now_s, info.last_seq))
            if info.sealed:
                self._sealed.setdefault(info.log_id, now_s)
            else:
                self._sealed.pop(info.log_id, None)
        for log_id in self._ends.keys() - {info.log_id for info in infos}:
            del self._ends[log_id]
            self._sealed.pop(log_id, None)
        self._logs, self.looks = logs, self.looks + 1
        if self.looks == 1:
            self._first_ends = dict(self.ends())

    def shards(self) -> Sequence[str]:
        """Names of all shards that have logs."""
        return list(self._logs)

    def at(self, shard_id: str, epoch: int) -> LogInfo | None:
        """The shard's first log of that epoch or a later one."""
        return next((info for info in self._logs.get(shard_id, ()) if log_origin(info.log_id)[1] >= epoch), None)

    def ends(self) -> Mapping[str, Position]:
        """By shard, the last record of its last log."""
        return {shard_id: end_of(logs[-1]) for shard_id, logs in self._logs.items()}

    def first_end(self, shard_id: str) -> Position:
        """Where the shard's logs ended when they were listed first; before everything if it had none."""
        return self._first_ends.get(shard_id, NOWHERE)

    def behind(self, shard_id: str, position: Position) -> int:
        """How many records of the shard come after the position."""
        found = 0
        for info in self._logs.get(shard_id, ()):
            end = end_of(info)
            if end > position:
                found += end.seq - (position.seq if end.epoch == position.epoch else 0)
        return found

    def safe_seq(self, log_id: str) -> int:
        """The last record of the log that was seen at least the horizon ago."""
        ends, until_s = self._ends.get(log_id), self._clock() - self._horizon_s
        if ends is None:
            return 0
        while len(ends) > 1 and ends[1][0] <= until_s:
            ends.popleft()
        return ends[0][1]

    def is_over(self, log_id: str) -> bool:
        """Whether the log was seen to be sealed at least the horizon ago. Before that the store may lose the claim that
        sealed it, and then somebody may write there again.
        """
        since_s = self._sealed.get(log_id)
        return since_s is not None and since_s <= self._clock() - self._horizon_s


def end_of(info: LogInfo) -> Position:
    """The position of a log's last record."""
    return Position(log_origin(info.log_id)[1], info.last_seq)
