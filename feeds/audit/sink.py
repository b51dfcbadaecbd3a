"""The archive's reader with its keeper: what the one has archived, the other proves."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from feeds.archive.sink import ArchiveSink
from feeds.audit.archived_control import ArchivedControl, AskedControl
from feeds.audit.keeper import Keeper
from feeds.audit.publishing.publisher import Publisher
from feeds.audit.receipts import Asked, Receipts
from feeds.ending import cancelled
from feeds.reading import Followed
from snapshots.contract import Position

_asked: Final = msgspec.json.Decoder(Asked | AskedControl)


class AuditedArchive:
    """See `feeds.reading.Sink`. Keeper and publishers are tasks of their own: their failures are their own, too."""

    def __init__(
        self,
        archive: ArchiveSink,
        keeper: Keeper,
        receipts: Receipts,
        control: ArchivedControl,
        publishers: Sequence[Publisher] = (),
    ) -> None:
        self._archive, self._keeper, self._receipts, self._publishers = archive, keeper, receipts, publishers
        self._control = control
        self._tasks: list[asyncio.Task[None]] = []

    async def open(self) -> None:
        """See Sink."""
        await self._archive.open()
        loop = asyncio.get_running_loop()
        work = [self._keeper.run(), *(publisher.run() for publisher in self._publishers)]
        self._tasks = [loop.create_task(each, name="audit") for each in work]

    async def take(self, followed: Followed) -> None:
        """See Sink."""
        await self._archive.take(followed)

    def settled(self) -> Mapping[str, Position]:
        """See Sink."""
        return self._archive.settled()

    async def ask(self, request: bytes) -> bytes:
        """A receipt, entries of the control log, or how the archive stands."""
        try:
            asked = _asked.decode(request)
        except msgspec.DecodeError:
            return await self._archive.ask(request)
        if isinstance(asked, AskedControl):
            return await self._control.answer(asked)
        return await self._receipts.answer(asked)

    async def close(self) -> None:
        """See Sink."""
        await cancelled(self._tasks)
        for publisher in self._publishers:
            await publisher.close()
        await self._archive.close()
