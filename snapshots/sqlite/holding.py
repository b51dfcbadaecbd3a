"""What the archive has read, for those who trim: read from `readers.db`, which nobody writes while locking a shard."""

from snapshots.contract import ARCHIVE, Position
from snapshots.sqlite.files import Files


def archived(files: Files, shard_id: str) -> Position | None:
    """The archive's cursor of the shard; None if there is no archive, so that nothing is held."""
    readers = files.readers()
    if readers.execute("SELECT 1 FROM readers WHERE name=? AND known", (ARCHIVE,)).fetchone() is None:
        return None
    row = readers.execute("SELECT epoch, seq FROM cursors WHERE name=? AND shard_id=?", (ARCHIVE, shard_id)).fetchone()
    return Position(*row) if row else Position(0, 0)


def trimmable(files: Files, shard_id: str, log_epoch: int, trim_seq: int) -> int:
    """How much of the log may be trimmed, at most up to `trim_seq`."""
    held = archived(files, shard_id)
    if held is None or held.epoch > log_epoch:
        return trim_seq
    return min(trim_seq, held.seq) if held.epoch == log_epoch else 0
