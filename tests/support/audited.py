"""What auditors make of a journal: the verifier and verify.py follow each entry, and find nothing wrong."""

from croupier.audit.balances import Part, Recomputing
from croupier.audit.faults import Faults
from croupier.audit.verify import Books
from engine.state import PlayerState
from snapshots.archive.format import RECORD_FORMAT, ArchivedRecord
from snapshots.codec import decode_batch
from snapshots.records import GENESIS


class Audited:
    """One journal, entry by entry."""

    def __init__(self) -> None:
        self._faults = Faults()
        self._work = Recomputing(Part(0, 1), {}, self._faults)
        self._books = Books()
        self._seq = 0

    def add(self, payload: bytes, state: PlayerState) -> None:
        """The next record; `state` is the player's after it."""
        self._seq += 1
        record = ArchivedRecord(
            format=RECORD_FORMAT,
            shard_id="s0",
            epoch=1,
            log_id="s0-1",
            seq=self._seq,
            previous=GENESIS,
            hash=GENESIS,
            pieces=[payload],
        )
        self._work.take("segment", [record])
        assert self._faults.found == []
        for entry in decode_batch(payload):
            self._books.take(entry.player_id, entry.version, entry.data, "segment")
        mine = self._books.players[state.player_id]
        assert (mine.real, sum(mine.bonus.values())) == (state.real, sum(grant.balance for grant in state.grants))
