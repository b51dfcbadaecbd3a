"""Proposals and what is decided on them. The operation itself runs under the proposer's own idempotency key.

    waiting ──approve──▶ approved ──the operation was carried out, or refused──▶ done, refused
       ├──reject───▶ rejected
       └──7 days───▶ expired

A decision is written before the operation runs. If the process dies in between, whoever approves again finds it
approved, and runs it under the same key: so it is done once. That holds only while the key is remembered, so an
operation that has its outcome is never run again, and one that has none is run only within CARRIED_OUT_MS.
"""

import asyncio
import zlib
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, Literal, NamedTuple

import msgspec

from gateway.access.roles import Role
from gateway.http.errors import Refused
from gateway.ports import Proposal, ProposalsPort

KEPT_MS: Final = 7 * 86_400_000
CARRIED_OUT_MS: Final = 23 * 3_600_000
"""An approved operation is carried out only for so long after its approval: keys are remembered for 24 hours."""
BODY_BYTES_MAX: Final = 1_000_000
"""Of a request that waits, compressed."""

Verdict = Literal["approved", "rejected"]
Status = Literal["waiting", "approved", "rejected", "expired", "done", "refused"]


class Summary(msgspec.Struct, frozen=True, omit_defaults=True):
    """Who proposes what. `roles` are those that whoever approves must have, all of them."""

    route: str
    who: str
    proposer_roles: tuple[Role, ...]
    roles: tuple[Role, ...]
    command_id: str
    content: str
    """Digest of the request's body: another body under the same key is another request."""
    content_type: str
    why: str
    player_id: str = ""
    subject: str = ""
    reason: str = ""
    base: int = 0
    """Number of the catalog that a deploy was compared with."""


class Decision(msgspec.Struct, frozen=True, omit_defaults=True):
    """What was decided, and what became of the operation: `outcome` is `done` or the code of its refusal."""

    verdict: Verdict
    by: str
    at_ms: int
    reason: str = ""
    outcome: str = ""


class Waiting(NamedTuple):
    """A proposal as it stands."""

    approval_id: str
    put_ms: int
    summary: Summary
    decision: Decision | None

    @property
    def lapses_ms(self) -> int:
        """When it lapses (Unix ms)."""
        return self.put_ms + KEPT_MS

    @property
    def is_over(self) -> bool:
        """Whether it was rejected, or carried out, or refused for good."""
        return self.decision is not None and (self.decision.verdict == "rejected" or self.decision.outcome != "")

    def status(self, at_ms: int) -> Status:
        """How it stands at a time (Unix ms)."""
        if self.decision is None:
            return "waiting" if at_ms < self.lapses_ms else "expired"
        if self.decision.outcome:
            return "done" if self.decision.outcome == "done" else "refused"
        return self.decision.verdict


_encode = msgspec.msgpack.Encoder().encode
_summary = msgspec.msgpack.Decoder(Summary).decode
_decision = msgspec.msgpack.Decoder(Decision).decode


class Approvals:
    """All proposals of the platform. Methods raise LogUnavailable if the store does not answer."""

    def __init__(self, port: ProposalsPort) -> None:
        self._port = port

    async def propose(self, summary: Summary, body: bytes, at_ms: int) -> Waiting:
        """Lets the operation wait from `at_ms` (Unix ms), once per command id.

        Raises Refused if too many wait, or if it is too large.
        """
        compressed = await asyncio.to_thread(zlib.compress, body)
        if len(compressed) > BODY_BYTES_MAX:
            raise Refused(
                "body_too_large", f"What waits for a second person has at most {BODY_BYTES_MAX} bytes, packed."
            )
        proposal = Proposal(approval_id(summary), at_ms, _encode(summary))
        held = await self._port.put(proposal, compressed)
        if held is None and await self._removed_one():
            held = await self._port.put(proposal, compressed)
        if held is None:
            raise Refused("overloaded", "Too many operations wait for a second person: decide some of them first.")
        return _waiting(held)

    async def _removed_one(self) -> bool:
        """Removes the oldest proposal of which nothing more can become.

        One that was approved and has no outcome stays: without it the operation could be proposed, and done, again.
        """
        for each in reversed(await self._port.listed()):
            if each.decision and _waiting(each).is_over:
                await self._port.remove(each.proposal_id, each.decision)
                return True
        return False

    async def listed(self) -> Sequence[Waiting]:
        """All of the last seven days, newest first."""
        return [_waiting(each) for each in await self._port.listed()]

    async def find(self, wanted: str) -> Waiting:
        """One of them. Raises Refused `approval_not_found`."""
        for each in await self._port.listed():
            if each.proposal_id == wanted:
                return _waiting(each)
        raise _not_found(wanted)

    async def body(self, wanted: str) -> bytes:
        """The body of the request that waits. Raises Refused `approval_not_found`."""
        compressed = await self._port.body(wanted)
        if compressed is None:
            raise _not_found(wanted)
        return await asyncio.to_thread(zlib.decompress, compressed)

    async def decide(self, waiting: Waiting, decision: Decision) -> Waiting:
        """The proposal with the decision that holds: this one, unless somebody was faster."""
        known = b"" if waiting.decision is None else _encode(waiting.decision)
        holds = await self._port.decide(waiting.approval_id, known, _encode(decision))
        if holds is None:
            raise _not_found(waiting.approval_id)
        return waiting._replace(decision=_decision(holds) if holds else None)


def approval_id(summary: Summary) -> str:
    """The same for the same request: route, caller and key."""
    return blake2b(f"{summary.route}\n{summary.command_id}".encode(), digest_size=12).hexdigest()


def content_of(body: bytes) -> str:
    """The digest by which a request is known again."""
    return blake2b(body, digest_size=16).hexdigest()


def _waiting(held: Proposal) -> Waiting:
    decision = _decision(held.decision) if held.decision else None
    return Waiting(held.proposal_id, held.put_ms, _summary(held.summary), decision)


def _not_found(wanted: str) -> Refused:
    return Refused("approval_not_found", f"No operation waits under {wanted[:64]!a}; they are kept for seven days.")
