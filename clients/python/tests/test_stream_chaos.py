"""Whatever a server loses, each call takes effect once, is answered with its own answer, and the order holds."""

import asyncio
import random
from collections import defaultdict
from typing import Any

import pytest
from fake_server import Asked, Connected, FakeServer, ok, refused

from croupier_client import AsyncCroupier, RetryPolicy

pytestmark = pytest.mark.timeout(60)
PATIENT = RetryPolicy(deadline_s=40, attempt_timeout_s=5, pause_first_s=0.001, pause_max_s=0.01)
CALLS, PLAYERS = 400, 7


class Forgetful:
    """Does each key once and remembers its answer, but loses connections and answers, and is sometimes too busy."""

    def __init__(self, seed: int, busy: float) -> None:
        self.done: dict[str, Asked] = {}
        self.order: defaultdict[str, list[str]] = defaultdict(list)
        self.repeats = 0
        self._random = random.Random(seed)
        self._busy = busy

    async def handle(self, connected: Connected, asked: list[Asked]) -> None:
        """Stops somewhere in a message, before or after what it does there, or answers all of it in some order."""
        stop = self._random.randrange(len(asked)) if self._random.random() < 0.3 else None
        answers: list[Asked] = []
        for number, one in enumerate(asked):
            if number == stop:
                await connected.answer(*answers[: self._random.randrange(len(answers) + 1)])
                connected.cut()
                return
            answers.append(self._answer(one))
        self._random.shuffle(answers)
        for answer in answers:
            await connected.answer(answer)

    def _answer(self, asked: Asked) -> Asked:
        if self._random.random() < self._busy:
            return refused(asked, 503, "shard_unavailable") | {"retry_after_s": 0}
        first = self.done.get(asked["key"])
        if first is not None:
            self.repeats += 1
            assert first["bet"] == asked["bet"]
            return ok(asked)
        self.done[asked["key"]] = asked
        self.order[asked["player_id"]].append(asked["key"])
        return ok(asked)


async def play(seed: int, busy: float) -> tuple[Forgetful, list[Any]]:
    forgetful = Forgetful(seed, busy)
    server = FakeServer(forgetful.handle, in_flight_max=16)
    async with server, AsyncCroupier(server.url, retry=PATIENT).stream() as stream:
        calls = []
        for number in range(CALLS):
            player = f"p{number % PLAYERS}"
            calls.append(stream.spin(player, "book-of-dunes", bet=number + 1, key=f"k-{number}"))
            if number % 11 == 0:
                await asyncio.sleep(0)
        answers = await asyncio.gather(*calls)
    assert len(server.upgrades) > 1
    return forgetful, answers


@pytest.mark.parametrize("seed", range(4))
async def test_every_call_is_done_once_and_gets_its_own_answer(seed: int) -> None:
    forgetful, answers = await play(seed, busy=0.1)
    assert [answer.bet_amount for answer in answers] == list(range(1, CALLS + 1))
    assert [answer.key for answer in answers] == [f"k-{number}" for number in range(CALLS)]
    assert len(forgetful.done) == CALLS
    assert forgetful.repeats > 0


async def test_lost_connections_do_not_change_the_order_of_a_players_calls() -> None:
    forgetful, _ = await play(17, busy=0)
    for number in range(PLAYERS):
        assert forgetful.order[f"p{number}"] == [f"k-{call}" for call in range(number, CALLS, PLAYERS)]
