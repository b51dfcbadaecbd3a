"""Where the archive lies: a folder or an S3-compatible bucket, behind one small interface."""

import asyncio
import os
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, S3Store

from snapshots.archive.place import ArchivePlace, Bucket
from snapshots.errors import AlreadyStored, ArchiveUnavailable, StoreUnsuitable

REQUEST_TIMEOUT_S = 30
SYNCED_MAX = 16
_RETRIES = 2
_FAILURES = (BaseError, OSError, ValueError)


def open_bucket(place: ArchivePlace) -> Bucket:
    """The place, ready to be asked; a folder is made if it is not there.

    Raises StoreUnsuitable if the url is of no known kind, CredentialMissing if a key is not where the settings say.
    """
    if place.url.startswith("s3://"):
        return ObjectBucket(_s3(place), None)
    if "://" in place.url:
        raise StoreUnsuitable(f"The archive can't lie at {place.url!r}: give a folder or s3://BUCKET/PREFIX.")
    folder = Path(place.url)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnsuitable(f"The archive's folder {folder} can't be made: {error}") from error
    return ObjectBucket(LocalStore(folder), folder)


def _s3(place: ArchivePlace) -> S3Store:
    name, _, prefix = place.url.removeprefix("s3://").partition("/")
    config: dict[str, Any] = {"region": place.region or "us-east-1", "conditional_put": "etag"}
    if place.endpoint:
        config["endpoint"] = place.endpoint
    if place.access_key_id and place.secret_access_key:
        config["access_key_id"] = place.access_key_id.read()
        config["secret_access_key"] = place.secret_access_key.read()
    return S3Store(
        name,
        prefix=prefix.strip("/") or None,
        config=config,  # type: ignore[arg-type]
        client_options={
            "allow_http": bool(place.endpoint and place.endpoint.startswith("http://")),
            "connect_timeout": timedelta(seconds=5),
            "timeout": timedelta(seconds=REQUEST_TIMEOUT_S),
        },
        retry_config={"max_retries": _RETRIES, "retry_timeout": timedelta(seconds=REQUEST_TIMEOUT_S)},
    )


class ObjectBucket:
    """A folder (`folder` is set: what is put is synced to its disk) or a bucket, by obstore."""

    def __init__(self, store: LocalStore | S3Store, folder: Path | None) -> None:
        self._store, self._folder = store, folder
        self._synced: set[Path] = set()
        """Folders of today that were synced with all above them."""

    async def put_new(self, name: str, content: bytes) -> None:
        """See Bucket. A repeated request may find its own object, so what is there is compared."""
        try:
            await obstore.put_async(self._store, name, content, mode="create")
        except AlreadyExistsError:
            if await self.get(name) != content:
                raise AlreadyStored(f"{name} holds something else: another archiver writes here.") from None
        except _FAILURES as error:
            raise _unavailable(name, error) from error
        if self._folder is not None:
            await asyncio.to_thread(self._sync, self._folder, self._folder / name)

    async def get(self, name: str) -> bytes:
        """See Bucket."""
        try:
            answer = await obstore.get_async(self._store, name)
            return bytes(await answer.bytes_async())
        except _FAILURES as error:
            raise _unavailable(name, error) from error

    async def get_range(self, name: str, start: int, length: int) -> bytes:
        """See Bucket."""
        try:
            return bytes(await obstore.get_range_async(self._store, name, start=start, length=length))
        except _FAILURES as error:
            raise _unavailable(name, error) from error

    async def folders(self, prefix: str) -> list[str]:
        """See Bucket."""
        found = await self._list(prefix)
        return sorted(path.rstrip("/").rpartition("/")[2] for path in found["common_prefixes"])

    async def names(self, prefix: str) -> list[str]:
        """See Bucket."""
        found = await self._list(prefix)
        return sorted(entry["path"] for entry in found["objects"])

    def _sync(self, folder: Path, path: Path) -> None:
        """An object is written to the page cache only; before its records leave the spool it must be on the disk."""
        _sync(path)
        _sync(path.parent)
        if path.parent in self._synced:
            return
        for part in path.parent.parents:
            _sync(part)
            if part == folder:
                break
        if len(self._synced) >= SYNCED_MAX:
            self._synced.clear()
        self._synced.add(path.parent)

    async def _list(self, prefix: str) -> Mapping[str, Any]:
        try:
            return await obstore.list_with_delimiter_async(self._store, prefix)
        except _FAILURES as error:
            raise _unavailable(prefix, error) from error


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _unavailable(name: str, error: Exception) -> ArchiveUnavailable:
    """The first line only: the rest may hold the whole answer of the service."""
    lines = str(error).splitlines() or [type(error).__name__]
    return ArchiveUnavailable(f"the archive did not answer for {name}: {lines[0][:300]}")
