"""Where the texts come from: a catalog's folder, or the catalog in force in the store."""

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Protocol

import msgspec

from actors.stored_catalogs import CatalogMissing, read_content
from feeds.credentials import CredentialMissing
from feeds.notifications.settings import NoticesSettings
from feeds.notifications.words.templates import TemplateUnsound
from snapshots.contract import Store
from snapshots.errors import StoreError
from snapshots.opening import open_store

FILE_BYTES_MAX: Final = 1 << 20
FILES_MAX: Final = 100

Plain = Mapping[str, Mapping[str, str]]
"""Language → key → text."""

_file = msgspec.json.Decoder(dict[str, str]).decode


class Source(Protocol):
    """Texts that may change."""

    async def stamp(self) -> object:
        """Another value when the texts have changed. Raises TemplateUnsound if they can't be reached."""

    async def read(self) -> Plain:
        """All texts. Raises TemplateUnsound."""

    async def close(self) -> None:
        """Lets go of what it holds."""


def source_of(settings: NoticesSettings) -> Source:
    """The source that the settings name. Raises TemplateUnsound."""
    if settings.store is None:
        return Folder(Path(settings.catalog or ""))
    try:
        return InForce(open_store(settings.store.read()))
    except (CredentialMissing, StoreError, ValueError) as problem:
        raise TemplateUnsound(f"the store with the texts: {problem}") from problem


class Folder:
    """The `locales` of a catalog's folder."""

    def __init__(self, catalog: Path) -> None:
        self._catalog = catalog

    async def stamp(self) -> object:
        """Names, sizes and times of the files."""
        return await asyncio.to_thread(self._stamp)

    async def read(self) -> Plain:
        """See Source."""
        return await asyncio.to_thread(self._read)

    async def close(self) -> None:
        """Nothing is held."""

    def _files(self) -> list[Path]:
        return sorted((self._catalog / "locales").glob("[!.]*.json"))[:FILES_MAX]

    def _stamp(self) -> object:
        try:
            return [(path.name, (of := path.stat()).st_mtime_ns, of.st_size) for path in self._files()]
        except OSError as problem:
            raise TemplateUnsound(f"{self._catalog}/locales can't be looked at: {problem}") from problem

    def _read(self) -> Plain:
        return {path.stem: _texts(path) for path in self._files()}


def _texts(path: Path) -> dict[str, str]:
    try:
        if path.stat().st_size > FILE_BYTES_MAX:
            raise TemplateUnsound(f"{path} is larger than {FILE_BYTES_MAX} bytes")
        return _file(path.read_bytes().removeprefix(b"\xef\xbb\xbf"))
    except (OSError, msgspec.DecodeError) as problem:
        raise TemplateUnsound(f"{path} can't be read: {problem}") from problem


class _Stored(msgspec.Struct):
    """The gateway's form of texts, as far as it is needed here."""

    languages: dict[str, dict[str, str]] = {}


class InForce:
    """The texts of the catalog that is in force."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._opened = False

    async def stamp(self) -> object:
        """The version in force."""
        return await self._version()

    async def read(self) -> Plain:
        """See Source."""
        version = await self._version()
        try:
            content = await read_content(self._store, version)
            return msgspec.msgpack.decode(content.texts, type=_Stored).languages if content.texts else {}
        except (StoreError, CatalogMissing, msgspec.DecodeError) as problem:
            raise TemplateUnsound(f"the texts of catalog {version} can't be read: {problem}") from problem

    async def close(self) -> None:
        """Closes the store."""
        await self._store.close()

    async def _version(self) -> str:
        try:
            if not self._opened:
                await self._store.open()
                self._opened = True
            row = (await self._store.routing()).catalog
        except StoreError as problem:
            raise TemplateUnsound(f"the store does not tell which catalog is in force: {problem}") from problem
        if row is None:
            raise TemplateUnsound("no catalog is in force yet")
        return row.version
