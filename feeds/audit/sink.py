"""The archive's reader with its keeper: what the one has archived, the other proves."""

import asyncio
from collections.abc import Mapping
from typing import Final

import msgspec

from feeds.archive.sink import ArchiveSink
from feeds.audit.keeper import Keeper
from feeds.audit.receipts import Asked, Receipts
from feeds.reading import Followed
from snapshots.contract import Position

_asked: Final = msgspec.json.Decoder(Asked)


class AuditedArchive:
    """See `feeds.reading.Sink`. The keeper is a task of its own: its failures are its own, too."""

    def __init__(self, archive: ArchiveSink, keeper: Keeper, receipts: Receipts) -> None:
        self._archive, self._keeper, self._receipts = archive, keeper, receipts
        self._task: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """See Sink."""
        await self._archive.open()
        self._task = asyncio.get_running_loop().create_task(self._keeper.run(), name="audit")

    async def take(self, followed: Followed) -> None:
        """See Sink."""
        await self._archive.take(followed)

    def settled(self) -> Mapping[str, Position]:
        """See Sink."""
        return self._archive.settled()

    async def ask(self, request: bytes) -> bytes:
        """A receipt, or how the archive stands."""
        try:
            asked = _asked.decode(request)
        except msgspec.DecodeError:
            return await self._archive.ask(request)
        return await self._receipts.answer(asked)

    async def close(self) -> None:
        """See Sink."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._archive.close()
