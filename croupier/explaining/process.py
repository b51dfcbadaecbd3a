"""What runs beside a gateway: `python -m croupier.explaining.process`. It reads requests, and writes answers.

It ends when its input does. It can't take more memory than `MEMORY_MIB`: then the request fails, not the machine.
"""

import asyncio
import logging
import os
import sys
from typing import Final

import msgspec

from croupier.explaining.pipe import Begin, framed, read_frame
from feeds.confining import limit_memory
from feeds.explaining.answering import Answering
from feeds.explaining.asked import Said
from feeds.explaining.reading import ArchivedEntries
from snapshots.archive.bucket import open_bucket
from snapshots.archive.reading import ArchivedRecords
from snapshots.contract import ARCHIVE, Store
from snapshots.credentials import CredentialMissing
from snapshots.errors import StoreError
from snapshots.opening import open_store

MEMORY_MIB: Final = 768
AT_ONCE_MAX: Final = 2


def main() -> None:
    """Answers until the input ends."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    limit_memory(MEMORY_MIB)
    os.nice(5)
    asyncio.run(_run())


async def _run() -> None:
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin.buffer)
    first = await read_frame(reader)
    if first is None:
        return
    begin = msgspec.json.decode(first[1], type=Begin)
    store = open_store(begin.store)
    await store.open()
    try:
        await _serve(reader, _Explaining(store, begin))
    finally:
        await store.close()


class _Explaining:
    """Answers with the archive as soon as there is one: until its reader has begun, all is in the journal."""

    def __init__(self, store: Store, begin: Begin) -> None:
        self._store, self._place, self._secret = store, begin.archive, begin.secret.encode()
        self._answering = Answering(store, None, self._secret)

    async def answer(self, request: bytes) -> bytes:
        """See Answering."""
        try:
            await self._look_for_archive()
        except (StoreError, CredentialMissing) as failure:
            return msgspec.json.encode(Said("unavailable", detail=str(failure)))
        return await self._answering.answer(request)

    async def _look_for_archive(self) -> None:
        """Raises StoreError, CredentialMissing."""
        if self._place is not None and await self._store.reader_positions(ARCHIVE):
            bucket = open_bucket(self._place)
            archive = ArchivedEntries(bucket, ArchivedRecords(bucket))
            self._answering, self._place = Answering(self._store, archive, self._secret), None


async def _serve(reader: asyncio.StreamReader, answering: _Explaining) -> None:
    places = asyncio.Semaphore(AT_ONCE_MAX)
    under_way: set[asyncio.Task[None]] = set()

    async def answer(number: int, request: bytes) -> None:
        async with places:
            _write(framed(number, await answering.answer(request)))

    while (frame := await read_frame(reader)) is not None:
        task = asyncio.create_task(answer(*frame))
        under_way.add(task)
        task.add_done_callback(under_way.discard)
    for task in under_way:
        task.cancel()


def _write(content: bytes) -> None:
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
