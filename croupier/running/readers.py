"""Which readers of the journal `croupier up` runs, and with which settings."""

import logging
import os
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path

import msgspec

from actors.settings import ReaderPlan
from croupier.integrations import load_integrations
from croupier.settings import Settings
from feeds.archive.behind import BehindTrimPoint
from feeds.archive.settings import ArchiveSettings
from feeds.integrations import Integrations
from snapshots.archive.place import ArchivePlace
from snapshots.contract import ARCHIVE

log = logging.getLogger("croupier")

FACTORIES: Mapping[str, str] = {
    ARCHIVE: "feeds.archive.making.make",
    "bus": "feeds.bus.making.make",
    "webhooks": "feeds.webhooks.making.make",
}
"""By reader, what makes its sink."""
_BEHIND = "feeds.archive.behind.make"


def integrations_of(settings: Settings) -> Integrations:
    """What is configured of the world outside. Raises IntegrationsInvalid.

    On a Ray cluster the readers run on other machines: whether the secrets are there is not known here.
    """
    if settings.integrations is None:
        return Integrations()
    return load_integrations(settings.integrations, with_secrets=settings.ray_address is None)


def archive_of(
    settings: Settings, environment: Mapping[str, str], configured: ArchiveSettings | None = None
) -> ArchiveSettings | None:
    """The archive's settings: those configured, else the default; None if it is off.

    A Croupier of several machines has none by itself, because each would write into folders of its own.
    """
    if settings.no_archive:
        return None
    if configured is not None:
        return configured
    if settings.ray_address is not None:
        log.warning("no archive: on a Ray cluster of several machines it needs a bucket")
        return None
    return default_archive(settings.store, environment)


def default_archive(store: str, environment: Mapping[str, str]) -> ArchiveSettings:
    """The archive of a Croupier that was told nothing else: folders on this machine, beside a SQLite store."""
    kind, _, where = store.partition(":")
    if kind == "sqlite":
        home = Path(where)
    else:
        state = environment.get("XDG_STATE_HOME") or os.path.join(environment.get("HOME", "/var/lib"), ".local/state")
        home = Path(state) / "croupier" / f"of-{sha256(store.encode()).hexdigest()[:12]}"
    home = home.absolute()
    return ArchiveSettings(
        place=ArchivePlace(str(home / "archive")),
        spool=str(home / "archive-spool"),
        key_file=str(home / "archive.key"),
    )


def reader_sections(integrations: Integrations) -> dict[str, msgspec.Struct]:
    """The settings of each reader that is configured, but for the archive's."""
    found = {name: getattr(integrations, name) for name in FACTORIES if name != ARCHIVE}
    return {name: section for name, section in found.items() if section is not None}


def plans(
    store: str, archive: ArchiveSettings | None, configured: Mapping[str, msgspec.Struct]
) -> tuple[ReaderPlan, ...]:
    """A plan for the archive, unless it is off, and for each reader that is configured."""
    behind, behind_settings = "", b"{}"
    wanted: dict[str, msgspec.Struct] = dict(configured)
    if archive is not None:
        behind, behind_settings = _BEHIND, msgspec.json.encode(BehindTrimPoint(archive, store))
        wanted = {ARCHIVE: archive} | wanted
    return tuple(
        ReaderPlan(
            name=name,
            factory=FACTORIES[name],
            settings=msgspec.json.encode(settings),
            archive="" if name == ARCHIVE else behind,
            archive_settings=b"{}" if name == ARCHIVE else behind_settings,
        )
        for name, settings in wanted.items()
    )
