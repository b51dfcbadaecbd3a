"""Where store, archive, spool and keys lie: by the same settings as `croupier up`, or the backup would miss some."""

import os
from collections.abc import Mapping
from pathlib import Path

import msgspec

from croupier.integrations import load_integrations
from croupier.integrations.plans import archive_of
from croupier.settings import Settings, default_catalog
from feeds.archive.settings import ArchiveSettings
from feeds.audit.keys import key_file
from feeds.audit.settings import AuditedArchiveSettings, AuditSettings
from feeds.integrations import Integrations


class Places(msgspec.Struct, frozen=True):
    """`archive` is a folder, or the URL of a bucket. `keys` are key files by the name that they have in a backup."""

    store: str
    archive: str
    spool: Path
    keys: Mapping[str, Path]

    @property
    def kind(self) -> str:
        """`sqlite` or `redis`."""
        return "sqlite" if self.store.startswith("sqlite:") else "redis"

    @property
    def store_folder(self) -> Path | None:
        """The folder of a SQLite store."""
        return Path(self.store.removeprefix("sqlite:")) if self.kind == "sqlite" else None

    @property
    def archive_folder(self) -> Path | None:
        """The archive's folder, if it is one."""
        return None if "://" in self.archive else Path(self.archive)


def places_of(store: str, integrations_file: Path | None) -> Places:
    """Where everything lies. Raises IntegrationsInvalid."""
    found = Integrations() if integrations_file is None else load_integrations(integrations_file, with_secrets=False)
    archive = archive_of(found, Settings(store=store, catalog=default_catalog()), os.environ)
    assert archive is not None  # no_archive is not set
    return Places(store, archive.place.url, Path(archive.spool), _keys(archive, found.audit or AuditSettings()))


def _keys(archive: ArchiveSettings, audit: AuditSettings) -> Mapping[str, Path]:
    keys = {} if archive.key_file is None else {"archive.key": Path(archive.key_file)}
    if audit.key is None:
        keys["audit.key"] = key_file(AuditedArchiveSettings(**msgspec.structs.asdict(archive), audit=audit))
    return keys
