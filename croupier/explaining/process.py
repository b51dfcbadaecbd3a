"""What runs beside a gateway: `python -m croupier.explaining.process`. It reads requests, and writes answers.

It ends when its input does. It can't take more memory than `MEMORY_MIB`: then the request fails, not the machine.
"""

import asyncio
import logging
import os
import resource
import sys
from typing import Final

import msgspec

from croupier.explaining.pipe import Begin, framed, read_frame
from feeds.explaining.answering import Answering
from feeds.explaining.reading import ArchivedEntries
from snapshots.archive.bucket import open_bucket
from snapshots.archive.place import ArchivePlace
from snapshots.archive.reading import ArchivedRecords
from snapshots.contract import Store
from snapshots.opening import open_store

MEMORY_MIB: Final = 768
AT_ONCE_MAX: Final = 2


def main() -> None:
    """Answers until the input ends."""
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr)
    _confine()
    os.nice(5)
    asyncio.run(_run())


def _confine() -> None:
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    wanted = MEMORY_MIB << 20
    resource.setrlimit(resource.RLIMIT_DATA, (wanted if hard == resource.RLIM_INFINITY else min(wanted, hard), hard))


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
        await _serve(reader, Answering(store, await _archive(store, begin.archive), begin.secret.encode()))
    finally:
        await store.close()


async def _archive(store: Store, place: ArchivePlace | None) -> ArchivedEntries | None:
    """None if there is none: nobody ever wrote one, or no place is named."""
    if place is None or not await store.reader_positions("archive"):
        return None
    bucket = open_bucket(place)
    return ArchivedEntries(bucket, ArchivedRecords(bucket))


async def _serve(reader: asyncio.StreamReader, answering: Answering) -> None:
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
