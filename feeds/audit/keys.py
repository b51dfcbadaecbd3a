"""The key that signs checkpoints."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from feeds.archive.keys import made_key
from feeds.audit.settings import AuditedArchiveSettings
from feeds.reading import SinkFailed
from snapshots.archive.sealing import read_key
from snapshots.audit.notes import Signer
from snapshots.credentials import CredentialMissing

FILE: Final = "audit.key"
LOST: Final = "without it the next checkpoints are signed by another key, which auditors do not know"


def key_file(settings: AuditedArchiveSettings) -> Path:
    """Where the key is if the settings do not say it: beside the archive's key, else in the spool."""
    if settings.audit.key_file is not None:
        return Path(settings.audit.key_file)
    return Path(settings.spool if settings.key_file is None else Path(settings.key_file).parent) / FILE


def signers(settings: AuditedArchiveSettings) -> Callable[[str], Signer]:
    """Makes the signer, given the origin of the newest checkpoint: it holds unless the settings name another one.

    The key is read when the signer is made: archiving begins without it. What is made raises SinkFailed if there is no
    key where the settings say.
    """
    wanted = settings.audit

    def signer(known: str) -> Signer:
        try:
            text = made_key(key_file(settings), LOST) if wanted.key is None else wanted.key.read()
            return Signer(read_key(text), wanted.origin or known)
        except (CredentialMissing, OSError, ValueError) as error:
            raise SinkFailed(f"There is no key for the audit's checkpoints: {error}") from error

    return signer
