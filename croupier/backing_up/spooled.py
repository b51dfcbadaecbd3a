"""The archive's spool as it stood at one instant. Its files only grow, so their sizes at that instant are enough."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Final, NamedTuple

from croupier.backing_up.manifest import BackupRefused

FILES_MAX: Final = 400
"""Files of a spool that are held open at once. A spool with more has not reached its bucket for hours."""
_TRIES_MAX: Final = 20
_CHUNK_BYTES: Final = 1_048_576


class Spooled(NamedTuple):
    """An open file, of which the first `size` bytes belong to the backup."""

    name: str
    handle: int
    size: int


def spooled(folder: Path, open_files: ExitStack) -> list[Spooled]:
    """The files of the spool, open, so that what is brought away meanwhile can still be read; none if there is no
    spool. Nothing was brought away while they were listed. Raises BackupRefused if there are too many, OSError.
    """
    for _ in range(_TRIES_MAX):
        with ExitStack() as tried:
            before = _standing(folder)
            try:
                files = [_open(folder / name, tried) for name in before]
            except FileNotFoundError:
                continue
            if _standing(folder) == before:
                open_files.push(tried.pop_all())
                return files
    raise BackupRefused(f"the spool {folder} changes too fast to be copied")


def _standing(folder: Path) -> dict[str, int]:
    """By name: which file it is. `last` is written anew with every segment that was brought away."""
    if not folder.is_dir():
        return {}
    found = {entry.name: entry.inode() for entry in os.scandir(folder)}
    kept = {name: found[name] for name in sorted(found) if name == "last" or name.endswith((".open", ".cut"))}
    if len(kept) > FILES_MAX:
        raise BackupRefused(f"the spool {folder} has {len(kept)} files: get the archive's place back first")
    return kept


def _open(path: Path, open_files: ExitStack) -> Spooled:
    handle = os.open(path, os.O_RDONLY)
    open_files.callback(os.close, handle)
    return Spooled(path.name, handle, os.fstat(handle).st_size)


def write_spooled(files: list[Spooled], target: Path) -> list[str]:
    """Copies what belongs to the backup. Answers the names. Raises OSError."""
    if files:
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
    for file in files:
        with open(os.open(target / file.name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as copy:
            for chunk in _chunks(file):
                copy.write(chunk)
    return [file.name for file in files]


def _chunks(file: Spooled) -> Iterator[bytes]:
    done = 0
    while done < file.size:
        chunk = os.pread(file.handle, min(_CHUNK_BYTES, file.size - done), done)
        if not chunk:
            return  # a spool truncates what a full disk did not take: those bytes were never counted on
        yield chunk
        done += len(chunk)
