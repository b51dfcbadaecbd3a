"""From a place to an archive that can be read."""

from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from snapshots.archive.reading import ArchivedRecords
from snapshots.archive.sealing import KeyRing
from snapshots.credentials import CredentialMissing
from snapshots.errors import ArchiveUnavailable, StoreUnsuitable


def open_archive(place: ArchivePlace, keys: KeyRing | None = None) -> ArchivedRecords:
    """The archive there; without `keys` personal fields stay sealed. Raises ArchiveUnavailable if it can't be asked."""
    try:
        return ArchivedRecords(open_bucket(place), keys)
    except (StoreUnsuitable, CredentialMissing) as error:
        raise ArchiveUnavailable(str(error)) from error
