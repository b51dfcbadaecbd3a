"""In which currency a player's amounts are, and how many digits stand behind its point."""

from typing import Final

import msgspec

from actors.stored_catalogs import CatalogMissing, read_content
from engine.catalog import Catalog
from engine.currencies import EXPONENT_MAX, holders
from engine.state import PlayerState
from feeds.explaining.amounts import Purse
from snapshots.contract import Store

USUAL: Final = 2


class Purses:
    """Reads exponents from the catalog in force, or, for a currency that is there no more, from the store's counters.

    An exponent never changes while a player holds the currency (rules §2.7).
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._version, self._exponents = "", dict[str, int]()

    async def of(self, state: PlayerState) -> Purse:
        """The player's. Raises StoreUnavailable."""
        row = (await self._store.routing()).catalog
        if row is not None and row.version != self._version:
            self._exponents |= await self._read(row.version)
            self._version = row.version
        if state.currency not in self._exponents:
            self._exponents[state.currency] = await self._held(state.currency)
        return Purse(state.currency, self._exponents[state.currency])

    async def _read(self, version: str) -> dict[str, int]:
        try:
            catalog: Catalog = (await read_content(self._store, version)).catalog
        except (CatalogMissing, msgspec.DecodeError):
            return {}
        return {code: currency.exponent for code, currency in catalog.currencies.items()}

    async def _held(self, currency: str) -> int:
        names = {holders(currency, exponent): exponent for exponent in range(EXPONENT_MAX + 1)}
        counted = await self._store.tallies(list(names))
        return next((exponent for name, exponent in names.items() if counted[name] > 0), USUAL)
