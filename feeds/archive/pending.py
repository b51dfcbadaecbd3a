"""What was taken and is not on the disk yet."""

from snapshots.archive.index import End
from snapshots.contract import Position


class Pending:
    """One group of records that goes to the disk together, and how far each shard has come with it."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.bytes = 0
        self.ends: dict[str, End] = {}
        self.positions: dict[str, Position] = {}

    def add(self, frame: bytes, shard_id: str, end: End) -> None:
        """One more record."""
        self.frames.append(frame)
        self.bytes += len(frame)
        self.ends[shard_id] = end
