"""The last acknowledged records of one log in memory: what a store loses is appended again (rule 15)."""

from collections import deque
from collections.abc import Sequence
from itertools import islice

from snapshots.contract import NO_TALLIES, AppendedRecord, LogHead, Tallies

RECORD_BYTES = 250
"""What a record takes in memory beside its payload; tests/unit/actors/shard/test_ring.py measures it."""
TALLIES_BYTES = 256
"""What its counters take, if there are any."""


class Ring:
    """Records without a gap, at most `bytes_max` of them; the oldest make room."""

    __slots__ = ("_bytes", "_bytes_max", "_records")

    def __init__(self, bytes_max: int) -> None:
        self._bytes_max, self._bytes = bytes_max, 0
        self._records: deque[AppendedRecord] = deque()

    def __len__(self) -> int:
        return len(self._records)

    def add(self, before: LogHead, payload: bytes, tallies: Tallies) -> None:
        """Takes the record that was just acknowledged."""
        record = AppendedRecord(before, payload, tallies or NO_TALLIES)
        self._records.append(record)
        self._bytes += _bytes_of(record)
        while self._bytes > self._bytes_max:
            self._bytes -= _bytes_of(self._records.popleft())

    def newest(self, bytes_max: int) -> Sequence[AppendedRecord]:
        """The last records, at most so many bytes of them."""
        found, size = list[AppendedRecord](), 0
        for record in reversed(self._records):
            size += _bytes_of(record)
            if size > bytes_max:
                break
            found.append(record)
        return found[::-1]

    def after(self, head: LogHead) -> Sequence[AppendedRecord] | None:
        """All records behind that position; None if the ring does not know it."""
        index = head.seq - self._records[0].before.seq if self._records else -1
        if not 0 <= index < len(self._records) or self._records[index].before != head:
            return None
        return list(islice(self._records, index, None))


def _bytes_of(record: AppendedRecord) -> int:
    return len(record.payload) + RECORD_BYTES + (TALLIES_BYTES if record.tallies else 0)
