"""What gateways ask of the supervisor is done once per key, whoever repeats it and whichever supervisor is asked."""

import asyncio
from typing import Any

import pytest

from actors.wire.frames import (
    AdvanceClock,
    ClockSet,
    ControlBody,
    DeployCatalog,
    Deployed,
    Failed,
    Keyed,
    KeyTaken,
    Overtaken,
    ShardStatus,
)
from tests.unit.actors.shard.test_rule_14_catalog import cluster as cluster
from tests.unit.actors.shard.test_rule_14_catalog import put
from tests.unit.actors.supervision.test_supervisor import House

DAY_MS = 86_400_000
KEY = Keyed(b"ann:k1", b"deploy v700")
DIFF = b'{"changed":1}'
ASKED = DeployCatalog("v700", "ann", 1, DIFF, KEY)
A_DAY = AdvanceClock(DAY_MS, Keyed(b"ops:k1", b"advance a day"))


async def ask(house: House, body: ControlBody) -> Any:
    """Over the socket, as gateways do."""
    return await house.client.control((await house.store.routing()).supervisor, body, 10)


@pytest.fixture
async def house(cluster: House) -> House:
    """A running cluster with catalogs v700 and v800 in its store; number 1 is in force."""
    await cluster.supervisor()
    await put(cluster.store, 700, 800)
    return cluster


async def number(house: House) -> int:
    row = (await house.store.routing()).catalog
    assert row is not None
    return row.number


async def test_a_repeated_deploy_is_the_first_answer_even_after_another_one(house: House) -> None:
    first = await ask(house, ASKED)
    assert first == Deployed(2, "v700", DIFF)
    assert await ask(house, DeployCatalog("v800", "ben", 2)) == Deployed(3, "v800")
    assert await ask(house, ASKED) == Deployed(2, "v700", DIFF, replayed=True)
    assert await number(house) == 3, "the repeat has not taken the later one back"


async def test_the_version_in_force_is_deployed_once_too(house: House) -> None:
    """It changes nothing, and still the key stands for it."""
    await ask(house, DeployCatalog("v700", "ben"))
    asked = DeployCatalog("v700", "ann", 2, b"{}", KEY)
    assert await ask(house, asked) == Deployed(2, "v700", b"{}")
    await ask(house, DeployCatalog("v800", "ben"))
    assert await ask(house, asked) == Deployed(2, "v700", b"{}", replayed=True)


@pytest.mark.parametrize("base", [0, 2])
async def test_compared_with_another_catalog_than_the_one_in_force_nothing_is_deployed(house: House, base: int) -> None:
    assert await ask(house, DeployCatalog("v700", "ann", base, DIFF, KEY)) == Overtaken(1)
    assert await number(house) == 1
    assert await ask(house, ASKED) == Deployed(2, "v700", DIFF), "a refusal is not remembered"


async def test_of_two_deploys_compared_with_the_same_catalog_one_is_overtaken(house: House) -> None:
    other = DeployCatalog("v800", "ben", 1, DIFF, Keyed(b"ben:k1", b"deploy v800"))
    answers = await asyncio.gather(ask(house, ASKED), ask(house, other))
    assert sorted(type(answer).__name__ for answer in answers) == ["Deployed", "Overtaken"]
    assert await number(house) == 2


async def test_a_failed_deploy_is_not_remembered(house: House) -> None:
    unknown = DeployCatalog("v900", "ann", 1, DIFF, KEY)
    assert isinstance(await ask(house, unknown), Failed)
    await put(house.store, 900)
    assert await ask(house, unknown) == Deployed(2, "v900", DIFF)


async def test_a_commit_without_outcome_is_remembered_with_its_answer(house: House) -> None:
    house.store.fail("commit_catalog", "after")
    assert await ask(house, ASKED) == Deployed(2, "v700", DIFF)
    assert await ask(house, ASKED) == Deployed(2, "v700", DIFF, replayed=True)


@pytest.mark.parametrize("other", [DeployCatalog("v800", "ann", 2, DIFF, KEY), AdvanceClock(DAY_MS, KEY)])
async def test_a_key_stands_for_one_request(house: House, other: ControlBody) -> None:
    await ask(house, ASKED)
    taken = Keyed(KEY.key, b"something else")
    body = type(other)(**{name: getattr(other, name) for name in other.__struct_fields__} | {"keyed": taken})
    assert await ask(house, body) == KeyTaken()
    assert (await number(house), (await house.store.routing()).clock_offset_ms) == (2, 0)


async def test_the_clock_moves_once_per_key(house: House) -> None:
    first = await ask(house, A_DAY)
    assert first == ClockSet(DAY_MS, first.now_ms)
    again = await ask(house, A_DAY)
    assert again == ClockSet(DAY_MS, first.now_ms, replayed=True)
    assert (await house.store.routing()).clock_offset_ms == DAY_MS
    assert (await ask(house, AdvanceClock(DAY_MS, Keyed(b"ops:k2", A_DAY.keyed.content)))).offset_ms == 2 * DAY_MS  # type: ignore[union-attr]


async def test_asked_twice_at_once_the_clock_moves_once(house: House) -> None:
    answers = await asyncio.gather(*(ask(house, A_DAY) for _ in range(5)))
    assert sorted(answer.replayed for answer in answers) == [False, True, True, True, True]
    assert (await house.store.routing()).clock_offset_ms == DAY_MS


async def test_a_repeat_does_the_due_work_that_the_first_one_left(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock was set, then a shard failed over its work: the key is remembered, its promise is not yet kept."""
    await house.seat("alice")
    done: list[str] = []

    def catch_up(shard_id: str, fails: bool) -> Any:
        async def caught_up(**_: Any) -> None:
            if fails:
                raise RuntimeError("told to fail")
            done.append(shard_id)

        return caught_up

    for fails in (True, False):
        for shard_id, process in house.cluster.serving().items():
            monkeypatch.setattr(process._scheduler, "catch_up", catch_up(shard_id, fails and shard_id == "s0"))
        answer = await ask(house, A_DAY)
        assert isinstance(answer, Failed) == fails
        assert (await house.store.routing()).clock_offset_ms == DAY_MS
    assert answer.replayed and "s0" in done


async def test_the_next_supervisor_knows_what_the_one_before_it_did(house: House) -> None:
    first, moved = await ask(house, ASKED), await ask(house, A_DAY)
    house.crash()
    await house.supervisor()
    assert await ask(house, ASKED) == Deployed(first.number, "v700", DIFF, replayed=True)
    assert await ask(house, A_DAY) == ClockSet(DAY_MS, moved.now_ms, replayed=True)
    assert (await number(house), (await house.store.routing()).clock_offset_ms) == (2, DAY_MS)


async def test_other_requests_are_not_its_own(house: House) -> None:
    assert await ask(house, ShardStatus()) == Failed("a supervisor does not know this request")
