"""Which positions a reader may commit, when what it sends is answered in any order."""

from collections import deque
from collections.abc import Mapping

from snapshots.contract import Position


class Debt:
    """What is still owed of one record. Settled when the record was taken whole and all it led to has left."""

    __slots__ = ("left", "position")

    def __init__(self, position: Position) -> None:
        self.position = position
        self.left = 1
        """One is the record itself, until it has been gone through."""

    def owe(self) -> None:
        """One more thing must leave before the record is settled."""
        self.left += 1

    def pay(self) -> None:
        """One thing has left; once for the record itself, too."""
        self.left -= 1


class Settling:
    """Records in the order they were taken, by shard."""

    def __init__(self) -> None:
        self._open: dict[str, deque[Debt]] = {}
        self._settled: dict[str, Position] = {}

    def begin(self, shard_id: str, position: Position) -> Debt:
        """A record is taken. Pay it once when it has been gone through, and once for each thing owed."""
        debt = Debt(position)
        self._open.setdefault(shard_id, deque()).append(debt)
        return debt

    def settled(self) -> Mapping[str, Position]:
        """By shard, the last record up to which nothing is owed."""
        for shard_id, debts in self._open.items():
            while debts and debts[0].left == 0:
                self._settled[shard_id] = debts.popleft().position
        return dict(self._settled)

    def owed(self) -> int:
        """Records that are not settled yet."""
        return sum(map(len, self._open.values()))
