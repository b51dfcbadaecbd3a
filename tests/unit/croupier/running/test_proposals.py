"""Proposals in the store, as gateways see them."""

from pathlib import Path

import pytest

from croupier.running.proposals import StoredProposals
from gateway.ports import LogUnavailable, Proposal
from snapshots.opening import open_store
from snapshots.sqlite import control_log
from tests.support.faulty_store import FaultyStore

FIRST = Proposal("a", 1_000, b"summary")


async def test_put_listed_decided(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(control_log, "PROPOSALS_MAX", 1)
    store = open_store(f"sqlite:{tmp_path}")
    await store.open()
    proposals = StoredProposals(store)
    assert await proposals.put(FIRST, b"body") == FIRST
    assert await proposals.put(Proposal("b", 1_001, b""), b"") is None
    assert (await proposals.body("a"), await proposals.body("b")) == (b"body", None)
    assert await proposals.decide("a", b"", b"approved") == b"approved"
    assert await proposals.decide("b", b"", b"approved") is None
    assert list(await proposals.listed()) == [FIRST._replace(decision=b"approved")]
    await proposals.remove("a", b"approved")
    assert list(await proposals.listed()) == []
    await store.close()


async def test_a_store_that_is_away_is_said_so(tmp_path: Path) -> None:
    store = FaultyStore(open_store(f"sqlite:{tmp_path}"))
    store.down |= {"put_proposal", "proposals", "proposal_body", "decide_proposal", "remove_proposal"}
    proposals = StoredProposals(store)  # type: ignore[arg-type]
    for call in (
        proposals.put(FIRST, b""),
        proposals.listed(),
        proposals.remove("a", b"x"),
        proposals.body("a"),
        proposals.decide("a", b"", b"x"),
    ):
        with pytest.raises(LogUnavailable, match="second person"):
            await call
