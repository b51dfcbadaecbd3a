"""From the spool to folder or bucket: one file after the other, for as long as it takes."""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import Executor

from actors.routing.breaker import Breaker
from feeds.archive.metrics import ArchiveMetrics
from feeds.archive.spool import CutFile, Spool, read_file
from feeds.reading import SinkFailed
from snapshots.archive.catalogue import Catalogue
from snapshots.archive.folding import build_fold, fold_name, is_due, names_to_fold, put_fold
from snapshots.archive.index import read_index
from snapshots.archive.place import Bucket
from snapshots.archive.segment import Built, build_segment
from snapshots.errors import AlreadyStored, ArchiveUnavailable, CorruptArchive

log = logging.getLogger("croupier.archive")

RETRY_FIRST_S = 0.5
RETRY_MAX_S = 30.0


class Uploader:
    """Brings away what waits in the spool, oldest first. `brought` is called after each file."""

    def __init__(self, bucket: Bucket, spool: Spool, disk: Executor, breaker: Breaker, metrics: ArchiveMetrics) -> None:
        self._bucket, self._spool, self._disk, self._breaker, self._metrics = bucket, spool, disk, breaker, metrics
        self._more = asyncio.Event()

    def wake(self) -> None:
        """There is one more file."""
        self._more.set()

    async def run(self, brought: Callable[[], None]) -> None:
        """Goes on until it is cancelled. Raises SinkFailed if somebody else writes to the archive."""
        delay_s = RETRY_FIRST_S
        while True:
            self._more.clear()
            waiting = self._spool.waiting()
            self._metrics.waiting.set(len(waiting))
            if not waiting:
                await self._more.wait()
            elif self._breaker.allows() and await self._try(waiting[0]):
                delay_s = RETRY_FIRST_S
                brought()
            else:
                await asyncio.sleep(max(delay_s, self._breaker.left_s))
                delay_s = min(2 * delay_s, RETRY_MAX_S)

    async def _try(self, file: CutFile) -> bool:
        try:
            await self._bring(file)
        except ArchiveUnavailable as failure:
            self._breaker.failed(str(failure))
            self._metrics.upload_failures.inc()
            log.warning("segment %d waits in the spool: %s", file.number, failure)
            return False
        except (AlreadyStored, CorruptArchive, OSError) as failure:
            self._breaker.gave_up()
            raise SinkFailed(f"Segment {file.number} can't be stored: {failure}") from failure
        except BaseException:
            self._breaker.gave_up()
            raise
        self._breaker.succeeded()
        return True

    async def _bring(self, file: CutFile) -> None:
        """The index comes after its segment: what the index names is there."""
        built = await build(file)
        await self._bucket.put_new(built.segment_name, built.segment)
        await self._bucket.put_new(built.index_name, built.index_bytes)
        if is_due(file.number):
            await self._fold(file)
        await asyncio.get_running_loop().run_in_executor(self._disk, self._spool.remove, file, built.ends)
        self._metrics.segments.inc()
        self._metrics.segment_bytes.inc(len(built.segment))
        log.debug("stored %s, %d bytes", built.segment_name, len(built.segment))

    async def _fold(self, file: CutFile) -> None:
        names = await names_to_fold(Catalogue(self._bucket), file.number)
        indexes = [await self._bucket.get(name) for name in names]
        content = await asyncio.to_thread(lambda: build_fold([read_index(index) for index in indexes]))
        await put_fold(self._bucket, fold_name(file.cut_ms, file.number), content)


async def build(file: CutFile) -> Built:
    """The segment of a file and its index, made in a thread. Raises OSError, CorruptArchive."""

    def read_and_build() -> Built:
        before, records = read_file(file.path)
        return build_segment(file.number, file.cut_ms, before, records)

    return await asyncio.to_thread(read_and_build)
