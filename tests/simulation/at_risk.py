"""What a store has lost while shards live on, and whose players nobody can answer for any more (rule 15).

Living shards give back what they acknowledged. Only where the sole process that could do so is gone before it did, or
where docs/failover.md says that it can't, the player is excused: nothing is expected of this player any more.
"""

from typing import TYPE_CHECKING, NamedTuple

from snapshots.contract import LogHead
from snapshots.rows import log_name, log_origin
from snapshots.sqlite.shard import Row, read_row
from tests.simulation.bonuses import Entry, Journal

if TYPE_CHECKING:
    from tests.simulation.stores import Disk
    from tests.simulation.world import SimProcess, World


class Before(NamedTuple):
    """The store a moment before it lost its tail."""

    journal: Journal
    rows: dict[str, Row]
    formers: dict[str, str]
    """By shard, the log that its claim sealed."""


def rows_of(disk: "Disk") -> dict[str, Row]:
    """The shards as the store has them."""
    return {shard_id: read_row(disk.files.shard(shard_id)) for shard_id in disk.files.shards()}


class AtRisk:
    """Entries that the store has lost, until they are back."""

    def __init__(self, world: "World", before: Before) -> None:
        self._world = world
        world.disk.journal.catalogs_known = before.journal.in_force == world.disk.journal.in_force
        self.lost: dict[tuple[str, int], Entry] = before.journal.without(world.disk.journal)
        after = rows_of(world.disk)
        self.moves_lost = any(
            row.release != (after[shard_id].release if shard_id in after else b"")
            for shard_id, row in before.rows.items()
        )
        for shard_id, row in before.rows.items():
            kept, former = after.get(shard_id), before.formers[shard_id]
            if kept is not None and kept.nonce == row.nonce:
                if not self._living(shard_id, row.log_epoch):
                    self._excuse(shard_id)
            elif self._living(shard_id, 0, row.log_epoch - 1):
                self._excuse_all(shard_id, before.journal)  # a former owner, who has its place again
            elif (
                not self._living(shard_id, row.log_epoch)
                or former != _log(shard_id, kept)
                or (kept is not None and not self._has_read(_log(shard_id, row), LogHead(kept.seq, kept.hash)))
            ):
                self._excuse(shard_id)

    def _living(self, shard_id: str, first: int, last: int | None = None) -> bool:
        """Whether an owner of one of these logs of the shard lives, and has all that it wrote."""
        logs = {log_name(shard_id, epoch) for epoch in range(first, (first if last is None else last) + 1)}
        return any(_log_of(process) in logs for process in self._world.serving())

    def died(self, process: "SimProcess") -> None:
        """A process ends. If it had ended by itself, it must have given back everything before."""
        if process.shard is not None and process.incarnation is not None and not process.shard.context.ended:
            self._excuse(process.incarnation.shard_id)

    def _has_read(self, log_id: str, head: LogHead) -> bool:
        """Whether the owner of the log has read what the log before it had behind that record."""
        [owner] = [process for process in self._world.serving() if _log_of(process) == log_id]
        assert owner.shard is not None
        lineage = owner.shard.context.committer._lineage
        assert lineage is not None
        told = lineage._told
        return head == told._claim.former_head or told._former.after(head) is not None

    def _excuse_all(self, shard_id: str, journal: Journal) -> None:
        """Everybody who ever was on that shard."""
        for (player_id, _), entry in journal.without(Journal()).items():
            if log_origin(entry.log_id)[0] == shard_id:
                self._world.excused.add(player_id)

    def _excuse(self, shard_id: str) -> None:
        missing = self._world.disk.journal.lacking(self.lost)
        for (player_id, _), entry in missing.items():
            if self.moves_lost or log_origin(entry.log_id)[0] == shard_id:
                self._world.excused.add(player_id)


def _log_of(process: "SimProcess") -> str:
    return process.incarnation.log_id if process.incarnation is not None else ""


def _log(shard_id: str, row: Row | None) -> str:
    return log_name(shard_id, row.log_epoch) if row is not None and row.log_epoch else ""
