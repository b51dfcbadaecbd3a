"""`croupier backup` and `croupier restore`: what is needed to start again, as it stood at one instant."""

import argparse
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from croupier.integrations_command import add_integrations_file
from croupier.running.operators import by_operator, record
from croupier.settings import default_store, store_default_said
from snapshots.errors import StoreError, StoreUnsuitable

if TYPE_CHECKING:
    from croupier.backing_up.manifest import Manifest

FAILED = 1


def add_backup(parser: argparse.ArgumentParser) -> None:
    """The options of `croupier backup`."""
    parser.add_argument("target", type=Path, metavar="TARGET", help="a new folder, best on another disk")
    parser.add_argument("--with-keys", action="store_true", help="copy the archive's key files, too")
    _add_places(parser)
    parser.set_defaults(command=_backup)


def add_restore(parser: argparse.ArgumentParser) -> None:
    """The options of `croupier restore`."""
    parser.add_argument("backup", type=Path, metavar="BACKUP", help="a folder that `croupier backup` wrote")
    _add_places(parser)
    parser.set_defaults(command=_restore)


def _add_places(parser: argparse.ArgumentParser) -> None:
    default = os.environ.get("CROUPIER_STORE") or default_store(os.environ)
    parser.add_argument("--store", default=default, metavar="URL",
                        help=f"sqlite:DIR or redis://HOST:PORT/DB ({store_default_said()})")  # fmt: skip
    add_integrations_file(parser)


def _backup(options: argparse.Namespace) -> int:
    return _done(lambda: _take(options))


def _restore(options: argparse.Namespace) -> int:
    return _done(lambda: _put_back(options))


def _done(work: Callable[[], None]) -> int:
    from croupier.backing_up.manifest import BackupRefused

    try:
        work()
    except StoreUnsuitable:
        raise
    except (BackupRefused, StoreError) as problem:
        print(f"croupier: {problem}", file=sys.stderr)
        return FAILED
    except OSError as problem:
        print(f"croupier: {problem.filename or 'a file'}: {problem.strerror}", file=sys.stderr)
        return FAILED
    return 0


def _take(options: argparse.Namespace) -> None:
    from croupier.backing_up.places import places_of
    from croupier.backing_up.taking import take

    places = places_of(options.store, options.integrations)
    _check_there(places.store_folder)
    told = {"target": str(options.target.absolute()), "with_keys": options.with_keys}
    record(options.store, by_operator("croupier backup", "asked", after=told))
    manifest = take(places, options.target, options.with_keys)
    record(options.store, by_operator("croupier backup", after={"files": len(manifest.files)}))
    _tell(manifest, options.target)


def _check_there(folder: Path | None) -> None:
    """Opening a store makes one. Raises StoreUnsuitable if there is none to be copied."""
    if folder is not None and not (folder / "control.db").exists():
        raise StoreUnsuitable(f"There is no store in {folder}.")


def _tell(manifest: "Manifest", target: Path) -> None:
    size = sum(entry.size for entry in manifest.files.values())
    print(f"{target}: {len(manifest.files)} files, {size / 1_000_000:.1f} MB, as of {_time(manifest.taken_at_ms)}; "
          f"writes waited for {manifest.paused_ms} ms")  # fmt: skip
    if manifest.elsewhere is not None:
        print(f"Redis has saved itself to {manifest.elsewhere}: copy that file to {target}/store/dump.rdb now")
    if "://" in manifest.archive:
        print(f"the archive {manifest.archive} is not part of the backup: keep its objects as of that time")
    missing = [name for name in manifest.keys if f"keys/{name}" not in manifest.files]
    if missing:
        print(f"not in it: {', '.join(missing)}; keep copies apart, without them it can't be restored")


def _time(ms: int) -> str:
    return datetime.fromtimestamp(ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _put_back(options: argparse.Namespace) -> None:
    from croupier.backing_up.places import places_of
    from croupier.backing_up.restoring import restore

    manifest = restore(options.backup, places_of(options.store, options.integrations))
    print(f"restored as of {_time(manifest.taken_at_ms)}")
    if manifest.store == "redis":
        print(f"archive, spool and keys only: load {options.backup}/store/dump.rdb into an empty Redis yourself")
