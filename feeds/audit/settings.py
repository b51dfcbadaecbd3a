"""How the proof over the archive is kept: who signs, how often, and where checkpoints are published."""

from typing import Annotated

import msgspec
from msgspec import Meta

from feeds.archive.settings import ArchiveSettings
from feeds.audit.publishing.settings import DESTINATIONS_MAX, Destination
from feeds.credentials import Credential
from snapshots.audit.notes import ORIGIN

Origin = Annotated[str, Meta(pattern=f"^{ORIGIN}$")]
Name = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]
Seconds = Annotated[float, Meta(ge=0.2, le=3_600)]


class AuditSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The audit tree over the archive, and its signed checkpoints."""

    origin: Origin | None = None
    """The name under which checkpoints are signed, like `casino.example/croupier`. Choose it once: it names the log.
    Without it the name is made of the first key.
    """
    key: Credential | None = None
    """The signing key (Ed25519): 32 bytes in base64, or as 64 hexadecimal digits."""
    key_file: str | None = None
    """Without `key`: the file with that key. It is made, for its owner only, if it is not there. By default it is
    `audit.key` beside the archive's key file, or in the spool.
    """
    checkpoint_s: Seconds = 60.0
    """A checkpoint is signed every so many seconds in which something was archived, and one at each day's end (UTC)."""
    publish: Annotated[dict[Name, Destination], Meta(max_length=DESTINATIONS_MAX)] = {}
    """Where checkpoints go, by names that you choose: best where the operators of the platform can't change them."""

    def __post_init__(self) -> None:
        if self.key is not None and self.key_file is not None:
            raise ValueError("must name at most one of key and key_file")


class AuditedArchiveSettings(ArchiveSettings, frozen=True, forbid_unknown_fields=True):
    """The archive with its audit tree."""

    audit: AuditSettings = AuditSettings()
