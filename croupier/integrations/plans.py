"""Which readers of the journal `croupier up` runs, and with what."""

import logging
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Final

import msgspec

from actors.settings import ReaderPlan
from croupier.settings import Settings
from feeds.archive.behind import BehindTrimPoint
from feeds.archive.settings import ArchiveSettings
from feeds.audit.settings import AuditedArchiveSettings, AuditSettings
from feeds.integrations import Integrations
from feeds.webhooks.settings import WebhooksSettings
from snapshots.archive.place import ArchivePlace
from snapshots.contract import ARCHIVE

log = logging.getLogger("croupier")

FACTORIES: Final = {
    ARCHIVE: "feeds.audit.making.make",
    "bus": "feeds.bus.making.make",
    "webhooks": "feeds.webhooks.making.make",
    "notices": "feeds.notifications.making.make",
}
"""Section of the file and name of its reader, up to the first hyphen: what makes the reader's sink."""
BEHIND: Final = "feeds.archive.behind.make"


def archive_of(
    integrations: Integrations, settings: Settings, environment: Mapping[str, str]
) -> ArchiveSettings | None:
    """The archive that is used: none, the configured one, or folders on this machine.

    A Croupier of several machines has none by itself, because each would write into folders of its own.
    """
    if settings.no_archive:
        return None
    if integrations.archive is None and settings.ray_address is not None:
        log.warning("there is no archive: on a Ray cluster, name its bucket in the section archive of --integrations")
        return None
    return integrations.archive or default_archive(settings.store, environment)


def default_archive(store: str, environment: Mapping[str, str]) -> ArchiveSettings:
    """In the folder of a SQLite store; for Redis, which has no folder, in the user's state folder.

    The key lies beside the archive, not in it: a copy of the archive does not take the key along.
    """
    kind, _, where = store.partition(":")
    if kind == "sqlite":
        home = Path(where)
    else:
        state = environment.get("XDG_STATE_HOME") or os.path.join(environment.get("HOME", "/var/lib"), ".local/state")
        home = Path(state) / "croupier" / f"archive-of-{sha256(store.encode()).hexdigest()[:12]}"
    home = home.absolute()
    return ArchiveSettings(
        place=ArchivePlace(str(home / "archive")),
        spool=str(home / "archive-spool"),
        key_file=str(home / "archive.key"),
    )


def reader_plans(integrations: Integrations, archive: ArchiveSettings | None, store: str) -> tuple[ReaderPlan, ...]:
    """The readers that run. `archive` is the archive in use, `store` the store's URL."""
    behind = None if archive is None else msgspec.json.encode(BehindTrimPoint(archive, store))
    if archive is None and integrations.audit is not None:
        log.warning("the section audit is of no use: there is no archive")
    audited = None if archive is None else _audited(archive, integrations.audit)
    sections: dict[str, msgspec.Struct | None] = {ARCHIVE: audited, "bus": integrations.bus}
    sections |= _webhooks(integrations.webhooks, archive)
    sections["notices"] = integrations.notices
    return tuple(
        _plan(name, section, None if name == ARCHIVE else behind)
        for name, section in sections.items()
        if section is not None
    )


def _audited(archive: ArchiveSettings, audit: AuditSettings | None) -> AuditedArchiveSettings:
    """The archive's reader keeps the audit tree, too."""
    return AuditedArchiveSettings(**msgspec.structs.asdict(archive), audit=audit or AuditSettings())


def _webhooks(section: WebhooksSettings | None, archive: ArchiveSettings | None) -> Mapping[str, WebhooksSettings]:
    """By reader. Replays look into the archive in use, unless the section names another."""
    if section is None:
        return {}
    if archive is not None and section.archive is None:
        section = msgspec.structs.replace(section, archive=archive.place)
    return section.by_reader()


def _plan(name: str, section: msgspec.Struct, behind: bytes | None) -> ReaderPlan:
    plan = ReaderPlan(name, FACTORIES[name.partition("-")[0]], msgspec.json.encode(section))
    if behind is None:
        return plan
    return msgspec.structs.replace(plan, archive=BEHIND, archive_settings=behind)
