"""Rule 7: telling a Croupier that lives from one that was killed, by what becomes of its lease."""

from collections.abc import Sequence
from typing import Any

import pytest

from actors import terms
from snapshots.contract import TermLease
from snapshots.errors import TermHeld


class Scripted:
    """A store that shows these leases one after the other, then the last one again and again."""

    def __init__(self, *leases: TermLease, refusals: int = 0) -> None:
        self.leases, self.refusals = list(leases), refusals
        self.taken: list[tuple[str, int, bool]] = []

    async def term_lease(self) -> TermLease:
        return self.leases.pop(0) if len(self.leases) > 1 else self.leases[0]

    async def take_term(self, holder: str, lease_ms: int, *, take_over: bool) -> int:
        if self.refusals:
            self.refusals -= 1
            raise TermHeld("carl", 500)
        self.taken.append((holder, lease_ms, take_over))
        return 7


def held(until_ms: int, left_ms: int, holder: str = "ann") -> TermLease:
    return TermLease(3, holder, until_ms, left_ms)


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(terms, "LOOK_S", 0.0)


async def waited_for(leases: Sequence[TermLease]) -> list[int]:
    told: list[int] = []
    store: Any = Scripted(*leases)
    await terms.until_free(store, "bob", lambda lease: told.append(lease.left_ms))
    return told


@pytest.mark.parametrize(
    "lease",
    [held(0, 0, ""), held(9_000, 500, "bob"), held(9_000, 0)],
    ids=["nobody's", "the own instance's", "run out"],
)
async def test_a_free_store_is_not_waited_for(lease: TermLease) -> None:
    assert await waited_for([lease]) == []


async def test_a_lease_that_nobody_renews_is_waited_out_and_that_is_said_once() -> None:
    assert await waited_for([held(9_000, left) for left in (500, 300, 100, 0)]) == [500]


async def test_a_goodbye_ends_the_wait() -> None:
    assert await waited_for([held(9_000, 500), held(9_000, 300), held(0, 0, "")]) == [500]


@pytest.mark.parametrize(
    "next_one", [held(9_200, 500), held(9_200, 500, "carl")], ids=["renewed", "taken by somebody else"]
)
async def test_a_lease_that_is_renewed_belongs_to_somebody_who_lives(next_one: TermLease) -> None:
    with pytest.raises(TermHeld) as refused:
        await waited_for([held(9_000, 500), held(9_000, 300), next_one])
    assert refused.value.holder == next_one.holder


async def test_taking_over_waits_for_nobody() -> None:
    store: Any = Scripted(held(9_000, 500))
    assert await terms.take_term(store, "bob", 5_000, take_over=True) == 7
    assert store.taken == [("bob", 5_000, True)]


async def test_whoever_was_faster_is_looked_at_as_anybody_else() -> None:
    """Between the look and the taking `carl` came; it then dies, or lives."""
    store: Any = Scripted(held(0, 0, ""), held(9_000, 500, "carl"), held(9_000, 0, "carl"), refusals=1)
    assert await terms.take_term(store, "bob", 5_000, take_over=False) == 7
    store = Scripted(held(0, 0, ""), held(9_000, 500, "carl"), held(9_300, 500, "carl"), refusals=1)
    with pytest.raises(TermHeld, match="carl"):
        await terms.take_term(store, "bob", 5_000, take_over=False)
