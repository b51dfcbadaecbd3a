"""Where the archive and the facts lie, as the command line and its children are told."""

import argparse
import os
from importlib import import_module
from pathlib import Path

from croupier.integrations import load_integrations
from croupier.integrations.plans import default_archive
from croupier.integrations_command import add_integrations_file
from croupier.settings import SettingsInvalid, default_store, store_default_said
from snapshots.archive.place import ArchivePlace

EXTRA = "install it with: pip install 'croupier[reports]'"


def add_places(parser: argparse.ArgumentParser) -> None:
    """The options that name them."""
    env = os.environ.get
    add_integrations_file(parser)
    parser.add_argument("--store", default=env("CROUPIER_STORE") or default_store(os.environ), metavar="URL",
                        help=f"sqlite:DIR or redis://HOST:PORT/DB: its archive ({store_default_said()})")  # fmt: skip
    parser.add_argument("--archive", default=env("CROUPIER_ARCHIVE"), metavar="DIR|s3://BUCKET/PREFIX",
                        help="the archive (default: of --integrations, else the one beside the store)")  # fmt: skip
    parser.add_argument("--facts", type=Path, default=env("CROUPIER_FACTS"), metavar="DIR",
                        help="the folder of Parquet files (default: facts, beside the store's archive)")  # fmt: skip


def archive_place(options: argparse.Namespace) -> ArchivePlace:
    """The archive's place. Raises SettingsInvalid, IntegrationsInvalid."""
    if options.archive:
        section = load_integrations(options.integrations, with_secrets=False).archive if options.integrations else None
        if section is not None and section.place.url == options.archive:
            return section.place
        return _there(ArchivePlace(options.archive))
    if options.integrations:
        section = load_integrations(options.integrations, with_secrets=False).archive
        if section is not None:
            return section.place
    return _there(default_archive(options.store, os.environ).place)


def _there(place: ArchivePlace) -> ArchivePlace:
    """A folder is not made by somebody who only reads it."""
    if "://" not in place.url and not Path(place.url).is_dir():
        raise SettingsInvalid(f"there is no archive in {place.url}: name it with --archive or --integrations")
    return place


def facts_folder(options: argparse.Namespace) -> Path:
    """The folder of facts, whether it is there or not."""
    if options.facts:
        return Path(options.facts)
    return Path(default_archive(options.store, os.environ).place.url).parent / "facts"


def demand_extra(*more: str) -> None:
    """Raises SettingsInvalid if the libraries of reports, or `more` of them, are not installed."""
    try:
        import duckdb  # noqa: F401
        import pyarrow.parquet  # noqa: F401

        for name in more:
            import_module(name)
    except ImportError as missing:
        raise SettingsInvalid(f"facts and reports need {missing.name}: {EXTRA}") from missing
