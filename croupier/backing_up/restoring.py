"""Puts a backup back, to where the settings have store, archive, spool and keys. It never writes over anything."""

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from croupier.backing_up.manifest import BackupRefused, Manifest, check_files, entry_of, read_manifest
from croupier.backing_up.places import Places


def restore(backup: Path, places: Places) -> Manifest:
    """Checks the whole backup, then copies it. Raises BackupRefused before anything was written, OSError."""
    manifest = read_manifest(backup)
    if manifest.store != places.kind:
        raise BackupRefused(f"{backup} holds a {manifest.store} store, and --store names a {places.kind} store")
    check_files(backup, manifest)
    _check_places(manifest, places)
    wanted = _missing_keys(backup, manifest, places.keys)
    for name in wanted:
        _put_key(backup / "keys" / name, places.keys[name])
    if places.store_folder is not None:
        _put(backup / "store", places.store_folder)
    if places.archive_folder is not None:
        _put(backup / "archive", places.archive_folder)
    _put(backup / "spool", places.spool)
    os.sync()
    return manifest


def _check_places(manifest: Manifest, places: Places) -> None:
    """Nothing may lie where the backup goes. Keys may: they are brought from elsewhere."""
    if (manifest.archive == "folder") != (places.archive_folder is not None) and manifest.archive != "none":
        raise BackupRefused(
            f"the backup's archive is {manifest.archive!r} and that of the settings {places.archive!r}: name the one "
            "of the backup, or a copy of it, in the section archive of --integrations"
        )
    if places.store_folder is not None and any(places.store_folder.glob("*.db")):
        raise BackupRefused(f"there is a store in {places.store_folder} already: restore into an empty folder")
    for folder in (places.archive_folder, places.spool):
        if folder is not None and folder.is_dir() and any(folder.iterdir()):
            raise BackupRefused(f"{folder} is not empty: restore into empty folders")


def _missing_keys(backup: Path, manifest: Manifest, keys: Mapping[str, Path]) -> list[str]:
    """Keys to be taken from the backup. Without the right keys the archive would be of no use, and new ones be made."""
    missing = []
    for name, digest in manifest.keys.items():
        path = keys.get(name)
        if path is None:
            continue  # the settings name the key itself, not a file
        if path.exists():
            if entry_of(path).sha256 != digest:
                raise BackupRefused(f"{path} is another key than {name} of the backup")
        elif f"keys/{name}" in manifest.files:
            missing.append(name)
        else:
            raise BackupRefused(f"{name} is not in the backup: put your copy of it at {path} first")
    return missing


def _put_key(source: Path, path: Path) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(source.read_bytes())


def _put(source: Path, target: Path) -> None:
    if not source.is_dir():
        return
    target.mkdir(mode=0o700, parents=True, exist_ok=True)
    shutil.copytree(source, target, dirs_exist_ok=True)
