"""Takes a backup while players play.

While nobody can write to the store, neither can the archive get ahead of it. So the sizes of the spool's files and the
time are noted in those milliseconds; whatever of the archive is older than that belongs to the backup.
"""

import os
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

from croupier.backing_up.manifest import (
    FORMAT,
    BackupRefused,
    FileEntry,
    Manifest,
    entry_of,
    write_manifest,
)
from croupier.backing_up.places import Places
from croupier.backing_up.spooled import Spooled, spooled, write_spooled
from snapshots.copying import StoreCopy, open_copy

_CLOCK_STEP_S: Final = 0.01
"""Times of files are those of the kernel's coarse clock, which stands still for up to 10 ms."""


def take(places: Places, target: Path, with_keys: bool) -> Manifest:
    """Writes a backup into the folder `target`, which must be new or empty.

    Raises BackupRefused, StoreError, OSError. What a failure leaves in `target` has no manifest, and is no backup.
    """
    _prepare(target)
    copy = open_copy(places.store)
    try:
        return _take(copy, places, target, with_keys)
    finally:
        copy.close()


def _take(copy: StoreCopy, places: Places, target: Path, with_keys: bool) -> Manifest:
    with ExitStack() as open_files:
        files, cut_ns, paused_ms = _standstill(copy, places.spool, open_files)
        write_spooled(files, target / "spool")
    copy.write_to(target / "store")
    if places.archive_folder is not None and places.archive_folder.is_dir():
        _copy_archive(places.archive_folder, target / "archive", cut_ns)
    if with_keys:
        _copy_keys(places, target / "keys")
    return _finished(target, places, cut_ns // 1_000_000, paused_ms, copy.elsewhere)


def _standstill(copy: StoreCopy, spool: Path, open_files: ExitStack) -> tuple[list[Spooled], int, int]:
    """The spool's files, the instant of the backup (Unix ns), and for how long writes waited (ms)."""
    with copy.frozen():
        begun = time.monotonic()
        files = spooled(spool, open_files)
        cut_ns = time.time_ns()
        time.sleep(_CLOCK_STEP_S)
    return files, cut_ns, round((time.monotonic() - begun) * 1_000)


def _prepare(target: Path) -> None:
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise BackupRefused(f"{target} is not empty: give a new folder for each backup")
    target.mkdir(mode=0o700, parents=True, exist_ok=True)


def _copy_archive(archive: Path, target: Path, cut_ns: int) -> None:
    """All objects that were there at the instant. They never change, so it does not matter when they are copied."""
    for path in _objects(archive):
        if path.stat().st_mtime_ns <= cut_ns:
            to = target / path.relative_to(archive)
            to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            shutil.copyfile(path, to)


def _objects(archive: Path) -> Iterator[Path]:
    """Files with a `#` in their names are objects on their way, which have no name yet."""
    for folder, _, names in os.walk(archive):
        yield from (Path(folder) / name for name in names if "#" not in name)


def _copy_keys(places: Places, target: Path) -> None:
    target.mkdir(mode=0o700)
    for name, path in places.keys.items():
        if path.exists():
            with open(os.open(target / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
                copy.write(path.read_bytes())


def _finished(target: Path, places: Places, taken_at_ms: int, paused_ms: int, elsewhere: str | None) -> Manifest:
    """Puts everything on the disk, then says that it is a backup."""
    manifest = Manifest(
        format=FORMAT,
        taken_at_ms=taken_at_ms,
        paused_ms=paused_ms,
        store=places.kind,
        elsewhere=elsewhere,
        archive=_archive_kind(target, places),
        keys={name: entry_of(path).sha256 for name, path in places.keys.items() if path.exists()},
        files=_entries(target),
    )
    os.sync()
    write_manifest(target, manifest)
    os.sync()
    return manifest


def _archive_kind(target: Path, places: Places) -> str:
    if places.archive_folder is None:
        return places.archive
    return "folder" if (target / "archive").is_dir() else "none"


def _entries(target: Path) -> dict[str, FileEntry]:
    found = sorted(path for path in target.rglob("*") if path.is_file())
    return {path.relative_to(target).as_posix(): entry_of(path) for path in found}
