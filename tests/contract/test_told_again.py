"""Rule 15: what a store has lost is told to it again, unless somebody has decided otherwise since."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import redis

from snapshots.contract import Address, AppendedRecord, Claim, FallbackGrant, Incarnation, LogHead, Owner, Store
from snapshots.errors import FallbackHeld, Fenced, TermHeld
from snapshots.fallback.log import FallbackLog
from snapshots.fallback.taking import take_file
from snapshots.opening import open_store
from tests.contract.backends import RedisBackend
from tests.support.redis_server import RedisServer

P, X, Y = (Owner("host", number, 1) for number in range(3))
ADDRESS = Address("127.0.0.1", 1, None, "host")


class Past:
    """What a Redis server held at some moment, and how to bring it back there."""

    def __init__(self, server: RedisServer) -> None:
        self._client = redis.Redis.from_url(server.url)
        self._kept: dict[bytes, Any] = {}

    def keep(self) -> None:
        self._kept = {key: self._client.dump(key) for key in self._client.scan_iter("*")}

    def return_to(self) -> None:
        """All that was written since is lost."""
        self._client.flushdb()
        for key, value in self._kept.items():
            self._client.restore(key, 0, value)


@pytest.fixture
def past(redis_server: RedisServer) -> Past:
    return Past(redis_server)


@pytest.fixture
async def lossy(redis_server: RedisServer) -> AsyncIterator[Store]:
    opened = RedisBackend(redis_server).store()
    await opened.open()
    yield opened
    await opened.close()


async def served(store: Store, shard_id: str, owner: Owner, nonce: str) -> Claim:
    claim = await store.claim(shard_id, owner, nonce)
    await store.serve(claim.incarnation, ADDRESS)
    return claim


async def owner_of(store: Store, slot: int) -> str:
    return (await store.routing()).slots[slot]


async def test_a_claim_tells_what_it_sealed(lossy: Store) -> None:
    first = await served(lossy, "s0", P, "p")
    assert (first.former_log, first.former_head) == ("", LogHead())
    head = await lossy.append(first.incarnation, LogHead(), b"one")
    claim = await lossy.claim("s0", X, "x")
    assert (claim.former_log, claim.former_head) == ("s0-1", head)
    assert await lossy.claim("s0", X, "x") == claim


async def test_a_lost_claim_is_won_again_and_goes_on_from_an_empty_log(lossy: Store, past: Past) -> None:
    head = await lossy.append((await served(lossy, "s0", P, "p")).incarnation, LogHead(), b"one")
    past.keep()
    claim = await served(lossy, "s0", X, "x")
    await lossy.append(claim.incarnation, LogHead(), b"two")
    past.return_to()
    with pytest.raises(Fenced):
        await lossy.heartbeat(claim.incarnation)
    assert await lossy.claim_again(claim, X) == LogHead()
    two = await lossy.append(claim.incarnation, LogHead(), b"two")
    assert await lossy.claim_again(claim, X) == two
    former, own = await lossy.unfinished_logs()
    assert (former.log_id, former.sealed, former.last_seq) == ("s0-1", True, head.seq)
    assert (own.log_id, own.sealed, own.last_seq) == ("s0-2", False, 1)
    after = await lossy.claim("s0", Y, "y")
    assert after.incarnation.epoch == 3 and after.previous == X, "the one that told it may still answer"


async def test_the_first_claim_of_a_shard_can_be_told_again(lossy: Store, past: Past) -> None:
    past.keep()
    claim = await served(lossy, "s0", X, "x")
    past.return_to()
    assert (await lossy.standing(claim.incarnation)).epoch == 0
    assert await lossy.claim_again(claim, X) == LogHead()
    assert await lossy.heartbeat(claim.incarnation) > 0


@pytest.mark.parametrize("lost", ["claim and grant", "the grant"])
async def test_rule_16_a_lost_grant_is_noted_in_the_step_that_tells_the_claim_again(
    lossy: Store, past: Past, lost: str
) -> None:
    """No moment is left in which somebody may take the shard without its fallback file."""
    term = await lossy.take_term()
    if lost == "claim and grant":
        past.keep()
    claim = await served(lossy, "s0", X, "x")
    if lost == "the grant":
        past.keep()
    grant = FallbackGrant("x", term, "host", "/a/file", 5)
    await lossy.grant_fallback(claim.incarnation, grant)
    past.return_to()
    await lossy.claim_again(claim, X, grant)
    assert (await lossy.routing()).shards["s0"].fallback == grant
    with pytest.raises(FallbackHeld):
        await lossy.claim("s0", Y, "y")
    with pytest.raises(FallbackHeld):
        await lossy.fence(term, "s0")
    await lossy.claim_again(claim, X)
    assert (await lossy.routing()).shards["s0"].fallback == grant, "a claim that the store knows takes no grant away"


async def test_rule_16_a_file_is_drained_although_the_store_has_lost_the_moves_before_it(
    lossy: Store, past: Past, tmp_path: Path
) -> None:
    """The shard had gone over under the epoch that its last move gave it, and died before it could tell that again."""
    before = (await served(lossy, "s0", P, "p")).incarnation
    await served(lossy, "s1", X, "x")
    term = await lossy.take_term()
    await lossy.assign(term, {0: "s0"}, {})
    file = await FallbackLog.create(tmp_path / "file", before)
    await lossy.grant_fallback(before, FallbackGrant("p", term, "host", str(file.path), 5))
    past.keep()
    after = await lossy.release_slots(before, term, [0], [], "s1", {})
    await file.begin(after, LogHead(), ())
    await file.append(AppendedRecord(LogHead(), b"without the store", {}))
    past.return_to()
    taken = await take_file(lossy, "s0")
    assert taken is not None and taken.drained == 1
    await lossy.claim("s0", Y, "y", taken.sealed)
    await taken.done()
    await file.close()


@pytest.mark.parametrize("meanwhile", ["a later claim", "the sealed log went on", "the sealed log lacks its end"])
async def test_a_lost_claim_is_not_won_again_if_the_history_is_another(
    lossy: Store, past: Past, meanwhile: str
) -> None:
    former = (await served(lossy, "s0", P, "p")).incarnation
    if meanwhile == "the sealed log lacks its end":
        past.keep()
    head = await lossy.append(former, LogHead(), b"one")
    if meanwhile != "the sealed log lacks its end":
        past.keep()
    claim = await served(lossy, "s0", X, "x")
    past.return_to()
    if meanwhile == "a later claim":
        await lossy.claim("s0", Y, "y")
    elif meanwhile == "the sealed log went on":
        await lossy.append(former, head, b"by the one that woke up")
    before = await lossy.standing(former)
    with pytest.raises(Fenced):
        await lossy.claim_again(claim, X)
    assert await lossy.standing(former) == before


@pytest.fixture
async def moved(lossy: Store, past: Past) -> tuple[Incarnation, Incarnation]:
    """s0 gave slots 0 and 1, and a dedicated player, to s1; the store is back before that. The incarnations before."""
    loser = (await served(lossy, "s0", P, "p")).incarnation
    gainer = (await served(lossy, "s1", X, "x")).incarnation
    term = await lossy.take_term()
    await lossy.assign(term, dict.fromkeys(range(4), "s0"), {"vip": "s0"})
    past.keep()
    await lossy.release_slots(loser, term, [0, 1], ["vip"], "s1", {"alice": 7})
    past.return_to()
    return loser, gainer


async def test_a_lost_move_is_told_again_by_the_loser(lossy: Store, moved: tuple[Incarnation, Incarnation]) -> None:
    loser, _ = moved
    tell: Callable[[], Any] = lambda: lossy.release_again(loser, [0, 1], ["vip"], "s1", {"alice": 7})  # noqa: E731
    after = await tell()
    assert after.epoch == loser.epoch + 1 and await tell() == after
    routing = await lossy.routing()
    assert routing.slots[:4] == ("s1", "s1", "s0", "s0") and routing.dedicated == {"vip": "s1"}
    assert (await lossy.load_player("alice")).minimum_version == 7
    with pytest.raises(Fenced):
        await lossy.heartbeat(loser)
    assert len(await lossy.handovers()) == 1


async def test_a_gainer_learns_that_a_lost_move_was_told_again_and_its_successor_does_not(
    lossy: Store, moved: tuple[Incarnation, Incarnation]
) -> None:
    """What the move had made durable is lost with it: whoever counts on that must know."""
    loser, gainer = moved
    await lossy.release_again(loser, [0, 1], ["vip"], "s1", {"alice": 7})
    known = {"s0": loser.epoch + 1, "s1": 1}
    assert await lossy.own_again(gainer, [0, 1], ["vip"], known) == ["s0"]
    after = (await lossy.claim("s1", Y, "y")).incarnation
    assert await lossy.own_again(after, [0, 1], ["vip"], known) == []


async def test_a_lost_move_is_told_again_by_the_gainer_then_by_the_loser(
    lossy: Store, moved: tuple[Incarnation, Incarnation]
) -> None:
    loser, gainer = moved
    known = {"s0": loser.epoch + 1, "s1": 1}
    assert await lossy.own_again(gainer, [0, 1], ["vip"], known) == ["s0"]
    assert await lossy.own_again(gainer, [0, 1], ["vip"], known) == []
    routing = await lossy.routing()
    assert routing.slots[:4] == ("s1", "s1", "s0", "s0") and routing.dedicated == {"vip": "s1"}
    await lossy.release_again(loser, [0, 1], ["vip"], "s1", {"alice": 7})
    assert (await lossy.routing()).slots == routing.slots
    assert (await lossy.load_player("alice")).minimum_version == 7


async def test_nothing_is_taken_from_a_shard_that_was_claimed_in_this_history(
    lossy: Store, moved: tuple[Incarnation, Incarnation]
) -> None:
    loser, gainer = moved
    await lossy.claim("s0", Y, "y")
    with pytest.raises(Fenced):
        await lossy.own_again(gainer, [0, 1], [], {"s0": loser.epoch + 1, "s1": 1})
    assert await owner_of(lossy, 0) == "s0"
    with pytest.raises(Fenced):
        await lossy.release_again(loser, [0, 1], [], "s1", {})


async def test_a_shard_whose_claim_was_told_again_gives_up_what_it_never_owned(lossy: Store, past: Past) -> None:
    """s0 gave a slot to s1, died, and was claimed anew: move and claim are lost, and the claim comes back first."""
    loser = (await served(lossy, "s0", P, "p")).incarnation
    gainer = (await served(lossy, "s1", X, "x")).incarnation
    term = await lossy.take_term()
    await lossy.assign(term, {0: "s0"}, {})
    past.keep()
    await lossy.release_slots(loser, term, [0], [], "s1", {})
    claim = await served(lossy, "s0", Y, "y")
    past.return_to()
    await lossy.claim_again(claim, Y)
    assert await lossy.own_again(gainer, [0], [], {"s0": claim.incarnation.epoch, "s1": 1}) == ["s0"]
    await lossy.claim("s0", P, "later")
    assert await owner_of(lossy, 0) == "s1"


async def test_what_belongs_to_a_third_shard_is_not_given_away_again(
    lossy: Store, moved: tuple[Incarnation, Incarnation]
) -> None:
    loser, gainer = moved
    await lossy.claim("s2", Y, "y")
    await lossy.assign(await lossy.take_term(), {1: "s2"}, {"vip": "s0"})
    with pytest.raises(Fenced):
        await lossy.release_again(loser, [0, 1], [], "s1", {})
    with pytest.raises(Fenced):
        await lossy.own_again(gainer, [0, 1], [], {"s0": loser.epoch + 1, "s1": 1, "s2": 1})
    assert await owner_of(lossy, 0) == "s0", "all or nothing"


async def test_a_lost_term_is_told_again_unless_another_holder_has_it(lossy: Store, past: Past) -> None:
    await lossy.take_term("one", 60_000)
    past.keep()
    term = await lossy.take_term("one", 60_000)
    past.return_to()
    with pytest.raises(Fenced):
        await lossy.hold_term(term, 60_000)
    await lossy.take_term_again(term, "one", 60_000)
    await lossy.hold_term(term, 60_000)
    with pytest.raises(TermHeld):
        await lossy.take_term("two", 60_000)
    past.return_to()
    assert await lossy.take_term("two", 60_000, take_over=True) == term
    with pytest.raises(Fenced):
        await lossy.take_term_again(term, "one", 60_000)


async def test_the_history_of_a_server_has_a_name_that_a_restart_changes(redis_server: RedisServer) -> None:
    store = RedisBackend(redis_server).store()
    await store.open()
    name = await store.watch_lineage()
    assert name and await store.lineage_now() == name
    redis_server.stop()
    redis_server.start()
    claim = Incarnation("s0", 1, "n", "s0-1")
    assert (await store.standing(claim)).epoch == 0
    assert await store.follow_lineage() == await store.lineage_now() != name
    await store.close()


async def test_a_store_that_loses_nothing_is_told_nothing_again(tmp_path: Path) -> None:
    store = open_store(f"sqlite:{tmp_path}")
    await store.open()
    claim = await store.claim("s0", X, "x")
    assert [await store.watch_lineage(), await store.lineage_now(), await store.follow_lineage()] == ["", "", ""]
    with pytest.raises(Fenced):
        await store.claim_again(claim, X)
    with pytest.raises(Fenced):
        await store.own_again(claim.incarnation, [0], [], {})
    with pytest.raises(Fenced):
        await store.release_again(claim.incarnation, [0], [], "s1", {})
    with pytest.raises(Fenced):
        await store.take_term_again(1, "", 0)
    await store.close()
