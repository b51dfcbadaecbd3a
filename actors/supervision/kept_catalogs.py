"""Catalogs that a store has lost are put in force again under their numbers (rule 15): shards decide under them."""

import logging

from actors.supervision.held_term import HeldTerm
from snapshots.contract import CatalogRow, Store
from snapshots.errors import Fenced

log = logging.getLogger("croupier.supervisor")

KEPT = 4


class KeptCatalogs:
    """The last catalogs that were in force during this supervisor's term, with their content."""

    def __init__(self, store: Store, term: HeldTerm) -> None:
        self._store, self._term = store, term
        self._kept: list[tuple[CatalogRow, bytes]] = []

    async def look(self) -> None:
        """Keeps the catalog in force, if it is another one. Raises StoreError."""
        row = (await self._store.routing()).catalog
        if row is None or (self._kept and self._kept[-1][0].number >= row.number):
            return
        content = await self._store.get_catalog(row.version)
        if content is not None:
            self._kept = [*self._kept, (row, content)][-KEPT:]

    async def tell_again(self) -> None:
        """Commits again what the store does not know any more, in order. Raises StoreError if it does not answer."""
        row = (await self._store.routing()).catalog
        number = 0 if row is None else row.number
        for kept, content in self._kept:
            if kept.number <= number:
                continue
            try:
                await self._store.put_catalog(kept.version, content)
                await self._store.commit_catalog(self._term.number, kept)
            except Fenced as refusal:
                log.error("catalog %d (%s) was lost by the store, and can't be put in force again: %s",
                          kept.number, kept.version, refusal)  # fmt: skip
                return
            log.warning("catalog %d (%s) is in force again: the store had lost it", kept.number, kept.version)

    async def tell_all_again(self) -> None:
        """The term first, because catalogs are committed under it. Raises what `HeldTerm.table` raises."""
        await self._term.table()
        await self.tell_again()
