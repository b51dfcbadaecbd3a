"""Operations that wait for a second person: put once, decided once, bounded in number and time."""

import asyncio

import pytest

from snapshots.contract import PROPOSAL_BYTES_MAX, PROPOSAL_KEPT_MS, Store, StoredProposal
from snapshots.errors import ProposalsFull
from snapshots.redis import control_log as redis_control_log
from snapshots.sqlite import control_log as sqlite_control_log
from tests.contract.backends import Backend

DAY_1 = 1_000_000_000_000


def proposal(name: str = "a", put_ms: int = DAY_1) -> StoredProposal:
    return StoredProposal(name, put_ms, b"\0summary \xff of " + name.encode())


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for 3 proposals."""
    for module in (sqlite_control_log, redis_control_log):
        monkeypatch.setattr(module, "PROPOSALS_MAX", 3)


async def test_a_proposal_waits_with_its_body(store: Store) -> None:
    assert await store.put_proposal(proposal(), b"\0body\xff") == proposal()
    assert list(await store.proposals()) == [proposal()]
    assert await store.proposal_body("a") == b"\0body\xff"
    assert await store.proposal_body("b") is None


async def test_the_first_one_under_an_id_stays(store: Store) -> None:
    await store.put_proposal(proposal(), b"first")
    other = StoredProposal("a", DAY_1 + 5, b"other")
    assert await store.put_proposal(other, b"second") == proposal()
    assert await store.proposal_body("a") == b"first"


async def test_it_is_decided_once(store: Store) -> None:
    await store.put_proposal(proposal(), b"")
    assert await store.decide_proposal("a", b"", b"approved") == b"approved"
    assert await store.decide_proposal("a", b"", b"rejected") == b"approved"
    assert await store.decide_proposal("a", b"approved", b"done") == b"done"
    assert [of.decision for of in await store.proposals()] == [b"done"]
    assert (await store.put_proposal(proposal(), b"")).decision == b"done"
    assert await store.decide_proposal("b", b"", b"approved") is None


async def test_of_many_who_decide_one_wins(store: Store, backend: Backend) -> None:
    other = backend.store()
    await other.open()
    await store.put_proposal(proposal(), b"")
    calls = (each.decide_proposal("a", b"", b"%d" % n) for n in range(4) for each in (store, other))
    assert len(set(await asyncio.gather(*calls))) == 1
    await other.close()


async def test_newest_first(store: Store) -> None:
    for number in range(3):
        await store.put_proposal(proposal(f"p{number}", DAY_1 + number), b"")
    assert [of.proposal_id for of in await store.proposals()] == ["p2", "p1", "p0"]


@pytest.mark.usefixtures("small")
async def test_only_one_that_is_removed_makes_room(store: Store) -> None:
    for number in range(3):
        await store.put_proposal(proposal(f"p{number}", DAY_1 + number), b"")
    with pytest.raises(ProposalsFull, match="3 operations wait"):
        await store.put_proposal(proposal("p3", DAY_1 + 3), b"")
    await store.decide_proposal("p1", b"", b"rejected")
    for decision in (b"", b"approved"):
        await store.remove_proposal("p1", decision)
    await store.remove_proposal("nobody's", b"rejected")
    with pytest.raises(ProposalsFull, match="3 operations wait"):
        await store.put_proposal(proposal("p3", DAY_1 + 3), b"")
    await store.remove_proposal("p1", b"rejected")
    await store.put_proposal(proposal("p3", DAY_1 + 3), b"")
    assert [of.proposal_id for of in await store.proposals()] == ["p3", "p2", "p0"]
    assert await store.proposal_body("p1") is None


@pytest.mark.usefixtures("small")
async def test_after_seven_days_they_are_gone(store: Store) -> None:
    for number in range(3):
        await store.put_proposal(proposal(f"p{number}", DAY_1 + number), b"")
    await store.put_proposal(proposal("later", DAY_1 + PROPOSAL_KEPT_MS), b"")
    assert [of.proposal_id for of in await store.proposals()] == ["later", "p2", "p1"]


async def test_a_body_that_is_too_long_is_a_bug_of_the_caller(store: Store) -> None:
    with pytest.raises(ValueError, match="proposal"):
        await store.put_proposal(proposal(), b"x" * (PROPOSAL_BYTES_MAX + 1))
