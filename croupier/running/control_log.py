"""The control log as gateways write and read it: entries in the store."""

from collections.abc import Sequence

from engine.control_entries import ControlEntry, encode_control_entry
from gateway.ports import LogUnavailable
from snapshots.contract import Store
from snapshots.errors import StoreError


class StoredControlLog:
    """Implements `gateway.ports.ControlLogPort`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def append(self, entries: Sequence[ControlEntry]) -> None:
        """See `gateway.ports.ControlLogPort`. What has no answer is an error: the caller knows what was asked for."""
        try:
            await self._store.append_control([encode_control_entry(entry) for entry in entries])
        except StoreError as failure:
            raise LogUnavailable(f"the control log can't be written now: {failure}") from failure

    async def before(self, number: int | None, limit: int) -> Sequence[tuple[int, bytes]]:
        """See `gateway.ports.ControlLogPort`."""
        try:
            span = await self._store.control_span()
            last = span.last if number is None else min(number - 1, span.last)
            after = max(last - limit, span.first - 1)
            found = await self._store.control_entries(after, max(0, last - after))
        except StoreError as failure:
            raise LogUnavailable(f"the control log can't be read now: {failure}") from failure
        return found[::-1]

    async def oldest(self) -> tuple[int, bytes] | None:
        """See `gateway.ports.ControlLogPort`."""
        try:
            found = await self._store.control_entries(0, 1)
        except StoreError as failure:
            raise LogUnavailable(f"the control log can't be read now: {failure}") from failure
        return found[0] if found else None
