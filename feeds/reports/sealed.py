"""Until when facts are complete: nothing that happened before can still come into the archive."""

from collections.abc import Mapping, Sequence
from typing import Final

from feeds.facts.manifest import Manifest, ShardEnd
from snapshots.contract import LogInfo

QUIET_MS: Final = 3_600_000
"""A shard without entries for so long before the last entry of all is taken for one that has none."""


def sealed_until_ms(manifest: Manifest) -> int:
    """As the facts alone tell it (Unix ms): every shard that still writes has written something later."""
    times = [end.time_ms for end in manifest.ends.values()]
    if not times:
        return 0
    last = max(times)
    return min(time_ms for time_ms in times if time_ms >= last - QUIET_MS)


def is_level(ends: Mapping[str, ShardEnd], logs: Sequence[LogInfo]) -> bool:
    """Whether the facts have all that the journal has."""
    for log in logs:
        end = ends.get(log.shard_id, ShardEnd(0, 0))
        if log.last_seq and (end.epoch, end.seq) < (_epoch(log.log_id), log.last_seq):
            return False
    return True


def _epoch(log_id: str) -> int:
    return int(log_id.rpartition("-")[2])
