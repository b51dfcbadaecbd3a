"""Operations that wait for a second person, as gateways keep them: in the store."""

from collections.abc import Sequence

from gateway.ports import LogUnavailable, Proposal
from snapshots.contract import Store, StoredProposal
from snapshots.errors import ProposalsFull, StoreError


class StoredProposals:
    """Implements `gateway.ports.ProposalsPort`."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def put(self, proposal: Proposal, body: bytes) -> Proposal | None:
        """See `gateway.ports.ProposalsPort`."""
        row = StoredProposal(proposal.proposal_id, proposal.put_ms, proposal.summary)
        try:
            return _shown(await self._store.put_proposal(row, body))
        except ProposalsFull:
            return None
        except StoreError as failure:
            raise _unavailable(failure) from failure

    async def remove(self, proposal_id: str, decision: bytes) -> None:
        """See `gateway.ports.ProposalsPort`."""
        try:
            await self._store.remove_proposal(proposal_id, decision)
        except StoreError as failure:
            raise _unavailable(failure) from failure

    async def listed(self) -> Sequence[Proposal]:
        """See `gateway.ports.ProposalsPort`."""
        try:
            return [_shown(row) for row in await self._store.proposals()]
        except StoreError as failure:
            raise _unavailable(failure) from failure

    async def body(self, proposal_id: str) -> bytes | None:
        """See `gateway.ports.ProposalsPort`."""
        try:
            return await self._store.proposal_body(proposal_id)
        except StoreError as failure:
            raise _unavailable(failure) from failure

    async def decide(self, proposal_id: str, known: bytes, decision: bytes) -> bytes | None:
        """See `gateway.ports.ProposalsPort`."""
        try:
            return await self._store.decide_proposal(proposal_id, known, decision)
        except StoreError as failure:
            raise _unavailable(failure) from failure


def _shown(row: StoredProposal) -> Proposal:
    return Proposal(row.proposal_id, row.put_ms, row.summary, row.decision)


def _unavailable(failure: StoreError) -> LogUnavailable:
    return LogUnavailable(f"what waits for a second person can't be read or written now: {failure}")
