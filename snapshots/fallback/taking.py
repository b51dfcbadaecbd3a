"""Taking a shard whose last incarnation may have gone on without the store (rule 16).

Its file is sealed, so that it writes nothing more, whether it lives or not. Then what is in the file and not in the
store's log is appended there, in its order, as the incarnation itself would have done. Only then may the shard be
claimed: the store checks that its log stands where the file ends.
"""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from socket import gethostname

from msgspec.structs import replace

from snapshots.contract import ANY_CATALOG, FallbackGrant, Incarnation, LogHead, Sealed, Store
from snapshots.errors import Corrupt, FallbackHeld, Fenced, StoreRefused, StoreUnavailable
from snapshots.fallback.file import NotHere
from snapshots.fallback.log import FallbackLog

log = logging.getLogger("croupier.fallback")

READ_AT_ONCE = 256


class TakenFile:
    """A sealed file whose records are in the store. `sealed` is what a claim or fence shows.

    Afterwards exactly one of `done` and `keep` is to be called.
    """

    def __init__(self, file: FallbackLog, sealed: Sealed, drained: int) -> None:
        self.sealed, self.drained = sealed, drained
        self._file = file

    async def done(self) -> None:
        """The shard is claimed or fenced: nobody needs the file any more."""
        await self._file.remove()

    async def keep(self) -> None:
        """It is not: the next one begins with the same file."""
        await self._file.close()


async def take_file(store: Store, shard_id: str, path: Path | None = None) -> TakenFile | None:
    """Seals the file of the shard's last incarnation and appends what is in it to the store's log.

    None if nothing was granted. `path`: where the file was brought to, if not where the grant says. Raises
    FallbackHeld, with a sentence for the operator, if the file is not here or does not fit the store's log; may be
    repeated if it raises StoreUnavailable.
    """
    row = (await store.routing()).shards.get(shard_id)
    if row is None or row.fallback is None:
        return None
    at = path or Path(row.fallback.path)
    try:
        file = await _opened(shard_id, row.fallback, at)
        try:
            return await _taken(store, shard_id, row.fallback, file)
        except BaseException:
            await file.close()
            raise
    except Corrupt as damage:
        raise FallbackHeld(
            f"shard {shard_id}: {at} is damaged ({damage}): `croupier recover {shard_id} --accept-loss` gives it up"
        ) from damage


async def _taken(store: Store, shard_id: str, grant: FallbackGrant, file: FallbackLog) -> TakenFile:
    with _told_of(shard_id, file.path):
        inc, base, end, count = await file.seal()
    if inc.nonce != grant.nonce:
        raise FallbackHeld(f"{file.path} is of another incarnation than the one that holds shard {shard_id}")
    if not count:
        return TakenFile(file, Sealed(inc.nonce), 0)
    return TakenFile(file, Sealed(inc.nonce, end), await _drain(store, file, inc, base, end))


async def _opened(shard_id: str, grant: FallbackGrant, at: Path) -> FallbackLog:
    try:
        with _told_of(shard_id, at):
            return await FallbackLog.open(at)
    except NotHere:
        raise FallbackHeld(
            f"shard {shard_id} may have gone on without the store, in {grant.path} on host {grant.host}, and that file "
            f"is not here: start a node of Croupier there, or give it up with `croupier recover {shard_id} "
            "--accept-loss`"
        ) from None


@contextmanager
def _told_of(shard_id: str, at: Path) -> Iterator[None]:
    """What its disk refuses is said in a sentence that names the file; a lock passes by itself, or with its holder."""
    try:
        yield
    except StoreRefused as refusal:
        raise FallbackHeld(
            f"shard {shard_id}: {at} on host {gethostname()} can't be sealed ({refusal}): make room on that disk, and "
            "see that Croupier's user may write there. Until then the shard is down, and nothing is lost"
        ) from refusal
    except StoreUnavailable as failure:
        raise StoreUnavailable(f"shard {shard_id}: {at}: {failure}") from failure


async def _drain(store: Store, file: FallbackLog, inc: Incarnation, base: LogHead, end: LogHead) -> int:
    """Appends the records that the store's log has not; answers how many.

    They were decided under the catalog that was in force then; by now, another one may be. The same goes for the
    epoch: a store that has lost slot moves is at the one before them, and the log is the same.
    """
    standing = await store.standing(inc)
    await store.follow_lineage()
    at, inc = standing.head, replace(inc, epoch=standing.epoch)
    drained = 0
    try:
        if not base.seq <= at.seq <= end.seq:
            raise Fenced(f"the log stands at {at.seq}")
        while records := await file.read(at.seq, READ_AT_ONCE):
            for record in records:
                at = await store.append(inc, record.before, record.payload, ANY_CATALOG, record.tallies)
                drained += 1
        if at != end:
            raise Fenced(f"record {at.seq} of the log is another one")
    except Fenced as problem:
        raise FallbackHeld(
            f"shard {inc.shard_id}: {file.path} continues {inc.log_id} from record {base.seq} to {end.seq}, and can't "
            f"be appended ({problem}): `croupier recover {inc.shard_id} --accept-loss` gives it up"
        ) from problem
    if drained:
        log.warning("shard %s: %d records of its fallback file were appended to %s", inc.shard_id, drained, inc.log_id)
    return drained
