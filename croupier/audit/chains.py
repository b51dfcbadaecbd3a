"""Checks the journal's own chain: each record follows the one before it in its log, and has the hash it says."""

from collections.abc import Sequence
from hashlib import blake2b
from typing import Final

from croupier.audit.faults import Faults, Kind
from snapshots.archive.format import ArchivedRecord, public_payload
from snapshots.records import GENESIS, next_hash

REMEMBERED_MAX: Final = 16_000_000
"""Records that are remembered, in case one comes again: 16 bytes each."""
DIGEST_BYTES: Final = 16


class Chains:
    """Records of all logs, in the archive's order. A log may begin anywhere. A record may come again, as it was."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._ends: dict[str, tuple[int, bytes]] = {}
        self._remembered: dict[str, _Remembered] = {}
        self._count = 0
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
        if record.seq < 1:
            self._add("chain_broken", segment, record, "records are numbered from 1")
        if known is None:
            if record.seq == 1 and record.previous != GENESIS:
                self._add("chain_broken", segment, record, "the first record of a log follows another one")
        elif record.seq <= known[0]:
            self._compare(segment, record)
            return
        elif record.seq > known[0] + 1:
            self._add("record_missing", segment, record, f"records {known[0] + 1} to {record.seq - 1} are missing")
        elif record.previous != known[1]:
            self._add("chain_broken", segment, record, "it does not follow the record before it")
        self._ends[record.log_id] = record.seq, record.hash
        self._remember(record)

    def _compare(self, segment: str, record: ArchivedRecord) -> None:
        """Who recomputes players passes over a record that comes again: so it must be the same one, provably."""
        before = self._remembered[record.log_id].at(record.seq)
        if before is None:
            self._add("chain_broken", segment, record, "it comes where nothing is known any more to compare it with")
        elif before != content_digest(record):
            self._add("chain_broken", segment, record, "it was archived before with another content")

    def _remember(self, record: ArchivedRecord) -> None:
        if record.log_id not in self._remembered:
            self._remembered[record.log_id] = _Remembered()
        self._count += self._remembered[record.log_id].add(record.seq, content_digest(record))
        if self._count > REMEMBERED_MAX:
            self._count -= max(self._remembered.values(), key=lambda each: each.count).forget()

    def _add(self, kind: Kind, segment: str, record: ArchivedRecord, detail: str) -> None:
        self._faults.add(kind, f"{segment}, log {record.log_id} record {record.seq}", detail)


def content_digest(record: ArchivedRecord) -> bytes:
    """The same for a record that comes again. Boxes differ each time, because they are sealed anew.

    The hash of a sealed record covers bytes that can't be seen: what can be seen of it is compared, too.
    """
    if not record.sealed:
        return record.hash
    return blake2b(record.previous + record.hash + public_payload(record), digest_size=DIGEST_BYTES).digest()


class _Remembered:
    """Digests of the last records of one log, side by side."""

    def __init__(self) -> None:
        self._first, self._digests = 0, bytearray()

    @property
    def count(self) -> int:
        return len(self._digests) // DIGEST_BYTES

    def at(self, seq: int) -> bytes | None:
        begin = (seq - self._first) * DIGEST_BYTES
        return bytes(self._digests[begin : begin + DIGEST_BYTES]) or None if begin >= 0 else None

    def add(self, seq: int, digest: bytes) -> int:
        """By how many it remembers more. After a gap it begins anew."""
        before = self.count
        if seq != self._first + before:
            self._first, self._digests = seq, bytearray()
        self._digests += digest.ljust(DIGEST_BYTES, b"\0")[:DIGEST_BYTES]
        return self.count - before

    def forget(self) -> int:
        """The older half, at least one; how many they were."""
        half = (self.count + 1) // 2
        self._first += half
        del self._digests[: half * DIGEST_BYTES]
        return half
