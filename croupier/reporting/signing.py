"""The key of the audit, for signed reports, if it is on this machine."""

import os
from pathlib import Path

from croupier.integrations import load_integrations
from croupier.integrations.plans import default_archive
from croupier.settings import SettingsInvalid
from feeds.audit.keys import key_file
from feeds.audit.settings import AuditedArchiveSettings, AuditSettings
from snapshots.archive.sealing import read_key
from snapshots.audit.notes import Signer
from snapshots.credentials import CredentialMissing


def audit_signer(store: str, integrations: Path | None, checkpoint: str) -> Signer | None:
    """Signs under the name of the newest `checkpoint` (as `vouching` tells it), unless the settings have another.

    None: there is no key here; it is never made here. Raises SettingsInvalid if the key is none.
    """
    known = load_integrations(integrations, with_secrets=False) if integrations is not None else None
    archive = (known and known.archive) or default_archive(store, os.environ)
    audit = (known and known.audit) or AuditSettings()
    settings = AuditedArchiveSettings(
        **{name: getattr(archive, name) for name in archive.__struct_fields__}, audit=audit
    )
    path = key_file(settings)
    try:
        if audit.key is None and not path.exists():
            return None
        seed = read_key(path.read_text() if audit.key is None else audit.key.read())
    except (CredentialMissing, OSError, ValueError) as problem:
        raise SettingsInvalid(f"the key that signs reports can't be used: {problem}") from problem
    return Signer(seed, audit.origin or checkpoint.partition(", ")[0])
