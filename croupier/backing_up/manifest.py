"""What a backup says of itself. It is written last: a folder without it is no backup."""

import hashlib
from pathlib import Path
from typing import Final

import msgspec

FORMAT: Final = 1
NAME: Final = "backup.json"
_CHUNK_BYTES: Final = 1_048_576


class BackupRefused(Exception):
    """A backup can't be taken, or not be put back. The message is one sentence for the operator."""


class FileEntry(msgspec.Struct, frozen=True):
    """A file's size in bytes, and its SHA-256 in hexadecimal digits."""

    size: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """`taken_at_ms` is the instant (Unix ms) which the backup shows; `paused_ms` for how long writes waited.

    `store` is `sqlite` or `redis`. `elsewhere` says where the store's copy is if it could not be fetched. `archive` is
    `folder`, `none`, or the URL of a bucket, which is not part of the backup. `keys` are the key files in use, by name,
    with the SHA-256 of each: a restored archive is of no use without them.
    """

    format: int
    taken_at_ms: int
    paused_ms: int
    store: str
    elsewhere: str | None
    archive: str
    keys: dict[str, str]
    files: dict[str, FileEntry]


def entry_of(path: Path) -> FileEntry:
    """Size and hash of a file. Raises OSError."""
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
    return FileEntry(size, digest.hexdigest())


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Writes it beside the files. Raises OSError."""
    new = folder / f"{NAME}.new"
    new.write_bytes(msgspec.json.format(msgspec.json.encode(manifest), indent=1))
    new.rename(folder / NAME)


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a backup. Raises BackupRefused if there is none that this version can read."""
    try:
        manifest = msgspec.json.decode((folder / NAME).read_bytes(), type=Manifest)
    except FileNotFoundError:
        raise BackupRefused(f"{folder} is no backup, or one that was never finished: it has no {NAME}") from None
    except (OSError, msgspec.DecodeError) as problem:
        raise BackupRefused(f"{folder / NAME} can't be read: {problem}") from problem
    if manifest.format != FORMAT:
        raise BackupRefused(f"{folder} has the format {manifest.format}; this version of Croupier reads {FORMAT}")
    return manifest


def check_files(folder: Path, manifest: Manifest) -> None:
    """Raises BackupRefused if a file is missing or is not as it was written."""
    for name, entry in manifest.files.items():
        if ".." in Path(name).parts or Path(name).is_absolute():
            raise BackupRefused(f"{folder / NAME} names a file outside of the backup: {name}")
        try:
            found = entry_of(folder / name)
        except OSError as problem:
            raise BackupRefused(f"{folder / name} can't be read: {problem.strerror}") from problem
        if found != entry:
            raise BackupRefused(f"{folder / name} is not as it was written")
