"""Checks the journal's own chain: each record follows the one before it in its log, and has the hash it says."""

from collections.abc import Sequence
from typing import Final

from croupier.audit.faults import Faults, Kind
from snapshots.archive.format import ArchivedRecord
from snapshots.records import GENESIS, next_hash

REMEMBERED_MAX: Final = 100_000
"""Hashes of records that are remembered, in case a record comes again."""


class Chains:
    """Records of all logs, in the archive's order. A log may begin anywhere. A record may come again, as it was."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._ends: dict[str, tuple[int, bytes]] = {}
        self._hashes: dict[tuple[str, int], bytes] = {}
        self.records = self.sealed = 0
        """Of `sealed` records the bytes are encrypted in part, so that only the order of their hashes is checked."""

    def take(self, segment: str, records: Sequence[ArchivedRecord]) -> None:
        """A block of records."""
        for record in records:
            self.records += 1
            if record.sealed:
                self.sealed += 1
            elif next_hash(record.previous, record.pieces[0]) != record.hash:
                self._add("chain_broken", segment, record, "its bytes do not have the hash that it says")
            self._follow(segment, record)

    def _follow(self, segment: str, record: ArchivedRecord) -> None:
        known = self._ends.get(record.log_id)
        if known is None:
            if record.seq == 1 and record.previous != GENESIS:
                self._add("chain_broken", segment, record, "the first record of a log follows another one")
        elif record.seq <= known[0]:
            again = self._hashes.get((record.log_id, record.seq))
            if again is not None and again != record.hash:
                self._add("chain_broken", segment, record, "it was archived before with another hash")
            return
        elif record.seq > known[0] + 1:
            self._add("record_missing", segment, record, f"records {known[0] + 1} to {record.seq - 1} are missing")
        elif record.previous != known[1]:
            self._add("chain_broken", segment, record, "it does not follow the record before it")
        self._ends[record.log_id] = record.seq, record.hash
        self._hashes[record.log_id, record.seq] = record.hash
        if len(self._hashes) > REMEMBERED_MAX:
            del self._hashes[next(iter(self._hashes))]

    def _add(self, kind: Kind, segment: str, record: ArchivedRecord, detail: str) -> None:
        self._faults.add(kind, f"{segment}, log {record.log_id} record {record.seq}", detail)
