"""P1's Lua, P2's SQL and P3's actor, on real servers, against the rules in Python: money, repeats, completion."""

import asyncio
import contextlib
import random
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from benchmarks.peers.actor_spin import PlayerActor
from benchmarks.peers.postgres_spin import PostgresBackend
from benchmarks.peers.redis_spin import RedisBackend
from benchmarks.peers.route import Backend
from benchmarks.peers.rules import GAMES, Account, Outcome, Played, Spin, Totals, seeded
from benchmarks.postgres import postgres, program
from benchmarks.signed import player
from tests.support.redis_server import RedisServer

PLAYERS = 6


class ActorsHere:
    """P3's players without Ray: the same class, called directly."""

    def __init__(self, url: str) -> None:
        self._actors = {player(number): PlayerActor(number, url) for number in range(PLAYERS)}

    async def open(self) -> None:
        """Nothing to connect."""

    async def close(self) -> None:
        for actor in self._actors.values():
            actor._redis.close()

    async def spin(self, spin: Spin) -> Outcome:
        found = self._actors.get(spin.player_id)
        return found.spin(spin) if found else "player_not_found"

    async def totals(self) -> Totals:
        rows = [actor.totals() for actor in self._actors.values()]
        return Totals(*(sum(column) for column in zip(*rows, strict=True)))


@pytest.fixture(scope="module")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    server = RedisServer(tmp_path_factory.mktemp("redis")).start()
    yield server.url
    server.stop()


@pytest.fixture(params=["p1", "p2", "p3"])
async def backend(request: pytest.FixtureRequest, redis_url: str, tmp_path: Path) -> AsyncIterator[Backend]:
    with contextlib.ExitStack() as stack:
        opened: Backend
        if request.param == "p2":
            if program("postgres") is None:
                pytest.skip("PostgreSQL is not installed: apt-get install postgresql")
            opened = PostgresBackend(stack.enter_context(postgres("on")).url, PLAYERS)
        elif request.param == "p1":
            opened = RedisBackend(redis_url, PLAYERS)
            await opened._redis.flushall()
        else:
            opened = ActorsHere(redis_url)
        await opened.open()
        yield opened
        await opened.close()


def spin(number: int, command: str, bet: int = 100, win: int = 40, game: str = "book-of-dunes") -> Spin:
    return Spin(player(number), f"client:{command}", game, "real", bet, win)


async def test_a_repeat_moves_nothing_and_gets_the_first_answer(backend: Backend) -> None:
    first = await backend.spin(spin(1, "a"))
    assert first == Played(False, 1, 9_940, 0, 0, 0)
    await backend.spin(spin(1, "b", bet=500, win=0))
    before = await backend.totals()
    assert await backend.spin(spin(1, "a")) == Played(True, 1, 9_940, 0, 0, 0)
    assert await backend.spin(spin(1, "a", win=41)) == "idempotency_conflict"
    assert await backend.totals() == before


async def test_the_same_command_at_once_is_played_once(backend: Backend) -> None:
    outcomes = await asyncio.gather(*(backend.spin(spin(1, "a")) for _ in range(8)))
    assert sorted(outcome.replayed for outcome in outcomes if isinstance(outcome, Played)) == [False] + [True] * 7
    assert (await backend.totals()).spins == 1


async def test_who_has_not_enough_or_is_not_there_is_refused_and_may_try_again(backend: Backend) -> None:
    assert await backend.spin(spin(99, "a")) == "player_not_found"
    await backend.spin(spin(1, "a", bet=10_000, win=5))
    before = await backend.totals()
    assert await backend.spin(spin(1, "b", bet=10)) == "insufficient_funds"
    assert await backend.totals() == before
    assert await backend.spin(spin(1, "b", bet=5, win=0)) == Played(False, 2, 0, 0, 0, 0)


async def test_wagering_completes_and_the_bonus_becomes_real(backend: Backend) -> None:
    for number in range(699):
        await backend.spin(spin(0, f"{number}", bet=500, win=500))
    assert await backend.totals() == Totals(60_000, 20_000, 2, 699)
    assert await backend.spin(spin(0, "last", bet=500, win=500)) == Played(False, 700, 20_000, 0, 0, 20)
    assert await backend.totals() == Totals(70_000, 10_000, 1, 700)


async def test_a_thousand_random_spins_agree_with_the_rules_in_python(backend: Backend) -> None:
    chance = random.Random(7)
    accounts: dict[str, Account] = {player(number): seeded(number) for number in range(PLAYERS)}
    refused = set()
    for number in range(1_000):
        game = chance.choice(list(GAMES))
        bet = chance.choice((10, 10, 37, 500, 501, 2_000))
        mode = chance.choice(("real", "real", "freespin"))
        asked = Spin(player(chance.randrange(PLAYERS)), f"c:{number}", game, mode, bet, chance.randrange(bet))
        expected = accounts[asked.player_id].play(asked)
        assert await backend.spin(asked) == expected, asked
        if isinstance(expected, str):
            refused.add(expected)
    held = accounts.values()
    assert {"insufficient_funds", "bonus_max_bet", "no_free_spins", "free_spin_game_mismatch"} <= refused
    assert await backend.totals() == Totals(
        sum(account.real for account in held),
        sum(account.bonus for account in held),
        sum(account.remaining > 0 for account in held),
        sum(account.number for account in held),
    )
