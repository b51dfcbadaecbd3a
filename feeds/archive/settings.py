"""How the archive is written, and where."""

from typing import Annotated

import msgspec
from msgspec import Meta

from feeds.behind import Bytes, Minutes
from snapshots.archive.place import ArchivePlace
from snapshots.credentials import Credential

SpoolBytes = Annotated[int, Meta(ge=1_048_576, le=2**50)]
SegmentBytes = Annotated[int, Meta(ge=65_536, le=268_435_456)]
AgeSeconds = Annotated[float, Meta(gt=0, le=3_600)]


class ArchiveSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The archive of the journal. `place` is where segments go, `spool` a folder of this archive alone on a local disk.

    Records are safe on the disk of the spool before the journal may let go of them: use a disk that outlives the
    process.
    """

    place: ArchivePlace
    spool: str
    key: Credential | None = None
    """The key-encryption key: 32 bytes in base64, or as 64 hexadecimal digits. Every player's key is wrapped by it."""
    key_file: str | None = None
    """Without `key`: the file with that key. It is made, for its owner only, if it is not there."""
    previous_keys: Annotated[tuple[Credential, ...], Meta(max_length=8)] = ()
    """Former key-encryption keys. Players' keys that are wrapped by one of them are wrapped anew, in the background."""
    spool_bytes_max: SpoolBytes = 4 * 1_073_741_824
    """When the spool has grown to so many bytes, no more records are taken until some have left it."""
    segment_bytes: SegmentBytes = 8_388_608
    """A segment is cut when its records have so many bytes, before compression."""
    segment_age_s: AgeSeconds = 20.0
    """A segment is cut when its oldest record has waited for so many seconds.

    Keep it below the interval of snapshots (30 seconds): then what the journal lets go of is in a segment already, and
    whoever looks behind the journal never has to wait.
    """
    failures_max: Annotated[int, Meta(ge=1, le=100)] = 5
    """After so many failed uploads in a row the breaker opens."""
    open_s: Annotated[float, Meta(gt=0, le=3_600)] = 10.0
    """For how many seconds the breaker then lets no upload through."""
    alert_after_minutes: Minutes = 10
    """Operators are alerted when the oldest record that is not archived is so old."""
    alert_after_bytes: Bytes = 1_073_741_824
    """Operators are alerted when the store keeps so much of the journal for the archive."""

    def __post_init__(self) -> None:
        if (self.key is None) == (self.key_file is None):
            raise ValueError("must name either key or key_file")
