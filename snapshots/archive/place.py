"""Where the archive lies, and what is asked of that place."""

from typing import Protocol

import msgspec

from snapshots.credentials import Credential


class ArchivePlace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`url` is a folder, or `s3://BUCKET/PREFIX`. For a bucket: where it is, and who asks.

    `endpoint` is the address of an S3-compatible service other than Amazon's. Without keys, those of the machine's own
    role are used.
    """

    url: str
    endpoint: str | None = None
    region: str | None = None
    access_key_id: Credential | None = None
    secret_access_key: Credential | None = None

    def __post_init__(self) -> None:
        if not self.url:
            raise ValueError("must name a folder or s3://BUCKET/PREFIX")
        if (self.access_key_id is None) != (self.secret_access_key is None):
            raise ValueError("must have both access_key_id and secret_access_key, or neither")


class Bucket(Protocol):
    """Objects by name. Every call raises ArchiveUnavailable if there is no answer."""

    async def put_new(self, name: str, content: bytes) -> None:
        """Stores a new object, durable when it returns; the same content under the same name succeeds again.

        Raises AlreadyStored if the name has other content.
        """

    async def get(self, name: str) -> bytes:
        """The whole object."""

    async def get_range(self, name: str, start: int, length: int) -> bytes:
        """`length` bytes from `start` on; fewer at the end of the object."""

    async def folders(self, prefix: str) -> list[str]:
        """Names of the folders directly under `prefix`, in ascending order."""

    async def names(self, prefix: str) -> list[str]:
        """Full names of the objects directly under `prefix`, in ascending order."""
