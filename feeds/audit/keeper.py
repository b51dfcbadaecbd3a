"""Keeps the audit tree: extends it when something was archived; signs a checkpoint every minute and at day's end."""

import asyncio
import logging
import time
from collections.abc import Callable, Sequence
from typing import Final

from actors.routing.breaker import Breaker
from feeds.audit.extending import Extending
from feeds.audit.metrics import AuditMetrics
from feeds.audit.signed import Signed
from feeds.audit.standing import Standing, day_after, day_in, resume
from feeds.reading import SinkFailed
from snapshots.archive.naming import day_of
from snapshots.archive.place import Bucket
from snapshots.audit.checkpoints import checkpoint_name, day_end_name, key_name
from snapshots.audit.merkle import Tile
from snapshots.audit.notes import Signer
from snapshots.audit.tiles import name_of
from snapshots.errors import AlreadyStored, CorruptArchive, StoreError

log = logging.getLogger("croupier.audit")

RETRY_FIRST_S: Final = 0.5
RETRY_MAX_S: Final = 30.0
TILES_AT_ONCE: Final = 16
DAYS_ENDED_MAX: Final = 366
AFTER_MIDNIGHT_MS: Final = 60_000
"""So long after midnight the day is ended even if nothing more was archived: what was cut before may be on its way."""


class Keeper:
    """One tree. Each of `published` is called with every new checkpoint."""

    def __init__(
        self,
        bucket: Bucket,
        signer: Callable[[str], Signer],
        extending: Extending,
        metrics: AuditMetrics,
        checkpoint_s: float,
        now_ms: Callable[[], int],
        published: Sequence[Callable[[Signed], None]] = (),
    ) -> None:
        self._bucket, self._signer_of, self._extending, self._metrics = bucket, signer, extending, metrics
        self._checkpoint_s, self._now_ms, self._published = checkpoint_s, now_ms, published
        self.breaker = Breaker("audit")
        self._more = asyncio.Event()
        self._standing: Standing | None = None
        self._signer: Signer | None = None
        self._signed_s = 0.0
        self._last_ms = self._trimmed = 0
        self.newest: Signed | None = None
        """The newest checkpoint of this life."""

    def wake(self) -> None:
        """Something more was archived."""
        self._more.set()

    async def run(self) -> None:
        """Goes on until it is cancelled. Whatever fails is told and tried again: archiving never waits for it."""
        delay_s = RETRY_FIRST_S
        while True:
            if self.breaker.allows() and await self._try():
                delay_s = RETRY_FIRST_S
                await self._rest()
            else:
                await asyncio.sleep(max(delay_s, self.breaker.left_s))
                delay_s = min(2 * delay_s, RETRY_MAX_S)

    async def _try(self) -> bool:
        try:
            await self.keep()
        except (StoreError, SinkFailed, OSError) as failure:
            self._failed(str(failure))
            return False
        except Exception as failure:
            log.exception("the audit tree failed")
            self._failed(repr(failure))
            return False
        except BaseException:
            self.breaker.gave_up()
            raise
        self._metrics.kept()
        self.breaker.succeeded()
        return True

    def _failed(self, why: str) -> None:
        self._standing = None
        self._metrics.failed()
        self.breaker.failed(why)
        log.warning("the audit tree is not extended now: %s", why)

    async def _rest(self) -> None:
        """Until something was archived, or a checkpoint is due."""
        try:
            async with asyncio.timeout(max(0.05, self._signed_s + self._checkpoint_s - time.monotonic())):
                await self._more.wait()
        except TimeoutError:
            pass

    async def keep(self) -> None:
        """Extends the tree by all there is, and signs what is due. Raises StoreError; SinkFailed without a key."""
        self._more.clear()
        standing, signer = await self._opened()
        try:
            while await self._extend(standing, signer):
                if self._due():
                    await self._sign(standing, signer)
        except AlreadyStored as failure:
            log.info("the audit tree is read again, because another archiver went on: %s", failure)
            self._standing = None
            self._more.set()
            return
        if self._now_ms() % 86_400_000 >= AFTER_MIDNIGHT_MS:
            await self._end_days(standing, signer, day_of(self._now_ms()))
        if self._due():
            await self._sign(standing, signer)

    async def _opened(self) -> tuple[Standing, Signer]:
        if self._standing is not None and self._signer is not None:
            return self._standing, self._signer
        standing = await resume(self._bucket)
        signer = self._signer_of(standing.origin)
        await self._bucket.put_new(key_name(signer.verifier), f"{signer.verifier}\n".encode())
        if self._signer is None:
            log.warning("checkpoints are signed by %s, from %d leaves on", signer.verifier, standing.tree.size)
        self._standing, self._signer = standing, signer
        self._metrics.show(standing.tree.size, standing.covered)
        return standing, signer

    async def _extend(self, standing: Standing, signer: Signer) -> bool:
        """Adds some; False if there is nothing more."""
        names = await self._extending.segments(standing)
        for name in names:
            await self._end_days(standing, signer, day_in(name))
            await self._extending.add_segment(standing, name)
            self._metrics.show(standing.tree.size, standing.covered)
        controls = await self._extending.add_control(standing)
        self._metrics.show(standing.tree.size, standing.covered)
        await self._put(standing.tree.take_whole())
        return bool(names) or controls

    def _due(self) -> bool:
        return time.monotonic() - self._signed_s >= self._checkpoint_s

    async def _sign(self, standing: Standing, signer: Signer) -> None:
        self._signed_s = time.monotonic()
        if standing.tree.size == standing.covered:
            return
        self._last_ms = max(self._last_ms, self._now_ms())
        await self._store(standing, signer, checkpoint_name(self._last_ms, standing.tree.size), False)

    async def _end_days(self, standing: Standing, signer: Signer, day: str) -> None:
        """Days before `day` that have no last checkpoint get one of the tree as it is."""
        if standing.ended is None:
            standing.ended = day_after(day, -1) if standing.tree.size == 0 else day_after(standing.day or day, -1)
        for _ in range(DAYS_ENDED_MAX):
            ending = day_after(standing.ended)
            if ending >= day:
                return
            await self._store(standing, signer, day_end_name(ending, standing.tree.size), True)
            standing.ended = ending

    async def _store(self, standing: Standing, signer: Signer, name: str, ends_day: bool) -> None:
        """Tiles first: what a checkpoint promises is there."""
        tree = standing.tree
        await self._put([*tree.take_whole(), *tree.partial()])
        signed = Signed(name, tree.size, signer.sign(tree.size, tree.root()), ends_day)
        try:
            await self._bucket.put_new(name, signed.note.encode())
        except AlreadyStored as failure:
            raise CorruptArchive(f"{name} holds another checkpoint of the same size: the log was forked") from failure
        standing.covered, self.newest = tree.size, signed
        self._metrics.show(tree.size, tree.size)
        self._metrics.checkpoints.inc()
        for told in self._published:
            told(signed)
        await self._trim(standing)

    async def _trim(self, standing: Standing) -> None:
        """Once a checkpoint covers them, entries of the control log may leave the store."""
        if standing.controls > self._trimmed and await self._extending.trim_control(standing.controls):
            self._trimmed = standing.controls

    async def _put(self, tiles: Sequence[Tile]) -> None:
        for begin in range(0, len(tiles), TILES_AT_ONCE):
            some = tiles[begin : begin + TILES_AT_ONCE]
            try:
                await asyncio.gather(*(self._bucket.put_new(name_of(tile), tile.content) for tile in some))
            except AlreadyStored as failure:
                raise CorruptArchive(f"the tree does not fit its tiles: {failure}") from failure
