"""Which catalog was in force when an entry was made: the journal does not say, but the control log does."""

from typing import Final, NamedTuple

import msgspec

from actors.stored_catalogs import CatalogMissing, read_content
from engine.catalog import Catalog
from engine.control_entries import ControlEntry, decode_control_entry
from snapshots.contract import Store

READ_MAX: Final = 50_000
"""Entries of the control log that are looked through, the newest ones."""
_AT_ONCE: Final = 1_000


class Known(NamedTuple):
    """The catalog at a time; without it, `note` says why. `version` may be known when its content is gone."""

    catalog: Catalog | None
    version: str | None
    note: str = ""


class PastCatalogs:
    """Catalogs by time (Unix ms, real time). The store keeps the last 16 versions."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def at(self, time_ms: int) -> Known:
        """The catalog in force at that time. Raises StoreUnavailable."""
        row = (await self._store.routing()).catalog
        if row is None:
            return Known(None, None, "No catalog is in force.")
        version = row.version if time_ms >= row.at_ms else await self._before(row.version, time_ms)
        if version is None:
            return Known(None, None, "Which catalog was in force then is no longer known.")
        try:
            return Known((await read_content(self._store, version)).catalog, version)
        except (CatalogMissing, msgspec.DecodeError):
            note = f"Catalog {version} was in force; the store keeps the last 16 versions, and this one is gone."
            return Known(None, version, note)

    async def _before(self, version: str, time_ms: int) -> str | None:
        """Goes back from deploy to deploy. None as soon as one of them is missing."""
        span = await self._store.control_span()
        after = span.last
        while after >= span.first and span.last - after < READ_MAX:
            begin = max(span.first - 1, after - _AT_ONCE)
            page = await self._store.control_entries(begin, after - begin)
            for _, encoded in reversed(page):
                entry = decode_control_entry(encoded)
                deployed, former = _versions(entry)
                if deployed is None or former is None or deployed == former:
                    continue
                if entry.time_ms <= time_ms:
                    return version if deployed == version else None
                if deployed != version:
                    return None
                version = former
            after = begin
        return None


def _versions(entry: ControlEntry) -> tuple[str | None, str | None]:
    """The catalog that a deploy put in force, and the one before; None, None for other entries."""
    if entry.outcome != "done" or "deploy" not in entry.operation:
        return None, None
    return _version(entry.after), _version(entry.before)


def _version(change: object) -> str | None:
    found = change.get("version") if isinstance(change, dict) else None
    return found if isinstance(found, str) else None
