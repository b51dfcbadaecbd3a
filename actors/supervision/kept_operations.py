"""Live operations as the store keeps them, so that the next supervisor goes on with the one that was under way.

They lie in one note that is fenced like a reader's: what a supervisor writes whose term is over is refused, because its
successor has claimed the note. Where slots are is said by the table alone; the note says what is wanted.
"""

import secrets

import msgspec

from actors.supervision.held_term import HeldTerm
from actors.wire.cluster_requests import Keyed, Operation
from snapshots.contract import Reader, Store
from snapshots.errors import Fenced

NAME = "live-operations"
NOTE = "kept"
OPERATIONS_KEPT = 64
"""So many are remembered with the keys that began them."""


class Work(msgspec.Struct, frozen=True, array_like=True):
    """An operation, and what is left to do of it.

    `replace` are the shards whose processes are to go first, in order; `fresh` is the shard that takes the place of the
    first of them, once it has a name. `shards` are to carry all slots in the end; empty if each shard is handed to
    another one, and of a rebalance those that there were when it began. `key` and `content` are the digests of the
    request that began it.
    """

    operation: Operation
    key: bytes
    content: bytes
    shards: tuple[str, ...] = ()
    replace: tuple[str, ...] = ()
    fresh: str = ""

    @property
    def names(self) -> set[str]:
        """Shards that may run because of it, whether slots belong to them or not."""
        return {*self.shards, *self.replace, *([self.fresh] if self.fresh else ())}


class Scaled(msgspec.Struct, frozen=True, array_like=True):
    """There are to be so many shards, whatever `--shards` said then. Another `--shards` at a later start says anew."""

    setting: int
    shards: int


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """All that is kept; operations oldest first. Processes are started on no node that is `avoided`."""

    scaled: Scaled | None = None
    avoided: tuple[str, ...] = ()
    works: tuple[Work, ...] = ()


_decode = msgspec.msgpack.Decoder(Kept).decode
_encode = msgspec.msgpack.Encoder().encode


class KeptOperations:
    """The note of one supervisor. `kept` is what the store has; only `put` changes it."""

    def __init__(self, store: Store, term: HeldTerm) -> None:
        self.kept = Kept()
        self._store, self._term = store, term
        self._claim: Reader | None = None

    @property
    def last(self) -> Work | None:
        """The operation that runs, or ran last."""
        return self.kept.works[-1] if self.kept.works else None

    @property
    def running(self) -> Work | None:
        """The operation that is under way."""
        last = self.last
        return last if last is not None and last.operation.state == "running" else None

    @property
    def under_way(self) -> Work:
        """The same, for whoever knows that there is one."""
        work = self.running
        assert work is not None, "an operation is under way"
        return work

    def begun_by(self, keyed: Keyed | None) -> Work | None:
        """The operation that the key began, if it is remembered."""
        if keyed is None:
            return None
        return next((work for work in self.kept.works if work.key == keyed.key), None)

    async def claim(self) -> None:
        """From now on an earlier supervisor's writes are refused. Raises StoreError, Fenced if this term is over.

        The term is looked at after the claim: a supervisor that finds its term over has not kept its successor out for
        longer than until that one writes next.
        """
        self._claim = await self._store.claim_notes(NAME, secrets.token_hex(8))
        await self._term.routing()
        found = await self._store.reader_notes(NAME)
        if NOTE in found:
            self.kept = _decode(found[NOTE])

    async def put(self, kept: Kept) -> None:
        """Writes what is to be kept. Raises StoreError, Fenced if this term is over."""
        kept = msgspec.structs.replace(kept, works=kept.works[-OPERATIONS_KEPT:])
        if self._claim is None:
            await self.claim()
        try:
            await self._write(kept)
        except Fenced:  # an earlier supervisor has claimed it late
            await self.claim()
            await self._write(kept)
        self.kept = kept

    async def _write(self, kept: Kept) -> None:
        assert self._claim is not None
        await self._store.commit_reader(self._claim, {}, {NOTE: _encode(kept)})

    async def progress(self, work: Work) -> None:
        """The operation under way has come so far, or has ended. Raises as `put`."""
        await self.put(msgspec.structs.replace(self.kept, works=(*self.kept.works[:-1], work)))
