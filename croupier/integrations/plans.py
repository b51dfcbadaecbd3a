"""Which readers of the journal run, and with what."""

from pathlib import Path
from typing import Final, NamedTuple

import msgspec

from feeds.archive.settings import ArchiveSettings
from feeds.integrations import Integrations
from snapshots.archive.place import ArchivePlace

FACTORIES: Final = {
    "archive": "feeds.archive.making.make",
    "bus": "feeds.bus.making.make",
    "webhooks": "feeds.webhooks.making.make",
}
"""Section of the file and name of its reader: what makes the reader's sink."""


class ReaderChoice(NamedTuple):
    """A reader that runs: its name, the dotted path of its sink's factory, and the sink's settings as JSON."""

    name: str
    factory: str
    settings: bytes


def archive_beside(store: str) -> ArchiveSettings | None:
    """The archive of a store for which nothing else is configured: in the folder of a SQLite store.

    Redis has no folder: without a section `archive` there is no archive.
    """
    kind, _, where = store.partition(":")
    if kind != "sqlite":
        return None
    folder = Path(where) / "archive"
    return ArchiveSettings(
        place=ArchivePlace(str(folder)), spool=str(folder / "spool"), key_file=str(folder / "keys" / "archive.key")
    )


def archive_of(integrations: Integrations, store: str, no_archive: bool) -> ArchiveSettings | None:
    """The archive that is used: none, the configured one, or the one beside the store."""
    if no_archive:
        return None
    return integrations.archive or archive_beside(store)


def reader_choices(integrations: Integrations, store: str, no_archive: bool) -> tuple[ReaderChoice, ...]:
    """The readers that `croupier up` runs. `store` is the store's URL."""
    archive = archive_of(integrations, store, no_archive)
    sections = {"archive": archive, "bus": integrations.bus, "webhooks": integrations.webhooks}
    return tuple(
        ReaderChoice(name, FACTORIES[name], msgspec.json.encode(section))
        for name, section in sections.items()
        if section is not None
    )
