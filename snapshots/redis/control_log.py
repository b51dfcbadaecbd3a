"""The control log on Redis, and the operations that wait for a second person."""

from collections.abc import Sequence

import msgspec

from snapshots.contract import (
    CONTROL_KEPT,
    CONTROL_MAX,
    PROPOSAL_KEPT_MS,
    PROPOSALS_MAX,
    ControlSpan,
    Reader,
    StoredProposal,
)
from snapshots.redis.connection import PREFIX, RedisConnection, answer
from snapshots.redis.link import Argument
from snapshots.rows import checked_control, checked_proposal

_Head = tuple[int, bytes]
_head = msgspec.msgpack.Decoder(_Head)


class RedisControlLog(RedisConnection):
    """The part of `snapshots.contract.Store` for the control log and proposals."""

    async def append_control(self, entries: Sequence[bytes]) -> int:
        """See Store."""
        return int(await self._call("append_control", CONTROL_MAX, CONTROL_KEPT, *checked_control(entries)))

    async def control_entries(self, after: int, limit: int) -> Sequence[tuple[int, bytes]]:
        """See Store."""
        if limit < 1:
            return []
        found = await answer(self._redis.xrange(f"{PREFIX}control:log", f"{after + 1}-0", "+", limit))
        return [(int(key.partition(b"-")[0]), fields[b"e"]) for key, fields in found]

    async def control_span(self) -> ControlSpan:
        """See Store."""
        first, last = await self._call("control_span")
        return ControlSpan(int(first), int(last))

    async def trim_control(self, reader: Reader, through: int) -> None:
        """See Store."""
        await self._call("trim_control", reader.name, reader.epoch, reader.nonce, through, CONTROL_KEPT)

    async def put_proposal(self, proposal: StoredProposal, body: bytes) -> StoredProposal:
        """See Store."""
        checked_proposal(proposal.summary, body)
        head = msgspec.msgpack.encode((proposal.put_ms, proposal.summary))
        expired = proposal.put_ms - PROPOSAL_KEPT_MS
        stored: tuple[Argument, ...] = (proposal.proposal_id, proposal.put_ms, head, body)
        return _proposal(await self._call("put_proposal", *stored, expired, PROPOSALS_MAX))

    async def remove_proposal(self, proposal_id: str, decision: bytes) -> None:
        """See Store."""
        await self._call("remove_proposal", proposal_id, decision)

    async def proposals(self) -> Sequence[StoredProposal]:
        """See Store."""
        return [_proposal(row) for row in await self._call("proposals")]

    async def proposal_body(self, proposal_id: str) -> bytes | None:
        """See Store."""
        found: bytes | None = await answer(self._redis.hget(f"{PREFIX}proposals:bodies", proposal_id))
        return found

    async def decide_proposal(self, proposal_id: str, known: bytes, decision: bytes) -> bytes | None:
        """See Store."""
        found, *holds = await self._call("decide_proposal", proposal_id, known, decision)
        return holds[0] if int(found) else None


def _proposal(row: list[bytes]) -> StoredProposal:
    put_ms, summary = _head.decode(row[1])
    return StoredProposal(row[0].decode(), put_ms, summary, row[2])
